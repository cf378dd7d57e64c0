//! A token bucket.

use super::bounds::Allowance;

/// Tokens are counted in thousandths.
pub(super) const TOKEN: u32 = 1_000;

/// A bucket that is full at the beginning.
#[derive(Debug)]
pub(super) struct Bucket {
    allowance: Allowance,
    level: u32,
    /// When it was last filled, in microseconds.
    filled_at: u64,
}

impl Bucket {
    pub(super) const fn new(allowance: Allowance) -> Self {
        Self {
            allowance,
            level: allowance.burst.saturating_mul(TOKEN),
            filled_at: 0,
        }
    }

    /// Takes tokens; `false` if there are too few. `now` is in microseconds.
    pub(super) fn take(&mut self, tokens: u32, now: u64) -> bool {
        self.fill(now);
        let wanted = tokens.saturating_mul(TOKEN);
        let Some(left) = self.level.checked_sub(wanted) else {
            return false;
        };
        self.level = left;
        true
    }

    /// Adds thousandths of a token, up to the burst.
    pub(super) fn earn(&mut self, thousandths: u32) {
        let full = self.allowance.burst.saturating_mul(TOKEN);
        self.level = self.level.saturating_add(thousandths).min(full);
    }

    fn fill(&mut self, now: u64) {
        let rate = u64::from(self.allowance.per_second);
        let elapsed = now.saturating_sub(self.filled_at);
        // A token a second is a thousandth of it a millisecond.
        let thousandths = elapsed.saturating_mul(rate) / 1_000;
        if thousandths == 0 {
            return;
        }
        // The time that has not made a whole thousandth yet is kept.
        let spent = thousandths
            .saturating_mul(1_000)
            .checked_div(rate)
            .unwrap_or(elapsed);
        self.filled_at = self.filled_at.saturating_add(spent);
        self.earn(u32::try_from(thousandths).unwrap_or(u32::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let mut bucket = Bucket::new(Allowance {
            burst: 3,
            per_second: 2,
        });
        // The time while it was full adds nothing.
        assert!((0..3).all(|_| bucket.take(1, SECOND)));
        assert!(!bucket.take(1, SECOND));
        assert!(!bucket.take(1, SECOND + SECOND / 2 - 1));
        assert!(bucket.take(1, SECOND + SECOND / 2));
        assert!(bucket.take(3, 100 * SECOND));
        assert!(!bucket.take(1, 100 * SECOND));
    }

    #[test]
    fn asking_often_does_not_lose_time() {
        let mut bucket = Bucket::new(Allowance {
            burst: 1,
            per_second: 1,
        });
        assert!(bucket.take(1, 0));
        let given = (0..=10 * SECOND)
            .step_by(1_999)
            .filter(|now| bucket.take(1, *now));
        assert!(given.count() >= 9);
    }

    #[test]
    fn what_is_earned_stays_within_the_burst() {
        let mut bucket = Bucket::new(Allowance {
            burst: 2,
            per_second: 0,
        });
        bucket.earn(100 * TOKEN);
        assert!(bucket.take(2, 0));
        assert!(!bucket.take(1, 1_000 * SECOND));
        bucket.earn(999);
        assert!(!bucket.take(1, 0));
        bucket.earn(1);
        assert!(bucket.take(1, 0));
    }
}
