//! What a client app links: login, DPoP, signed requests and payments against a Countersign gateway.
