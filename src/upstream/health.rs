//! Whether one address of a backend is well, judged by how its exchanges go. No I/O; the moment comes in as an argument.

use std::time::Duration;

use tokio::time::Instant;

/// Failures in a row that take an address out.
const FAILURES: u32 = 3;
/// How long it stays out the first time; each further time doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The health of one address.
#[derive(Clone, Debug, Default)]
pub(super) struct Health {
    failures: u32,
    out_until: Option<Instant>,
}

impl Health {
    /// An exchange went well: the backend answered, whatever it said.
    pub(super) fn worked(&mut self) {
        *self = Self::default();
    }

    /// An exchange failed at `now`. Failures of exchanges that began before the address was taken out count once.
    pub(super) fn failed(&mut self, now: Instant) {
        if self.out_until.is_some_and(|until| now < until) {
            return;
        }
        self.failures = self.failures.saturating_add(1);
        if let Some(times_out) = self.failures.checked_sub(FAILURES) {
            let pause = FIRST_PAUSE.saturating_mul(1_u32.checked_shl(times_out).unwrap_or(u32::MAX));
            self.out_until = Some(now + pause.min(LONGEST_PAUSE));
        }
    }

    /// Until when it is out; `None` when it is in.
    pub(super) fn out_until(&self, now: Instant) -> Option<Instant> {
        self.out_until.filter(|until| now < *until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_failures_in_a_row_take_it_out_for_a_growing_time() {
        let mut health = Health::default();
        let mut now = Instant::now();
        health.failed(now);
        health.failed(now);
        assert_eq!(health.out_until(now), None);
        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            health.failed(now);
            let until = health.out_until(now).unwrap();
            assert_eq!(until - now, Duration::from_secs(seconds));
            now = until;
            assert_eq!(health.out_until(now), None);
        }
    }

    #[test]
    fn an_answer_makes_it_well_again() {
        let mut health = Health::default();
        let now = Instant::now();
        (0..3).for_each(|_| health.failed(now));
        assert!(health.out_until(now).is_some());
        health.worked();
        assert_eq!(health.out_until(now), None);
        health.failed(now);
        assert_eq!(health.out_until(now), None);
    }

    #[test]
    fn many_failures_at_once_count_as_one_fall() {
        let mut health = Health::default();
        let now = Instant::now();
        (0..50).for_each(|_| health.failed(now));
        assert_eq!(health.out_until(now), Some(now + FIRST_PAUSE));
    }
}
