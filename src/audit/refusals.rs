//! Refusals of callers who are nobody yet: counted per source network, code, route and second, so that a flood of them
//! costs the log one entry a second and memory a fixed amount (PCI DSS 10.2.1.4).

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use crate::base::event::RefusalCount;
use crate::base::{Code, Entropy, Event, RouteName, SourcePrefix, Timestamp};
use crate::privacy::Pseudonyms;
use crate::store::{Batch, Db, StoreError};

/// Locks the counts are spread over.
const SHARDS: usize = 16;
/// Different counts a shard can hold at once; what comes beyond is counted without source and route.
const PER_SHARD: usize = 256;
/// Different counts in one entry: with names of ordinary length they fit its 65,535 bytes well.
const PER_EVENT: usize = 200;

/// What is counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Kind {
    second: i64,
    /// Absent for what came when the memory was full.
    source: Option<SourcePrefix>,
    code: &'static str,
    route: Option<RouteName>,
}

/// Counts of refusals that are not in the log yet.
pub struct Refusals {
    shards: Vec<Mutex<HashMap<Kind, u64>>>,
    hasher: RandomState,
    pseudonyms: Arc<Pseudonyms>,
}

impl Refusals {
    /// None yet. Networks are written down as keyed pseudonyms.
    #[must_use]
    pub fn new(pseudonyms: Arc<Pseudonyms>) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            pseudonyms,
        }
    }

    /// Counts one refusal. Never fails, never waits for the store.
    pub fn count(&self, source: SourcePrefix, code: Code, route: Option<&RouteName>, now: Timestamp) {
        let kind = Kind {
            second: now.seconds(),
            source: Some(source),
            code: code.name(),
            route: route.cloned(),
        };
        let place = usize::try_from(self.hasher.hash_one(&kind) % SHARDS as u64).unwrap_or(0);
        let Some(shard) = self.shards.get(place) else {
            return;
        };
        let mut counts = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() < PER_SHARD || counts.contains_key(&kind) {
            *counts.entry(kind).or_default() += 1;
        } else {
            // One of these for each code and second: the codes are a closed list, the seconds those since the last flush.
            let rest = Kind {
                source: None,
                route: None,
                ..kind
            };
            *counts.entry(rest).or_default() += 1;
        }
    }

    /// Writes every second that is over, one event for each. What cannot be written is counted on.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn flush(&self, db: &Db, entropy: &dyn Entropy, now: Timestamp) -> Result<(), StoreError> {
        let mut seconds: HashMap<i64, Vec<(Kind, u64)>> = HashMap::new();
        for (kind, count) in self.take_before(now.seconds()) {
            seconds.entry(kind.second).or_default().push((kind, count));
        }
        if seconds.is_empty() {
            return Ok(());
        }
        let mut ordered: Vec<_> = seconds.into_iter().collect();
        ordered.sort_unstable_by_key(|(second, _)| *second);
        let mut batch = Batch::new();
        for (second, counts) in &ordered {
            batch.record(now, entropy, &self.event(*second, counts));
        }
        let outcome = db.commit(batch).await;
        if outcome.is_err() {
            self.put_back(ordered.into_iter().flat_map(|(_, counts)| counts));
        }
        outcome
    }

    fn take_before(&self, second: i64) -> Vec<(Kind, u64)> {
        let take = |shard: &Mutex<HashMap<Kind, u64>>| {
            let mut counts = shard.lock().unwrap_or_else(PoisonError::into_inner);
            counts
                .extract_if(|kind, _| kind.second < second)
                .collect::<Vec<_>>()
        };
        self.shards.iter().flat_map(take).collect()
    }

    /// Counts that could not be written come back as far as there is room; the rest is kept as sums by code.
    fn put_back(&self, counts: impl Iterator<Item = (Kind, u64)>) {
        for (kind, count) in counts {
            let place = usize::try_from(self.hasher.hash_one(&kind) % SHARDS as u64).unwrap_or(0);
            let Some(shard) = self.shards.get(place) else {
                continue;
            };
            let mut here = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let kind = if here.len() < PER_SHARD / 2 {
                kind
            } else {
                Kind {
                    second: 0,
                    source: None,
                    route: None,
                    ..kind
                }
            };
            *here.entry(kind).or_default() += count;
        }
    }

    fn event(&self, second: i64, counts: &[(Kind, u64)]) -> Event {
        let mut sorted: Vec<&(Kind, u64)> = counts.iter().collect();
        sorted.sort_unstable_by(|(kind, count), (other, other_count)| {
            other_count.cmp(count).then_with(|| kind.cmp(other))
        });
        let beyond: u64 = sorted.iter().skip(PER_EVENT).map(|(_, count)| *count).sum();
        let told = |(kind, count): &&(Kind, u64)| RefusalCount {
            source: kind
                .source
                .map(|prefix| self.pseudonyms.address(prefix.address())),
            code: kind.code,
            route: kind.route.clone(),
            count: *count,
        };
        Event::RefusalsCounted {
            second,
            counts: sorted.iter().take(PER_EVENT).map(told).collect(),
            beyond,
        }
    }
}
