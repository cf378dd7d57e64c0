//! The leaf: the log entry of a payment's outcome, which carries a digest of every part of the receipt.

use countersign_intent::canonical;
use countersign_intent::json::{self, Limits};
use countersign_intent::receipt::Part;
use serde_json::{Map, Value};

/// Members of a log entry.
const ENTRY: [&str; 5] = ["at", "event", "previous", "salt", "sequence"];
/// Kinds of events that say what became of a payment.
const KINDS: [&str; 2] = ["answered", "settled"];

/// A log entry about the outcome of a payment.
pub(super) struct Leaf {
    pub(super) transaction: String,
    /// Its place in the log, from 0; entries count from 1.
    pub(super) index: Option<u64>,
    digests: Map<String, Value>,
}

impl Leaf {
    /// Reads an entry; `None` for anything else. Only the one canonical spelling is an entry (RFC 8785).
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let entry = json::parse_closed(bytes, &Limits::default()).ok()?;
        let members = entry.as_object()?;
        let is_entry = members.len() == ENTRY.len() && ENTRY.iter().all(|name| members.contains_key(*name));
        if !is_entry || canonical::to_vec(&entry).ok()? != bytes {
            return None;
        }
        let event = members.get("event")?;
        if !KINDS.contains(&event.get("kind")?.as_str()?) {
            return None;
        }
        let digests = event.get("receipt")?.as_object()?;
        Some(Self {
            transaction: event.get("transaction")?.as_str()?.to_owned(),
            index: members.get("sequence")?.as_u64()?.checked_sub(1),
            digests: digests.clone(),
        })
    }

    /// Whether the entry carries the digest of this value for the part.
    pub(super) fn vouches_for(&self, part: Part, value: &Value) -> bool {
        let recorded = self.digests.get(part.name()).and_then(Value::as_str);
        part.digest(value).is_ok_and(|digest| recorded == Some(&digest))
    }
}
