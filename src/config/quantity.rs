//! Quantities with their unit: `"30s"`, `"64KiB"`. A number without a unit is refused, since half its
//! readers would guess the wrong one.

use std::time::Duration;

use super::value::{Complaint, Parsed, Value};

/// A duration such as `"250ms"`, `"30s"`, `"5m"`, `"24h"`, `"90d"`.
pub(super) fn duration(value: &Value<'_>) -> Parsed<Duration> {
    value.text().ok().and_then(parse_duration).ok_or_else(|| {
        let problem = format!("{} is no duration", found(value));
        Complaint::new(
            problem,
            "write a whole number with a unit: \"250ms\", \"30s\", \"5m\", \"24h\", \"90d\"",
        )
    })
}

/// A duration within bounds, both included.
pub(super) fn duration_within(least: Duration, most: Duration) -> impl Fn(&Value<'_>) -> Parsed<Duration> {
    move |value| {
        let duration = duration(value)?;
        if duration < least || duration > most {
            let problem = format!("{} is out of range", found(value));
            let remedy = format!("write a duration from {} to {}", written(least), written(most));
            return Err(Complaint::new(problem, remedy));
        }
        Ok(duration)
    }
}

/// A number of bytes such as `"512B"`, `"64KiB"`, `"1MiB"`, `"1GiB"`.
pub(super) fn size(value: &Value<'_>) -> Parsed<u64> {
    value.text().ok().and_then(parse_size).ok_or_else(|| {
        let problem = format!("{} is no size", found(value));
        Complaint::new(
            problem,
            "write a whole number with a unit: \"512B\", \"64KiB\", \"1MiB\", \"1GiB\"",
        )
    })
}

/// A size within bounds in bytes, both included.
pub(super) fn size_within(least: u64, most: u64) -> impl Fn(&Value<'_>) -> Parsed<u64> {
    move |value| {
        let size = size(value)?;
        if size < least || size > most {
            let problem = format!("{} is out of range", found(value));
            return Err(Complaint::new(
                problem,
                format!("write a size from {least}B to {most}B"),
            ));
        }
        Ok(size)
    }
}

/// A number of plain digits; `str::parse` alone would take a plus sign as well.
pub(super) fn digits<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}

fn found(value: &Value<'_>) -> String {
    value
        .node
        .as_integer()
        .map_or_else(|| value.quoted(), |number| format!("{number} without a unit"))
}

fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split_unit(text)?;
    let unit_ms: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(unit_ms).map(Duration::from_millis)
}

fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = split_unit(text)?;
    let unit_bytes: u64 = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(unit_bytes)
}

fn split_unit(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(end)?;
    Some((digits(number)?, unit))
}

fn written(duration: Duration) -> String {
    let ms = duration.as_millis();
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let unit = units
        .into_iter()
        .find(|(unit_ms, _)| ms > 0 && ms.is_multiple_of(*unit_ms));
    unit.map_or_else(
        || format!("{ms}ms"),
        |(unit_ms, unit)| format!("{}{unit}", ms / unit_ms),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_with_their_unit_and_refused_without_one_or_beyond_the_range() {
        assert_eq!(parse_duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(parse_duration("24h"), Some(Duration::from_secs(86_400)));
        for refused in [
            "30",
            "s",
            "-1s",
            "1.5s",
            "30 s",
            "99999999999999999999s",
            "18446744073709551615d",
            "1w",
        ] {
            assert_eq!(parse_duration(refused), None, "{refused}");
        }
        assert_eq!(parse_size("64KiB"), Some(65_536));
        for refused in ["64", "64KB", "64kib", "KiB", "17179869184GiB"] {
            assert_eq!(parse_size(refused), None, "{refused}");
        }
    }

    #[test]
    fn a_duration_is_written_in_its_largest_whole_unit() {
        assert_eq!(written(Duration::from_secs(86_400)), "1d");
        assert_eq!(written(Duration::from_millis(1_500)), "1500ms");
        assert_eq!(written(Duration::ZERO), "0ms");
    }
}
