//! How often something may happen: `"100/s burst 200"`.

use std::time::Duration;

use super::quantity::digits;
use super::value::{Complaint, Parsed, Value};

/// So many in a time on average, and so many at once after a pause: the two numbers that the generic cell rate algorithm
/// works with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// The time between two, on average; at least a microsecond.
    pub interval: Duration,
    /// How many may come at once; at least 1.
    pub burst: u32,
}

/// Most in a unit of time, and most at once: above a million in a second nothing is limited any more.
const MOST: u32 = 1_000_000;
/// Longest time in which a burst is earned anew. What is owed has to be remembered as long, in a memory of fixed size.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

const REMEDY: &str = "write a number by the second, minute or hour with the number that may come at once, such as \
     \"100/s burst 200\", or \"off\"";

/// A rate such as `"100/s burst 200"` or `"5/m burst 10"`; `None` for `"off"`.
pub(super) fn rate(value: &Value<'_>) -> Parsed<Option<Rate>> {
    let text = value.text()?;
    if text == "off" {
        return Ok(None);
    }
    let complaint = |problem: &str| Complaint::new(format!("{} {problem}", value.quoted()), REMEDY);
    let rate = parse(text).ok_or_else(|| complaint("is no rate"))?;
    if rate.interval.saturating_mul(rate.burst) > LONGEST {
        return Err(complaint("takes more than a day to earn its burst anew"));
    }
    Ok(Some(rate))
}

fn parse(text: &str) -> Option<Rate> {
    let (average, burst) = text.split_once(" burst ")?;
    let (count, unit) = average.split_once('/')?;
    let unit = match unit {
        "s" => Duration::from_secs(1),
        "m" => Duration::from_secs(60),
        "h" => Duration::from_secs(3600),
        _ => return None,
    };
    let within = |text| digits::<u32>(text).filter(|number| (1..=MOST).contains(number));
    Some(Rate {
        interval: unit.checked_div(within(count)?)?,
        burst: within(burst)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_has_a_number_a_unit_and_a_burst() {
        let rate = |interval, burst| Some(Rate { interval, burst });
        assert_eq!(parse("100/s burst 200"), rate(Duration::from_millis(10), 200));
        assert_eq!(parse("5/m burst 10"), rate(Duration::from_secs(12), 10));
        assert_eq!(
            parse("1000000/s burst 1000000"),
            rate(Duration::from_micros(1), 1_000_000)
        );
        for refused in [
            "100/s",
            "100 burst 200",
            "100/s burst",
            "100/s burst 0",
            "0/s burst 1",
            "+1/s burst 1",
            "1/d burst 1",
            "1.5/s burst 1",
            "1000001/s burst 1",
            "1/s burst 1000001",
            "1/s  burst 1",
            "1/s burst 1 ",
            "off ",
        ] {
            assert_eq!(parse(refused), None, "{refused}");
        }
    }
}
