//! Signature algorithms (RFC 9421, section 3.3) and the keys they fit.

use countersign_jose::{KeyKind, PublicKey, Scheme};

/// An algorithm this product signs and verifies messages with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// `ed25519` (RFC 9421, section 3.3.6): 64 bytes.
    Ed25519,
    /// `ecdsa-p256-sha256` (RFC 9421, section 3.3.4): r‖s, 64 bytes, never DER.
    EcdsaP256Sha256,
    /// `rsa-pss-sha512` (RFC 9421, section 3.3.1): as long as the modulus.
    RsaPssSha512,
}

/// Why an algorithm name was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AlgorithmError {
    /// `rsa-v1_5-sha256`: its padding is not accepted anywhere in this product.
    #[error("rsa-v1_5-sha256 is refused")]
    RsaPkcs1Refused,
    /// `hmac-sha256`: whoever verifies could also have signed, so it proves nothing to a third party.
    #[error("hmac-sha256 is refused: a shared secret proves nothing about who signed")]
    HmacRefused,
    /// Registered, but not offered here.
    #[error("the signature algorithm is not supported")]
    Unsupported,
    /// Not a registered name.
    #[error("the signature algorithm is unknown")]
    Unknown,
}

impl Algorithm {
    /// The name in the registry of RFC 9421, section 6.2.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::EcdsaP256Sha256 => "ecdsa-p256-sha256",
            Self::RsaPssSha512 => "rsa-pss-sha512",
        }
    }

    /// The algorithm called `name`.
    ///
    /// # Errors
    /// See [`AlgorithmError`].
    pub fn from_name(name: &str) -> Result<Self, AlgorithmError> {
        match name {
            "ed25519" => Ok(Self::Ed25519),
            "ecdsa-p256-sha256" => Ok(Self::EcdsaP256Sha256),
            "rsa-pss-sha512" => Ok(Self::RsaPssSha512),
            "rsa-v1_5-sha256" => Err(AlgorithmError::RsaPkcs1Refused),
            "hmac-sha256" => Err(AlgorithmError::HmacRefused),
            "ecdsa-p384-sha384" => Err(AlgorithmError::Unsupported),
            _ => Err(AlgorithmError::Unknown),
        }
    }

    /// The algorithm that fits `key`; every kind of key has exactly one.
    #[must_use]
    pub fn of(key: &PublicKey) -> Self {
        match key.kind() {
            KeyKind::Ed25519 => Self::Ed25519,
            KeyKind::P256 => Self::EcdsaP256Sha256,
            KeyKind::Rsa => Self::RsaPssSha512,
        }
    }

    /// Whether `key` is of the kind this algorithm needs.
    #[must_use]
    pub fn fits(self, key: &PublicKey) -> bool {
        Self::of(key) == self
    }

    /// How the key signs and verifies under this algorithm.
    #[must_use]
    pub const fn scheme(self) -> Scheme {
        match self {
            Self::Ed25519 => Scheme::Ed25519,
            Self::EcdsaP256Sha256 => Scheme::EcdsaP256Sha256,
            Self::RsaPssSha512 => Scheme::RsaPssSha512,
        }
    }

    /// The length every signature of this algorithm has; `None` where it depends on the key.
    #[must_use]
    pub(crate) const fn signature_length(self) -> Option<usize> {
        match self {
            Self::Ed25519 | Self::EcdsaP256Sha256 => Some(64),
            Self::RsaPssSha512 => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Algorithm, AlgorithmError};

    #[test]
    fn names_read_back() {
        for algorithm in [
            Algorithm::Ed25519,
            Algorithm::EcdsaP256Sha256,
            Algorithm::RsaPssSha512,
        ] {
            assert_eq!(Algorithm::from_name(algorithm.name()), Ok(algorithm));
        }
    }

    /// SIG-09: the registered names that are not offered are refused, each by its own error.
    #[test]
    fn other_names_are_refused_by_their_own_error() {
        for (name, error) in [
            ("rsa-v1_5-sha256", AlgorithmError::RsaPkcs1Refused),
            ("hmac-sha256", AlgorithmError::HmacRefused),
            ("ecdsa-p384-sha384", AlgorithmError::Unsupported),
            ("ED25519", AlgorithmError::Unknown),
            ("none", AlgorithmError::Unknown),
            ("", AlgorithmError::Unknown),
        ] {
            assert_eq!(Algorithm::from_name(name), Err(error), "{name}");
        }
    }
}
