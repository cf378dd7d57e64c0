//! Bans: a network whose connections are closed and whose requests are refused until a moment.
//!
//! Only floods lead here (see [`super::Defense`]). A further ban is twice as long as the one before, up to a longest; as
//! long after a ban nothing is remembered of it. The memory is bounded: where there is no room, no further source is banned,
//! and its rate holds it off all the same.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use super::source::Network;
use crate::base::Timestamp;

/// Locks the bans are spread over; asking takes one of them for reading.
const SHARDS: usize = 64;
/// Bans, ended ones that still count included, that a shard can hold.
const PER_SHARD: usize = 256;
/// Bans that wait to be put on record; a storm beyond that is counted only.
const UNTOLD: usize = 1024;
/// Doublings after which any longest ban is reached.
const DOUBLINGS: u32 = 20;

/// What a source was banned for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It kept sending beyond its rate.
    Rate,
    /// It kept opening connections beyond its rate.
    Connections,
    /// It kept sending what is no well-formed request.
    Framing,
}

impl Cause {
    /// The name in events and on the admin API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Connections => "connections",
            Self::Framing => "framing",
        }
    }
}

/// One ban.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ban {
    /// Its name, random.
    pub id: String,
    /// Who is banned.
    pub network: Network,
    /// For what.
    pub cause: Cause,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// How many bans this is, counted since the last long peace.
    pub times: u32,
}

/// How long bans are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) first: Duration,
    pub(super) longest: Duration,
}

impl Terms {
    fn length(self, times: u32) -> Duration {
        let factor = 1_u32 << times.saturating_sub(1).min(DOUBLINGS);
        self.first.saturating_mul(factor).min(self.longest)
    }
}

type Shard = HashMap<Network, Ban>;

/// All bans.
#[derive(Debug)]
pub(super) struct Bans {
    shards: Box<[RwLock<Shard>]>,
    hasher: RandomState,
    /// How many are kept; while it is 0 nobody needs to look.
    kept: AtomicUsize,
    /// Those that are not on record yet, and how many more there were.
    untold: Mutex<(Vec<Ban>, usize)>,
}

impl Bans {
    pub(super) fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            hasher: RandomState::new(),
            kept: AtomicUsize::new(0),
            untold: Mutex::default(),
        }
    }

    /// Until when `network` is banned; `None` when it is not.
    pub(super) fn until(&self, network: &Network, now: Timestamp) -> Option<Timestamp> {
        if self.kept.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let until = read(self.shard(network)?).get(network)?.until;
        (until > now).then_some(until)
    }

    /// Bans `network`, unless it is banned or there is no room. `id` makes a name.
    pub(super) fn impose(
        &self,
        network: Network,
        cause: Cause,
        terms: Terms,
        now: Timestamp,
        id: impl FnOnce() -> String,
    ) -> bool {
        let Some(shard) = self.shard(&network) else {
            return false;
        };
        let mut bans = write(shard);
        let before = bans.get(&network).cloned();
        if before.as_ref().is_some_and(|ban| ban.until > now) || !self.make_room(&mut bans, &network, now) {
            return false;
        }
        let recent = before.filter(|ban| now < ban.until.plus(terms.longest));
        let times = recent.map_or(1, |ban| ban.times.saturating_add(1));
        let ban = Ban {
            id: id(),
            network,
            cause,
            since: now,
            until: now.plus(terms.length(times)),
            times,
        };
        if bans.insert(network, ban.clone()).is_none() {
            self.kept.fetch_add(1, Ordering::Relaxed);
        }
        drop(bans);
        self.tell(ban);
        true
    }

    /// Ends a ban before its time, and forgets that there was one. `None` when there is none of this name.
    pub(super) fn lift(&self, id: &str, now: Timestamp) -> Option<Ban> {
        let found = self.list(now).into_iter().find(|ban| ban.id == id)?;
        let removed = write(self.shard(&found.network)?).remove(&found.network)?;
        self.kept.fetch_sub(1, Ordering::Relaxed);
        Some(removed)
    }

    /// Those in force, the newest first.
    pub(super) fn list(&self, now: Timestamp) -> Vec<Ban> {
        let in_force = |shard: &RwLock<Shard>| {
            let bans = read(shard);
            let in_force = bans.values().filter(|ban| ban.until > now);
            in_force.cloned().collect::<Vec<_>>()
        };
        let mut bans: Vec<Ban> = self.shards.iter().flat_map(in_force).collect();
        bans.sort_unstable_by(|a, b| (b.since, &b.id).cmp(&(a.since, &a.id)));
        bans
    }

    /// Forgets what ended longer than `longest` ago.
    pub(super) fn sweep(&self, longest: Duration, now: Timestamp) {
        if self.kept.load(Ordering::Relaxed) == 0 {
            return;
        }
        for shard in &self.shards {
            self.keep(&mut write(shard), |ban| now < ban.until.plus(longest));
        }
    }

    /// The bans since the last call, and how many there were beyond those.
    pub(super) fn take_untold(&self) -> (Vec<Ban>, usize) {
        std::mem::take(&mut *self.untold())
    }

    /// Bans that could not be put on record come back, as far as there is room.
    pub(super) fn put_back(&self, bans: Vec<Ban>) {
        bans.into_iter().for_each(|ban| self.tell(ban));
    }

    fn tell(&self, ban: Ban) {
        let mut untold = self.untold();
        if untold.0.len() < UNTOLD {
            untold.0.push(ban);
        } else {
            untold.1 = untold.1.saturating_add(1);
        }
    }

    /// Whether a ban of `network` fits; those that have ended make room.
    fn make_room(&self, bans: &mut Shard, network: &Network, now: Timestamp) -> bool {
        if bans.len() < PER_SHARD || bans.contains_key(network) {
            return true;
        }
        self.keep(bans, |ban| ban.until > now);
        bans.len() < PER_SHARD
    }

    fn keep(&self, bans: &mut Shard, keep: impl Fn(&Ban) -> bool) {
        let before = bans.len();
        bans.retain(|_, ban| keep(ban));
        self.kept
            .fetch_sub(before.saturating_sub(bans.len()), Ordering::Relaxed);
    }

    fn shard(&self, network: &Network) -> Option<&RwLock<Shard>> {
        let place = self.hasher.hash_one(network) % SHARDS as u64;
        self.shards.get(usize::try_from(place).ok()?)
    }

    fn untold(&self) -> MutexGuard<'_, (Vec<Ban>, usize)> {
        self.untold.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(shard: &RwLock<Shard>) -> RwLockReadGuard<'_, Shard> {
    shard.read().unwrap_or_else(PoisonError::into_inner)
}

fn write(shard: &RwLock<Shard>) -> RwLockWriteGuard<'_, Shard> {
    shard.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::defense::source::Source;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
    const TERMS: Terms = Terms {
        first: Duration::from_secs(60),
        longest: Duration::from_secs(300),
    };

    fn network(number: u32) -> Network {
        Source::of(std::net::Ipv4Addr::from_bits(number).into()).host
    }

    fn impose(bans: &Bans, number: u32, now: Timestamp) -> bool {
        let id = || format!("ban-{number}");
        bans.impose(network(number), Cause::Rate, TERMS, now, id)
    }

    #[test]
    fn a_ban_ends_and_a_relapse_is_banned_twice_as_long_up_to_the_longest() {
        let bans = Bans::new();
        let mut now = NOW;
        for seconds in [60, 120, 240, 300, 300] {
            assert!(impose(&bans, 1, now));
            assert!(!impose(&bans, 1, now), "it is banned already");
            let until = bans.until(&network(1), now).unwrap();
            assert_eq!(until.since(now), Duration::from_secs(seconds));
            assert_eq!(bans.until(&network(2), now), None);
            now = until;
            assert_eq!(bans.until(&network(1), now), None);
        }
        let peace = now.plus(TERMS.longest);
        assert!(impose(&bans, 1, peace));
        assert_eq!(
            bans.until(&network(1), peace).unwrap().since(peace),
            TERMS.first,
            "after a long peace it begins anew"
        );
    }

    #[test]
    fn what_has_ended_is_forgotten_in_time() {
        let bans = Bans::new();
        impose(&bans, 1, NOW);
        let end = NOW.plus(TERMS.first);
        bans.sweep(TERMS.longest, end);
        assert_eq!(bans.kept.load(Ordering::Relaxed), 1, "it still counts");
        assert!(bans.list(end).is_empty());
        bans.sweep(TERMS.longest, end.plus(TERMS.longest));
        assert_eq!(bans.kept.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_hundred_thousand_sources_do_not_outgrow_the_memory_and_push_nobody_out() {
        let bans = Bans::new();
        assert!(impose(&bans, 0, NOW));
        let imposed = (1..100_000).filter(|number| impose(&bans, *number, NOW)).count();
        assert_eq!(imposed + 1, SHARDS * PER_SHARD);
        assert_eq!(bans.list(NOW).len(), SHARDS * PER_SHARD);
        assert!(bans.until(&network(0), NOW).is_some());
        let (told, beyond) = bans.take_untold();
        assert_eq!((told.len(), beyond), (UNTOLD, SHARDS * PER_SHARD - UNTOLD));
        // Those that have ended make room.
        let later = NOW.plus(TERMS.first);
        assert!(impose(&bans, 2_000_000, later));
    }

    #[test]
    fn a_lifted_ban_leaves_nothing_behind() {
        let bans = Bans::new();
        impose(&bans, 1, NOW);
        assert_eq!(bans.lift("ban-2", NOW), None);
        assert_eq!(bans.lift("ban-1", NOW).unwrap().network, network(1));
        assert_eq!(bans.lift("ban-1", NOW), None);
        assert_eq!(bans.until(&network(1), NOW), None);
        impose(&bans, 1, NOW);
        assert_eq!(bans.list(NOW)[0].times, 1);
    }
}
