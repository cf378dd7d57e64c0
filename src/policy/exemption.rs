//! When a payment needs no approval: the kinds of exemption, and the counter each one uses up. The thresholds stand
//! in the policies of action `exempt`; here are only names and the form of their annotations.

use std::fmt;

use super::facts::Facts;

/// Why a payment passed without the customer's approval. The names are those of the Txn-Token and of receipts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExemptionKind {
    /// PSD2 RTS Art. 16 (SCA-19).
    LowValue,
    /// Art. 13 (SCA-17).
    TrustedPayee,
    /// Art. 14 (SCA-18).
    Recurring,
    /// Art. 18, transaction risk analysis (SCA-21).
    Tra,
    /// Art. 15 (SCA-16).
    OwnAccount,
}

impl ExemptionKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::LowValue,
        Self::TrustedPayee,
        Self::Recurring,
        Self::Tra,
        Self::OwnAccount,
    ];

    /// The name in `@exemption`, in decision tables and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LowValue => "low-value",
            Self::TrustedPayee => "trusted-payee",
            Self::Recurring => "recurring",
            Self::Tra => "tra",
            Self::OwnAccount => "own-account",
        }
    }

    /// The kind of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// A counter that an exemption may use up; the store keeps one of each per account and currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Counter {
    /// Low-value payments since the last strong authentication; each adds one.
    LowValueCount,
    /// Their sum in minor units; each adds its amount.
    LowValueSum,
}

impl Counter {
    /// Every counter.
    pub const ALL: [Self; 2] = [Self::LowValueCount, Self::LowValueSum];

    /// The name in `@consume`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LowValueCount => "low-value-count",
            Self::LowValueSum => "low-value-sum",
        }
    }

    /// What one payment of this amount adds.
    pub fn step(self, amount_minor: u64) -> u64 {
        match self {
            Self::LowValueCount => 1,
            Self::LowValueSum => amount_minor,
        }
    }

    /// The same facts with this counter standing at `before`, for proving a limit.
    pub(super) fn set<'a>(self, facts: Facts<'a>, before: u64) -> Facts<'a> {
        let mut counters = facts.counters.unwrap_or_default();
        match self {
            Self::LowValueCount => counters.low_value_count = before,
            Self::LowValueSum => counters.low_value_sum_minor = before,
        }
        Facts {
            counters: Some(counters),
            ..facts
        }
    }
}

/// What an exemption uses up: the Sealed write adds [`Counter::step`] to the counter with the guard that it stands at
/// most at `limit` afterwards. Written `@consume("low-value-count <= 5")`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Consumption {
    /// Which counter.
    pub counter: Counter,
    /// The most it may stand at with this payment included.
    pub limit: u64,
}

impl Consumption {
    /// Reads the text of a `@consume` annotation: `NAME <= LIMIT`, one space on either side, a positive limit.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, limit) = text.split_once(" <= ")?;
        let counter = Counter::ALL
            .into_iter()
            .find(|counter| counter.as_str() == name)?;
        let digits = !limit.starts_with('0') && limit.bytes().all(|byte| byte.is_ascii_digit());
        let limit = digits.then(|| limit.parse::<u64>().ok()).flatten()?;
        (limit > 0 && i64::try_from(limit).is_ok()).then_some(Self { counter, limit })
    }
}

impl fmt::Display for Consumption {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} <= {}", self.counter.as_str(), self.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_consumption_reads_back_as_it_was_written() {
        for text in ["low-value-count <= 5", "low-value-sum <= 10000"] {
            assert_eq!(
                Consumption::parse(text).map(|read| read.to_string()).as_deref(),
                Some(text)
            );
        }
    }

    #[test]
    fn anything_else_consumes_nothing() {
        for text in [
            "",
            "low-value-count",
            "low-value-count < 5",
            "low-value-count <= 0",
            "low-value-count <= 05",
            "low-value-count <= -5",
            "low-value-count <= +5",
            "low-value-count <= 5 ",
            "low-value-count<=5",
            "low-value-count <= 9223372036854775808",
            "count <= 5",
        ] {
            assert_eq!(Consumption::parse(text), None, "{text:?}");
        }
    }
}
