//! What a soak is told to have shown: verdicts, a table by the minute, plots.

use super::{Minute, Sample};
use crate::Outcome;
use crate::document::{Document, table, thousands};
use crate::histogram::Histogram;
use crate::plot::{Axis, Plot, Scale, Series};
use crate::statistics::{median, range};

/// Flat: the last third of what follows is at most so many times the first.
const MEMORY_FLAT: f64 = 1.10;
const DESCRIPTORS_FLAT: f64 = 1.10;
const LATENCY_FLAT: f64 = 1.25;

/// A line of progress.
pub(super) fn told(minute: &Minute, sample: Option<&Sample>) -> String {
    let (memory, descriptors) = sample.map_or((0.0, 0.0), |sample| (sample.memory, sample.descriptors));
    format!(
        "soak: {:.1} minutes; {:.0} a second, {} failed, p99 {:.1} ms, stalls {:.1} ‰, {memory:.0} MiB, {descriptors:.0} descriptors",
        minute.ends,
        minute.rate,
        minute.failures,
        millis(&minute.signed, 0.99),
        minute.stalls.unwrap_or_default() * 1e3
    )
}

fn millis(latencies: &Histogram, share: f64) -> f64 {
    latencies.micros(share) / 1e3
}

/// What stands for a third of the soak.
type Standing = fn(&[f64]) -> f64;

/// The last third by the first.
fn slope(figures: &[f64], standing: Standing) -> f64 {
    let third = figures.len() / 3;
    let first = figures.get(..third.max(1)).unwrap_or_default();
    let last = figures.get(figures.len() - third..).unwrap_or_default();
    standing(last) / standing(first).max(f64::MIN_POSITIVE)
}

/// A pool opens and closes connections as it needs them, but what leaks is open at the quietest moment too.
fn least(figures: &[f64]) -> f64 {
    range(figures).0
}

/// Whether each figure stayed where it was once `settled` minutes were over.
pub(super) fn verdicts(minutes: &[Minute], samples: &[Sample], settled: f64) -> String {
    let one = |name: &str, figures: Vec<f64>, standing: Standing, most: f64| {
        let slope = slope(&figures, standing);
        let word = if slope <= most { "flat" } else { "**not flat**" };
        format!("{name} {word} ({slope:.2}, at most {most})")
    };
    let held = |of: fn(&Sample) -> f64| {
        let settled = samples.iter().filter(|sample| sample.minutes >= settled);
        settled.map(of).collect()
    };
    let p99 = |of: fn(&Minute) -> &Histogram| {
        let settled = minutes.iter().filter(|minute| minute.ends > settled);
        settled.map(|minute| millis(of(minute), 0.99)).collect()
    };
    let failures: u64 = minutes.iter().map(|minute| minute.failures).sum();
    format!(
        "The last third of what follows minute {settled:.0}, by the first: {}; {}; {}; {}. {failures} requests and logins failed.",
        one("memory", held(|sample| sample.memory), median, MEMORY_FLAT),
        one(
            "descriptors",
            held(|sample| sample.descriptors),
            least,
            DESCRIPTORS_FLAT
        ),
        one(
            "p99 of signed requests",
            p99(|minute| &minute.signed),
            median,
            LATENCY_FLAT
        ),
        one(
            "p99 of payments",
            p99(|minute| &minute.payments),
            median,
            LATENCY_FLAT
        ),
    )
}

/// A row for each minute.
pub(super) fn figures(minutes: &[Minute], samples: &[Sample]) -> String {
    let row = |minute: &Minute| {
        let held = samples.iter().rfind(|sample| sample.minutes <= minute.ends);
        let held = |figure: fn(&Sample) -> f64| held.map_or(0.0, figure);
        vec![
            format!("{:.1}", minute.ends),
            thousands(minute.rate),
            minute.failures.to_string(),
            minute.logins.to_string(),
            format!("{:.2}", millis(&minute.signed, 0.5)),
            format!("{:.2}", millis(&minute.signed, 0.99)),
            format!("{:.2}", millis(&minute.payments, 0.5)),
            format!("{:.2}", millis(&minute.payments, 0.99)),
            format!("{:.0}", minute.busy * 100.0),
            minute
                .stalls
                .map_or_else(|| "–".to_owned(), |share| format!("{:.1}", share * 1e3)),
            format!("{:.0}", minute.longest_flush.as_secs_f64() * 1e3),
            format!("{:.1}", held(|sample| sample.memory)),
            format!("{:.0}", held(|sample| sample.descriptors)),
            format!("{:.1}", held(|sample| sample.store)),
            format!("{:.1}", held(|sample| sample.write_ahead)),
        ]
    };
    let heads = [
        "minute",
        "a second",
        "failed",
        "logins",
        "signed p50, ms",
        "p99, ms",
        "payment p50, ms",
        "p99, ms",
        "of its core, %",
        "stalls, ‰",
        "longest flush, ms",
        "memory, MiB",
        "descriptors",
        "store, MiB",
        "write-ahead, MiB",
    ];
    table(&heads, &minutes.iter().map(row).collect::<Vec<_>>())
}

/// Three plots, named after the section they stand in.
pub(super) fn plots(
    minutes: &[Minute],
    samples: &[Sample],
    (name, document): (&str, &Document),
) -> Outcome<Vec<String>> {
    let plot = |title, y, series| Plot {
        title,
        x: Axis {
            title: "minutes",
            scale: Scale::Linear,
        },
        y: Axis {
            title: y,
            scale: Scale::Linear,
        },
        series,
    };
    let held = |name: &str, figure: fn(&Sample) -> f64| Series {
        name: name.to_owned(),
        points: samples
            .iter()
            .map(|sample| (sample.minutes, figure(sample)))
            .collect(),
    };
    let took = |name: &str, figure: fn(&Minute) -> f64| Series {
        name: name.to_owned(),
        points: minutes
            .iter()
            .map(|minute| (minute.ends, figure(minute)))
            .collect(),
    };
    let memory = plot(
        "Memory at half load",
        "MiB",
        vec![
            held("resident", |sample| sample.memory),
            held("write-ahead log on disk", |sample| sample.write_ahead),
        ],
    );
    let descriptors = plot(
        "Open descriptors at half load",
        "descriptors",
        vec![held("open", |sample| sample.descriptors)],
    );
    let latencies = plot(
        "Latencies at half load",
        "milliseconds",
        vec![
            took("signed, p50", |minute| millis(&minute.signed, 0.5)),
            took("signed, p99", |minute| millis(&minute.signed, 0.99)),
            took("payment, p50", |minute| millis(&minute.payments, 0.5)),
            took("payment, p99", |minute| millis(&minute.payments, 0.99)),
        ],
    );
    Ok(vec![
        document.plot(&format!("{name}-memory"), "Memory by the minute", &memory.svg())?,
        document.plot(
            &format!("{name}-descriptors"),
            "Open descriptors by the minute",
            &descriptors.svg(),
        )?,
        document.plot(
            &format!("{name}-latency"),
            "Latencies by the minute",
            &latencies.svg(),
        )?,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slope_compares_the_last_third_with_the_first() {
        assert_eq!(slope(&[1.0, 1.0, 9.0, 9.0, 1.2, 1.2], median), 1.2);
        assert_eq!(slope(&[2.0, 5.0, 1.0], median), 0.5);
    }

    #[test]
    fn what_leaks_raises_the_least_and_what_comes_and_goes_does_not() {
        assert_eq!(slope(&[60.0, 80.0, 70.0, 70.0, 88.0, 60.0], least), 1.0);
        assert_eq!(slope(&[60.0, 80.0, 70.0, 70.0, 88.0, 72.0], least), 1.2);
    }
}
