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
    slots: Vec<Slot>,
    /// What the moment below is counted from.
    epoch: Instant,
    /// Until when reads go to the threads, in microseconds since the epoch.
    rests_until: AtomicU64,
}

struct Slot {
    connection: Mutex<Connection>,
    /// When the read began that runs on it, in microseconds since the epoch; 0 while none does.
    began: AtomicU64,
}

impl ShortReads {
    /// Reads over `connections`, whose busy timeout must be zero.
    pub(super) fn new(connections: Vec<Connection>) -> Self {
        Self {
            slots: connections
                .into_iter()
                .map(|connection| Slot {
                    connection: Mutex::new(connection),
                    began: AtomicU64::new(0),
                })
                .collect(),
            epoch: Instant::now(),
            rests_until: AtomicU64::new(0),
        }
    }

    /// The rows that `sql` selects; `None` when it cannot be said without waiting, and a thread has to be asked.
    pub(super) fn select(&self, sql: &str, parameters: &[Value]) -> Option<Result<Vec<Row>, StoreError>> {
        let began = Instant::now();
        // One more than it is, so that the first moment is not taken for none.
        let start = micros(began.duration_since(self.epoch)) + 1;
        if self.rests(began) || self.hangs(start) {
            return None;
        }
        let (slot, connection) = self
            .slots
            .iter()
            .find_map(|slot| match slot.connection.try_lock() {
                Ok(connection) => Some((slot, connection)),
                // Nothing of a read that panicked is left in a connection: its statement was reset when it was dropped.
                Err(TryLockError::Poisoned(poisoned)) => Some((slot, poisoned.into_inner())),
                Err(TryLockError::WouldBlock) => None,
            })?;
        slot.began.store(start, Ordering::Relaxed);
        let rows = select(&connection, sql, parameters);
        slot.began.store(0, Ordering::Relaxed);
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

    /// Whether another core waits for the disk right now: one of them is enough.
    fn hangs(&self, now: u64) -> bool {
        self.slots
            .iter()
            .any(|slot| match slot.began.load(Ordering::Relaxed) {
                0 => false,
                began => now.saturating_sub(began) > micros(SLOW),
            })
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
        let taken = reads.slots.first().unwrap().connection.lock().unwrap();
        assert_eq!(one(&reads), None);
        drop(taken);
        assert_eq!(one(&reads), Some(1));
    }

    #[test]
    fn while_one_read_waits_for_the_disk_no_other_is_begun() {
        let mut reads = ShortReads::new((0..2).map(|_| Connection::open_in_memory().unwrap()).collect());
        reads.epoch = reads.epoch.checked_sub(Duration::from_secs(1)).unwrap();
        let began = |reads: &ShortReads, at| reads.slots.first().unwrap().began.store(at, Ordering::Relaxed);
        began(&reads, micros(reads.epoch.elapsed()));
        assert_eq!(one(&reads), Some(1), "it has only just begun");
        began(&reads, 1);
        assert_eq!(one(&reads), None);
        began(&reads, 0);
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
