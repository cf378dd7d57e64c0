//! Lines that wait for the writer, within bounds.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::line::AccessLine;

/// Buffers the lines are spread over: threads beyond so many share them.
const SHARDS: usize = 8;
/// Bytes that wait in a buffer at most: about 2,500 lines. Buffers grow by doubling, so eight full ones are 16 MiB.
const ROOM: usize = 1024 * 1024;
/// The writer is called before its turn when so many wait.
const MUCH: usize = ROOM / 4;

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Added {
    /// It waits.
    Kept,
    /// It waits, and so much does that the writer should come now.
    Much,
    /// There was no room for it.
    Dropped,
}

/// What waits.
pub(super) struct Waiting {
    shards: [Mutex<Vec<u8>>; SHARDS],
    dropped: AtomicU64,
}

impl Default for Waiting {
    fn default() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            dropped: AtomicU64::new(0),
        }
    }
}

impl Waiting {
    /// Adds a line, or counts it as dropped.
    pub(super) fn add(&self, line: &AccessLine<'_>) -> Added {
        let Some(shard) = self.shards.get(own_shard()) else {
            return Added::Dropped;
        };
        let mut lines = locked(shard);
        let before = lines.len();
        line.write(&mut lines);
        if lines.len() > ROOM {
            lines.truncate(before);
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return Added::Dropped;
        }
        // Once for each time that it fills.
        match before < MUCH && lines.len() >= MUCH {
            true => Added::Much,
            false => Added::Kept,
        }
    }

    /// Gives out each buffer that holds lines; `spare` is put in its place, so that memory is used again.
    pub(super) fn take_each(&self, spare: &mut Vec<u8>, mut each: impl FnMut(&[u8])) {
        for shard in &self.shards {
            spare.clear();
            std::mem::swap(&mut *locked(shard), spare);
            if !spare.is_empty() {
                each(spare);
            }
        }
    }

    /// How many lines were dropped since this was asked last.
    pub(super) fn take_dropped(&self) -> u64 {
        self.dropped.swap(0, Ordering::Relaxed)
    }
}

fn locked(shard: &Mutex<Vec<u8>>) -> MutexGuard<'_, Vec<u8>> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The buffer of this thread: threads get them in turn, so that a runtime's few have one each.
fn own_shard() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: Cell<Option<usize>> = const { Cell::new(None) };
    }
    OWN.with(|own| {
        own.get().unwrap_or_else(|| {
            let next = NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS;
            own.set(Some(next));
            next
        })
    })
}
