//! A gateway with a long log: what an entry costs in the store, and how long a start takes.

use std::path::Path;
use std::time::Duration;

use crate::Outcome;
use crate::configuration::Shape;
use crate::document::{Document, circumstances, table, thousands};
use crate::gateway;
use crate::growth::{Growth, grow};
use crate::home::Home;
use crate::machine::{Cores, Watch};
use crate::plot::{Axis, Plot, Scale, Series};
use crate::statistics::{median, range};

/// Entries of the log.
const SIZES: [u64; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// Starts at each size.
const STARTS: usize = 7;

struct Figures {
    entries: u64,
    growth: Growth,
    /// From the start of the process to the first 200 at `/readyz`, in milliseconds.
    starts: Vec<f64>,
    memory: u64,
    store: u64,
}

/// Measures, and writes table and plot. Sizes above `most` are left out.
///
/// # Errors
/// The log does not grow, or the gateway does not start.
pub async fn measure(program: &Path, within: &Path, most: u64, document: &Document) -> Outcome<()> {
    let watch = Watch::start();
    let home = Home::make(program, within, 1, &Shape::default())?;
    let cores = Cores::of_this_machine();
    let mut all = Vec::new();
    for entries in SIZES.into_iter().filter(|&size| size <= most) {
        all.push(figures(&home, cores, entries).await?);
    }
    let text = [
        circumstances(&watch, within),
        table(&HEADS, &all.iter().map(row).collect::<Vec<_>>()),
        plot(&all, document)?,
    ];
    document.put("restart", &format!("{}\n", text.join("\n\n")))
}

async fn figures(home: &Home, cores: Cores, entries: u64) -> Outcome<Figures> {
    let growth = grow(&home.path("countersign.toml"), entries).await?;
    let mut starts = Vec::new();
    let mut memory = 0;
    for _ in 0..STARTS {
        let (process, took) = gateway::start(home, cores).await?;
        starts.push(millis(took));
        memory = process.memory();
        // As after a power cut: nothing is put in order for the next one.
        process.kill();
    }
    Ok(Figures {
        entries,
        growth,
        starts,
        memory,
        store: gateway::store_bytes(&home.path("countersign.sqlite")),
    })
}

fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}

const HEADS: [&str; 7] = [
    "entries",
    "record, µs an entry",
    "sequence, µs an entry",
    "start after a kill, ms",
    "range, ms",
    "memory, MiB",
    "store, MiB",
];

fn row(figures: &Figures) -> Vec<String> {
    let each = |span: Duration| {
        format!(
            "{:.1}",
            span.as_secs_f64() * 1e6 / figures.growth.entries.max(1) as f64
        )
    };
    let (least, most) = range(&figures.starts);
    let mebibytes = |bytes: u64| thousands(bytes as f64 / f64::from(1 << 20));
    vec![
        thousands(figures.entries as f64),
        each(figures.growth.recording),
        each(figures.growth.sequencing),
        thousands(median(&figures.starts)),
        format!("{least:.0} to {most:.0}"),
        mebibytes(figures.memory),
        mebibytes(figures.store),
    ]
}

fn plot(all: &[Figures], document: &Document) -> Outcome<String> {
    let plot = Plot {
        title: "From the start of the process to ready, after a kill",
        x: Axis {
            title: "entries in the log",
            scale: Scale::Logarithmic,
        },
        y: Axis {
            title: "milliseconds",
            scale: Scale::Linear,
        },
        series: vec![Series {
            name: format!("median of {STARTS} starts"),
            points: all
                .iter()
                .map(|figures| (figures.entries as f64, median(&figures.starts)))
                .collect(),
        }],
    };
    document.plot(
        "restart",
        "Time to start by the number of entries in the log",
        &plot.svg(),
    )
}
