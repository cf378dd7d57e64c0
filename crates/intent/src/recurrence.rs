//! How often a payment repeats: a standing order that a customer agrees to once (Delegated Regulation 2018/389, art. 14).

use std::fmt;

/// Most payments of a series that has an end.
const MAX_PAYMENTS: u16 = 9999;

/// Most units between two payments.
const MAX_UNITS: u16 = 366;

/// A series of payments, written as a repeating interval of ISO 8601: `R12/P1M` is twelve payments a month apart,
/// `R/P1M` goes on until it is revoked. The first is on the intent's execution date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Recurrence {
    payments: Option<u16>,
    every: u16,
    period: Period,
}

/// The unit between two payments of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Period {
    /// `D`
    Days,
    /// `W`
    Weeks,
    /// `M`
    Months,
    /// `Y`
    Years,
}

impl Recurrence {
    /// Reads `R[n]/Pm(D|W|M|Y)`, numbers without leading zeros; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (repetitions, duration) = text.strip_prefix('R')?.split_once("/P")?;
        let payments = match repetitions {
            "" => None,
            // One payment is not a series.
            count => Some(number(count, 2..=MAX_PAYMENTS)?),
        };
        let period = Period::from_designator(duration.chars().next_back()?)?;
        let every = number(duration.get(..duration.len().checked_sub(1)?)?, 1..=MAX_UNITS)?;
        Some(Self {
            payments,
            every,
            period,
        })
    }

    /// How many payments there are in all; `None` when the series has no end.
    #[must_use]
    pub const fn payments(self) -> Option<u16> {
        self.payments
    }

    /// What lies between two payments, as a number of units.
    #[must_use]
    pub const fn every(self) -> (u16, Period) {
        (self.every, self.period)
    }
}

impl Period {
    fn from_designator(designator: char) -> Option<Self> {
        match designator {
            'D' => Some(Self::Days),
            'W' => Some(Self::Weeks),
            'M' => Some(Self::Months),
            'Y' => Some(Self::Years),
            _ => None,
        }
    }

    const fn designator(self) -> char {
        match self {
            Self::Days => 'D',
            Self::Weeks => 'W',
            Self::Months => 'M',
            Self::Years => 'Y',
        }
    }
}

fn number(text: &str, bounds: std::ops::RangeInclusive<u16>) -> Option<u16> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    text.parse()
        .ok()
        .filter(|number| plain && bounds.contains(number))
}

impl fmt::Display for Recurrence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("R")?;
        if let Some(payments) = self.payments {
            write!(formatter, "{payments}")?;
        }
        write!(formatter, "/P{}{}", self.every, self.period.designator())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_read_and_written_alike() {
        for text in ["R12/P1M", "R/P1M", "R2/P366D", "R9999/P2W", "R/P1Y"] {
            assert_eq!(Recurrence::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let refusals = [
            "",
            "R",
            "R/",
            "R/P",
            "R/PM",
            "R/P0M",
            "R/P01M",
            "R0/P1M",
            "R1/P1M",
            "R012/P1M",
            "R10000/P1M",
            "R/P367D",
            "r/P1M",
            "R/p1m",
            "R-1/P1M",
            "R+2/P1M",
            "R12/P1M/2026-01-01",
            "R/P1MT1H",
            "R/P1é",
            "monthly",
        ];
        for text in refusals {
            assert_eq!(Recurrence::parse(text), None, "{text:?}");
        }
    }
}
