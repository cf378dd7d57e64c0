//! Reads of one row by its key, on the thread that asks.
//!
//! Handing a query to another thread and being woken by its answer costs several times what finding the row costs. A row that
//! is found by a unique key is a handful of pages, and those lie in the system's memory: whoever reads them has nothing to wait
//! for. Where they do not, because the store is larger than memory or its disk is slow, the read would hold up everyone
//! on the caller's runtime; so each is timed, and after a slow one all go to the threads for a while.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, TryLockError};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::error::StoreError;
use super::read::select;
use super::row::{Row, Value};

/// A read that takes longer has waited for the disk: what comes from memory takes some ten microseconds.
const SLOW: Duration = Duration::from_millis(1);
/// How long reads go to the threads after a slow one: one millisecond in a quarter of a second may be lost to waiting.
const REST: Duration = Duration::from_millis(250);

/// Connections for whoever asks, none of which waits: for a lock of the database, or for another caller.
pub(super) struct ShortReads {
    connections: Vec<Mutex<Connection>>,
    /// What the moment below is counted from.
    epoch: Instant,
    /// Until when reads go to the threads, in microseconds since the epoch.
    rests_until: AtomicU64,
}

impl ShortReads {
    /// Reads over `connections`, whose busy timeout must be zero.
    pub(super) fn new(connections: Vec<Connection>) -> Self {
        Self {
            connections: connections.into_iter().map(Mutex::new).collect(),
            epoch: Instant::now(),
            rests_until: AtomicU64::new(0),
        }
    }

    /// The rows that `sql` selects; `None` when it cannot be said without waiting, and a thread has to be asked.
    pub(super) fn select(&self, sql: &str, parameters: &[Value]) -> Option<Result<Vec<Row>, StoreError>> {
        let began = Instant::now();
        if self.rests(began) {
            return None;
        }
        let connection = self
            .connections
            .iter()
            .find_map(|connection| match connection.try_lock() {
                Ok(connection) => Some(connection),
                // Nothing of a read that panicked is left in a connection: its statement was reset when it was dropped.
                Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => None,
            })?;
        let rows = select(&connection, sql, parameters);
        drop(connection);
        self.note(began.elapsed());
        match rows {
            Err(StoreError::Busy) => None,
            rows => Some(rows),
        }
    }

    fn rests(&self, now: Instant) -> bool {
        micros(now.duration_since(self.epoch)) < self.rests_until.load(Ordering::Relaxed)
    }

    fn note(&self, took: Duration) {
        if took > SLOW {
            let until = micros(self.epoch.elapsed() + REST);
            self.rests_until.store(until, Ordering::Relaxed);
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads() -> ShortReads {
        ShortReads::new(vec![Connection::open_in_memory().unwrap()])
    }

    fn one(reads: &ShortReads) -> Option<i64> {
        let rows = reads.select("SELECT $1", &[1.into()])?;
        Some(rows.unwrap().first().unwrap().integer(0).unwrap())
    }

    #[test]
    fn a_connection_that_another_caller_uses_is_not_waited_for() {
        let reads = reads();
        assert_eq!(one(&reads), Some(1));
        let taken = reads.connections.first().unwrap().lock().unwrap();
        assert_eq!(one(&reads), None);
        drop(taken);
        assert_eq!(one(&reads), Some(1));
    }

    #[test]
    fn after_a_slow_read_the_threads_are_asked_for_a_while() {
        let mut reads = reads();
        reads.note(SLOW);
        assert_eq!(one(&reads), Some(1));
        reads.note(SLOW + Duration::from_micros(1));
        assert_eq!(one(&reads), None);
        reads.epoch = reads.epoch.checked_sub(REST).unwrap();
        assert_eq!(one(&reads), Some(1));
    }

    #[test]
    fn what_fails_for_good_is_an_answer() {
        assert!(matches!(
            reads().select("SELECT nothing FROM nowhere", &[]),
            Some(Err(StoreError::Failed(_)))
        ));
    }
}
