//! What became of every payment, so that it is sent at most once (IDEM-01 to IDEM-10).
//!
//! A key belongs to one client, customer and route. It is reserved in the Sealed write, before the first byte goes out,
//! and its outcome is written after the answer: two durable writes a payment. That a byte was sent is not written: a row
//! that is `reserved` and of no request under way (see [`super::underway`]) was cut off in the middle, nobody knows whether
//! the backend acted, and it becomes `unknown` until it is settled (see [`super::settlement`]).

use http::HeaderMap;
use sfv::{BareItem, Item, Parser};

use crate::base::limits::IDEMPOTENCY_KEY_BYTES;
use crate::base::{ClientId, Code, CustomerId, Fault, RouteName, Timestamp, TransactionId};
use crate::store::{Batch, Db, StoreError};

/// The guard that fails when the key is taken.
pub const KEY_IS_FREE: &str = "the idempotency key is free";
/// The guard that fails while the outcome of an equal payment under another key is unknown.
pub const NO_EQUAL_IS_UNKNOWN: &str = "no equal payment has an unknown outcome";
/// The guard that fails when the row is not the one this request reserved.
pub const RESERVED_BY_US: &str = "the idempotency key was reserved by this request";

/// A valid `Idempotency-Key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// Reads the header: one RFC 9651 String without parameters, 1 to 255 characters.
    ///
    /// # Errors
    /// `idempotency-key-missing` or `idempotency-key-invalid`.
    pub fn read(headers: &HeaderMap) -> Result<Self, Fault> {
        let value = headers
            .get("idempotency-key")
            .ok_or(Code::IdempotencyKeyMissing)?;
        let item: Item = Parser::new(value.as_bytes())
            .parse()
            .map_err(|_| Fault::new(Code::IdempotencyKeyInvalid))?;
        match item.bare_item {
            BareItem::String(text)
                if item.params.is_empty() && (1..=IDEMPOTENCY_KEY_BYTES).contains(&text.as_str().len()) =>
            {
                Ok(Self(text.as_str().to_owned()))
            }
            _ => Err(Code::IdempotencyKeyInvalid.into()),
        }
    }

    /// The text between the quotes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A key as the header's value (RFC 9651, section 4.1.6).
#[must_use]
pub fn header_value(key: &str) -> String {
    format!("\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Where the record of a key stands: SHA-256 over client, customer, route and key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scope(pub(super) [u8; 32]);

impl Scope {
    /// The scope of `key`.
    #[must_use]
    pub fn of(client: &ClientId, customer: &CustomerId, route: &RouteName, key: &Key) -> Self {
        Self(hash_parts(
            &[client.as_str(), customer.as_str(), route.as_str(), key.as_str()].map(str::as_bytes),
        ))
    }
}

/// What must be equal for a request to be the same as the first: method, target, content digest, content type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of a request.
    #[must_use]
    pub fn of(method: &str, target: &str, content_digest: &[u8; 32], content_type: &[u8]) -> Self {
        Self(hash_parts(&[
            method.as_bytes(),
            target.as_bytes(),
            content_digest,
            content_type,
        ]))
    }
}

/// What is on record for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The request is being sent, or was cut off a moment ago.
    Reserved,
    /// Provably not one byte was sent: the key may go again.
    Unsent,
    /// The backend answered; the sealed answer.
    Answered(Vec<u8>),
    /// A byte was sent and no answer came.
    Unknown,
    /// Settled: it was not executed and never will be.
    NotExecuted,
}

impl Outcome {
    /// The columns `state` and `answer`.
    pub(super) fn columns(&self) -> (&'static str, Option<Vec<u8>>) {
        match self {
            Self::Reserved => ("reserved", None),
            Self::Unsent => ("unsent", None),
            Self::Answered(sealed) => ("answered", Some(sealed.clone())),
            Self::Unknown => ("unknown", None),
            Self::NotExecuted => ("not-executed", None),
        }
    }
}

/// The record of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The transaction at the backend.
    pub transaction: TransactionId,
    /// What became of it.
    pub outcome: Outcome,
    fingerprint: Vec<u8>,
}

impl Record {
    /// Whether a request with this fingerprint is the one on record.
    #[must_use]
    pub fn is_of(&self, fingerprint: &Fingerprint) -> bool {
        self.fingerprint == fingerprint.0
    }
}

/// What is on record under `scope`.
///
/// # Errors
/// [`StoreError`] when it cannot be read; the caller then refuses.
pub async fn find(db: &Db, scope: &Scope) -> Result<Option<Record>, StoreError> {
    let sql = "SELECT fingerprint, txn, state, answer FROM idempotency WHERE scope = $1";
    let Some(row) = db.find(sql, vec![scope.0.to_vec().into()]).await? else {
        return Ok(None);
    };
    let outcome = match row.text(2)? {
        "reserved" => Outcome::Reserved,
        "unsent" => Outcome::Unsent,
        "answered" => Outcome::Answered(row.bytes(3)?.to_vec()),
        "unknown" => Outcome::Unknown,
        "not-executed" => Outcome::NotExecuted,
        _ => return Err(StoreError::Corrupt("idempotency.state")),
    };
    Ok(Some(Record {
        transaction: TransactionId::new(row.text(1)?),
        outcome,
        fingerprint: row.bytes(0)?.to_vec(),
    }))
}

/// A request about to be sent, as the record keeps it.
pub struct Reservation<'a> {
    /// Where the record stands.
    pub scope: &'a Scope,
    /// What must be equal when the key comes again.
    pub fingerprint: &'a Fingerprint,
    /// Whose payment.
    pub customer: &'a CustomerId,
    /// The transaction at the backend.
    pub transaction: &'a TransactionId,
    /// What equal payments share; `None` where no money moves.
    pub likeness: Option<[u8; 32]>,
    /// Where it goes.
    pub upstream: &'a str,
    /// How its outcome can be found out, sealed.
    pub settlement_order: Vec<u8>,
}

/// Reserves a key that is free, or whose payment was provably never sent; not while an equal payment under another key
/// has an unknown outcome.
pub fn reserve(batch: &mut Batch, reservation: Reservation<'_>, now: Timestamp) {
    let scope = reservation.scope.0.to_vec();
    if let Some(likeness) = reservation.likeness {
        batch.no_row(
            NO_EQUAL_IS_UNKNOWN,
            "UPDATE idempotency SET likeness = likeness WHERE likeness = $1 AND scope <> $2 AND state = 'unknown'",
            vec![likeness.to_vec().into(), scope.clone().into()],
        );
    }
    batch.one_row(
        KEY_IS_FREE,
        "INSERT INTO idempotency (scope, customer_id, fingerprint, txn, state, reserved_at, likeness, upstream, \
         settlement_order) VALUES ($1, $2, $3, $4, 'reserved', $5, $6, $7, $8) ON CONFLICT (scope) DO UPDATE SET \
         txn = $4, state = 'reserved', reserved_at = $5, ended_at = NULL, likeness = $6, upstream = $7, \
         settlement_order = $8 WHERE idempotency.state = 'unsent' AND idempotency.fingerprint = $3",
        vec![
            scope.into(),
            reservation.customer.as_str().into(),
            reservation.fingerprint.0.to_vec().into(),
            reservation.transaction.as_str().into(),
            now.into(),
            reservation.likeness.map(|likeness| likeness.to_vec()).into(),
            reservation.upstream.into(),
            reservation.settlement_order.into(),
        ],
    );
}

/// Writes what became of a payment this process reserved.
pub fn conclude(
    batch: &mut Batch,
    scope: &Scope,
    transaction: &TransactionId,
    outcome: &Outcome,
    now: Timestamp,
) {
    let (state, answer) = outcome.columns();
    batch.one_row(
        RESERVED_BY_US,
        "UPDATE idempotency SET state = $1, answer = $2, ended_at = $3, \
         likeness = CASE WHEN $1 = 'unknown' THEN likeness END, \
         settlement_order = CASE WHEN $1 = 'unknown' THEN settlement_order END \
         WHERE scope = $4 AND txn = $5 AND state = 'reserved'",
        vec![
            state.into(),
            answer.into(),
            now.into(),
            scope.0.to_vec().into(),
            transaction.as_str().into(),
        ],
    );
}

/// At the start of a process: whatever was reserved was cut off, and nobody here knows whether the backend acted.
pub fn cut_off_is_unknown(batch: &mut Batch, now: Timestamp) {
    batch.run(
        "UPDATE idempotency SET state = 'unknown', ended_at = $1 WHERE state = 'reserved'",
        vec![now.into()],
    );
}

/// SHA-256 over the parts, each behind its length, so that no two lists of parts run together.
fn hash_parts(parts: &[&[u8]]) -> [u8; 32] {
    let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    countersign_jose::sha256(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn read(value: &str) -> Result<Key, Fault> {
        let mut headers = HeaderMap::new();
        headers.insert("idempotency-key", HeaderValue::from_str(value).unwrap());
        Key::read(&headers)
    }

    /// IDEM-01, IDEM-02
    #[test]
    fn a_key_is_one_quoted_string() {
        assert_eq!(
            read("\"8e03978e-40d5-43e8\"").unwrap().as_str(),
            "8e03978e-40d5-43e8"
        );
        let long = format!("\"{}\"", "k".repeat(256));
        for bad in [
            "unquoted",
            "\"\"",
            "\"a\";b",
            "\"a\", \"b\"",
            "7",
            ":YQ==:",
            "\"open",
            &long,
        ] {
            assert_eq!(read(bad).unwrap_err().code, Code::IdempotencyKeyInvalid, "{bad}");
        }
        assert_eq!(
            Key::read(&HeaderMap::new()).unwrap_err().code,
            Code::IdempotencyKeyMissing
        );
    }

    /// IDEM-06: parts do not run together.
    #[test]
    fn another_client_or_route_is_another_key() {
        let key = Key("k".to_owned());
        let scope = |client, customer, route| {
            Scope::of(
                &ClientId::new(client),
                &CustomerId::new(customer),
                &RouteName::new(route),
                &key,
            )
        };
        assert_ne!(scope("a", "bc", "r"), scope("ab", "c", "r"));
        assert_ne!(scope("a", "b", "r"), scope("a", "b", "s"));
    }
}
