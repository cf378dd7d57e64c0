//! HTTP Message Signatures (RFC 9421) and Digest Fields (RFC 9530): signing and verifying share one function that builds the signature base.
