//! An immutable picture of the keyring, taken once at the start of a request and carried to its end.

use std::collections::HashMap;

use countersign_jose::jwk::Jwk;
use countersign_jose::{PrivateKey, PublicKey};
use zeroize::Zeroizing;

use super::purpose::{Purpose, State};
use super::seal::{SealError, SealKey};
use crate::base::{Entropy, Secret, Timestamp};

/// The key that signs for a purpose now.
#[derive(Debug)]
pub struct SigningKey {
    /// The name, to be put beside every signature.
    pub kid: String,
    /// The key.
    pub key: PrivateKey,
}

/// A public key as it is published.
#[derive(Clone, Debug)]
pub struct PublishedKey {
    /// The key with `kid`, `alg` and `use`.
    pub jwk: Jwk,
    /// What it is for.
    pub purpose: Purpose,
    /// Where it stands.
    pub state: State,
    /// When it began or begins to sign.
    pub not_before: Timestamp,
    /// When it stopped signing.
    pub not_after: Option<Timestamp>,
}

/// Every key of the gateway at one moment.
#[derive(Debug, Default)]
pub struct KeySet {
    pub(super) signing: HashMap<Purpose, SigningKey>,
    pub(super) published: Vec<PublishedKey>,
    pub(super) data: HashMap<String, SealKey>,
    pub(super) active_data: Option<String>,
    pub(super) peppers: HashMap<String, Secret<Vec<u8>>>,
    pub(super) active_pepper: Option<String>,
}

impl KeySet {
    /// The key that signs for `purpose`; `None` for purposes that do not sign.
    #[must_use]
    pub fn signing(&self, purpose: Purpose) -> Option<&SigningKey> {
        self.signing.get(&purpose)
    }

    /// The public key called `kid` of this purpose, when signatures by it are accepted.
    #[must_use]
    pub fn verifying(&self, purpose: Purpose, kid: &str) -> Option<&PublicKey> {
        let named = |key: &&PublishedKey| key.purpose == purpose && key.jwk.kid.as_deref() == Some(kid);
        self.published
            .iter()
            .find(named)
            .filter(|key| key.state.verifies())
            .map(|key| &key.jwk.key)
    }

    /// Every public key of `purpose` that is published: those that verify, and for `message` and `log` all there ever were.
    pub fn published(&self, purpose: Purpose) -> impl Iterator<Item = &PublishedKey> {
        self.published.iter().filter(move |key| {
            key.purpose == purpose && (key.state.verifies() || purpose.published_for_ever())
        })
    }

    /// Seals `plaintext` under the active data key. `context` names the place, such as `totp/<customer>`.
    ///
    /// # Errors
    /// [`SealError`] when the keyring has no data key.
    pub fn seal(&self, context: &str, plaintext: &[u8], entropy: &dyn Entropy) -> Result<Vec<u8>, SealError> {
        let kid = self.active_data.as_ref().ok_or(SealError)?;
        let key = self.data.get(kid).ok_or(SealError)?;
        let length = u8::try_from(kid.len()).map_err(|_| SealError)?;
        let mut prefix = vec![length];
        prefix.extend_from_slice(kid.as_bytes());
        Ok(key.seal_behind(&prefix, context.as_bytes(), plaintext, entropy.bytes()))
    }

    /// Opens what [`KeySet::seal`] made, also under a data key that was rotated since.
    ///
    /// # Errors
    /// [`SealError`] when the key is gone, the context is another, or the value was changed.
    pub fn open(&self, context: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (length, rest) = sealed.split_first().ok_or(SealError)?;
        let (kid, sealed) = rest.split_at_checked(usize::from(*length)).ok_or(SealError)?;
        let kid = std::str::from_utf8(kid).map_err(|_| SealError)?;
        self.data
            .get(kid)
            .ok_or(SealError)?
            .open(context.as_bytes(), sealed)
    }

    /// The pepper for new password hashes, with its name.
    #[must_use]
    pub fn active_pepper(&self) -> Option<(&str, &Secret<Vec<u8>>)> {
        let kid = self.active_pepper.as_deref()?;
        Some((kid, self.peppers.get(kid)?))
    }

    /// The pepper called `kid`, for hashes made with it.
    #[must_use]
    pub fn pepper(&self, kid: &str) -> Option<&Secret<Vec<u8>>> {
        self.peppers.get(kid)
    }
}
