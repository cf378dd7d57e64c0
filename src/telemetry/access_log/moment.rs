//! When a request came, as the lines tell it: RFC 3339 in UTC, to the microsecond.

use std::cell::Cell;
use std::io::Write as _;

use crate::base::Timestamp;

/// `2027-01-15T08:00:00`.
const SECOND_CHARACTERS: usize = 19;

/// A whole second and its text.
#[derive(Clone, Copy)]
struct Second {
    number: i64,
    text: [u8; SECOND_CHARACTERS],
}

thread_local! {
    /// That of the last line: thousands of lines tell the same, and to make a date of a number is most of the work of
    /// a line.
    static LAST: Cell<Option<Second>> = const { Cell::new(None) };
}

/// Appends `at`.
pub(super) fn write(into: &mut Vec<u8>, at: Timestamp) {
    let number = at.seconds();
    let second = LAST.get().filter(|second| second.number == number);
    let Some(second) = second.or_else(|| Second::new(number)) else {
        // No year of four digits. Writing to a vector cannot fail.
        let _ = write!(into, "{at}");
        return;
    };
    LAST.set(Some(second));
    into.extend_from_slice(&second.text);
    let mut fraction = *b".000000Z";
    let mut rest = at.micros().rem_euclid(1_000_000);
    for digit in fraction.iter_mut().skip(1).take(6).rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    into.extend_from_slice(&fraction);
}

impl Second {
    fn new(number: i64) -> Option<Self> {
        let text = Timestamp::from_seconds(number).to_string();
        let text = text.strip_suffix('Z')?.as_bytes().try_into().ok()?;
        Some(Self { number, text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(at: Timestamp) -> String {
        let mut text = Vec::new();
        write(&mut text, at);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn every_moment_has_its_own_text() {
        for (micros, text) in [
            (1_800_000_000_123_456, "2027-01-15T08:00:00.123456Z"),
            (1_800_000_000_000_007, "2027-01-15T08:00:00.000007Z"),
            (1_800_000_001_000_000, "2027-01-15T08:00:01.000000Z"),
            (1_800_000_000_999_999, "2027-01-15T08:00:00.999999Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!(written(Timestamp::from_micros(micros)), text);
        }
    }

    #[test]
    fn moments_without_a_common_date_are_told_all_the_same() {
        for seconds in [i64::MIN, -62_200_000_000, i64::MAX] {
            let at = Timestamp::from_seconds(seconds);
            assert_eq!(written(at), at.to_string());
        }
    }
}
