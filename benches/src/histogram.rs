//! Latencies in buckets that are never wider than 1.6 % of what they hold, so that merging and percentiles are cheap.

use std::time::Duration;

/// Buckets of one power of two.
const STEPS: usize = 64;
const STEP_BITS: u32 = STEPS.trailing_zeros();
/// Enough for every number of nanoseconds in a `u64`.
const BUCKETS: usize = (64 - STEP_BITS as usize + 1) * STEPS;

/// How often each latency was seen.
#[derive(Clone, Debug)]
pub struct Histogram {
    buckets: Vec<u64>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: vec![0; BUCKETS],
            total: 0,
        }
    }
}

impl Histogram {
    /// Counts one.
    pub fn record(&mut self, latency: Duration) {
        let nanoseconds = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        if let Some(bucket) = self.buckets.get_mut(place(nanoseconds)) {
            *bucket += 1;
            self.total += 1;
        }
    }

    /// Adds what another has seen.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += theirs;
        }
        self.total += other.total;
    }

    /// How many were counted.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// The latency that `share` (0 to 1) of all did not exceed, in microseconds; 0 when none was counted.
    #[must_use]
    pub fn micros(&self, share: f64) -> f64 {
        let wanted = ((self.total as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        for (place, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return highest(place) as f64 / 1e3;
            }
        }
        0.0
    }
}

/// The bucket of a number: itself while it is small, then its highest bits.
const fn place(number: u64) -> usize {
    let bits = u64::BITS - number.leading_zeros();
    if bits <= STEP_BITS {
        return number as usize;
    }
    let shift = bits - STEP_BITS - 1;
    let within = (number >> shift) as usize - STEPS;
    (shift as usize + 1) * STEPS + within
}

/// The largest number of a bucket.
const fn highest(place: usize) -> u64 {
    if place < STEPS {
        return place as u64;
    }
    let shift = place / STEPS - 1;
    let start = ((STEPS + place % STEPS) as u64) << shift;
    start + ((1u64 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_lies_in_its_bucket_and_buckets_are_narrow() {
        for power in 0..64 {
            for number in [
                1u64 << power,
                (1u64 << power) + ((1u64 << power) >> 1),
                u64::MAX >> power,
            ] {
                let most = highest(place(number));
                assert!(most >= number, "{number} is above its bucket's {most}");
                assert!(most - number <= number / 63 + 1, "{number} counts as {most}");
                assert!(place(number) < BUCKETS);
            }
        }
    }

    #[test]
    fn percentiles_are_those_of_what_was_counted() {
        let mut histogram = Histogram::default();
        for micros in 1..=1000 {
            histogram.record(Duration::from_micros(micros));
        }
        for (share, expected) in [(0.5, 500.0), (0.99, 990.0), (0.999, 999.0), (1.0, 1000.0)] {
            let found = histogram.micros(share);
            assert!((found / expected - 1.0).abs() < 0.02, "{share}: {found}");
        }
        let mut twice = histogram.clone();
        twice.merge(&histogram);
        assert_eq!(twice.total(), 2000);
        assert_eq!(Histogram::default().micros(0.5), 0.0);
    }
}
