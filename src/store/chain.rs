//! The chain of events: the writer is the only one who appends, so it knows the last entry and hashes it into the next.

use countersign_tlog::hash::Hash;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::{Map, Value as Json};

use super::entry::{Entry, Parts, canonical_text};
use super::error::StoreError;
use crate::base::{Timestamp, TransactionId};

/// An event on its way into the chain.
#[derive(Clone, Debug)]
pub(super) struct Recorded {
    pub(super) at: Timestamp,
    /// Canonical JSON.
    pub(super) body: String,
    pub(super) salt: Vec<u8>,
    pub(super) transaction: Option<TransactionId>,
}

/// The last entry of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chain {
    /// 0 when there is none.
    pub(super) sequence: i64,
    hash: Hash,
}

impl Chain {
    /// As it stands in the store.
    pub(super) fn load(connection: &Connection) -> Result<Self, StoreError> {
        let sql = "SELECT sequence, hash FROM event ORDER BY sequence DESC LIMIT 1";
        let last: Option<(i64, Option<Vec<u8>>)> = connection
            .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((sequence, hash)) = last else {
            return Ok(Self::empty());
        };
        let hash = hash.and_then(|hash| hash.try_into().ok()).map(Hash);
        Ok(Self {
            sequence,
            hash: hash.ok_or(StoreError::Corrupt("event.hash"))?,
        })
    }

    /// Writes the next entry's row; the chain stands behind it then.
    pub(super) fn append(&mut self, connection: &Connection, event: &Recorded) -> Result<(), StoreError> {
        let next = self.next(event)?;
        let sql = "INSERT INTO event (sequence, at, body, salt, hash, txn) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        connection.prepare_cached(sql)?.execute(params![
            next.sequence,
            event.at.micros(),
            event.body,
            event.salt,
            next.hash.0,
            event.transaction.as_ref().map(TransactionId::as_str)
        ])?;
        *self = next;
        Ok(())
    }

    fn empty() -> Self {
        Self {
            sequence: 0,
            hash: Entry::before_the_first(),
        }
    }

    fn next(&self, event: &Recorded) -> Result<Self, StoreError> {
        let sequence = self.sequence.saturating_add(1);
        let parts = Parts {
            sequence,
            at: event.at,
            event: &event.body,
            salt: &event.salt,
            previous: &self.hash,
        };
        let bytes = parts
            .to_bytes()
            .map_err(|error| StoreError::Failed(error.to_string()))?;
        Ok(Self {
            sequence,
            hash: Entry::hash(&bytes),
        })
    }
}

/// Chains the events of a store that was written before there was a chain.
pub(super) fn adopt(connection: &Connection) -> Result<(), StoreError> {
    let unchained = "SELECT EXISTS (SELECT 1 FROM event WHERE hash IS NULL)";
    if !connection.query_row(unchained, [], |row| row.get::<_, bool>(0))? {
        return Ok(());
    }
    let mut read = connection.prepare("SELECT sequence, at, body, salt FROM event ORDER BY sequence")?;
    let mut write =
        connection.prepare("UPDATE event SET body = ?2, hash = ?3, txn = ?4 WHERE sequence = ?1")?;
    let mut rows = read.query([])?;
    let mut chain = Chain::empty();
    while let Some(row) = rows.next()? {
        let (sequence, body): (i64, String) = (row.get(0)?, row.get(2)?);
        let event = recorded(Timestamp::from_micros(row.get(1)?), &body, row.get(3)?)
            .filter(|_| sequence == chain.sequence + 1)
            .ok_or(StoreError::Corrupt("event"))?;
        chain = chain.next(&event)?;
        let transaction = event.transaction.as_ref().map(TransactionId::as_str);
        write.execute(params![sequence, event.body, chain.hash.0, transaction])?;
    }
    Ok(())
}

/// An event of an older store from its JSON; `None` when it is no object.
fn recorded(at: Timestamp, event: &str, salt: Vec<u8>) -> Option<Recorded> {
    let event: Map<String, Json> = serde_json::from_str(event).ok()?;
    let transaction = event.get("transaction").and_then(Json::as_str);
    Some(Recorded {
        at,
        body: canonical_text(&event)?,
        salt,
        transaction: transaction.map(TransactionId::new),
    })
}
