//! Budgets of any number of senders in a memory of fixed size.
//!
//! A sender has one of the four slots of a set, and the set follows from a keyed hash, so nobody can choose whom they
//! collide with. A slot is given to someone else only when its debt is paid: then forgetting it changes nothing
//! ([`super::rate`]), so no flood of other sources lets anyone off their own debt. When all slots of a set are in debt, the
//! newcomer is neither refused nor let off: they are charged to the common budget of their neighbourhood, which has no slot to
//! win. So whoever fills the table from many networks slows down the newcomers of those networks, not those of others.
//!
//! To hold one slot in debt costs its owner requests at the rule's rate: to hold 131,072 of them under 200 a second, 26
//! million requests a second. Under slow rules the memory is filled more cheaply; that is what the common budgets are for.
//!
//! There is no lock: a slot is two atomic numbers. Two cores that charge one newcomer at the same instant may give it two
//! slots, or charge a slot that has just changed its owner; that is worth a request or two, never more than there are cores.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::rate::{Debt, Rule};

/// Slots of a set: one cache line.
const WAYS: usize = 4;
/// Common budgets. Each is charged to by a share of all neighbourhoods.
const COMMON: usize = 4096;
/// How many senders' rate a common budget has: those of one neighbourhood that found no slot.
const COMMON_SHARE: i64 = 16;

/// Budgets under one rule.
#[derive(Debug)]
pub(super) struct Budgets {
    sets: Box<[[Slot; WAYS]]>,
    common: Box<[Debt]>,
    hasher: RandomState,
}

/// 0 stands for nobody, and for the one in 2^64 whose hash it is.
#[derive(Debug, Default)]
struct Slot {
    owner: AtomicU64,
    debt: Debt,
}

impl Budgets {
    /// For `senders` remembered one by one.
    pub(super) fn new(senders: usize) -> Self {
        Self {
            sets: (0..senders.div_ceil(WAYS)).map(|_| Default::default()).collect(),
            common: (0..COMMON).map(|_| Debt::default()).collect(),
            hasher: RandomState::new(),
        }
    }

    /// Charges one request to `sender`, who lives in `neighbourhood`; or says how long until one may pass.
    pub(super) fn charge(
        &self,
        sender: impl Hash,
        neighbourhood: impl Hash,
        rule: Rule,
        now: i64,
    ) -> Result<(), Duration> {
        let neighbourhood = || self.hasher.hash_one(neighbourhood);
        self.charge_hashed(self.hasher.hash_one(sender), neighbourhood, rule, now)
    }

    /// Whether one more request of `sender` would pass: nothing is charged, and no slot is given away for it.
    pub(super) fn look(
        &self,
        sender: impl Hash,
        neighbourhood: impl Hash,
        rule: Rule,
        now: i64,
    ) -> Result<(), Duration> {
        let owner = self.hasher.hash_one(sender);
        let set = self.set(owner);
        if let Some(slot) = set.iter().find(|slot| slot.is_of(owner)) {
            return slot.debt.look(rule, now);
        }
        if set.iter().any(|slot| slot.debt.is_paid(now)) {
            return Ok(());
        }
        match pick(&self.common, self.hasher.hash_one(neighbourhood)) {
            Some(common) => common.look(rule.times(COMMON_SHARE), now),
            None => Ok(()),
        }
    }

    /// Lets `sender` off.
    pub(super) fn forgive(&self, sender: impl Hash) {
        let owner = self.hasher.hash_one(sender);
        let own = self.set(owner).iter().filter(|slot| slot.is_of(owner));
        own.for_each(|slot| slot.debt.forgive());
    }

    fn charge_hashed(
        &self,
        sender: u64,
        neighbourhood: impl FnOnce() -> u64,
        rule: Rule,
        now: i64,
    ) -> Result<(), Duration> {
        let set = self.set(sender);
        let own = set.iter().find(|slot| slot.is_of(sender));
        if let Some(slot) = own.or_else(|| set.iter().find(|slot| slot.passes_to(sender, now))) {
            return slot.debt.charge(rule, now);
        }
        match pick(&self.common, neighbourhood()) {
            Some(common) => common.charge(rule.times(COMMON_SHARE), now),
            None => Ok(()),
        }
    }

    fn set(&self, sender: u64) -> &[Slot] {
        pick(&self.sets, sender).map_or(&[], <[Slot; WAYS]>::as_slice)
    }
}

impl Slot {
    fn is_of(&self, sender: u64) -> bool {
        self.owner.load(Ordering::Relaxed) == sender
    }

    /// Takes the slot over when its owner owes nothing.
    fn passes_to(&self, sender: u64, now: i64) -> bool {
        let owner = self.owner.load(Ordering::Relaxed);
        self.debt.is_paid(now)
            && self
                .owner
                .compare_exchange(owner, sender, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

/// The element that a hash falls on; none only where there are none.
fn pick<T>(all: &[T], hash: u64) -> Option<&T> {
    let place = hash.checked_rem(all.len() as u64)?;
    all.get(usize::try_from(place).ok()?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::config::Rate;

    const START: i64 = 1_800_000_000_000_000_000;
    const SECOND: i64 = 1_000_000_000;

    fn rule(interval_ms: u64, burst: u32) -> Rule {
        Rule::new(Rate {
            interval: Duration::from_millis(interval_ms),
            burst,
        })
    }

    /// A bijection that spreads: different numbers are different hashes (splitmix64).
    fn hash_of(number: u64) -> u64 {
        let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn owners(budgets: &Budgets) -> usize {
        let slots = budgets.sets.iter().flatten();
        slots.filter(|slot| !slot.is_of(0)).count()
    }

    #[test]
    fn ten_million_sources_fit_into_the_memory_of_a_few_thousand() {
        let budgets = Budgets::new(8192);
        let rule = rule(5, 1000);
        for second in 0..10_000_u64 {
            let now = START + second.cast_signed() * SECOND;
            for number in second * 1000..(second + 1) * 1000 {
                let charged = budgets.charge_hashed(hash_of(number), || number, rule, now);
                assert!(charged.is_ok());
            }
        }
        assert!(owners(&budgets) <= 8192);
        assert_eq!(budgets.sets.len() * WAYS, 8192);
    }

    #[test]
    fn a_flood_of_other_sources_lets_nobody_off_their_debt() {
        let budgets = Budgets::new(64);
        let slow = rule(60_000, 2);
        let debtor = || budgets.charge("debtor", "there", slow, START);
        assert!(debtor().is_ok() && debtor().is_ok());
        let wait = debtor().unwrap_err();
        for other in 0..100_000 {
            let _ = budgets.charge(other, "elsewhere", slow, START);
        }
        assert_eq!(debtor(), Err(wait));
    }

    #[test]
    fn in_a_full_table_newcomers_are_slowed_by_their_own_neighbours_only() {
        let budgets = Budgets::new(64);
        let slow = rule(60_000, 2);
        let mut passed = 0;
        for other in 0..100_000 {
            passed += usize::from(budgets.charge(other, "a botnet's network", slow, START).is_ok());
        }
        // One for each slot, and what a neighbourhood has in common.
        assert!(passed <= 64 + 2 * 16, "{passed}");
        let mut honest = 0;
        for newcomer in 0..20 {
            let from = ("an honest network", newcomer);
            honest += usize::from(budgets.charge(from, from, slow, START).is_ok());
        }
        // Networks share 4096 common budgets: a collision of one of twenty with the one network is possible, more is not.
        assert!(honest >= 18, "{honest}");
    }

    #[test]
    fn whoever_has_paid_makes_room() {
        let budgets = Budgets::new(4);
        for first in 0..4 {
            budgets.charge(first, 0, rule(1000, 1), START).unwrap();
        }
        for second in 10..14 {
            budgets.charge(second, 0, rule(1000, 1), START + SECOND).unwrap();
            assert!(budgets.charge(second, 0, rule(1000, 1), START + SECOND).is_err());
        }
    }

    #[test]
    fn a_sender_who_is_forgiven_begins_anew() {
        let budgets = Budgets::new(64);
        let charge = || budgets.charge("sender", "there", rule(1000, 2), START);
        while charge().is_ok() {}
        budgets.forgive("sender");
        assert!(charge().is_ok() && charge().is_ok() && charge().is_err());
    }

    #[test]
    fn a_look_tells_what_a_charge_would_and_takes_nothing() {
        // One set: the fifth who owes something has no slot of their own.
        let (budgets, rule) = (Budgets::new(WAYS), rule(1000, 1));
        for sender in 0..WAYS {
            for _ in 0..3 {
                budgets.look(sender, 0, rule, START).unwrap();
            }
            budgets.charge(sender, 0, rule, START).unwrap();
            let wait = budgets.look(sender, 0, rule, START).unwrap_err();
            assert_eq!(budgets.charge(sender, 0, rule, START), Err(wait));
        }
        assert_eq!(owners(&budgets), WAYS);
        while budgets.charge("late", 0, rule, START).is_ok() {
            assert_eq!(owners(&budgets), WAYS);
        }
        assert!(budgets.look("later", 0, rule, START).is_err());
    }

    #[test]
    fn many_threads_charge_one_sender_once_for_each_request() {
        let budgets = Arc::new(Budgets::new(64));
        let passed = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (budgets, passed) = (Arc::clone(&budgets), Arc::clone(&passed));
                std::thread::spawn(move || {
                    for _ in 0..10_000 {
                        if budgets.charge("one", "there", rule(1000, 5000), START).is_ok() {
                            passed.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        // A race for the slot may leave one thread's first request in another one.
        let passed = passed.load(Ordering::Relaxed);
        assert!((5000..=5004).contains(&passed), "{passed}");
    }
}
