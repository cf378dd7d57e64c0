//! The rule of the throttle. Pure.

use crate::base::Timestamp;
use crate::identity::settings::ThrottleRule;

/// Failures in a row, and the block they led to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Failures since the last success.
    pub failures: u32,
    /// No attempt is judged before this.
    pub blocked_until: Timestamp,
}

/// Whether an attempt is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Open,
    /// Not before this moment.
    Blocked(Timestamp),
    /// Never again in this ledger, until the factor is bound anew.
    Off,
}

impl State {
    /// Whether an attempt made `now` is judged.
    #[must_use]
    pub fn verdict(&self, rule: &ThrottleRule, now: Timestamp) -> Verdict {
        if self.failures >= rule.failures_before_off {
            Verdict::Off
        } else if now < self.blocked_until {
            Verdict::Blocked(self.blocked_until)
        } else {
            Verdict::Open
        }
    }

    /// What stands after one more failure.
    #[must_use]
    pub fn after_failure(&self, rule: &ThrottleRule, now: Timestamp) -> Self {
        let failures = self.failures.saturating_add(1);
        let blocks = failures
            .checked_div(rule.failures_before_block)
            .unwrap_or(failures);
        let begins_block = blocks > 0 && failures.checked_rem(rule.failures_before_block).unwrap_or(0) == 0;
        let blocked_until = if begins_block {
            let doubled = rule
                .first_block
                .saturating_mul(1_u32.checked_shl(blocks.min(20) - 1).unwrap_or(u32::MAX));
            now.plus(doubled.min(rule.longest_block))
        } else {
            self.blocked_until
        };
        Self {
            failures,
            blocked_until,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const START: Timestamp = Timestamp::from_seconds(1_000_000);

    fn after(failures: u32, rule: &ThrottleRule) -> State {
        (0..failures).fold(State::default(), |state, _| state.after_failure(rule, START))
    }

    /// SCA-05
    #[test]
    fn five_failures_in_a_row_block_for_a_time() {
        let rule = ThrottleRule::default();
        assert_eq!(after(4, &rule).verdict(&rule, START), Verdict::Open);
        let until = START.plus(rule.first_block);
        assert_eq!(after(5, &rule).verdict(&rule, START), Verdict::Blocked(until));
        assert_eq!(after(5, &rule).verdict(&rule, until), Verdict::Open);
        let twice = START.plus(rule.first_block * 2);
        assert_eq!(after(10, &rule).verdict(&rule, START), Verdict::Blocked(twice));
    }

    /// AAL-06
    #[test]
    fn a_hundred_failures_turn_the_factor_off() {
        let rule = ThrottleRule::default();
        let later = START.plus(Duration::from_secs(1_000_000));
        assert_eq!(after(99, &rule).verdict(&rule, later), Verdict::Open);
        assert_eq!(after(100, &rule).verdict(&rule, later), Verdict::Off);
        assert_eq!(after(1_000, &rule).verdict(&rule, later), Verdict::Off);
    }

    proptest! {
        #[test]
        fn no_rule_panics_and_no_block_is_longer_than_the_longest(
            failures in 0_u32..3_000, every in 0_u32..10, first in 0_u64..100_000, longest in 0_u64..100_000,
        ) {
            let rule = ThrottleRule {
                failures_before_block: every,
                first_block: Duration::from_secs(first),
                longest_block: Duration::from_secs(longest),
                failures_before_off: u32::MAX,
            };
            let state = after(failures, &rule);
            prop_assert!(state.blocked_until <= START.plus(rule.longest_block));
            prop_assert_eq!(state.failures, failures);
        }
    }
}
