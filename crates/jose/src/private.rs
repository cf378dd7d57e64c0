//! Private keys: they sign, and they cannot be printed.

use ring::rand::SystemRandom;
use ring::signature::{
    self, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair,
};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::ed25519;
use crate::jwk::{public_key, public_members};
use crate::key::{KeyError, KeyKind, PublicKey, Scheme};
use crate::{base64url, from_base64url};

/// Where the 32 bytes of private key stand in the PKCS#8 documents that ring writes.
const P256_SCALAR: std::ops::Range<usize> = 36..68;

/// A private key ready to sign.
pub struct PrivateKey {
    pair: Pair,
    public: PublicKey,
}

enum Pair {
    Ed25519(ed25519::SigningKey),
    P256(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

/// A fresh key with the two forms in which it can be kept.
pub struct GeneratedKey {
    /// The key, ready to sign.
    pub key: PrivateKey,
    /// The same key as a PKCS#8 document (RFC 5958), wiped when dropped.
    pub pkcs8: Zeroizing<Vec<u8>>,
}

impl PrivateKey {
    /// Makes a new key from the operating system's randomness.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] for RSA, which ring cannot generate: import one instead.
    pub fn generate(kind: KeyKind) -> Result<GeneratedKey, KeyError> {
        let random = SystemRandom::new();
        let document = match kind {
            KeyKind::Ed25519 => Ed25519KeyPair::generate_pkcs8(&random),
            KeyKind::P256 => EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random),
            KeyKind::Rsa => return Err(KeyError::Malformed),
        };
        let pkcs8 = Zeroizing::new(document.map_err(|_| KeyError::SigningFailed)?.as_ref().to_vec());
        Ok(GeneratedKey {
            key: Self::from_pkcs8(kind, &pkcs8)?,
            pkcs8,
        })
    }

    /// Reads a PKCS#8 document (DER).
    ///
    /// # Errors
    /// [`KeyError::Malformed`] when it is not a key of this kind.
    pub fn from_pkcs8(kind: KeyKind, der: &[u8]) -> Result<Self, KeyError> {
        let pair = match kind {
            KeyKind::Ed25519 => {
                return Self::from_pair(Pair::Ed25519(ed25519::SigningKey::from_pkcs8(der)?));
            }
            KeyKind::P256 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, &SystemRandom::new())
                    .map(Pair::P256)
            }
            KeyKind::Rsa => RsaKeyPair::from_pkcs8(der).map(Pair::Rsa),
        };
        Self::from_pair(pair.map_err(|_| KeyError::Malformed)?)
    }

    /// Reads a private JWK (RFC 7518 section 6, RFC 8037); public and private members must belong together.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] when a member is missing or they do not fit each other.
    pub fn from_jwk(object: &Map<String, Value>) -> Result<Self, KeyError> {
        let public = public_key(object)?;
        let bytes = |name: &str| {
            let text = object
                .get(name)
                .and_then(Value::as_str)
                .ok_or(KeyError::Malformed)?;
            from_base64url(text)
                .map(Zeroizing::new)
                .ok_or(KeyError::Malformed)
        };
        let pair = match public.repr() {
            crate::key::Repr::Ed25519(x) => Pair::Ed25519(ed25519::SigningKey::from_seed_and_public_key(
                &bytes("d")?,
                x.bytes(),
            )?),
            crate::key::Repr::P256(point) => Pair::P256(
                EcdsaKeyPair::from_private_key_and_public_key(
                    &ECDSA_P256_SHA256_FIXED_SIGNING,
                    &bytes("d")?,
                    point,
                    &SystemRandom::new(),
                )
                .map_err(|_| KeyError::Malformed)?,
            ),
            crate::key::Repr::Rsa { n, e } => Pair::Rsa(
                RsaKeyPair::from_components(&ring::rsa::KeyPairComponents {
                    public_key: signature::RsaPublicKeyComponents { n, e },
                    d: bytes("d")?.as_slice(),
                    p: bytes("p")?.as_slice(),
                    q: bytes("q")?.as_slice(),
                    dP: bytes("dp")?.as_slice(),
                    dQ: bytes("dq")?.as_slice(),
                    qInv: bytes("qi")?.as_slice(),
                })
                .map_err(|_| KeyError::Malformed)?,
            ),
        };
        Ok(Self { pair, public })
    }

    /// The public half.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// The scheme this key signs JWS and messages with when nothing else is asked for.
    #[must_use]
    pub const fn default_scheme(&self) -> Scheme {
        match self.pair {
            Pair::Ed25519(_) => Scheme::Ed25519,
            Pair::P256(_) => Scheme::EcdsaP256Sha256,
            Pair::Rsa(_) => Scheme::RsaPssSha256,
        }
    }

    /// Signs `message` by `scheme`.
    ///
    /// # Errors
    /// [`KeyError::SchemeMismatch`] when the scheme needs another kind of key, [`KeyError::SigningFailed`] when the
    /// library could not sign.
    pub fn sign(&self, scheme: Scheme, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let random = SystemRandom::new();
        match (&self.pair, scheme) {
            (Pair::Ed25519(pair), Scheme::Ed25519) => Ok(pair.sign(message)),
            (Pair::P256(pair), Scheme::EcdsaP256Sha256) => {
                let signature = pair.sign(&random, message).map_err(|_| KeyError::SigningFailed)?;
                Ok(signature.as_ref().to_vec())
            }
            (Pair::Rsa(pair), Scheme::RsaPssSha256 | Scheme::RsaPssSha512) => {
                let padding: &dyn signature::RsaEncoding = match scheme {
                    Scheme::RsaPssSha512 => &signature::RSA_PSS_SHA512,
                    _ => &signature::RSA_PSS_SHA256,
                };
                let mut out = vec![0; pair.public().modulus_len()];
                pair.sign(padding, &random, message, &mut out)
                    .map_err(|_| KeyError::SigningFailed)?;
                Ok(out)
            }
            _ => Err(KeyError::SchemeMismatch),
        }
    }

    fn from_pair(pair: Pair) -> Result<Self, KeyError> {
        let public = match &pair {
            Pair::Ed25519(pair) => PublicKey::ed25519(pair.public_key())?,
            Pair::P256(pair) => PublicKey::p256_point(pair.public_key().as_ref())?,
            Pair::Rsa(pair) => {
                let public: signature::RsaPublicKeyComponents<Vec<u8>> = pair.public().into();
                PublicKey::rsa(&public.n, &public.e)?
            }
        };
        Ok(Self { pair, public })
    }
}

impl GeneratedKey {
    /// The key as a private JWK: public members and `d`.
    #[must_use]
    pub fn private_jwk(&self) -> Map<String, Value> {
        let range = match self.key.pair {
            Pair::P256(_) => P256_SCALAR,
            _ => ed25519::SEED,
        };
        let mut object = public_members(&self.key.public);
        let secret = self.pkcs8.get(range).unwrap_or_default();
        object.insert("d".to_owned(), Value::String(base64url(secret)));
        object
    }
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "PrivateKey({:?}, {})",
            self.public.kind(),
            self.public.thumbprint()
        )
    }
}

impl std::fmt::Debug for GeneratedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.key.fmt(f)
    }
}
