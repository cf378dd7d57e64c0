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

/// Ratios of rounds that lie further apart than this, largest by smallest, tell nothing.
pub const WIDEST: f64 = 1.6;
/// Rounds without which no ratio is told.
pub const FEWEST: usize = 3;

impl Ratio {
    /// Adds a round: what was measured, by what it is compared with.
    pub fn add(&mut self, measured: f64, against: f64) {
        if against > 0.0 {
            self.rounds.push(measured / against);
        }
    }

    /// Median and range, or why there is none.
    ///
    /// # Errors
    /// Too few rounds, or rounds that disagree by more than [`WIDEST`].
    pub fn told(&self) -> Result<(f64, f64, f64), String> {
        let (least, most) = range(&self.rounds);
        if self.rounds.len() < FEWEST {
            return Err(format!("{} rounds are too few", self.rounds.len()));
        }
        if most > least * WIDEST {
            return Err(format!("too noisy to tell: {least:.2} to {most:.2}"));
        }
        Ok((median(&self.rounds), least, most))
    }
}

impl std::fmt::Display for Ratio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.told() {
            Ok((median, least, most)) => write!(f, "{median:.2} ({least:.2} to {most:.2})"),
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
}
