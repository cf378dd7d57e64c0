//! The day on which a payment is to be executed.

use std::fmt;

/// A day of the calendar, written `YYYY-MM-DD` (ISO 8601, RFC 3339 `full-date`), from the year 2000 on.
///
/// Whether the day lies ahead is the gateway's to judge, with its clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExecutionDate {
    year: u16,
    month: u8,
    day: u8,
}

impl ExecutionDate {
    /// Reads `YYYY-MM-DD`; `None` for any other form and for days that do not exist.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let year = number(parts.next()?, 4)?;
        let month = u8::try_from(number(parts.next()?, 2)?).ok()?;
        let day = u8::try_from(number(parts.next()?, 2)?).ok()?;
        let exists = year >= 2000 && (1..=days_in(year, month)?).contains(&day) && parts.next().is_none();
        exists.then_some(Self { year, month, day })
    }

    /// Year, month (from 1) and day (from 1).
    #[must_use]
    pub const fn parts(self) -> (u16, u8, u8) {
        (self.year, self.month, self.day)
    }
}

fn number(text: &str, digits: usize) -> Option<u16> {
    let plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

fn days_in(year: u16, month: u8) -> Option<u8> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 => Some(if leap { 29 } else { 28 }),
        _ => None,
    }
}

impl fmt::Display for ExecutionDate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_that_exist_are_read_and_written_alike() {
        for text in ["2026-12-31", "2028-02-29", "2000-02-29", "9999-01-01"] {
            assert_eq!(ExecutionDate::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn other_forms_and_days_that_do_not_exist_are_refused() {
        let refusals = [
            "",
            "2026",
            "2026-02",
            "2026-02-29",
            "2100-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-04-31",
            "2026-01-00",
            "2026-1-1",
            "26-01-01",
            "1999-12-31",
            "2026-01-01T00:00:00Z",
            "2026-01-01-",
            " 2026-01-01",
            "+026-01-01",
            "2026/01/01",
        ];
        for text in refusals {
            assert_eq!(ExecutionDate::parse(text), None, "{text:?}");
        }
    }
}
