//! How an unknown outcome becomes known: the records of open payments, and what is kept to ask for them.
//!
//! A settled payment is never sent again. `not-executed` is final.

use serde::{Deserialize, Serialize};

use super::idempotency::{Outcome, Scope};
use crate::base::{ClientId, RouteName, Timestamp, TransactionId};
use crate::store::{Batch, Db, Row, StoreError};

/// The guard that fails when the outcome is not unknown any more.
pub const STILL_UNKNOWN: &str = "the outcome is still unknown";
/// The guard that fails when the row is not reserved any more.
pub const STILL_RESERVED: &str = "the payment is still reserved";

/// Open payments looked at in one run; the others follow in the next.
const AT_ONCE: i64 = 1024;

/// What is kept, sealed, until the outcome is known: enough to ask the backend, and where it declares that repeating is
/// harmless, the request itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order<C = serde_json::Value> {
    /// Whose key it is.
    pub client: ClientId,
    /// Which route.
    pub route: RouteName,
    /// The idempotency key.
    pub key: String,
    /// Most bytes of an answer.
    pub answer_limit: usize,
    /// The claims of the Txn-Token: as they are made when it is written, their JSON when it is read.
    pub claims: C,
    /// Present where the backend's own idempotency makes it harmless to send again.
    pub request: Option<Repeat>,
}

/// A request that may be sent again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Repeat {
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The headers, without the gate's own token and signature.
    pub headers: Vec<(String, String)>,
    /// The body in base64url.
    pub body: String,
}

/// How an outcome was found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The backend was asked.
    Probe,
    /// It was sent again to a backend that executes it once.
    Retry,
}

impl Way {
    /// As it stands in the record.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Retry => "retry",
        }
    }
}

/// A payment whose outcome is unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// Where its record stands.
    pub scope: Scope,
    /// The transaction at the backend.
    pub transaction: TransactionId,
    /// Where it went; empty in a record of a version that did not keep it.
    pub upstream: String,
    /// When it was reserved.
    pub reserved_at: Timestamp,
    /// Since when its outcome is unknown.
    pub since: Timestamp,
}

impl Open {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            scope: scope(row)?,
            transaction: TransactionId::new(row.text(1)?),
            upstream: row.optional_text(2)?.unwrap_or_default().to_owned(),
            reserved_at: row.time(3)?,
            since: row.time(4)?,
        })
    }
}

fn scope(row: &Row) -> Result<Scope, StoreError> {
    let bytes = row.bytes(0)?.try_into();
    bytes
        .map(Scope)
        .map_err(|_| StoreError::Corrupt("idempotency.scope"))
}

/// Payments with an unknown outcome that were reserved after `after`, the oldest first, and whether there are more.
///
/// # Errors
/// [`StoreError`].
pub async fn unknown(db: &Db, after: Timestamp) -> Result<(Vec<Open>, bool), StoreError> {
    let sql = "SELECT scope, txn, upstream, reserved_at, coalesce(ended_at, reserved_at) FROM idempotency \
         WHERE state = 'unknown' AND reserved_at > $1 ORDER BY reserved_at LIMIT $2";
    let rows = db.query(sql, vec![after.into(), AT_ONCE.into()]).await?;
    let open = rows.iter().map(Open::read).collect::<Result<Vec<_>, _>>()?;
    let more = i64::try_from(open.len()).is_ok_and(|count| count == AT_ONCE);
    Ok((open, more))
}

/// How many outcomes are unknown, by upstream.
///
/// # Errors
/// [`StoreError`].
pub async fn count_unknown(db: &Db) -> Result<Vec<(String, i64)>, StoreError> {
    let sql = "SELECT coalesce(upstream, ''), count(*) FROM idempotency WHERE state = 'unknown' GROUP BY 1";
    let rows = db.query(sql, Vec::new()).await?;
    let count = |row: &Row| Ok((row.text(0)?.to_owned(), row.integer(1)?));
    rows.iter().map(count).collect()
}

/// The sealed [`Order`] of a payment with an unknown outcome.
///
/// # Errors
/// [`StoreError`].
pub async fn order(db: &Db, open: &Open) -> Result<Option<Vec<u8>>, StoreError> {
    let sql = "SELECT settlement_order FROM idempotency WHERE scope = $1 AND txn = $2 AND state = 'unknown'";
    let key = vec![open.scope.0.to_vec().into(), open.transaction.as_str().into()];
    let Some(row) = db.query_one(sql, key).await? else {
        return Ok(None);
    };
    Ok(row.optional_bytes(0)?.map(<[u8]>::to_vec))
}

/// The payment with an unknown outcome that is equal to one under another key, with its sealed [`Order`].
///
/// # Errors
/// [`StoreError`].
pub async fn first_equal(
    db: &Db,
    likeness: &[u8; 32],
) -> Result<Option<(TransactionId, Vec<u8>)>, StoreError> {
    let sql = "SELECT txn, settlement_order FROM idempotency WHERE likeness = $1 AND state = 'unknown' \
         ORDER BY reserved_at LIMIT 1";
    let Some(row) = db.query_one(sql, vec![likeness.to_vec().into()]).await? else {
        return Ok(None);
    };
    let order = row.optional_bytes(1)?.unwrap_or_default().to_vec();
    Ok(Some((TransactionId::new(row.text(0)?), order)))
}

/// Every payment that is reserved, the oldest first.
///
/// # Errors
/// [`StoreError`].
pub async fn reserved(db: &Db) -> Result<Vec<(Scope, TransactionId)>, StoreError> {
    let sql = "SELECT scope, txn FROM idempotency WHERE state = 'reserved' ORDER BY reserved_at LIMIT $1";
    let rows = db.query(sql, vec![AT_ONCE.into()]).await?;
    let read = |row: &Row| Ok((scope(row)?, TransactionId::new(row.text(1)?)));
    rows.iter().map(read).collect()
}

/// A reserved payment that no request of this process carries was cut off: its outcome is unknown.
pub fn cut_off(batch: &mut Batch, scope: &Scope, transaction: &TransactionId, now: Timestamp) {
    batch.one_row(
        STILL_RESERVED,
        "UPDATE idempotency SET state = 'unknown', ended_at = $1 \
         WHERE scope = $2 AND txn = $3 AND state = 'reserved'",
        vec![now.into(), scope.0.to_vec().into(), transaction.as_str().into()],
    );
}

/// Writes the outcome that was found out; what was kept to find it out goes.
pub fn settle(batch: &mut Batch, open: &Open, outcome: &Outcome, way: Way, now: Timestamp) {
    let (state, answer) = outcome.columns();
    batch.one_row(
        STILL_UNKNOWN,
        "UPDATE idempotency SET state = $1, answer = $2, ended_at = $3, settled_by = $4, likeness = NULL, \
         settlement_order = NULL WHERE scope = $5 AND txn = $6 AND state = 'unknown'",
        vec![
            state.into(),
            answer.into(),
            now.into(),
            way.as_str().into(),
            open.scope.0.to_vec().into(),
            open.transaction.as_str().into(),
        ],
    );
}
