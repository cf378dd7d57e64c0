//! Lines of the log that strangers can cause: as many as an operator can read, however many are asked for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::rate::{Debt, Rule, nanos};
use crate::base::Timestamp;
use crate::config::Rate;

/// 20 lines a second are 1.7 million a day, under 400 MB; the burst keeps what came right before a flood.
const LINES: Rate = Rate {
    interval: Duration::from_millis(50),
    burst: 200,
};

/// A budget of lines.
#[derive(Debug, Default)]
pub struct Lines {
    debt: Debt,
    unwritten: AtomicU64,
}

impl Lines {
    /// Whether one more may be written: then, how many were not since the last that was.
    #[must_use]
    pub fn one_more(&self, now: Timestamp) -> Option<u64> {
        match self.debt.charge(Rule::new(LINES), nanos(now)) {
            Ok(()) => Some(self.unwritten.swap(0, Ordering::Relaxed)),
            Err(_) => {
                self.unwritten.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_writes_no_more_lines_than_can_be_read_and_says_how_many_it_left_out() {
        let lines = Lines::default();
        let now = Timestamp::from_seconds(1_800_000_000);
        let written = (0..10_000).filter(|_| lines.one_more(now).is_some()).count();
        assert_eq!(written, 200);
        assert_eq!(lines.one_more(now.plus(Duration::from_secs(1))), Some(9800));
        assert_eq!(lines.one_more(now.plus(Duration::from_secs(1))), Some(0));
    }
}
