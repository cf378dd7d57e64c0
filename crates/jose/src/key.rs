//! Public keys and the signature schemes they verify.

use std::sync::{Arc, OnceLock};

use ring::signature::{self, UnparsedPublicKey};

use crate::ed25519;
use crate::thumbprint::Thumbprint;

/// Smallest RSA modulus accepted, in bits (FAPI 2.0 Security Profile, section 5.4.1).
const RSA_MIN_BITS: usize = 2048;
/// Largest RSA modulus accepted, in bits: what ring verifies, and a bound on the work one signature can cause.
const RSA_MAX_BITS: usize = 8192;

/// The kind of a key pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// ECDSA over NIST P-256.
    P256,
    /// RSA, used with PSS padding only.
    Rsa,
}

/// How a signature is made: the key's kind plus padding, hash and encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `ed25519` of RFC 9421, `EdDSA` or `Ed25519` of JOSE; 64 bytes.
    Ed25519,
    /// `ecdsa-p256-sha256` of RFC 9421, `ES256` of JOSE; r‖s, 64 bytes, never DER.
    EcdsaP256Sha256,
    /// `PS256` of JOSE: RSA-PSS with SHA-256 and a salt of 32 bytes.
    RsaPssSha256,
    /// `rsa-pss-sha512` of RFC 9421: RSA-PSS with SHA-512 and a salt of 64 bytes.
    RsaPssSha512,
}

impl Scheme {
    /// The kind of key this scheme needs.
    #[must_use]
    pub const fn key_kind(self) -> KeyKind {
        match self {
            Self::Ed25519 => KeyKind::Ed25519,
            Self::EcdsaP256Sha256 => KeyKind::P256,
            Self::RsaPssSha256 | Self::RsaPssSha512 => KeyKind::Rsa,
        }
    }
}

/// Why a key or a signature was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The key is not one of the three kinds, or its members are missing, of the wrong length or not base64url.
    #[error("the key is malformed or of a kind that is not supported")]
    Malformed,
    /// A private member (`d`, `p`, `q`, `k`, …) where only a public key may stand.
    #[error("the key carries private members where only a public key may stand")]
    PrivateMembers,
    /// An RSA modulus outside 2048 to 8192 bits, or an Ed25519 point of small order.
    #[error("the key is too weak to be trusted")]
    Weak,
    /// The scheme needs a key of another kind.
    #[error("the signature scheme does not fit the key")]
    SchemeMismatch,
    /// The signature does not verify, or has the wrong length or encoding.
    #[error("the signature does not verify")]
    BadSignature,
    /// Signing failed inside the cryptographic library.
    #[error("signing failed")]
    SigningFailed,
}

/// A public key, checked for form and strength when it was built. Copies share what is derived from it: its thumbprint,
/// and an Ed25519 point ready to verify with.
#[derive(Clone)]
pub struct PublicKey {
    shared: Arc<Shared>,
}

struct Shared {
    repr: Repr,
    thumbprint: OnceLock<Thumbprint>,
}

#[derive(PartialEq, Eq)]
pub(crate) enum Repr {
    Ed25519(ed25519::VerifyingKey),
    /// Uncompressed SEC1 point: 0x04, x, y.
    P256([u8; 65]),
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
}

impl PublicKey {
    /// An Ed25519 key from its 32 bytes.
    ///
    /// # Errors
    /// [`KeyError::Weak`] for a point of small order: every message would have a signature by it.
    /// [`KeyError::Malformed`] for an encoding that is not the shortest (RFC 8032, section 5.1.3).
    pub fn ed25519(bytes: [u8; 32]) -> Result<Self, KeyError> {
        Ok(Self::of(Repr::Ed25519(ed25519::VerifyingKey::new(bytes)?)))
    }

    /// A P-256 key from the two coordinates. That the point is on the curve is checked at every verification.
    #[must_use]
    pub fn p256(x: [u8; 32], y: [u8; 32]) -> Self {
        let mut point = [4_u8; 65];
        for (to, from) in point.iter_mut().skip(1).zip(x.iter().chain(y.iter())) {
            *to = *from;
        }
        Self::of(Repr::P256(point))
    }

    /// A P-256 key from an uncompressed SEC1 point.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] when it is not 65 bytes starting with 4.
    pub fn p256_point(point: &[u8]) -> Result<Self, KeyError> {
        let point: [u8; 65] = point.try_into().map_err(|_| KeyError::Malformed)?;
        if point.first() != Some(&4) {
            return Err(KeyError::Malformed);
        }
        Ok(Self::of(Repr::P256(point)))
    }

    /// An RSA key from big-endian modulus and exponent.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] for leading zeros or an empty exponent, [`KeyError::Weak`] outside 2048 to 8192 bits.
    pub fn rsa(n: &[u8], e: &[u8]) -> Result<Self, KeyError> {
        let (Some(&top), Some(&e_top), Some(&e_low)) = (n.first(), e.first(), e.last()) else {
            return Err(KeyError::Malformed);
        };
        if top == 0 || e_top == 0 || e.len() > 4 || e_low & 1 == 0 || e == [1] {
            return Err(KeyError::Malformed);
        }
        let bits = n.len() * 8 - top.leading_zeros() as usize;
        if !(RSA_MIN_BITS..=RSA_MAX_BITS).contains(&bits) {
            return Err(KeyError::Weak);
        }
        Ok(Self::of(Repr::Rsa {
            n: n.to_vec(),
            e: e.to_vec(),
        }))
    }

    /// The kind of this key.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        match self.repr() {
            Repr::Ed25519(_) => KeyKind::Ed25519,
            Repr::P256(_) => KeyKind::P256,
            Repr::Rsa { .. } => KeyKind::Rsa,
        }
    }

    /// Verifies `signature` over `message` by `scheme`.
    ///
    /// # Errors
    /// [`KeyError::SchemeMismatch`] when the scheme needs another kind of key, [`KeyError::BadSignature`] when the
    /// signature does not verify.
    pub fn verify(&self, scheme: Scheme, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
        let verified =
            match (self.repr(), scheme) {
                (Repr::Ed25519(key), Scheme::Ed25519) => return key.verify(message, signature),
                (Repr::P256(point), Scheme::EcdsaP256Sha256) => {
                    UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point)
                        .verify(message, signature)
                }
                (Repr::Rsa { n, e }, Scheme::RsaPssSha256) => signature::RsaPublicKeyComponents { n, e }
                    .verify(&signature::RSA_PSS_2048_8192_SHA256, message, signature),
                (Repr::Rsa { n, e }, Scheme::RsaPssSha512) => signature::RsaPublicKeyComponents { n, e }
                    .verify(&signature::RSA_PSS_2048_8192_SHA512, message, signature),
                _ => return Err(KeyError::SchemeMismatch),
            };
        verified.map_err(|_| KeyError::BadSignature)
    }

    /// The thumbprint of this key (RFC 7638), computed once for all its copies.
    #[must_use]
    pub fn thumbprint(&self) -> Thumbprint {
        *self.shared.thumbprint.get_or_init(|| Thumbprint::of(self.repr()))
    }

    pub(crate) fn repr(&self) -> &Repr {
        &self.shared.repr
    }

    fn of(repr: Repr) -> Self {
        let thumbprint = OnceLock::new();
        Self {
            shared: Arc::new(Shared { repr, thumbprint }),
        }
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared) || self.repr() == other.repr()
    }
}

impl Eq for PublicKey {}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublicKey({:?}, {})", self.kind(), self.thumbprint())
    }
}
