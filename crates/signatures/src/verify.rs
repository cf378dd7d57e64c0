//! Verifying a received signature (RFC 9421, section 3.2).

use countersign_jose::PublicKey;

use crate::algorithm::Algorithm;
use crate::base::BaseError;
use crate::entry::{Entry, InputError};
use crate::message::Message;

/// Why a signature does not stand. A weak key is no case here: a [`PublicKey`] that is too weak cannot be made
/// ([`KeyError::Weak`](countersign_jose::KeyError::Weak)).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The entry is in a form that cannot be used.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The algorithm needs another kind of key.
    #[error("the algorithm does not fit the key")]
    AlgorithmKeyMismatch,
    /// The parameter `alg` names another algorithm than the one expected.
    #[error("the parameter alg disagrees with the algorithm expected")]
    AlgorithmDisagrees,
    /// A covered component cannot be taken from the message.
    #[error(transparent)]
    Base(#[from] BaseError),
    /// An ECDSA signature in DER, where RFC 9421 wants r‖s in 64 bytes (section 3.3.4).
    #[error("the ECDSA signature is in DER, not r and s in 64 bytes")]
    EcdsaInDer,
    /// The signature is not as long as its algorithm makes it.
    #[error("the signature has the wrong length")]
    SignatureLength,
    /// The signature does not verify: another key made it, or something it covers was changed.
    #[error("the signature does not verify")]
    BadSignature,
}

impl Entry<'_> {
    /// Verifies this signature over `message` with `key` and `algorithm`, both chosen by the caller's own rules and
    /// never by the message (RFC 9421, section 3.2).
    ///
    /// This says who signed which parts. Whether these parts and the times are enough is for [`Entry::check`], and
    /// whether the body is what `content-digest` says for [`digest`](crate::digest).
    ///
    /// # Errors
    /// See [`VerifyError`].
    pub fn verify<'m>(
        &self,
        message: impl Into<Message<'m>>,
        key: &PublicKey,
        algorithm: Algorithm,
    ) -> Result<(), VerifyError> {
        self.well_formed()?;
        if !algorithm.fits(key) {
            return Err(VerifyError::AlgorithmKeyMismatch);
        }
        if self.parameters.alg.is_some_and(|named| named != algorithm) {
            return Err(VerifyError::AlgorithmDisagrees);
        }
        let base = self.base(message)?;
        key.verify(algorithm.scheme(), base.as_bytes(), self.signature())
            .map_err(|_| name_bad_signature(algorithm, self.signature()))
    }
}

/// Tells the two honest mistakes, a wrong encoding and a wrong length, from a signature that is simply wrong.
fn name_bad_signature(algorithm: Algorithm, signature: &[u8]) -> VerifyError {
    if algorithm == Algorithm::EcdsaP256Sha256 && is_der_pair(signature) {
        return VerifyError::EcdsaInDer;
    }
    match algorithm.signature_length() {
        Some(length) if length != signature.len() => VerifyError::SignatureLength,
        _ => VerifyError::BadSignature,
    }
}

/// Whether these bytes are a DER sequence of two integers and nothing else.
fn is_der_pair(signature: &[u8]) -> bool {
    let [0x30, length, 0x02, r_length, rest @ ..] = signature else {
        return false;
    };
    let inner = signature.len().checked_sub(2);
    let after_r = rest.get(usize::from(*r_length)..);
    let Some([0x02, s_length, s @ ..]) = after_r else {
        return false;
    };
    inner == Some(usize::from(*length)) && s.len() == usize::from(*s_length)
}

#[cfg(test)]
mod tests {
    use super::is_der_pair;

    #[test]
    fn der_is_told_from_other_bytes() {
        assert!(is_der_pair(&[0x30, 6, 2, 1, 1, 2, 1, 1]));
        assert!(!is_der_pair(&[0x30, 6, 2, 1, 1, 2, 1]));
        assert!(!is_der_pair(&[0x30, 7, 2, 1, 1, 2, 1, 1]));
        assert!(!is_der_pair(&[0x31, 6, 2, 1, 1, 2, 1, 1]));
        assert!(!is_der_pair(&[0x30; 64]));
        assert!(!is_der_pair(&[]));
    }
}
