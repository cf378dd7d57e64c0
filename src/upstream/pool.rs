//! Connections that stand idle until the next request.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::connect::Connected;

/// How long a connection may take to become ready again; longer means it still carries something.
const READY_TIME: Duration = Duration::from_millis(50);

/// The idle connections of one endpoint, the most recently used at the back.
#[derive(Debug)]
pub(super) struct Pool {
    /// Held for a few instructions at a time.
    idle: Mutex<VecDeque<Idle>>,
    idle_time: Duration,
    capacity: usize,
}

#[derive(Debug)]
struct Idle {
    connection: Connected,
    since: Instant,
}

impl Pool {
    /// Keeps at most `capacity` connections, each for `idle_time`.
    pub(super) fn new(capacity: usize, idle_time: Duration) -> Self {
        Self {
            idle: Mutex::default(),
            idle_time,
            capacity,
        }
    }

    /// The connection that was used last and still lives; the longer one stands, the likelier its backend is about to
    /// close it.
    pub(super) async fn take(&self) -> Option<Connected> {
        loop {
            let mut connection = self.pop(Instant::now())?;
            let ready = tokio::time::timeout(READY_TIME, connection.sender.ready()).await;
            if matches!(ready, Ok(Ok(()))) {
                return Some(connection);
            }
        }
    }

    fn pop(&self, now: Instant) -> Option<Connected> {
        let idle = self.idle().pop_back()?;
        (now.duration_since(idle.since) < self.idle_time).then_some(idle.connection)
    }

    /// Takes back a connection whose exchange has ended well.
    pub(super) fn put(&self, connection: Connected) {
        if connection.sender.is_closed() {
            return;
        }
        let mut idle = self.idle();
        if idle.len() >= self.capacity {
            idle.pop_front();
        }
        idle.push_back(Idle {
            connection,
            since: Instant::now(),
        });
    }

    /// Closes connections that have stood idle too long.
    pub(super) fn sweep(&self) {
        let now = Instant::now();
        self.idle().retain(|idle| {
            now.duration_since(idle.since) < self.idle_time && !idle.connection.sender.is_closed()
        });
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, VecDeque<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
