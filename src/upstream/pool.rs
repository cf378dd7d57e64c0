//! Connections that stand idle until the next request: each runtime has its own, for a connection wakes the runtime on
//! which it was opened, and nobody waits for a lock that another core holds.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::connect::{Connected, Silence};
use crate::base::RuntimeNumber;

/// Runtimes that keep connections apart; where there are more, some share, which costs time and nothing else.
const SHELVES: usize = 64;

/// The idle connections of one endpoint.
#[derive(Debug)]
pub(super) struct Pool {
    shelves: Vec<Shelf>,
    idle_time: Duration,
    capacity: usize,
}

/// Those of one runtime, the most recently used at the back. Only the sweep comes from another runtime; a line of the cache
/// to itself keeps cores from taking it from each other.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Shelf(Mutex<VecDeque<Idle>>);

#[derive(Debug)]
struct Idle {
    connection: Connected,
    since: Instant,
}

impl Pool {
    /// Keeps at most `capacity` connections for each runtime, each for `idle_time`.
    pub(super) fn new(capacity: usize, idle_time: Duration) -> Self {
        Self {
            shelves: (0..SHELVES).map(|_| Shelf::default()).collect(),
            idle_time,
            capacity,
        }
    }

    /// The connection that was used last; the longer one stands, the likelier its backend is about to close it.
    pub(super) fn take(&self) -> Option<Connected> {
        let idle = self.own()?.idle().pop_back()?;
        let is_fresh = idle.since.elapsed() < self.idle_time;
        is_fresh.then_some(idle.connection)
    }

    /// Takes back a connection whose exchange has ended well.
    pub(super) fn put(&self, connection: Connected) {
        let Some(shelf) = self.own() else { return };
        let mut idle = shelf.idle();
        if idle.len() >= self.capacity {
            idle.pop_front();
        }
        idle.push_back(Idle {
            connection,
            since: Instant::now(),
        });
    }

    /// Closes connections that have stood idle too long, or whose backend is not silent.
    pub(super) fn sweep(&self) {
        for shelf in &self.shelves {
            shelf.sweep(self.idle_time);
        }
    }

    fn own(&self) -> Option<&Shelf> {
        self.shelves.get(RuntimeNumber::current().0 % SHELVES)
    }
}

impl Shelf {
    fn sweep(&self, idle_time: Duration) {
        let now = Instant::now();
        let mut over = Vec::new();
        let mut idle = self.idle();
        for mut one in std::mem::take(&mut *idle) {
            let is_fresh = now.duration_since(one.since) < idle_time;
            if is_fresh && one.connection.silence() == Silence::Kept {
                idle.push_back(one);
            } else {
                over.push(one.connection);
            }
        }
        drop(idle);
        over.into_iter().for_each(Connected::close);
    }

    fn idle(&self) -> MutexGuard<'_, VecDeque<Idle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
