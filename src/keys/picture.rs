//! From rows to the picture: every live key is opened, and a row that does not belong together is refused.
//!
//! Who can write to the store but lacks the key-encryption key must not get a key of theirs trusted. So a key that
//! verifies has a sealed private half, the seal names its row's purpose and name, and its public half is derived from the
//! private one.

use countersign_jose::{KeyKind, PrivateKey};
use zeroize::Zeroizing;

use super::keyring::KeyError;
use super::purpose::{Purpose, State};
use super::records::Record;
use super::seal::SealKey;
use super::set::{KeySet, PublishedKey, SigningKey};
use crate::base::Secret;

/// Every key in `records`, opened with `kek`.
///
/// # Errors
/// [`KeyError::Unsealable`] names the first key that does not open or whose halves do not belong together.
pub(super) fn picture(records: &[Record], kek: &SealKey) -> Result<KeySet, KeyError> {
    let mut set = KeySet::default();
    for record in records {
        add(&mut set, record, kek).ok_or_else(|| KeyError::Unsealable(record.kid.clone()))?;
    }
    Ok(set)
}

/// Binds a sealed key to its name and purpose, so that rows cannot be swapped.
pub(super) fn context(purpose: Purpose, kid: &str) -> String {
    format!("key/{}/{kid}", purpose.name())
}

fn add(set: &mut KeySet, record: &Record, kek: &SealKey) -> Option<()> {
    if record.state.verifies() {
        let place = context(record.purpose, &record.kid);
        let secret = kek.open(place.as_bytes(), record.sealed.as_ref()?).ok()?;
        match record.purpose.key_kind() {
            Some(kind) => add_pair(set, record, kind, &secret)?,
            None => add_symmetric(set, record, &secret)?,
        }
    }
    if let Some(jwk) = &record.public {
        set.published.push(PublishedKey {
            jwk: jwk.clone(),
            purpose: record.purpose,
            state: record.state,
            not_before: record.active_at,
            not_after: record.retire_at,
        });
    }
    Some(())
}

fn add_pair(set: &mut KeySet, record: &Record, kind: KeyKind, secret: &[u8]) -> Option<()> {
    let key = PrivateKey::from_pkcs8(kind, secret).ok()?;
    let public = record.public.as_ref()?;
    let named = public.kid.as_ref() == Some(&record.kid);
    if !named || public.key != *key.public_key() {
        return None;
    }
    if record.state == State::Active {
        let kid = record.kid.clone();
        set.signing.insert(record.purpose, SigningKey { kid, key });
    }
    Some(())
}

fn add_symmetric(set: &mut KeySet, record: &Record, secret: &[u8]) -> Option<()> {
    let kid = record.kid.clone();
    let active = match record.purpose {
        Purpose::Data => {
            let bytes = Zeroizing::new(<[u8; 32]>::try_from(secret).ok()?);
            set.data.insert(kid.clone(), SealKey::new(&bytes));
            &mut set.active_data
        }
        Purpose::Pepper => {
            set.peppers.insert(kid.clone(), Secret::new(secret.to_vec()));
            &mut set.active_pepper
        }
        Purpose::Token | Purpose::Txn | Purpose::Message | Purpose::Log => return None,
    };
    if record.state == State::Active {
        *active = Some(kid);
    }
    Some(())
}
