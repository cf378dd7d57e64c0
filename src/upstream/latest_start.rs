//! Until when a request may begin to go out: a backend refuses what was dated long ago, and its refusal would stand for the
//! answer.

use std::sync::Arc;

use tokio::time::Instant;

use crate::base::{Clock, Timestamp};

/// The latest moment to begin, by the clock that dates requests.
#[derive(Clone)]
pub struct LatestStart {
    clock: Arc<dyn Clock>,
    at: Timestamp,
}

impl LatestStart {
    /// The moment `at` of `clock`.
    #[must_use]
    pub const fn new(clock: Arc<dyn Clock>, at: Timestamp) -> Self {
        Self { clock, at }
    }

    pub(super) fn has_passed(&self) -> bool {
        self.clock.now() > self.at
    }

    /// When that is for whoever waits.
    pub(super) fn instant(&self) -> Instant {
        Instant::now() + self.at.since(self.clock.now())
    }
}

impl std::fmt::Debug for LatestStart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("LatestStart").field(&self.at).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::base::ManualClock;

    #[test]
    fn nobody_waits_longer_than_until_the_latest_moment() {
        let clock = Arc::new(ManualClock::new(Timestamp::from_seconds(1_000)));
        let latest = LatestStart::new(
            Arc::clone(&clock) as Arc<dyn Clock>,
            Timestamp::from_seconds(1_050),
        );
        let began = Instant::now();
        assert!(!latest.has_passed() && latest.instant() >= began + Duration::from_secs(50));
        clock.advance(Duration::from_secs(50));
        assert!(!latest.has_passed());
        clock.advance(Duration::from_secs(1));
        assert!(latest.has_passed() && latest.instant() <= Instant::now());
    }
}
