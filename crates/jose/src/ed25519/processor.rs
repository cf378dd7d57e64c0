//! Ed25519 by graviola: formally verified assembly for this processor.

use graviola::signing::eddsa::{Ed25519SigningKey, Ed25519VerifyingKey};

/// A private key, wiped when dropped.
pub(super) struct Signer(Ed25519SigningKey);

/// A decompressed public key.
pub(super) struct Verifier(Ed25519VerifyingKey);

impl Signer {
    /// `None` when the processor lacks what is needed.
    pub(super) fn from_seed(seed: &[u8]) -> Option<Self> {
        if !graviola::util::is_cpu_supported() {
            return None;
        }
        Ed25519SigningKey::from_bytes(seed).ok().map(Self)
    }

    pub(super) fn public_key(&self) -> [u8; 32] {
        self.0.public_key().as_bytes()
    }

    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message)
    }
}

impl Verifier {
    /// `None` when the processor lacks what is needed, or for bytes that are no point of the curve.
    pub(super) fn new(bytes: &[u8; 32]) -> Option<Self> {
        if !graviola::util::is_cpu_supported() {
            return None;
        }
        Ed25519VerifyingKey::from_bytes(bytes).ok().map(Self)
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify(signature, message).is_ok()
    }
}
