//! What may be lost with the process: used nonces, open challenges, short counters.
//!
//! Every space has its bound; when it is full, nothing is forgotten early and nothing is accepted unremembered: the
//! caller gets [`Full`] and refuses.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::base::Timestamp;

/// Locks the entries are spread over, so that cores seldom wait for each other.
const SHARDS: usize = 64;

/// No room to remember one more; the caller must refuse what it cannot remember.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many entries are alive at once")]
pub struct Full;

/// Whether something was seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// For the first time.
    First,
    /// Before, and its time is not over.
    Before,
}

/// Short-lived entries of one kind, keyed by 32 bytes (usually a hash), each with its end.
pub struct Ephemeral<V> {
    shards: Vec<Mutex<Shard<V>>>,
    hasher: RandomState,
    capacity_per_shard: usize,
}

/// A part of the entries. Its table is made anew at every sweep, with room until the next: removing from a table and adding to
/// it at the same rate makes it grow in the end, and a table never gives back what a flood made it take.
struct Shard<V> {
    entries: HashMap<[u8; 32], (Timestamp, V)>,
    /// How many entries make the next sweep worth it.
    sweep_at: usize,
    /// No entry ends sooner: before that, a sweep finds nothing.
    soonest_end: Timestamp,
    /// When the last one was.
    swept: Timestamp,
}

/// A shard sweeps at this many entries at the least,
const SWEPT: usize = 64;
/// no sooner after the last time: while it is full, whoever asks for room does not sweep for one place;
const BETWEEN_SWEEPS: Duration = Duration::from_secs(1);
/// and, however few have ended, no later: the room that a flood took is given back.
const A_SWEEP_EVERY: Duration = Duration::from_mins(1);

impl<V: Send> Ephemeral<V> {
    /// Room for about `capacity` live entries.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            capacity_per_shard: capacity.div_ceil(SHARDS),
        }
    }

    /// Puts `value` under `key` until `end`, unless a live one stands there.
    ///
    /// # Errors
    /// [`Full`] when there is no room.
    pub async fn insert(
        &self,
        key: [u8; 32],
        value: V,
        end: Timestamp,
        now: Timestamp,
    ) -> Result<Seen, Full> {
        self.with(&key, |shard| {
            if shard.entries.get(&key).is_some_and(|(until, _)| *until > now) {
                return Ok(Seen::Before);
            }
            shard.make_room(now, self.capacity_per_shard)?;
            shard.insert(key, value, end);
            Ok(Seen::First)
        })
    }

    /// Takes out the live value under `key`: of two callers, one gets it.
    pub async fn take(&self, key: &[u8; 32], now: Timestamp) -> Option<V> {
        self.with(key, |shard| shard.entries.remove(key))
            .filter(|(until, _)| *until > now)
            .map(|(_, value)| value)
    }

    /// How many entries are kept, ended ones that were not swept yet included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).entries.len())
            .sum()
    }

    /// Whether nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "the remainder is below SHARDS, the number of shards made in new"
    )]
    fn with<R>(&self, key: &[u8; 32], act: impl FnOnce(&mut Shard<V>) -> R) -> R {
        let index = (self.hasher.hash_one(key) % SHARDS as u64) as usize;
        act(&mut self.shards[index].lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<V> Default for Shard<V> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            sweep_at: SWEPT,
            soonest_end: Timestamp::from_micros(i64::MAX),
            swept: Timestamp::from_micros(i64::MIN),
        }
    }
}

impl<V> Shard<V> {
    fn insert(&mut self, key: [u8; 32], value: V, end: Timestamp) {
        self.soonest_end = self.soonest_end.min(end);
        self.entries.insert(key, (end, value));
    }

    /// Sweeps out what has ended when there is much to sweep, so that its cost is spread over the insertions.
    fn make_room(&mut self, now: Timestamp, capacity: usize) -> Result<(), Full> {
        if self.is_worth_a_sweep(now, capacity) {
            self.sweep(now, capacity);
        }
        if self.entries.len() >= capacity {
            Err(Full)
        } else {
            Ok(())
        }
    }

    fn is_worth_a_sweep(&self, now: Timestamp, capacity: usize) -> bool {
        let count = self.entries.len();
        let crowded = count >= self.sweep_at.min(capacity);
        let rested = |span| self.swept.plus(span) <= now || now < self.swept;
        let due = crowded && rested(BETWEEN_SWEEPS) || count >= SWEPT && rested(A_SWEEP_EVERY);
        due && self.soonest_end <= now
    }

    fn sweep(&mut self, now: Timestamp, capacity: usize) {
        let live = self.entries.values().filter(|(end, _)| *end > now).count();
        let sweep_at = (live * 2).max(SWEPT);
        let before = std::mem::take(self);
        self.entries.reserve(sweep_at.min(capacity));
        (self.sweep_at, self.swept) = (sweep_at, now);
        for (key, (end, value)) in before.entries {
            if end > now {
                self.insert(key, value, end);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_seconds(1000);
    const END: Timestamp = Timestamp::from_seconds(1060);

    #[tokio::test]
    async fn a_key_is_new_once_until_its_end() {
        let seen = Ephemeral::new(1000);
        assert_eq!(seen.insert([1; 32], (), END, START).await, Ok(Seen::First));
        assert_eq!(seen.insert([1; 32], (), END, START).await, Ok(Seen::Before));
        assert_eq!(seen.insert([1; 32], (), END, END).await, Ok(Seen::First));
    }

    #[tokio::test]
    async fn a_full_space_refuses_instead_of_forgetting() {
        let seen = Ephemeral::new(SHARDS);
        let mut refused = 0;
        for n in 0..200_u8 {
            let mut key = [0; 32];
            key[0] = n;
            refused += usize::from(seen.insert(key, (), END, START).await == Err(Full));
        }
        assert!(refused > 0 && seen.len() <= SHARDS);
        assert_eq!(
            seen.insert([9; 32], (), Timestamp::from_seconds(2000), END).await,
            Ok(Seen::First)
        );
    }

    #[tokio::test]
    async fn a_value_is_taken_once() {
        let challenges = Ephemeral::new(1000);
        challenges.insert([1; 32], "challenge", END, START).await.unwrap();
        assert_eq!(challenges.take(&[1; 32], START).await, Some("challenge"));
        assert_eq!(challenges.take(&[1; 32], START).await, None);
    }

    const LIFE: Duration = Duration::from_secs(71);

    /// `count` entries evenly within `span`, from `start` on.
    fn fill(shard: &mut Shard<()>, count: u64, start: Timestamp, span: Duration) {
        for n in 0..count {
            let now = start.plus(span.mul_f64(n as f64 / count as f64));
            let key = countersign_jose::sha256(&[now.micros().to_be_bytes(), n.to_be_bytes()].concat());
            if shard.make_room(now, 1 << 20).is_ok() {
                shard.insert(key, (), now.plus(LIFE));
            }
        }
    }

    #[test]
    fn at_an_even_rate_it_takes_as_much_memory_after_an_hour_as_after_minutes() {
        let (mut shard, hour) = (Shard::default(), Duration::from_secs(3600));
        let rate = |span: Duration| 18 * span.as_secs();
        fill(&mut shard, rate(hour / 12), START, hour / 12);
        let after_minutes = shard.entries.capacity();
        fill(&mut shard, rate(hour), START.plus(hour / 12), hour);
        assert_eq!(shard.entries.capacity(), after_minutes);
    }

    #[test]
    fn what_a_flood_took_is_given_back() {
        let mut shard = Shard::default();
        fill(&mut shard, 300_000, START, 3 * LIFE);
        let most = shard.entries.capacity();
        fill(&mut shard, 10_000, START.plus(3 * LIFE), 10 * LIFE);
        assert!(
            shard.entries.capacity() < most / 10,
            "{}",
            shard.entries.capacity()
        );
    }

    #[test]
    fn while_it_is_full_it_is_not_searched_for_every_caller() {
        let mut shard = Shard::default();
        let at = |millis| START.plus(Duration::from_millis(millis));
        for n in 0..100_u8 {
            shard.insert([n; 32], (), at(1000 + u64::from(n) * 100));
        }
        let mut room = |millis| {
            let found = shard.make_room(at(millis), 100).is_ok();
            (found, shard.entries.len())
        };
        assert_eq!(room(999), (false, 100), "none has ended");
        assert_eq!(room(1050), (true, 99));
        shard.insert([200; 32], (), at(90_000));
        let mut room = |millis| shard.make_room(at(millis), 100).is_ok();
        assert!(!room(1150), "one has ended, but it has only just been looked");
        assert!(room(2050));
    }

    #[test]
    fn a_clock_that_was_ahead_keeps_no_room_taken() {
        let mut shard = Shard::default();
        let hour = Duration::from_secs(3600);
        for n in 0..100_u8 {
            shard.insert([n; 32], (), START.plus(if n == 0 { LIFE } else { 2 * hour }));
        }
        assert!(shard.make_room(START.plus(hour), 100).is_ok());
        shard.insert([100; 32], (), START.plus(LIFE));
        assert!(shard.make_room(START.plus(LIFE), 100).is_ok());
    }
}
