//! Payments per second with both durable writes, against the group commit's ceiling on the same disk, in turns.

use std::path::Path;

use crate::Outcome;
use crate::ceiling::of_flushes;
use crate::document::{Document, circumstances, table, thousands};
use crate::gateway;
use crate::histogram::Histogram;
use crate::load::Pace;
use crate::machine::Watch;
use crate::plot::{Axis, Plot, Scale, Series};
use crate::request::Kind;
use crate::stage::{Effort, Stage};
use crate::statistics::{Ratio, median};

/// Payments at once.
const PARALLEL: [usize; 8] = [1, 2, 4, 8, 16, 32, 64, 128];
/// At this many the gateway's own work is what is compared.
const BUSY: usize = 32;

/// What was measured with so many payments at once, over all rounds.
#[derive(Default)]
struct Level {
    parallel: usize,
    rates: Vec<f64>,
    processor: Vec<f64>,
    latencies: Histogram,
    together: Vec<f64>,
    ceilings: Vec<f64>,
    ratio: Ratio,
}

/// Measures, and writes table and plots.
///
/// # Errors
/// A request failed, or something did not start.
pub async fn measure(program: &Path, within: &Path, effort: Effort, document: &Document) -> Outcome<()> {
    let watch = Watch::start();
    let mut stage = Stage::open(program, within).await?;
    let mut levels = Vec::new();
    for parallel in PARALLEL {
        levels.push(level(&mut stage, parallel, effort).await?);
    }
    let beside = beside_signed(&mut stage, effort).await?;
    let flushes = of_flushes(&stage.home.path("."))?;
    stage.close()?;
    let text = [
        circumstances(&watch, within),
        format!(
            "Flushing a bare file after 4 KiB takes {:.0} µs (p50; p99 {:.0} µs).",
            flushes.0, flushes.1
        ),
        figures(&levels),
        beside,
        plots(&levels, document)?.join("\n"),
    ];
    document.put("payments", &format!("{}\n", text.join("\n\n")))
}

async fn level(stage: &mut Stage, parallel: usize, effort: Effort) -> Outcome<Level> {
    let mut level = Level {
        parallel,
        ..Level::default()
    };
    for _ in 0..effort.rounds {
        let before = commits(stage).await?;
        let report = stage
            .load(Kind::Payment, parallel, Pace::Closed, effort.span)
            .await?;
        let after = commits(stage).await?;
        let ceiling = stage.ceiling(parallel, effort.span).await?;
        level.rates.push(report.rate);
        level.processor.push(report.processor_micros);
        level.latencies.merge(&report.latencies);
        level
            .together
            .push((after.1 - before.1) / (after.0 - before.0).max(1.0));
        level.ceilings.push(ceiling.payments);
        level.ratio.add(report.rate, ceiling.payments);
    }
    Ok(level)
}

/// Commits of the gateway so far, and the batches that were in them.
async fn commits(stage: &Stage) -> Outcome<(f64, f64)> {
    let commits = gateway::metric(&stage.home, "countersign_store_commit_seconds_count").await?;
    let batches = gateway::metric(&stage.home, "countersign_store_batches_total").await?;
    Ok((commits, batches))
}

/// What the two durable writes take off what a signed request without them reaches.
async fn beside_signed(stage: &mut Stage, effort: Effort) -> Outcome<String> {
    let (mut rates, mut processor) = (Ratio::default(), Ratio::default());
    let mut figures = [Vec::new(), Vec::new()];
    for _ in 0..effort.rounds.max(5) {
        let signed = stage.load(Kind::Signed, BUSY, Pace::Closed, effort.span).await?;
        let payment = stage.load(Kind::Payment, BUSY, Pace::Closed, effort.span).await?;
        rates.add(payment.rate, signed.rate);
        processor.add(payment.processor_micros, signed.processor_micros);
        for (figures, report) in figures.iter_mut().zip([signed, payment]) {
            figures.push((report.rate, report.processor_micros));
        }
    }
    let [signed, payment] = figures.map(|rounds| {
        let (rates, processor): (Vec<_>, Vec<_>) = rounds.into_iter().unzip();
        format!(
            "{} a second at {} µs",
            thousands(median(&rates)),
            thousands(median(&processor))
        )
    });
    Ok(format!(
        "With {BUSY} at once, in turns: a signed `POST` without durable writes {signed} of processor time each, a payment \
         {payment}. Payments reach {rates} of its rate, and cost {processor} of its processor time."
    ))
}

fn figures(levels: &[Level]) -> String {
    let row = |level: &Level| {
        vec![
            level.parallel.to_string(),
            thousands(median(&level.rates)),
            format!("{:.2}", level.latencies.micros(0.5) / 1e3),
            format!("{:.2}", level.latencies.micros(0.99) / 1e3),
            thousands(median(&level.processor)),
            format!("{:.1}", median(&level.together)),
            thousands(median(&level.ceilings)),
            level.ratio.to_string(),
        ]
    };
    let heads = [
        "at once",
        "payments/s",
        "p50, ms",
        "p99, ms",
        "CPU, µs each",
        "batches a commit",
        "ceiling, payments/s",
        "of the ceiling",
    ];
    table(&heads, &levels.iter().map(row).collect::<Vec<_>>())
}

fn plots(levels: &[Level], document: &Document) -> Outcome<Vec<String>> {
    let series = |name: &str, figure: &dyn Fn(&Level) -> f64| Series {
        name: name.to_owned(),
        points: levels
            .iter()
            .map(|level| (level.parallel as f64, figure(level)))
            .collect(),
    };
    let x = Axis {
        title: "payments at once",
        scale: Scale::Logarithmic,
    };
    let rates = Plot {
        title: "Payments a second, and what the disk's group commit allows",
        x: x.clone(),
        y: Axis {
            title: "payments a second",
            scale: Scale::Logarithmic,
        },
        series: vec![
            series("gateway, both durable writes", &|level| median(&level.rates)),
            series("ceiling: two commits each, nothing else", &|level| {
                median(&level.ceilings)
            }),
        ],
    };
    let latencies = Plot {
        title: "How long a payment takes",
        x,
        y: Axis {
            title: "milliseconds",
            scale: Scale::Logarithmic,
        },
        series: vec![
            series("p50", &|level| level.latencies.micros(0.5) / 1e3),
            series("p99", &|level| level.latencies.micros(0.99) / 1e3),
        ],
    };
    Ok(vec![
        document.plot(
            "payments",
            "Payments a second by payments at once, beside the ceiling",
            &rates.svg(),
        )?,
        document.plot(
            "payment-latency",
            "p50 and p99 of a payment by payments at once",
            &latencies.svg(),
        )?,
    ])
}
