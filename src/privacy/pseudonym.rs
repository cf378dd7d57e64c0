//! Keyed pseudonyms: HMAC-SHA-256 of a name under a key of its own, so that nobody without the key can guess names back.

use std::collections::HashMap;
use std::sync::Arc;

use ring::hmac;
use zeroize::Zeroizing;

use super::vault::VaultError;
use crate::base::{CustomerId, Entropy};
use crate::keys::{Keyring, SealError};
use crate::store::{Batch, Db};

/// What a username is found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UsernameIndex([u8; 32]);

impl UsernameIndex {
    /// The 32 bytes of the index.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The keys under which names become pseudonyms. They never rotate: a new key would make every index and every `sub` a
/// stranger.
pub struct Pseudonyms {
    username: hmac::Key,
    subject: hmac::Key,
    address: hmac::Key,
    nonce: hmac::Key,
    place: hmac::Key,
}

/// The names of the keys in the store; one key, one use.
const NAMES: [&str; 5] = ["username", "subject", "address", "nonce", "place"];

impl Pseudonyms {
    /// Reads the keys from the store and makes those that are missing.
    ///
    /// # Errors
    /// [`VaultError::Store`]; [`VaultError::Sealed`] when the keyring cannot open them.
    pub async fn open(
        db: &Db,
        keyring: &Arc<Keyring>,
        entropy: &Arc<dyn Entropy>,
    ) -> Result<Self, VaultError> {
        let there = db.query("SELECT name FROM pseudonym_key", Vec::new()).await?;
        let is_there = |name: &str| there.iter().any(|row| row.text(0).is_ok_and(|text| text == name));
        let mut batch = Batch::new();
        for name in NAMES.into_iter().filter(|name| !is_there(name)) {
            let fresh = Zeroizing::new(entropy.bytes::<32>());
            let sealed = keyring
                .current()
                .seal(&place(name), fresh.as_slice(), entropy.as_ref())?;
            batch.run(
                "INSERT INTO pseudonym_key (name, sealed) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
                vec![name.into(), sealed.into()],
            );
        }
        if !batch.is_empty() {
            db.commit(batch).await?;
        }
        let mut keys = HashMap::new();
        for row in db
            .query("SELECT name, sealed FROM pseudonym_key", Vec::new())
            .await?
        {
            let secret = keyring.current().open(&place(row.text(0)?), row.bytes(1)?)?;
            keys.insert(
                row.text(0)?.to_owned(),
                hmac::Key::new(hmac::HMAC_SHA256, &secret),
            );
        }
        let mut key = |name: &str| keys.remove(name).ok_or(SealError);
        Ok(Self {
            username: key("username")?,
            subject: key("subject")?,
            address: key("address")?,
            nonce: key("nonce")?,
            place: key("place")?,
        })
    }

    /// The index of a username that was brought to its normal form.
    #[must_use]
    pub fn username(&self, normalised: &str) -> UsernameIndex {
        UsernameIndex(tag(&self.username, &[normalised.as_bytes()]))
    }

    /// The `sub` of `customer` towards `sector`: the same at one backend, unlinkable between two.
    #[must_use]
    pub fn pairwise(&self, sector: &str, customer: &CustomerId) -> String {
        countersign_jose::base64url(tag(
            &self.subject,
            &[sector.as_bytes(), customer.as_str().as_bytes()],
        ))
    }

    /// A stand-in for a network address, for those who must see that it is the same but not which it is.
    #[must_use]
    pub fn address(&self, address: std::net::IpAddr) -> String {
        countersign_jose::base64url(tag(&self.address, &[address.to_string().as_bytes()]))
    }

    /// Where something about a customer stands, such as a payee of theirs, without naming it.
    #[must_use]
    pub fn place(&self, purpose: &str, parts: &[&str]) -> [u8; 32] {
        let parts: Vec<&[u8]> = std::iter::once(purpose)
            .chain(parts.iter().copied())
            .map(str::as_bytes)
            .collect();
        tag(&self.place, &parts)
    }

    /// The key that DPoP nonces are made with, the same on every node.
    #[must_use]
    pub fn nonce_key(&self) -> hmac::Key {
        self.nonce.clone()
    }
}

/// HMAC over the parts, each behind its length, so that no two lists of parts give the same bytes.
fn tag(key: &hmac::Key, parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut out = [0; 32];
    out.copy_from_slice(context.sign().as_ref());
    out
}

fn place(name: &str) -> String {
    format!("pseudonym-key/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_each_other() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
        assert_ne!(tag(&key, &[b"bank", b"a"]), tag(&key, &[b"ban", b"ka"]));
        assert_ne!(tag(&key, &[b"bank", b"a"]), tag(&key, &[b"bank", b"b"]));
    }
}
