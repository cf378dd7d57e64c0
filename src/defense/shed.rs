//! Shedding by queue time, after CoDel (RFC 8289): what tells overload from a busy moment is not how long a queue is but
//! how long the shortest wait in it stays. A wait that never fell below the target for a whole interval is a standing queue,
//! and new work only lengthens it.
//!
//! Two queues are watched: that of the runtime, in which every task waits for its turn, and that of the store's one writer, in
//! which everything that must be recorded waits. The further the wait stands above the target, the more is turned away:
//! strangers first, payments of customers with live sessions last. What has begun is never shed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::base::Timestamp;

/// How long a wait must stand before it counts; also when the picture can change again, so what a client is told to wait.
pub const INTERVAL: Duration = Duration::from_secs(1);
/// Fewest looks at a queue that make a judgement: one late look is an accident.
const LOOKS: u32 = 3;

/// What may be shed, in the order in which it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Public routes and published documents: nobody is known, anybody can ask again.
    Public,
    /// The authorization server and the keys it publishes: strangers are among them, and customers on their way in.
    Entering,
    /// Reads of a caller with a token.
    Reading,
    /// What changes something, and payments.
    Changing,
}

/// Where work waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// For a turn on the runtime.
    Runtime,
    /// For the store's writer.
    Store,
}

impl Class {
    /// By how many times the target a wait in `queue` must be exceeded; `None`: this class does not wait there.
    const fn patience(self, queue: Queue) -> Option<u64> {
        match (queue, self) {
            (Queue::Runtime, Self::Public) | (Queue::Store, Self::Entering) => Some(1),
            (Queue::Runtime, Self::Entering) => Some(2),
            (Queue::Runtime, Self::Reading) | (Queue::Store, Self::Changing) => Some(4),
            (Queue::Runtime, Self::Changing) => Some(8),
            (Queue::Store, Self::Public | Self::Reading) => None,
        }
    }
}

/// The waits as they stand.
#[derive(Debug, Default)]
pub struct Shed {
    runtime: Standing,
    store: Standing,
}

impl Shed {
    /// Takes a look at `queue` in: what is or would be next there has waited for `wait`.
    pub fn look(&self, queue: Queue, wait: Duration, now: Timestamp) {
        self.standing(queue).look(wait, now);
    }

    /// The wait that stands in `queue`.
    #[must_use]
    pub fn wait(&self, queue: Queue) -> Duration {
        Duration::from_micros(self.standing(queue).micros.load(Ordering::Relaxed))
    }

    /// Whether new work of `class` is turned away, where waits up to `target` are nobody's concern.
    pub(super) fn sheds(&self, class: Class, target: Duration) -> bool {
        let target = micros(target);
        [Queue::Runtime, Queue::Store].into_iter().any(|queue| {
            let standing = self.standing(queue).micros.load(Ordering::Relaxed);
            let patience = class.patience(queue);
            patience.is_some_and(|times| standing > target.saturating_mul(times))
        })
    }

    const fn standing(&self, queue: Queue) -> &Standing {
        match queue {
            Queue::Runtime => &self.runtime,
            Queue::Store => &self.store,
        }
    }
}

/// The shortest wait of the last whole interval.
#[derive(Debug, Default)]
struct Standing {
    micros: AtomicU64,
    window: Mutex<Option<Window>>,
}

/// The interval that runs.
#[derive(Clone, Copy, Debug)]
struct Window {
    began: Timestamp,
    shortest: Duration,
    looks: u32,
}

impl Standing {
    fn look(&self, wait: Duration, now: Timestamp) {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = Window {
            began: now,
            shortest: wait,
            looks: 1,
        };
        *window = Some(match *window {
            // A clock that was set back begins anew.
            Some(running) if running.began <= now => {
                if now.since(running.began) >= INTERVAL && running.looks >= LOOKS {
                    self.micros.store(micros(running.shortest), Ordering::Relaxed);
                    fresh
                } else {
                    Window {
                        shortest: running.shortest.min(wait),
                        looks: running.looks.saturating_add(1),
                        ..running
                    }
                }
            }
            _ => fresh,
        });
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_seconds(1_800_000_000);
    const TARGET: Duration = Duration::from_millis(200);

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Looks every 100 ms for so many of them, and returns when the last was.
    fn looks(shed: &Shed, queue: Queue, waits: impl Iterator<Item = u64>) -> Timestamp {
        let mut now = START;
        for wait in waits {
            shed.look(queue, ms(wait), now);
            now = now.plus(ms(100));
        }
        now
    }

    fn shed_of(shed: &Shed) -> Vec<Class> {
        let all = [Class::Public, Class::Entering, Class::Reading, Class::Changing];
        all.into_iter()
            .filter(|class| shed.sheds(*class, TARGET))
            .collect()
    }

    #[test]
    fn only_a_wait_that_stands_for_a_whole_interval_counts() {
        let shed = Shed::default();
        looks(&shed, Queue::Runtime, std::iter::repeat_n(5000, 10));
        assert_eq!(shed.wait(Queue::Runtime), Duration::ZERO, "not long enough yet");
        // One short wait in every interval: a busy moment, no standing queue.
        let shed = Shed::default();
        looks(
            &shed,
            Queue::Runtime,
            (0..40).map(|n| if n % 10 == 5 { 1 } else { 5000 }),
        );
        assert_eq!(shed_of(&shed), []);
        // The shortest of the interval is what stands.
        let shed = Shed::default();
        looks(
            &shed,
            Queue::Runtime,
            (0..40).map(|n| if n % 10 == 5 { 300 } else { 5000 }),
        );
        assert_eq!(shed.wait(Queue::Runtime), ms(300));
        assert_eq!(shed_of(&shed), [Class::Public]);
    }

    #[test]
    fn few_looks_do_not_make_a_judgement() {
        let shed = Shed::default();
        shed.look(Queue::Runtime, ms(5000), START);
        shed.look(Queue::Runtime, ms(5000), START.plus(INTERVAL));
        assert_eq!(shed.wait(Queue::Runtime), Duration::ZERO);
    }

    #[test]
    fn the_longer_the_wait_the_more_is_shed_and_payments_are_last() {
        for (wait, expected) in [
            (200, vec![]),
            (201, vec![Class::Public]),
            (401, vec![Class::Public, Class::Entering]),
            (801, vec![Class::Public, Class::Entering, Class::Reading]),
            (
                1601,
                vec![Class::Public, Class::Entering, Class::Reading, Class::Changing],
            ),
        ] {
            let shed = Shed::default();
            looks(&shed, Queue::Runtime, std::iter::repeat_n(wait, 20));
            assert_eq!(shed_of(&shed), expected, "{wait}");
        }
    }

    #[test]
    fn a_slow_store_holds_off_those_who_write_only() {
        for (wait, expected) in [
            (201, vec![Class::Entering]),
            (801, vec![Class::Entering, Class::Changing]),
        ] {
            let shed = Shed::default();
            looks(&shed, Queue::Store, std::iter::repeat_n(wait, 20));
            assert_eq!(shed_of(&shed), expected, "{wait}");
        }
    }

    #[test]
    fn it_ends_with_the_first_interval_that_has_no_standing_wait() {
        let shed = Shed::default();
        let now = looks(&shed, Queue::Runtime, std::iter::repeat_n(5000, 20));
        assert_eq!(shed_of(&shed).len(), 4);
        for step in 0..25 {
            shed.look(Queue::Runtime, ms(1), now.plus(ms(step * 100)));
        }
        assert_eq!(shed_of(&shed), []);
    }
}
