//! The lines that the project set itself (issue 5): each a ratio to somebody else or to itself, one figure to reach and one to
//! reach for, and what of it a measurement reached.

use crate::document::table;
use crate::statistics::{Ratio, Told};

/// Against itself, so that only what was measured tells one goal from another.
pub const ITSELF: &str = "itself";

/// Which way a ratio is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Ours by theirs, of a rate; theirs by ours, of processor time.
    Larger,
    /// Ours by theirs, of what one wants little of.
    Smaller,
}

/// What a line asks of a ratio.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Goal {
    /// To whom.
    pub against: &'static str,
    /// What is to be reached.
    pub reach: f64,
    /// What would be better still.
    pub reach_for: f64,
    /// Which way is better.
    pub better: Better,
}

/// What became of a goal.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The line's number.
    pub line: &'static str,
    /// What was measured, in a few words.
    pub what: String,
    /// Of what the ratio is, and which way round.
    pub of: &'static str,
    /// What was asked.
    pub goal: Goal,
    /// What the rounds say, or why there is no ratio.
    pub told: Result<Told, String>,
}

/// How far one came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// What would be better still.
    ReachedFor,
    /// What is to be reached.
    Reached,
    /// Less than that.
    Missed,
    /// Nobody knows: the rounds disagree.
    Untold,
}

impl Verdict {
    /// Of rounds in turns.
    #[must_use]
    pub fn new(line: &'static str, what: &str, of: &'static str, goal: Goal, ratio: &Ratio) -> Self {
        Self {
            line,
            what: what.to_owned(),
            of,
            goal,
            told: ratio.told(),
        }
    }

    /// How far it came.
    #[must_use]
    pub fn state(&self) -> State {
        let Ok(Told { median, .. }) = self.told else {
            return State::Untold;
        };
        let enough = |wanted: f64| match self.goal.better {
            Better::Larger => median >= wanted,
            Better::Smaller => median <= wanted,
        };
        match (enough(self.goal.reach_for), enough(self.goal.reach)) {
            (true, _) => State::ReachedFor,
            (false, true) => State::Reached,
            (false, false) => State::Missed,
        }
    }

    fn row(&self) -> Vec<String> {
        let (ratio, interval, rounds) = match &self.told {
            Ok(told) if told.least >= told.most => (
                format!("{:.2}", told.median),
                "measured once".to_owned(),
                String::new(),
            ),
            Ok(told) => (
                format!("{:.2}", told.median),
                format!("{:.2} to {:.2}", told.low, told.high),
                format!("{:.2} to {:.2}", told.least, told.most),
            ),
            Err(why) => ("–".to_owned(), why.clone(), String::new()),
        };
        let sign = match self.goal.better {
            Better::Larger => "≥",
            Better::Smaller => "≤",
        };
        let state = match self.state() {
            State::ReachedFor => "reached, the further one too",
            State::Reached => "reached",
            State::Missed => "**not reached**",
            State::Untold => "not told",
        };
        vec![
            self.line.to_owned(),
            self.what.clone(),
            self.goal.against.to_owned(),
            self.of.to_owned(),
            ratio,
            interval,
            rounds,
            format!("{sign} {}", self.goal.reach),
            format!("{sign} {}", self.goal.reach_for),
            state.to_owned(),
        ]
    }
}

/// Every line with its goals, and one sentence on them all.
#[must_use]
pub fn lines(verdicts: &[Verdict]) -> String {
    let heads = [
        "line",
        "what",
        "against",
        "ratio of",
        "ratio",
        "interval",
        "all rounds",
        "reach",
        "reach for",
        "",
    ];
    let rows: Vec<_> = verdicts.iter().map(Verdict::row).collect();
    format!("{}\n\n{}", table(&heads, &rows), summary(verdicts))
}

fn summary(verdicts: &[Verdict]) -> String {
    let named = |wanted: &[State]| {
        let some = verdicts
            .iter()
            .filter(|verdict| wanted.contains(&verdict.state()))
            .map(|verdict| match verdict.goal.against {
                ITSELF => format!("{} ({})", verdict.line, verdict.what),
                against => format!("{} ({against})", verdict.line),
            });
        let some: Vec<_> = some.collect();
        if some.is_empty() {
            "none".to_owned()
        } else {
            some.join(", ")
        }
    };
    format!(
        "Reached: {}. Not reached: {}. Not told: {}.",
        named(&[State::Reached, State::ReachedFor]),
        named(&[State::Missed]),
        named(&[State::Untold])
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(better: Better, median: f64) -> Verdict {
        let (reach, reach_for) = match better {
            Better::Larger => (0.9, 1.1),
            Better::Smaller => (1.4, 1.0),
        };
        Verdict {
            line: "4",
            what: "signed".to_owned(),
            of: "rate, ours by its",
            goal: Goal {
                against: "HAProxy",
                reach,
                reach_for,
                better,
            },
            told: Ok(Told::once(median)),
        }
    }

    #[test]
    fn a_goal_is_reached_from_its_own_side() {
        for (better, median, state) in [
            (Better::Larger, 1.2, State::ReachedFor),
            (Better::Larger, 0.9, State::Reached),
            (Better::Larger, 0.89, State::Missed),
            (Better::Smaller, 1.0, State::ReachedFor),
            (Better::Smaller, 1.3, State::Reached),
            (Better::Smaller, 1.41, State::Missed),
        ] {
            assert_eq!(verdict(better, median).state(), state, "{median}");
        }
    }

    #[test]
    fn rounds_that_disagree_reach_nothing() {
        let mut ratio = Ratio::default();
        for (ours, theirs) in [(1.0, 1.0), (3.0, 1.0), (2.0, 1.0)] {
            ratio.add(ours, theirs);
        }
        let noisy = Verdict {
            told: ratio.told(),
            ..verdict(Better::Larger, 2.0)
        };
        assert_eq!(noisy.state(), State::Untold);
        let text = lines(&[noisy, verdict(Better::Larger, 1.0)]);
        assert!(
            text.ends_with("Reached: 4 (HAProxy). Not reached: none. Not told: 4 (HAProxy)."),
            "{text}"
        );
    }
}
