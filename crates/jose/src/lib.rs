#![doc = include_str!("../README.md")]
//!
//! Keys and signatures of the JOSE family over ring, Ed25519 over graviola where the processor allows it: the one place where
//! Countersign touches asymmetric cryptography.
//!
//! * [`PublicKey`] and [`PrivateKey`] hold Ed25519, ECDSA P-256 and RSA keys and sign or verify by [`Scheme`];
//! * [`jwk`] reads and writes JSON Web Keys (RFC 7517, RFC 8037) and their thumbprints (RFC 7638);
//! * [`jws`] signs and verifies compact JSON Web Signatures (RFC 7515), those of RSA keys through `jsonwebtoken`, which gets
//!   its cryptography from here.
//!
//! It must never choose a key or an algorithm by what a message says: callers name both (RFC 8725, section 3.1).
//! Replacing ring by a library of the same shape is a change of `key.rs`, `private.rs` and `ed25519` alone.

mod ed25519;
pub mod jwk;
pub mod jws;
mod key;
mod private;
mod provider;
mod thumbprint;

pub use key::{KeyError, KeyKind, PublicKey, Scheme};
pub use private::{GeneratedKey, PrivateKey};
pub use thumbprint::Thumbprint;

/// SHA-256 of `bytes`.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
    out
}

/// Base64url without padding (RFC 7515, section 2).
#[must_use]
pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads strict base64url without padding; `None` for anything else.
#[must_use]
pub fn from_base64url(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).ok()
}
