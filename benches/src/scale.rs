//! Line 9: what a request costs while one thing grows a hundred times: routes, policies, customers, sessions, or the log.
//!
//! Two gateways run for each of them, one small and one with only that much more; they take turns on one core. What is
//! compared is processor time, which does not care how fast the disk or the load is.

use std::path::Path;
use std::time::Duration;

use crate::Outcome;
use crate::bars::{Bar, Group, svg};
use crate::configuration::{SMALL, Shape};
use crate::contests::at_most;
use crate::document::{Document, circumstances, progress, table, thousands};
use crate::goals::{ITSELF, Verdict, lines};
use crate::load::{Pace, run};
use crate::machine::Watch;
use crate::request::Kind;
use crate::stage::{Effort, Stage};
use crate::statistics::{Ratio, median};

/// Times.
const GROWTH: usize = 100;
/// Requests at a time.
const CONNECTIONS: usize = 16;
/// What is asked for.
const KINDS: [(Kind, &str); 3] = [
    (Kind::PublicPost, "public"),
    (Kind::Proof, "proof"),
    (Kind::Signed, "signed"),
];
/// So long every session is used before anything is counted, so that what a gateway remembers of them is there.
const EVERY_SESSION_ONCE: Duration = Duration::from_secs(12);

/// No round is shorter: thousands of policies make a request take long enough for a short one to see no answer.
const LEAST_SPAN: Duration = Duration::from_secs(1);
/// Rounds of each pair: enough for an interval that spares one of them at either end.
const MOST_ROUNDS: usize = 9;

/// Something that grows.
struct Dimension {
    name: &'static str,
    small: usize,
    grow: fn(&mut Shape),
}

const DIMENSIONS: [Dimension; 5] = [
    Dimension {
        name: "routes",
        small: SMALL.routes,
        grow: |shape| shape.routes *= GROWTH,
    },
    Dimension {
        name: "policies",
        small: SMALL.policies,
        grow: |shape| shape.policies *= GROWTH,
    },
    Dimension {
        name: "customers",
        small: SMALL.customers,
        grow: |shape| shape.customers *= GROWTH,
    },
    Dimension {
        name: "live sessions",
        small: SMALL.sessions,
        grow: |shape| shape.sessions *= GROWTH,
    },
    Dimension {
        name: "log entries",
        small: SMALL.entries as usize,
        grow: |shape| shape.entries *= GROWTH as u64,
    },
];

/// One kind of request over one dimension.
struct Cost {
    kind: &'static str,
    small: Vec<f64>,
    large: Vec<f64>,
    ratio: Ratio,
}

/// Measures, and writes table and plot.
///
/// # Errors
/// A request failed, or something did not start.
pub async fn measure(program: &Path, within: &Path, effort: Effort, document: &Document) -> Outcome<()> {
    let watch = Watch::start();
    progress("growth: the small gateway");
    let small = Stage::of_shape(program, within, &SMALL).await?;
    let mut found = Vec::new();
    for dimension in &DIMENSIONS {
        progress(&format!("growth: {} times {GROWTH}", dimension.name));
        let mut shape = SMALL;
        (dimension.grow)(&mut shape);
        let large = Stage::of_shape(program, within, &shape).await?;
        found.push((dimension, costs(&small, &large, effort).await?));
        large.close()?;
    }
    small.close()?;
    let verdicts: Vec<_> = found
        .iter()
        .flat_map(|(dimension, costs)| costs.iter().map(|cost| verdict(dimension, cost)))
        .collect();
    let text = [
        circumstances(&watch, within),
        figures(&found),
        lines(&verdicts),
        plot(&found, document)?,
    ];
    document.put("growth", &format!("{}\n", text.join("\n\n")))
}

async fn costs(small: &Stage, large: &Stage, effort: Effort) -> Outcome<Vec<Cost>> {
    for stage in [small, large] {
        cost(stage, Kind::Proof, EVERY_SESSION_ONCE.min(effort.span * 8)).await?;
    }
    let mut all = Vec::new();
    for (kind, name) in KINDS {
        let mut found = Cost {
            kind: name,
            small: Vec::new(),
            large: Vec::new(),
            ratio: Ratio::default(),
        };
        let rounds = effort.rounds.min(MOST_ROUNDS);
        for round in 0..rounds {
            progress(&format!("{name}: round {} of {rounds}", round + 1));
            // Who goes first has the cooler core: they take turns at that too.
            let (mine, theirs) = if round % 2 == 0 {
                let first = cost(small, kind, effort.span).await?;
                (first, cost(large, kind, effort.span).await?)
            } else {
                let first = cost(large, kind, effort.span).await?;
                (cost(small, kind, effort.span).await?, first)
            };
            found.small.push(mine);
            found.large.push(theirs);
            found.ratio.add(theirs, mine);
        }
        all.push(found);
    }
    Ok(all)
}

/// Processor time of a request in microseconds, by all sessions in turn.
async fn cost(stage: &Stage, kind: Kind, span: Duration) -> Outcome<f64> {
    let plan = stage.plan_of_residents(kind, CONNECTIONS, Pace::Closed, span.max(LEAST_SPAN))?;
    let report = run(plan, stage.gateway().id()).await?.without_failures()?;
    Ok(report.processor_micros)
}

fn verdict(dimension: &Dimension, cost: &Cost) -> Verdict {
    let what = format!("`{}`, {} times {GROWTH}", cost.kind, dimension.name);
    Verdict::new(
        "9",
        &what,
        "CPU, large by small",
        at_most(ITSELF, 1.15, 1.05),
        &cost.ratio,
    )
}

fn figures(found: &[(&Dimension, Vec<Cost>)]) -> String {
    let row = |dimension: &Dimension, cost: &Cost| {
        vec![
            dimension.name.to_owned(),
            format!(
                "{} → {}",
                thousands(dimension.small as f64),
                thousands((dimension.small * GROWTH) as f64)
            ),
            format!("`{}`", cost.kind),
            thousands(median(&cost.small)),
            thousands(median(&cost.large)),
            cost.ratio.to_string(),
        ]
    };
    let rows: Vec<_> = found
        .iter()
        .flat_map(|(dimension, costs)| costs.iter().map(|cost| row(dimension, cost)))
        .collect();
    let heads = [
        "what grows",
        "from, to",
        "request",
        "CPU small, µs",
        "CPU large, µs",
        "ratio",
    ];
    table(&heads, &rows)
}

fn plot(found: &[(&Dimension, Vec<Cost>)], document: &Document) -> Outcome<String> {
    let bar = |name: String, figures: &[f64], is_ours| Bar {
        name,
        figure: median(figures),
        is_ours,
    };
    let pair = |cost: &Cost| {
        [
            bar(format!("{}, small", cost.kind), &cost.small, false),
            bar(format!("{} × {GROWTH}", cost.kind), &cost.large, true),
        ]
    };
    let group = |(dimension, costs): &(&Dimension, Vec<Cost>)| Group {
        title: format!(
            "{}, {} to {}",
            dimension.name,
            thousands(dimension.small as f64),
            thousands((dimension.small * GROWTH) as f64)
        ),
        bars: costs.iter().flat_map(pair).collect(),
    };
    let groups: Vec<_> = found.iter().map(group).collect();
    document.plot(
        "growth",
        "Processor time of a request at the small size and a hundred times larger",
        &svg("Processor time of a request while one thing grows", "µs", &groups),
    )
}
