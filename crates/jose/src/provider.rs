//! What `jsonwebtoken` needs from a cryptographic library, answered with ring.

use std::sync::Once;

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result, new_error};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, EncodingKey};
use signature::{Error, Signer, Verifier};

use crate::key::{KeyKind, PublicKey, Scheme};
use crate::private::PrivateKey;

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

/// Makes ring the library behind `jsonwebtoken` in this process; later calls do nothing.
pub(crate) fn install() {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        // Fails only when an embedder chose a provider before us, and then theirs is the one to use.
        let _ = PROVIDER.install_default();
    });
}

pub(crate) const fn scheme(algorithm: Algorithm) -> Option<Scheme> {
    match algorithm {
        Algorithm::EdDSA => Some(Scheme::Ed25519),
        Algorithm::ES256 => Some(Scheme::EcdsaP256Sha256),
        Algorithm::PS256 => Some(Scheme::RsaPssSha256),
        _ => None,
    }
}

struct RingSigner {
    algorithm: Algorithm,
    scheme: Scheme,
    key: PrivateKey,
}

struct RingVerifier {
    algorithm: Algorithm,
    scheme: Scheme,
    key: PublicKey,
}

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    let scheme = scheme(*algorithm).ok_or_else(|| new_error(ErrorKind::InvalidAlgorithm))?;
    let key = PrivateKey::from_pkcs8(scheme.key_kind(), key.as_bytes())
        .map_err(|_| new_error(ErrorKind::InvalidKeyFormat))?;
    Ok(Box::new(RingSigner {
        algorithm: *algorithm,
        scheme,
        key,
    }))
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    let scheme = scheme(*algorithm).ok_or_else(|| new_error(ErrorKind::InvalidAlgorithm))?;
    let key = match (scheme.key_kind(), key.kind()) {
        (KeyKind::Ed25519, DecodingKeyKind::SecretOrDer(bytes)) => bytes
            .as_slice()
            .try_into()
            .ok()
            .and_then(|bytes| PublicKey::ed25519(bytes).ok()),
        (KeyKind::P256, DecodingKeyKind::SecretOrDer(bytes)) => PublicKey::p256_point(bytes).ok(),
        (KeyKind::Rsa, DecodingKeyKind::RsaModulusExponent { n, e }) => PublicKey::rsa(n, e).ok(),
        _ => None,
    };
    let key = key.ok_or_else(|| new_error(ErrorKind::InvalidKeyFormat))?;
    Ok(Box::new(RingVerifier {
        algorithm: *algorithm,
        scheme,
        key,
    }))
}

impl Signer<Vec<u8>> for RingSigner {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, Error> {
        self.key.sign(self.scheme, message).map_err(Error::from_source)
    }
}

impl JwtSigner for RingSigner {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl Verifier<Vec<u8>> for RingVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), Error> {
        self.key
            .verify(self.scheme, message, signature)
            .map_err(Error::from_source)
    }
}

impl JwtVerifier for RingVerifier {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
