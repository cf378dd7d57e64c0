//! How long batches wait for the writer, as an observer sees it who looks now and then.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Waits since the last look.
#[derive(Debug)]
pub(super) struct QueueWait {
    /// What the moments below are counted from.
    epoch: Instant,
    /// The longest wait of a batch that was taken up since the last look, in microseconds.
    longest: AtomicU64,
    /// When the writer took up what it is writing, in microseconds since the epoch; 0 while it writes nothing.
    busy_since: AtomicU64,
}

impl Default for QueueWait {
    fn default() -> Self {
        Self {
            epoch: Instant::now(),
            longest: AtomicU64::new(0),
            busy_since: AtomicU64::new(0),
        }
    }
}

impl QueueWait {
    /// The writer takes batches up, of which the oldest was handed over at `oldest`.
    pub(super) fn begin(&self, oldest: Instant) {
        self.longest
            .fetch_max(micros(oldest.elapsed()), Ordering::Relaxed);
        self.busy_since
            .store(micros(self.epoch.elapsed()).max(1), Ordering::Relaxed);
    }

    /// The writer has written them.
    pub(super) fn end(&self) {
        self.busy_since.store(0, Ordering::Relaxed);
    }

    /// The longest wait there was since the last look, or, when that is longer, how long whoever comes after what is being
    /// written has been waiting at least: a disk that hangs finishes nothing that could be measured.
    pub(super) fn look(&self) -> Duration {
        let taken_up = self.longest.swap(0, Ordering::Relaxed);
        let busy = match self.busy_since.load(Ordering::Relaxed) {
            0 => 0,
            since => micros(self.epoch.elapsed()).saturating_sub(since),
        };
        Duration::from_micros(taken_up.max(busy))
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_wait_is_seen_once_and_a_writer_that_hangs_is_seen_as_long_as_it_does() {
        let wait = QueueWait::default();
        assert_eq!(wait.look(), Duration::ZERO);
        let hour = Duration::from_secs(3600);
        let long_ago = Instant::now().checked_sub(hour).unwrap();
        wait.begin(long_ago);
        wait.begin(Instant::now());
        assert!(wait.look() >= hour);
        assert!(wait.look() < hour);
        wait.end();
        assert_eq!(wait.look(), Duration::ZERO);
        wait.busy_since.store(1, Ordering::Relaxed);
        let (first, second) = (wait.look(), wait.look());
        assert!(second >= first);
    }
}
