//! Whether each runtime that carries connections still turns. One that computes without an end, or waits for
//! something that blocks, keeps its connections waiting while all others are well; nothing else would tell.

use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::telemetry::Check;

/// How long a runtime may go without a turn: it looks twenty times a second, and nothing that it does takes a
/// thousandth of this.
const LONGEST: Duration = Duration::from_secs(5);

/// When each runtime had its last turn.
#[derive(Debug)]
pub(super) struct Turning {
    began: Instant,
    /// Milliseconds since then, by the runtime's place.
    last: Box<[AtomicU64]>,
}

impl Turning {
    /// That of `runtimes`, all of which have just begun.
    pub(super) fn new(runtimes: usize) -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            last: (0..runtimes).map(|_| AtomicU64::new(0)).collect(),
        })
    }

    /// The runtime at `place` has a turn `now`.
    pub(super) fn has_turned(&self, place: usize, now: Instant) {
        if let Some(last) = self.last.get(place) {
            last.store(self.millis(now), Ordering::Relaxed);
        }
    }

    /// Which runtimes have had none for too long, by the numbers that their threads are named by, and for how long.
    fn fault(&self, now: Instant) -> Result<(), String> {
        let now = self.millis(now);
        let ages = self.last.iter().enumerate().map(|(place, last)| {
            let age = now.saturating_sub(last.load(Ordering::Relaxed));
            (place + 1, Duration::from_millis(age))
        });
        let stuck: Vec<_> = ages
            .filter(|(_, age)| *age > LONGEST)
            .map(|(number, age)| format!("gateway-{number} for {} s", age.as_secs()))
            .collect();
        match stuck.is_empty() {
            true => Ok(()),
            false => Err(format!("no turn: {}", stuck.join(", "))),
        }
    }

    fn millis(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.began).as_millis()).unwrap_or(u64::MAX)
    }
}

impl Check for Turning {
    fn name(&self) -> &'static str {
        "runtimes"
    }

    fn run(&self) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>> {
        Box::pin(ready(self.fault(Instant::now())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn who_has_not_turned_for_too_long_is_named() {
        let turning = Turning::new(3);
        let began = turning.began;
        assert_eq!(turning.fault(began + 5 * SECOND), Ok(()));
        turning.has_turned(0, began + 4 * SECOND);
        turning.has_turned(2, began + 9 * SECOND);
        turning.has_turned(3, began + 9 * SECOND);
        let fault = turning.fault(began + 9 * SECOND).unwrap_err();
        assert_eq!(fault, "no turn: gateway-2 for 9 s");
        let fault = turning.fault(began + 10 * SECOND).unwrap_err();
        assert_eq!(fault, "no turn: gateway-1 for 6 s, gateway-2 for 10 s");
        turning.has_turned(1, began + 10 * SECOND);
        turning.has_turned(0, began + 10 * SECOND);
        assert_eq!(turning.fault(began + 10 * SECOND), Ok(()));
    }

    #[tokio::test]
    async fn a_process_without_runtimes_of_its_own_has_none_that_could_stop() {
        let turning = Turning::new(0);
        assert_eq!(turning.fault(turning.began + 100 * SECOND), Ok(()));
        assert_eq!(turning.run().await, Ok(()));
    }
}
