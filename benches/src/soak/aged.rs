//! The gateway at the end of a soak in turns with one that has just begun: what a machine that is faster in one minute than
//! in the next does to a comparison of minutes, it does to both of these alike.

use std::path::Path;
use std::time::Duration;

use super::{MIX, ended, mix};
use crate::Outcome;
use crate::document::{progress, table, thousands};
use crate::gateway::store_bytes;
use crate::request::Kind;
use crate::stage::Stage;
use crate::statistics::{Ratio, median};

/// Rounds; enough that two on either side may be disturbed.
const ROUNDS: usize = 12;

/// One gateway in one round.
struct Turn {
    signed: [f64; 2],
    payments: [f64; 2],
    busy: f64,
}

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
        for (ratio, (old, new)) in ratios
            .iter_mut()
            .zip(old.figures().into_iter().zip(new.figures()))
        {
            ratio.add(old, new);
        }
        progress(&format!(
            "soak: round {round} of {ROUNDS} beside a fresh store; p99 {:.1} ms, {:.1} there",
            old.signed[1], new.signed[1]
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

impl Turn {
    const fn figures(&self) -> [f64; 5] {
        let ([signed_p50, signed_p99], [payment_p50, payment_p99]) = (self.signed, self.payments);
        [signed_p50, signed_p99, payment_p50, payment_p99, self.busy]
    }
}

async fn turn(stage: &mut Stage, rate: f64, span: Duration) -> Outcome<Turn> {
    let reports = ended(mix(stage, rate, span).await?).await?;
    let mut turn = Turn {
        signed: [0.0; 2],
        payments: [0.0; 2],
        busy: 0.0,
    };
    let mut busy = Vec::with_capacity(MIX.len());
    for (kind, report) in reports {
        let report = report.without_failures()?;
        let found = [0.5, 0.99].map(|share| report.latencies.micros(share) / 1e3);
        match kind {
            Kind::Signed => turn.signed = found,
            Kind::Payment => turn.payments = found,
            _ => {}
        }
        busy.push(report.busy);
    }
    turn.busy = median(&busy);
    Ok(turn)
}
