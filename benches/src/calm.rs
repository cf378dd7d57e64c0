//! What full load does not show: how long a request takes at half of it, and what a connection that waits costs in memory.

use crate::Outcome;
use crate::compare::peer_plan;
use crate::document::table;
use crate::histogram::Histogram;
use crate::load::{Pace, run};
use crate::peers::{Peer, Peers};
use crate::process::Process;
use crate::request::{Kind, Maker};
use crate::stage::{Effort, Stage};
use crate::statistics::{Ratio, median};
use crate::wire::{Connection, Wire};

/// Connections at half load.
const CONNECTIONS: usize = 16;
/// Connections that are open and wait.
const IDLE: usize = 5_000;
/// How many of them are being opened at once.
const OPENING: usize = 16;

/// Latencies of one at half load.
#[derive(Default)]
struct Latencies {
    all: Histogram,
    p50: Ratio,
    p99: Ratio,
}

/// Signed requests at half of what ours can do, and tokens checked by HAProxy at the same rate, in turns. Due at even
/// distances; a latency counts from when its request was due.
///
/// # Errors
/// A request failed.
pub async fn at_half_load(stage: &mut Stage, peers: &Peers, effort: Effort) -> Outcome<String> {
    let mut rates = Vec::new();
    for _ in 0..effort.rounds {
        let full = stage
            .load(Kind::Signed, CONNECTIONS, Pace::Closed, effort.span)
            .await?;
        rates.push(full.rate);
    }
    let rate = median(&rates) / 2.0;
    let (mut ours, mut theirs) = (Latencies::default(), Latencies::default());
    for _ in 0..effort.rounds {
        let mine = stage
            .load(Kind::Signed, CONNECTIONS, Pace::Rate(rate), effort.span)
            .await?;
        let mut plan = peer_plan(Kind::TokenPost, &peers.haproxy, stage, peers, effort).await?;
        (plan.connections, plan.pace) = (CONNECTIONS, Pace::Rate(rate));
        let other = run(plan, peers.haproxy.process.id()).await?.without_failures()?;
        for (share, ratio) in [(0.5, &mut theirs.p50), (0.99, &mut theirs.p99)] {
            ratio.add(mine.latencies.micros(share), other.latencies.micros(share));
        }
        ours.all.merge(&mine.latencies);
        theirs.all.merge(&other.latencies);
    }
    let row = |name: &str, found: &Latencies, compared: bool| {
        let mut cells = vec![name.to_owned()];
        for (share, ratio) in [(0.5, &found.p50), (0.99, &found.p99)] {
            cells.push(format!("{:.2}", found.all.micros(share) / 1e3));
            cells.push(if compared {
                ratio.to_string()
            } else {
                String::new()
            });
        }
        cells
    };
    let heads = ["", "p50, ms", "our p50 by its", "p99, ms", "our p99 by its"];
    let rows = [row("Countersign", &ours, false), row("HAProxy", &theirs, true)];
    Ok(format!(
        "### Latency at half of our saturation: {rate:.0} requests a second, `signed` against an ES256 token alone\n\n{}",
        table(&heads, &rows)
    ))
}

/// What a TLS connection costs that has had one answer and waits.
///
/// # Errors
/// A connection does not come about.
pub async fn idle_connections(stage: &Stage, peers: &Peers) -> Outcome<String> {
    let mut rows = vec![vec![
        "Countersign".to_owned(),
        format!(
            "{:.1}",
            cost_of_idling(stage, stage.home.ports.public, stage.gateway()).await?
        ),
    ]];
    for Peer { name, port, process } in [&peers.nginx, &peers.haproxy, &peers.envoy] {
        let cost = cost_of_idling(stage, *port, process).await?;
        rows.push(vec![(*name).to_owned(), format!("{cost:.1}")]);
    }
    Ok(format!(
        "### Memory of an idle TLS connection, {IDLE} of them\n\n{}",
        table(&["", "KiB each"], &rows)
    ))
}

/// In KiB of resident memory.
async fn cost_of_idling(stage: &Stage, port: u16, process: &Process) -> Outcome<f64> {
    let wire = Wire::new(port, &stage.home.path("certs/ca.pem"))?;
    let authority = stage.home.authority();
    let before = process.memory();
    let mut open = Vec::new();
    while open.len() < IDLE {
        let opening = (0..OPENING).map(|_| tokio::spawn(asked_once(wire.clone(), authority.clone())));
        for connection in opening.collect::<Vec<_>>() {
            open.push(connection.await??);
        }
    }
    let after = process.memory();
    Ok(after.saturating_sub(before) as f64 / 1024.0 / open.len() as f64)
}

async fn asked_once(wire: Wire, authority: String) -> Outcome<Connection> {
    let mut connection = wire.connect().await?;
    let request = Maker::new(Kind::PublicGet, &authority, None).next()?;
    let (status, _) = connection.send(request).await?;
    match status.is_success() {
        true => Ok(connection),
        false => Err(format!("a connection got {status}").into()),
    }
}
