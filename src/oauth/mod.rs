//! The authorization server: OAuth 2.1 as RFC 6749, 7009, 7523, 7636, 7662, 8414, 8705, 9068, 9207, 9449 and
//! draft-ietf-oauth-first-party-apps say, inside the FAPI 2.0 Security Profile.
//!
//! * [`client`] and [`clients`] hold the registrations;
//! * [`dpop`] proves possession of a key; [`access_token`] issues and verifies tokens bound to it.
//!
//! It must never issue a token that is not bound to a key, take a credential from a client that is not the operator's
//! own, or move `auth_time`.

pub mod access_token;
pub mod bound_key;
pub mod client;
pub mod clients;
pub mod dpop;
mod scope;
mod settings;

pub use access_token::{AccessToken, TokenRefusal, Verifier};
pub use client::{Client, Profile};
pub use clients::Clients;
pub use dpop::{Dpop, DpopRefusal, Place, Proof, ProofRequest};
pub use scope::Scope;
pub use settings::{NoncePolicy, Settings};
