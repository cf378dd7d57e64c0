//! Sealing: AES-256-GCM (SP 800-38D) with a random 96-bit nonce and a context that binds a value to its place.
//!
//! Layout: nonce (12 bytes) ‖ ciphertext ‖ tag (16 bytes). With random nonces a key may seal 2^32 values (KEY-04); keys that
//! seal one value per payment are rotated long before.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

/// The value was not sealed by this key for this context, or was changed since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sealed value cannot be opened with this key and context")]
pub struct SealError;

/// A key that seals and opens.
#[derive(Clone)]
pub struct SealKey(LessSafeKey);

impl SealKey {
    /// From 32 random bytes.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "an AES-256 key has 32 bytes, and the type says it"
    )]
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(LessSafeKey::new(
            UnboundKey::new(&AES_256_GCM, bytes).expect("32 bytes"),
        ))
    }

    /// Seals `plaintext` for `context` (such as table, column and row). `nonce` must be fresh randomness.
    #[must_use]
    pub fn seal(&self, context: &[u8], plaintext: &[u8], nonce: [u8; NONCE_LEN]) -> Vec<u8> {
        self.seal_behind(&[], context, plaintext, nonce)
    }

    /// As [`SealKey::seal`], behind a `prefix` that is not sealed.
    pub(super) fn seal_behind(
        &self,
        prefix: &[u8],
        context: &[u8],
        plaintext: &[u8],
        nonce: [u8; NONCE_LEN],
    ) -> Vec<u8> {
        let text = prefix.len() + NONCE_LEN;
        // All of its room at once: a text that moved would leave a copy behind that is not sealed.
        let mut sealed = Vec::with_capacity(text + plaintext.len() + AES_256_GCM.tag_len());
        sealed.extend_from_slice(prefix);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plaintext);
        let place = sealed.get_mut(text..).unwrap_or_default();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let Ok(tag) = self
            .0
            .seal_in_place_separate_tag(nonce, Aad::from(context), place)
        else {
            // Only a plaintext beyond 64 GiB fails; an empty result never opens.
            return Vec::new();
        };
        sealed.extend_from_slice(tag.as_ref());
        sealed
    }

    /// Opens what [`SealKey::seal`] made for the same context.
    ///
    /// # Errors
    /// [`SealError`] for another key or context, or a changed value.
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(SealError)?;
        let mut text = Zeroizing::new(text.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = self
            .0
            .open_in_place(nonce, Aad::from(context), &mut text)
            .map_err(|_| SealError)?
            .len();
        text.truncate(length);
        Ok(text)
    }
}

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealKey([secret])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_value_opens_only_unchanged_in_its_place_with_its_key() {
        let key = SealKey::new(&[1; 32]);
        let sealed = key.seal(b"customer/1", b"secret", [2; 12]);
        assert_eq!(key.open(b"customer/1", &sealed).unwrap().as_slice(), b"secret");
        assert!(key.open(b"customer/2", &sealed).is_err());
        assert!(SealKey::new(&[3; 32]).open(b"customer/1", &sealed).is_err());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(key.open(b"customer/1", &changed).is_err(), "byte {at}");
        }
        assert!(key.open(b"customer/1", &sealed[..11]).is_err());
    }
}
