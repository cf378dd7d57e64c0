//! Shedding by queue time, after CoDel (RFC 8289): what tells overload from a busy moment is not how long a queue is but
//! how long the shortest wait in it stays. A wait that never fell below the target for a whole interval is a standing queue,
//! and new work only lengthens it.
//!
//! Two kinds of queue are watched: those of the runtimes, in which every task waits for its turn, and that of the store's one
//! writer, in which everything that must be recorded waits. A request is judged by the runtime it runs on: who keeps one core
//! busy takes nothing from the customers of the others. The further the wait stands above the target, the more is turned
//! away: strangers first, payments of customers with live sessions last. What has begun is never shed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::base::{RuntimeNumber, Timestamp};

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

/// Runtimes that are told apart; where there are more, some share.
const RUNTIMES: usize = 65;

/// Where work waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// For a turn on a runtime.
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
        self.standing(queue).look(0, wait, now);
    }

    /// The same for the queue of one runtime among several.
    pub fn look_at_runtime(&self, runtime: RuntimeNumber, wait: Duration, now: Timestamp) {
        self.runtime.look(runtime.0, wait, now);
    }

    /// The wait that stands in `queue`, in the worst where there are several.
    #[must_use]
    pub fn wait(&self, queue: Queue) -> Duration {
        let waits = self.standing(queue).micros.iter();
        let worst = waits.map(|micros| micros.load(Ordering::Relaxed)).max();
        Duration::from_micros(worst.unwrap_or_default())
    }

    /// Whether new work of `class` on the runtime that calls is turned away, where waits up to `target` are nobody's concern.
    pub(super) fn sheds(&self, class: Class, target: Duration) -> bool {
        let target = micros(target);
        [Queue::Runtime, Queue::Store].into_iter().any(|queue| {
            let number = match queue {
                Queue::Runtime => RuntimeNumber::current().0,
                Queue::Store => 0,
            };
            let standing = self.standing(queue).of(number);
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

/// The shortest wait of the last whole interval, in each of the queues of one kind.
#[derive(Debug)]
struct Standing {
    /// By number.
    micros: Box<[AtomicU64]>,
    /// By number; touched by looks only.
    queues: Mutex<Vec<Watched>>,
}

impl Default for Standing {
    fn default() -> Self {
        Self {
            micros: (0..RUNTIMES).map(|_| AtomicU64::new(0)).collect(),
            queues: Mutex::default(),
        }
    }
}

#[derive(Clone, Debug, Default)]
struct Watched {
    window: Option<Window>,
    stands: Duration,
}

/// The interval that runs.
#[derive(Clone, Copy, Debug)]
struct Window {
    began: Timestamp,
    shortest: Duration,
    looks: u32,
}

impl Standing {
    fn of(&self, number: usize) -> u64 {
        let micros = self.micros.get(number % RUNTIMES);
        micros.map_or(0, |micros| micros.load(Ordering::Relaxed))
    }

    fn look(&self, number: usize, wait: Duration, now: Timestamp) {
        let number = number % RUNTIMES;
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        if queues.len() <= number {
            queues.resize_with(number + 1, Watched::default);
        }
        if let Some(queue) = queues.get_mut(number)
            && queue.look(wait, now)
            && let Some(standing) = self.micros.get(number)
        {
            standing.store(micros(queue.stands), Ordering::Relaxed);
        }
    }
}

impl Watched {
    /// Whether an interval is over with this look.
    fn look(&mut self, wait: Duration, now: Timestamp) -> bool {
        // A clock that was set back begins anew.
        let running = self.window.filter(|running| running.began <= now);
        let is_over =
            running.is_some_and(|running| now.since(running.began) >= INTERVAL && running.looks >= LOOKS);
        if is_over {
            self.stands = running.map_or(wait, |running| running.shortest);
        }
        let fresh = Window {
            began: now,
            shortest: wait,
            looks: 1,
        };
        let running = running.filter(|_| !is_over).map(|running| Window {
            shortest: running.shortest.min(wait),
            looks: running.looks.saturating_add(1),
            ..running
        });
        self.window = running.or(Some(fresh));
        is_over
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
    fn a_slow_runtime_turns_away_its_own_work_and_no_other() {
        let shed = Shed::default();
        let mut now = START;
        let look = |waits: [u64; 3], now| {
            for (number, wait) in waits.into_iter().enumerate() {
                shed.look_at_runtime(RuntimeNumber(number + 1), ms(wait), now);
            }
        };
        for _ in 0..20 {
            look([1, 300, 2], now);
            now = now.plus(ms(100));
        }
        assert_eq!(shed.wait(Queue::Runtime), ms(300), "the worst is what is shown");
        let shed_on = |number| {
            std::thread::scope(|scope| {
                let there = scope.spawn(|| {
                    RuntimeNumber(number).assign();
                    shed_of(&shed)
                });
                there.join().unwrap()
            })
        };
        assert_eq!(shed_on(2), [Class::Public]);
        assert_eq!((shed_on(1), shed_on(0)), (vec![], vec![]));
        for _ in 0..20 {
            look([1, 3, 2], now);
            now = now.plus(ms(100));
        }
        assert_eq!(shed.wait(Queue::Runtime), ms(3));
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
