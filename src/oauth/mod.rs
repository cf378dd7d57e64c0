//! The authorization server: OAuth 2.1 as RFC 6749, 7009, 7523, 7636, 7662, 8414, 8705, 9068, 9207, 9449 and
//! draft-ietf-oauth-first-party-apps say, inside the FAPI 2.0 Security Profile.
//!
//! * [`client`] and [`clients`] hold the registrations;
//! * [`client_authentication`] is how they prove themselves; [`replay`] lets every proof and assertion count once;
//! * [`challenge`] is the login of a first-party app, [`token`] what it is exchanged at, [`code`] and [`refresh`] what is
//!   exchanged; [`revoke`] and [`introspect`] are about tokens already issued; [`metadata`] says all this to clients;
//! * [`dpop`] proves possession of a key; [`access_token`] issues and verifies tokens bound to it.
//!
//! It must never issue a token that is not bound to a key, take a credential from a client that is not the operator's
//! own, or move `auth_time`.

pub mod access_token;
pub mod bound_key;
pub mod challenge;
pub mod client;
pub mod client_authentication;
pub mod clients;
pub mod code;
pub mod dpop;
mod error;
pub mod introspect;
pub mod metadata;
mod parameters;
pub mod pkce;
pub mod refresh;
pub mod replay;
pub mod revoke;
mod scope;
pub mod server;
mod settings;
pub mod token;

pub use access_token::{AccessToken, TokenRefusal, Verifier};
pub use client::{Client, Profile};
pub use clients::Clients;
pub use dpop::{Dpop, DpopRefusal, Place, Proof, ProofRequest};
pub use replay::Replay;
pub use scope::{SETTLEMENT, Scope};
pub use server::{AuthorizationServer, Parameters, Request};
pub use settings::{NoncePolicy, Settings};
