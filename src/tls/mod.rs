//! What every TLS connection of the gateway is made with, whichever side it is on: the cryptographic provider with its
//! suites and groups, and how long certificates are good.
//!
//! Hybrid key exchange X25519MLKEM768 (draft-ietf-tls-ecdhe-mlkem; FIPS 203 and RFC 7748) stands first (TLS-04); behind it
//! the groups of ring. Suites by Mozilla "modern" (TLS-02) and, for TLS 1.2 where the configuration asks for it, ECDHE
//! with authenticated encryption only (TLS-03).
//!
//! It must never offer a group or suite that has no forward secrecy, never complete an exchange with a share of another
//! length or with a key that is no key, and never let half of a hybrid secret stand for the whole.

mod hybrid;
mod ml_kem;
mod provider;
mod validity;

pub use hybrid::X25519_MLKEM768;
pub use provider::provider;
pub use validity::{Ending, Validity};
