//! The generic cell rate algorithm (ITU-T I.371, virtual scheduling), pure: state × rule × now.
//!
//! The whole state is one number: the moment until which what was taken is owed. A request may pass when the debt after it
//! is no longer than a burst takes to be earned. So a state that lies in the past owes nothing and can be forgotten without
//! anyone noticing; that is what makes a table of fixed size exact.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::base::Timestamp;
use crate::config::Rate;

/// The state of somebody who owes nothing.
const NOTHING: i64 = i64::MIN;

/// A rate in nanoseconds, as the algorithm computes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    /// What one request costs.
    interval: i64,
    /// The longest debt there may be.
    longest: i64,
}

impl Rule {
    pub(super) fn new(rate: Rate) -> Self {
        let nanos = |time: Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
        Self {
            interval: nanos(rate.interval).max(1),
            longest: nanos(rate.interval.saturating_mul(rate.burst)).max(1),
        }
    }

    /// The same for `many` who share it.
    pub(super) fn times(self, many: i64) -> Self {
        Self {
            interval: self.interval.checked_div(many).unwrap_or(1).max(1),
            longest: self.longest,
        }
    }

    /// The debt after one more request, or how long until one may pass.
    ///
    /// A debt that is longer than any under this rule was made under another one, or before the clock was set back: it
    /// counts as the longest.
    pub(super) fn judge(self, owed_until: i64, now: i64) -> Result<i64, Duration> {
        let latest = self.latest(now);
        let after = owed_until.clamp(now, latest).saturating_add(self.interval);
        if after <= latest {
            return Ok(after);
        }
        let wait = after.saturating_sub(latest);
        Err(Duration::from_nanos(u64::try_from(wait).unwrap_or(0)))
    }

    /// Until when there may be a debt now.
    const fn latest(self, now: i64) -> i64 {
        now.saturating_add(self.longest)
    }
}

/// A moment as the algorithm computes with it.
pub(super) const fn nanos(now: Timestamp) -> i64 {
    now.micros().saturating_mul(1000)
}

/// The debt of one.
#[derive(Debug)]
pub(super) struct Debt(AtomicI64);

impl Default for Debt {
    fn default() -> Self {
        Self(AtomicI64::new(NOTHING))
    }
}

impl Debt {
    /// Takes one request from it, or says how long to wait. A refused request costs nothing.
    pub(super) fn charge(&self, rule: Rule, now: i64) -> Result<(), Duration> {
        let mut refused = Duration::ZERO;
        let charged = self
            .0
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |owed_until| {
                let judged = rule.judge(owed_until, now);
                judged.map_err(|wait| refused = wait).ok()
            });
        charged.map(drop).map_err(|owed_until| {
            self.shorten(owed_until, rule.latest(now));
            refused
        })
    }

    /// Whether one more request would pass; it is not taken.
    pub(super) fn look(&self, rule: Rule, now: i64) -> Result<(), Duration> {
        rule.judge(self.0.load(Ordering::Relaxed), now).map(drop)
    }

    /// From the first charge under a rule on, a debt is no longer than it can be under that rule.
    fn shorten(&self, owed_until: i64, latest: i64) {
        if owed_until > latest {
            // Whoever was faster has done the same.
            let _ = self
                .0
                .compare_exchange(owed_until, latest, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// Whether nothing is owed any more.
    pub(super) fn is_paid(&self, now: i64) -> bool {
        self.0.load(Ordering::Relaxed) <= now
    }

    /// Lets everything off.
    pub(super) fn forgive(&self) {
        self.0.store(NOTHING, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: i64 = 1_800_000_000_000_000_000;

    fn rule(interval_ms: u64, burst: u32) -> Rule {
        Rule::new(Rate {
            interval: Duration::from_millis(interval_ms),
            burst,
        })
    }

    #[test]
    fn a_burst_passes_at_once_and_then_one_an_interval() {
        let (debt, rule) = (Debt::default(), rule(10, 3));
        for _ in 0..3 {
            debt.charge(rule, START).unwrap();
        }
        assert_eq!(debt.charge(rule, START), Err(Duration::from_millis(10)));
        assert_eq!(
            debt.charge(rule, START + 4_000_000),
            Err(Duration::from_millis(6)),
            "what was refused cost nothing"
        );
        assert_eq!(debt.charge(rule, START + 10_000_000), Ok(()));
        assert!(debt.charge(rule, START + 10_000_000).is_err());
        assert_eq!(
            debt.look(rule, START + 10_000_000),
            Err(Duration::from_millis(10))
        );
        for _ in 0..2 {
            assert_eq!(
                debt.look(rule, START + 20_000_000),
                Ok(()),
                "a look takes nothing"
            );
        }
        assert!(!debt.is_paid(START + 39_999_999));
        assert!(debt.is_paid(START + 40_000_000));
    }

    /// A clock that is set back, and a reload that raises the rate, must not lock anyone out for longer than one interval.
    #[test]
    fn a_debt_of_another_rule_or_time_counts_as_the_longest_of_this_one() {
        let (debt, ten_ms) = (Debt::default(), 10_000_000);
        while debt.charge(rule(1000, 100), START).is_ok() {}
        assert_eq!(debt.charge(rule(10, 5), START), Err(Duration::from_millis(10)));
        assert_eq!(debt.charge(rule(10, 5), START + ten_ms), Ok(()));
        assert!(debt.charge(rule(10, 5), START + ten_ms).is_err());
        let back = START - 3_600_000_000_000;
        assert_eq!(debt.charge(rule(10, 5), back), Err(Duration::from_millis(10)));
        assert_eq!(debt.charge(rule(10, 5), back + ten_ms), Ok(()));
    }

    #[test]
    fn those_who_share_a_rule_have_as_much_each() {
        let (debt, shared) = (Debt::default(), rule(10, 3).times(4));
        for _ in 0..12 {
            debt.charge(shared, START).unwrap();
        }
        assert!(debt.charge(shared, START).is_err());
    }

    proptest! {
        /// Against a counter that keeps every admitted request: in no span of time do more pass than burst + rate × span, and
        /// whoever is refused would have broken that.
        #[test]
        fn never_more_than_the_burst_and_the_rate(
            interval_ms in 1_u64..50,
            burst in 1_u32..20,
            steps in proptest::collection::vec(0_i64..100_000_000, 1..200),
        ) {
            let (debt, rule) = (Debt::default(), rule(interval_ms, burst));
            let interval = i64::try_from(interval_ms).unwrap() * 1_000_000;
            let mut now = START;
            let mut passed: Vec<i64> = Vec::new();
            for step in steps {
                now += step;
                // Reference: the request at `now` fits when every window that ends with it keeps within the bound.
                let fits = (0..=passed.len()).all(|first| {
                    let count = i64::try_from(passed.len() - first).unwrap() + 1;
                    let span = now - passed.get(first).copied().unwrap_or(now);
                    (count - i64::from(burst)) * interval <= span
                });
                let outcome = debt.charge(rule, now);
                prop_assert_eq!(outcome.is_ok(), fits);
                match outcome {
                    Ok(()) => passed.push(now),
                    // It says the truth: a nanosecond earlier is too early, then it is not.
                    Err(wait) => {
                        let wait = i64::try_from(wait.as_nanos()).unwrap();
                        prop_assert!(debt.charge(rule, now + wait - 1).is_err());
                        let copy = Debt(AtomicI64::new(debt.0.load(Ordering::Relaxed)));
                        prop_assert!(copy.charge(rule, now + wait).is_ok());
                    }
                }
            }
        }
    }
}
