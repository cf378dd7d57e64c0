//! Private keys.

use ring::signature::{Ed25519KeyPair, KeyPair as _};

use super::processor::Signer;
use crate::key::KeyError;

/// Where the seed stands in a PKCS#8 document of version 1 or 2 (RFC 8410, section 7).
pub(crate) const SEED: std::ops::Range<usize> = 16..48;

/// A private key ready to sign: the hash of its seed and its public key are computed once.
pub(crate) struct SigningKey {
    public: [u8; 32],
    library: Library,
}

enum Library {
    Graviola(Box<Signer>),
    Ring(Box<Ed25519KeyPair>),
}

impl SigningKey {
    /// Reads a PKCS#8 document; ring judges it.
    pub(crate) fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map_err(|_| KeyError::Malformed)?;
        Self::of(pair, der.get(SEED).unwrap_or_default())
    }

    /// From a seed and the public key that must belong to it.
    pub(crate) fn from_seed_and_public_key(seed: &[u8], public: &[u8; 32]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_and_public_key(seed, public).map_err(|_| KeyError::Malformed)?;
        Self::of(pair, seed)
    }

    pub(crate) const fn public_key(&self) -> [u8; 32] {
        self.public
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.library {
            Library::Graviola(signer) => signer.sign(message).to_vec(),
            Library::Ring(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    #[cfg(test)]
    pub(super) const fn is_by_graviola(&self) -> bool {
        matches!(self.library, Library::Graviola(_))
    }

    /// The faster library, when it is there and derives the same public key from `seed` as ring did: a wrong seed or a fault of
    /// either library then shows before anything is signed.
    fn of(pair: Ed25519KeyPair, seed: &[u8]) -> Result<Self, KeyError> {
        let public = <[u8; 32]>::try_from(pair.public_key().as_ref()).map_err(|_| KeyError::Malformed)?;
        let signer = Signer::from_seed(seed).filter(|signer| signer.public_key() == public);
        let library = match signer {
            Some(signer) => Library::Graviola(Box::new(signer)),
            None => Library::Ring(Box::new(pair)),
        };
        Ok(Self { public, library })
    }
}
