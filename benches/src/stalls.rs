//! How often a core was not there when it was due.
//!
//! On a virtual machine the host takes a core away for milliseconds and does not always say so ("stolen" time may stay at zero).
//! A request that needs a core then waits, whatever the gateway does, and where that befalls one moment in a hundred it is
//! the p99. A thread of real-time priority (`SCHED_FIFO`, sched(7)) on each core, which nothing else here can keep waiting, tells
//! how often: it wants to wake up at even distances, and counts when it was late.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::machine::Cores;

/// Between two moments: some ten microseconds of work in each.
const EVERY: Duration = Duration::from_millis(5);
/// Later than this it was not there.
const LATE: Duration = Duration::from_millis(1);

/// Watches both cores as long as it lives.
pub struct Stalls {
    seen: Arc<Seen>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Seen {
    due: AtomicU64,
    late: AtomicU64,
    over: AtomicBool,
}

impl Stalls {
    /// Begins; `None` where real-time priority is refused, as it is to whoever is not root.
    #[must_use]
    pub fn watch(cores: Cores) -> Option<Self> {
        let mut places = vec![cores.server, cores.load];
        places.dedup();
        let mut stalls = Self {
            seen: Arc::default(),
            threads: Vec::new(),
        };
        for core in places {
            let seen = Arc::clone(&stalls.seen);
            let (ready, is_ready) = channel();
            let thread = std::thread::Builder::new().spawn(move || look(&seen, core, &ready));
            stalls.threads.push(thread.ok()?);
            is_ready.recv().ok()?;
        }
        Some(stalls)
    }

    /// The share of moments, 0 to 1, at which a core was late by more than a millisecond, since the last call.
    #[must_use]
    pub fn take(&self) -> f64 {
        let due = self.seen.due.swap(0, Ordering::Relaxed);
        let late = self.seen.late.swap(0, Ordering::Relaxed);
        late as f64 / (due as f64).max(1.0)
    }
}

impl Drop for Stalls {
    fn drop(&mut self) {
        self.seen.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// On a thread of its own, which says that it is `ready` once it has its core and its priority.
#[expect(
    clippy::disallowed_methods,
    reason = "what is measured is how late a sleeper wakes"
)]
fn look(seen: &Seen, core: usize, ready: &Sender<()>) {
    if !settle(core) || ready.send(()).is_err() {
        return;
    }
    let mut due = Instant::now();
    while !seen.over.load(Ordering::Relaxed) {
        // A moment that has passed meanwhile was missed by the same stall.
        due = (due + EVERY).max(Instant::now());
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        seen.due.fetch_add(1, Ordering::Relaxed);
        if due.elapsed() > LATE {
            seen.late.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Moves the calling thread to `core` and gives it the lowest real-time priority.
fn settle(core: usize) -> bool {
    let Ok(thread) = std::fs::read_link("/proc/thread-self") else {
        return false;
    };
    let Some(id) = thread.file_name() else {
        return false;
    };
    let done = |command: &mut Command| command.arg(id).output().is_ok_and(|done| done.status.success());
    done(Command::new("taskset").args(["-p", "-c", &core.to_string()]))
        && done(Command::new("chrt").args(["--fifo", "--pid", "1"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_counted_where_the_priority_is_given() {
        let Some(stalls) = Stalls::watch(Cores::of_this_machine()) else {
            return;
        };
        while stalls.seen.due.load(Ordering::Relaxed) < 3 {
            std::thread::yield_now();
        }
        let share = stalls.take();
        assert!((0.0..=1.0).contains(&share), "{share}");
        assert!(stalls.seen.due.load(Ordering::Relaxed) < 3, "counted once");
    }
}
