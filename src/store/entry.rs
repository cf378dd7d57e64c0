//! What an event is in the log: the bytes of an entry, and the chain through them.
//!
//! An entry is canonical JSON (RFC 8785) with exactly the members `at` (microseconds since 1970, UTC), `event`, `previous`,
//! `salt` and `sequence`. `previous` is the leaf hash (RFC 6962, section 2.1) of the entry before it, base64url; the first
//! entry names the hash of the empty tree. The salt keeps anyone from guessing an entry from its hash (TLOG-13).

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_intent::canonical;
use countersign_jose::from_base64url;
use countersign_tlog::bundle::MAX_ENTRY_BYTES;
use countersign_tlog::hash::{Hash, empty_root, leaf_hash};
use serde::Serialize;
use serde_json::Value;

use crate::base::Timestamp;

/// Bytes of a salt.
pub(super) const SALT_BYTES: usize = 32;
/// Room for what stands beside the event: names, two numbers, a salt and a hash.
const BESIDE_THE_EVENT: usize = 192;

/// One entry of the log, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The place in the chain, from 1 and without gaps; its index in the tree is one less.
    pub sequence: i64,
    /// When it happened.
    pub at: Timestamp,
    /// The event as canonical JSON.
    pub event: String,
    /// Random bytes.
    pub salt: Vec<u8>,
    /// The leaf hash of the entry before.
    pub previous: Hash,
}

/// What an entry is made of.
pub(super) struct Parts<'a> {
    pub(super) sequence: i64,
    pub(super) at: Timestamp,
    pub(super) event: &'a str,
    pub(super) salt: &'a [u8],
    pub(super) previous: &'a Hash,
}

/// Why something is no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Longer than a bundle can hold (C2SP `tlog-tiles`: its length stands in two bytes).
    #[error("an entry of {0} bytes is too large")]
    TooLarge(usize),
    /// Not canonical JSON with exactly the members of an entry.
    #[error("the bytes are no entry in canonical JSON")]
    Form,
}

impl Entry {
    /// What the first entry names as its predecessor.
    #[must_use]
    pub fn before_the_first() -> Hash {
        empty_root()
    }

    /// The leaf hash of an entry's bytes.
    #[must_use]
    pub fn hash(bytes: &[u8]) -> Hash {
        leaf_hash(bytes)
    }

    /// The bytes that go into the tree. The event is taken as it stands: it was made canonical when it was recorded.
    ///
    /// # Errors
    /// [`EntryError::TooLarge`]; [`EntryError::Form`] for a number that canonical JSON would round.
    pub fn to_bytes(&self) -> Result<Vec<u8>, EntryError> {
        let parts = Parts {
            sequence: self.sequence,
            at: self.at,
            event: &self.event,
            salt: &self.salt,
            previous: &self.previous,
        };
        parts.to_bytes()
    }

    /// Takes an entry apart. Only the one canonical spelling is accepted.
    ///
    /// # Errors
    /// [`EntryError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, EntryError> {
        if bytes.len() > MAX_ENTRY_BYTES {
            return Err(EntryError::TooLarge(bytes.len()));
        }
        let entry = read(bytes).ok_or(EntryError::Form)?;
        if entry.to_bytes()? == bytes {
            Ok(entry)
        } else {
            Err(EntryError::Form)
        }
    }

    /// The member `name` of the event, when it is text.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<String> {
        let event: Value = serde_json::from_str(&self.event).ok()?;
        event.get(name)?.as_str().map(str::to_owned)
    }
}

impl Parts<'_> {
    /// The bytes of the entry, as [`Entry::to_bytes`] has them.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, EntryError> {
        let safe = |number: i64| number.unsigned_abs() <= canonical::MAX_SAFE_INTEGER;
        if !safe(self.at.micros()) || !safe(self.sequence) {
            return Err(EntryError::Form);
        }
        let mut text = String::with_capacity(self.event.len() + BESIDE_THE_EVENT);
        // Writing to memory cannot fail.
        let _ = write!(
            text,
            r#"{{"at":{},"event":{},"previous":""#,
            self.at.micros(),
            self.event
        );
        URL_SAFE_NO_PAD.encode_string(self.previous.0, &mut text);
        text.push_str(r#"","salt":""#);
        URL_SAFE_NO_PAD.encode_string(self.salt, &mut text);
        let _ = write!(text, r#"","sequence":{}}}"#, self.sequence);
        if text.len() > MAX_ENTRY_BYTES {
            return Err(EntryError::TooLarge(text.len()));
        }
        Ok(text.into_bytes())
    }
}

fn read(bytes: &[u8]) -> Option<Entry> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    let text = |name: &str| value.get(name)?.as_str();
    Some(Entry {
        sequence: value.get("sequence")?.as_i64()?,
        at: Timestamp::from_micros(value.get("at")?.as_i64()?),
        event: canonical_text(value.get("event")?.as_object()?)?,
        salt: from_base64url(text("salt")?)?,
        previous: Hash(from_base64url(text("previous")?)?.try_into().ok()?),
    })
}

/// Canonical JSON of an event; `None` when it cannot be written so.
pub(super) fn canonical_text(event: &impl Serialize) -> Option<String> {
    String::from_utf8(canonical::to_vec(event).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            sequence: 7,
            at: Timestamp::from_micros(1_790_000_000_000_001),
            event: r#"{"kind":"answered","transaction":"t"}"#.to_owned(),
            salt: vec![9; SALT_BYTES],
            previous: Entry::before_the_first(),
        }
    }

    #[test]
    fn an_entry_is_one_canonical_text_and_reads_back() {
        let bytes = entry().to_bytes().unwrap();
        let text = String::from_utf8(bytes.clone()).unwrap();
        assert_eq!(
            text,
            "{\"at\":1790000000000001,\"event\":{\"kind\":\"answered\",\"transaction\":\"t\"},\
             \"previous\":\"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU\",\
             \"salt\":\"CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk\",\"sequence\":7}"
        );
        assert_eq!(Entry::parse(&bytes), Ok(entry()));
        assert_eq!(entry().member("transaction").as_deref(), Some("t"));
    }

    #[test]
    fn another_spelling_another_member_and_too_many_bytes_are_refused() {
        // TLOG-07
        let text = String::from_utf8(entry().to_bytes().unwrap()).unwrap();
        let spaced = text.replacen(':', ": ", 1);
        let more = text.replacen('{', "{\"a\":1,", 1);
        let fewer = text.replacen("\"sequence\":7", "\"sequence\":7.0", 1);
        for wrong in [spaced.as_str(), &more, &fewer, "", "[]", "{}"] {
            assert_eq!(Entry::parse(wrong.as_bytes()), Err(EntryError::Form), "{wrong}");
        }
        let large = Entry {
            event: format!("{{\"kind\":\"{}\"}}", "x".repeat(MAX_ENTRY_BYTES)),
            ..entry()
        };
        assert!(matches!(large.to_bytes(), Err(EntryError::TooLarge(_))));
    }
}
