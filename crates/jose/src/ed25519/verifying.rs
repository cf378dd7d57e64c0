//! Public keys.

use std::sync::OnceLock;

use ring::signature::{ED25519, UnparsedPublicKey};

use super::encoding;
use super::processor::Verifier;
use crate::key::KeyError;

/// A public key whose encoding is the shortest and whose order is not small. Whether it is a point of the curve shows at the
/// first verification, which also decompresses it for all later ones.
pub(crate) struct VerifyingKey {
    bytes: [u8; 32],
    prepared: OnceLock<Option<Verifier>>,
}

impl VerifyingKey {
    pub(crate) fn new(bytes: [u8; 32]) -> Result<Self, KeyError> {
        if encoding::has_small_order(bytes) {
            return Err(KeyError::Weak);
        }
        if !encoding::is_canonical(&bytes) {
            return Err(KeyError::Malformed);
        }
        let prepared = OnceLock::new();
        Ok(Self { bytes, prepared })
    }

    pub(crate) const fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
        let verifies = match self.prepared.get_or_init(|| Verifier::new(&self.bytes)) {
            Some(prepared) => prepared.verifies(message, signature),
            None => verifies_by_ring(&self.bytes, message, signature),
        };
        if verifies {
            Ok(())
        } else {
            Err(KeyError::BadSignature)
        }
    }
}

/// What decides where graviola does not, and what it is measured against.
pub(super) fn verifies_by_ring(key: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ED25519, key)
        .verify(message, signature)
        .is_ok()
}

impl PartialEq for VerifyingKey {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for VerifyingKey {}
