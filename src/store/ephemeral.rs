//! What may be lost with the process: used nonces, open challenges, short counters.
//!
//! Every space has its bound; when it is full, nothing is forgotten early and nothing is accepted unremembered: the
//! caller gets [`Full`] and refuses.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, PoisonError};

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

struct Shard<V> {
    entries: HashMap<[u8; 32], (Timestamp, V)>,
    sweep_at: usize,
}

impl<V: Send> Ephemeral<V> {
    /// Room for about `capacity` live entries.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let shard = || {
            Mutex::new(Shard {
                entries: HashMap::new(),
                sweep_at: 64,
            })
        };
        Self {
            shards: (0..SHARDS).map(|_| shard()).collect(),
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
            shard.entries.insert(key, (end, value));
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

impl<V> Shard<V> {
    /// Sweeps out what has ended when there is much to sweep, so that its cost is spread over the insertions.
    fn make_room(&mut self, now: Timestamp, capacity: usize) -> Result<(), Full> {
        if self.entries.len() >= self.sweep_at.min(capacity) {
            self.entries.retain(|_, (until, _)| *until > now);
            self.sweep_at = (self.entries.len() * 2).max(64);
        }
        if self.entries.len() >= capacity {
            Err(Full)
        } else {
            Ok(())
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
}
