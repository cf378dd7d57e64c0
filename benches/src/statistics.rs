//! What is said of several rounds.

/// The median of some figures; 0 of none.
#[must_use]
pub fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let at = |place: usize| sorted.get(place).copied().unwrap_or_default();
    let half = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) && half > 0 {
        return f64::midpoint(at(half - 1), at(half));
    }
    at(half)
}

/// The smallest and the largest of some figures; 0 of none.
#[must_use]
pub fn range(figures: &[f64]) -> (f64, f64) {
    let least = figures.iter().copied().reduce(f64::min);
    let most = figures.iter().copied().reduce(f64::max);
    (least.unwrap_or_default(), most.unwrap_or_default())
}

/// Ratios of figures that were taken in turns, round by round.
#[derive(Clone, Debug, Default)]
pub struct Ratio {
    rounds: Vec<f64>,
}

/// What rounds in turns say of a ratio.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Told {
    /// The median of the rounds.
    pub median: f64,
    /// Where the median of any number of rounds would lie, with 95 % confidence: from here
    pub low: f64,
    /// to here.
    pub high: f64,
    /// The smallest of the rounds.
    pub least: f64,
    /// The largest.
    pub most: f64,
}

impl Told {
    /// A figure that was taken once.
    #[must_use]
    pub const fn once(figure: f64) -> Self {
        Self {
            median: figure,
            low: figure,
            high: figure,
            least: figure,
            most: figure,
        }
    }
}

/// A median that is known no better than this, the interval's upper end by its lower, tells nothing.
pub const WIDEST: f64 = 1.25;
/// Rounds without which no ratio is told.
pub const FEWEST: usize = 3;
/// The chance, at most, that the median lies outside its interval.
const DOUBT: f64 = 0.05;

impl Ratio {
    /// Adds a round: what was measured, by what it is compared with.
    pub fn add(&mut self, measured: f64, against: f64) {
        if against > 0.0 {
            self.rounds.push(measured / against);
        }
    }

    /// What the rounds say, or why they say nothing.
    ///
    /// # Errors
    /// Too few rounds, or a median that is known no better than [`WIDEST`].
    pub fn told(&self) -> Result<Told, String> {
        if self.rounds.len() < FEWEST {
            return Err(format!("{} rounds are too few", self.rounds.len()));
        }
        let (least, most) = range(&self.rounds);
        let (low, high) = interval(&self.rounds);
        if high > low * WIDEST {
            return Err(format!("too noisy to tell: {low:.2} to {high:.2}"));
        }
        Ok(Told {
            median: median(&self.rounds),
            low,
            high,
            least,
            most,
        })
    }
}

/// The interval that holds the median with a [`DOUBT`] of at most 5 %, whatever the figures' distribution: between
/// two of them that lie equally far from either end. Of five figures and fewer it is their range, which is less sure.
fn interval(figures: &[f64]) -> (f64, f64) {
    let mut sorted = figures.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let outside = spared(sorted.len());
    let at = |place: usize| sorted.get(place).copied().unwrap_or_default();
    (at(outside), at(sorted.len().saturating_sub(outside + 1)))
}

/// How many figures at either end the interval leaves out. Each figure lies below the median as a coin falls, so that
/// the doubt is twice the chance of so few heads.
fn spared(figures: usize) -> usize {
    let tosses = i32::try_from(figures).unwrap_or(i32::MAX);
    let (mut chance, mut doubt, mut heads) = (0.5_f64.powi(tosses), 0.0, 0);
    while heads < figures / 2 {
        doubt += 2.0 * chance;
        if doubt > DOUBT {
            break;
        }
        chance *= (figures - heads) as f64 / (heads + 1) as f64;
        heads += 1;
    }
    heads.saturating_sub(1)
}

impl std::fmt::Display for Ratio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.told() {
            Ok(Told {
                median, low, high, ..
            }) => write!(f, "{median:.2} ({low:.2} to {high:.2})"),
            Err(why) => f.write_str(&why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_and_of_two_their_mean() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(&[7.0]), 7.0);
        assert_eq!(median(&[]), 0.0);
    }

    #[test]
    fn a_ratio_is_not_told_of_few_rounds_or_of_rounds_that_disagree() {
        let mut ratio = Ratio::default();
        ratio.add(1.0, 1.0);
        ratio.add(1.1, 1.0);
        assert!(ratio.told().is_err());
        ratio.add(0.9, 1.0);
        assert_eq!(ratio.to_string(), "1.00 (0.90 to 1.10)");
        ratio.add(2.0, 1.0);
        assert_eq!(ratio.to_string(), "too noisy to tell: 0.90 to 2.00");
    }

    #[test]
    fn a_disturbed_round_among_many_does_not_hide_what_the_others_say() {
        let mut ratio = Ratio::default();
        for round in [1.0, 1.1, 9.0, 0.9, 1.0, 1.0, 0.1, 1.0, 1.1] {
            ratio.add(round, 1.0);
        }
        let told = ratio.told().unwrap();
        assert_eq!((told.low, told.median, told.high), (0.9, 1.0, 1.1));
        assert_eq!((told.least, told.most), (0.1, 9.0));
    }

    #[test]
    fn the_interval_leaves_out_what_tables_of_the_sign_test_say() {
        // The critical values of the two-sided sign test at 5 %; none below six.
        for (figures, outside) in [
            (3, 0),
            (5, 0),
            (6, 0),
            (8, 0),
            (9, 1),
            (11, 1),
            (12, 2),
            (15, 3),
            (20, 5),
        ] {
            assert_eq!(spared(figures), outside, "{figures}");
        }
    }
}
