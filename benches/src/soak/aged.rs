//! The gateway at the end of a soak in turns with one that has just begun: what a machine that is faster in one minute than
//! in the next does to a comparison of minutes, it does to both of these alike.

use std::path::Path;
use std::time::Duration;

use super::{busy, ended, latencies, mix};
use crate::Outcome;
use crate::document::{progress, table, thousands};
use crate::gateway::store_bytes;
use crate::request::Kind;
use crate::stage::Stage;
use crate::statistics::Ratio;

/// Rounds; enough that two on either side may be disturbed.
const ROUNDS: usize = 12;

/// The same load on `aged` and on a gateway with a new store below `within`, in turns of `span`; a table.
///
/// # Errors
/// The other gateway does not start, or a request failed.
pub(super) async fn beside_a_fresh_one(
    aged: &mut Stage,
    (program, within): (&Path, &Path),
    (rate, span): (f64, Duration),
) -> Outcome<String> {
    let mut fresh = Stage::open(program, within).await?;
    let mut ratios: [Ratio; 5] = Default::default();
    for round in 1..=ROUNDS {
        let old = turn(aged, rate, span).await?;
        let new = turn(&mut fresh, rate, span).await?;
        for (ratio, (old, new)) in ratios.iter_mut().zip(old.into_iter().zip(new)) {
            ratio.add(old, new);
        }
        progress(&format!(
            "soak: round {round} of {ROUNDS} beside a fresh store; p99 {:.1} ms, {:.1} there",
            old[1] / 1e3,
            new[1] / 1e3
        ));
    }
    let stores = [&*aged, &fresh].map(|stage| {
        let bytes = store_bytes(&stage.home.path("countersign.sqlite"));
        thousands(bytes as f64 / f64::from(1 << 20))
    });
    fresh.close()?;
    let names = [
        "signed, p50",
        "signed, p99",
        "payment, p50",
        "payment, p99",
        "processor time",
    ];
    let rows = names.iter().zip(&ratios);
    let rows = rows.map(|(name, ratio)| vec![(*name).to_owned(), ratio.to_string()]);
    Ok(format!(
        "At the end, in {ROUNDS} turns of {} s with a gateway whose store is new, at the same rate and without logins; stores of {} and {} \
         MiB when they were over:\n\n{}",
        span.as_secs(),
        stores[0],
        stores[1],
        table(&["", "aged by new"], &rows.collect::<Vec<_>>())
    ))
}

/// p50 and p99 of signed requests and of payments, and the share of its core.
async fn turn(stage: &mut Stage, rate: f64, span: Duration) -> Outcome<[f64; 5]> {
    let reports = ended(mix(stage, rate, span).await?).await?;
    for (_, report) in &reports {
        report.clone().without_failures()?;
    }
    let (signed, payments) = (
        latencies(&reports, Kind::Signed),
        latencies(&reports, Kind::Payment),
    );
    Ok([
        signed.micros(0.5),
        signed.micros(0.99),
        payments.micros(0.5),
        payments.micros(0.99),
        busy(&reports),
    ])
}
