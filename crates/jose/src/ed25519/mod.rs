//! Ed25519 (RFC 8032) by the faster of two libraries: this folder decides which, once, by what the processor can do.
//!
//! * graviola where the processor has what its assembly needs ([`processor`]): it signs in less than half of ring's time
//!   and keeps a public key decompressed between two verifications;
//! * ring everywhere else. It also parses every private key, and graviola gets a key only when both derive the same public
//!   key from it.
//!
//! Both give the same verdict on every input: what they disagree about, encodings that are not the shortest and points of
//! small order, is refused before either sees it ([`encoding`]). Why, and the figures: docs/decisions/0012-ed25519.md.
//!
//! It must never let a caller choose the library, nor accept with one what the other refuses.

mod encoding;
#[cfg_attr(not(any(target_arch = "aarch64", target_arch = "x86_64")), path = "absent.rs")]
mod processor;
mod signing;
#[cfg(test)]
mod tests;
mod verifying;

pub(crate) use signing::{SEED, SigningKey};
pub(crate) use verifying::VerifyingKey;
