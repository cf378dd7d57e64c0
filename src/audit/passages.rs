//! Requests that were permitted and have no durable write of their own: reads, and signed requests without a transaction.
//! They are counted together and written every moment, so that a thousand reads cost the log one entry.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::base::event::PassageCount;
use crate::base::{ClientId, CustomerId, Entropy, Event, RouteName, SessionId, Timestamp};
use crate::store::{Batch, Db, StoreError};

/// Locks the counts are spread over.
const SHARDS: usize = 16;
/// Different counts a shard can hold between two flushes; what comes beyond is counted by policy version alone.
const PER_SHARD: usize = 1024;
/// Different counts in one entry: with names of ordinary length they fit its 65,535 bytes well.
const PER_EVENT: usize = 200;

/// Who passed, and where.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Passage {
    /// The customer.
    pub customer: CustomerId,
    /// The app.
    pub client: ClientId,
    /// The session.
    pub session: SessionId,
    /// The route, or the name of a resource of our own.
    pub route: RouteName,
}

/// What is counted together: one passage, or those for which there was no room.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Kind {
    policy_version: Arc<str>,
    passage: Option<Passage>,
}

type Counts = HashMap<Kind, u64>;

/// Counts of passages that are not in the log yet.
pub struct Passages {
    shards: Vec<Mutex<Counts>>,
    hasher: RandomState,
    /// Whether the last attempt to write them failed.
    unwritten: AtomicBool,
}

impl Default for Passages {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            unwritten: AtomicBool::new(false),
        }
    }
}

impl Passages {
    /// Counts one passage that the policies of `policy_version` permitted. Never fails, never waits for the store.
    pub fn count(&self, passage: Passage, policy_version: &Arc<str>) {
        let kind = Kind {
            policy_version: Arc::clone(policy_version),
            passage: Some(passage),
        };
        self.add(kind, 1, PER_SHARD);
    }

    /// Whether counts wait that the store has not taken. Reads go on meanwhile; what changes anything does not.
    #[must_use]
    pub fn are_unwritten(&self) -> bool {
        self.unwritten.load(Ordering::Relaxed)
    }

    /// Writes what was counted since the last call. What cannot be written is counted on.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn flush(&self, db: &Db, entropy: &dyn Entropy, now: Timestamp) -> Result<(), StoreError> {
        let taken = self.take();
        if taken.is_empty() {
            return Ok(());
        }
        let mut batch = Batch::new();
        for event in events(&taken) {
            batch.record(now, entropy, &event);
        }
        let outcome = db.commit(batch).await;
        self.unwritten.store(outcome.is_err(), Ordering::Relaxed);
        if outcome.is_err() {
            for (kind, count) in taken {
                // Half the room is left to what comes meanwhile.
                self.add(kind, count, PER_SHARD / 2);
            }
        }
        outcome
    }

    fn add(&self, kind: Kind, count: u64, room: usize) {
        let place = usize::try_from(self.hasher.hash_one(&kind) % SHARDS as u64).unwrap_or(0);
        let Some(shard) = self.shards.get(place) else {
            return;
        };
        let mut counts = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = counts.get_mut(&kind) {
            *known = known.saturating_add(count);
            return;
        }
        let kind = if counts.len() < room {
            kind
        } else {
            Kind {
                passage: None,
                ..kind
            }
        };
        let known = counts.entry(kind).or_default();
        *known = known.saturating_add(count);
    }

    fn take(&self) -> Vec<(Kind, u64)> {
        let take = |shard: &Mutex<Counts>| {
            std::mem::take(&mut *shard.lock().unwrap_or_else(PoisonError::into_inner))
        };
        let mut taken: Vec<_> = self.shards.iter().flat_map(take).collect();
        taken.sort_unstable();
        taken
    }
}

/// One event for each version of the policies, more where there are many counts. `counts` is sorted.
fn events(counts: &[(Kind, u64)]) -> Vec<Event> {
    let same_version = counts.chunk_by(|(one, _), (other, _)| one.policy_version == other.policy_version);
    same_version
        .flat_map(|counts| counts.chunks(PER_EVENT))
        .filter_map(event)
        .collect()
}

fn event(counts: &[(Kind, u64)]) -> Option<Event> {
    let (first, _) = counts.first()?;
    let told = |(kind, count): &(Kind, u64)| {
        let passage = kind.passage.clone()?;
        Some(PassageCount {
            customer: passage.customer,
            client: passage.client,
            session: passage.session,
            route: passage.route,
            count: *count,
        })
    };
    let beyond = counts.iter().filter(|(kind, _)| kind.passage.is_none());
    Some(Event::Passed {
        policy_version: first.policy_version.to_string(),
        counts: counts.iter().filter_map(told).collect(),
        beyond: beyond.map(|(_, count)| count).sum(),
    })
}
