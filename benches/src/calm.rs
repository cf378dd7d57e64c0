//! What full load does not show: how long a request takes at half of it, and what a connection that waits costs in memory.

use crate::Outcome;
use crate::compare::peer_plan;
use crate::contests::at_most;
use crate::document::{progress, table};
use crate::goals::{Goal, Verdict};
use crate::histogram::Histogram;
use crate::load::{Pace, run};
use crate::peers::{Peer, Peers};
use crate::process::Process;
use crate::request::{Kind, Maker, Turn};
use crate::stage::{Effort, Stage};
use crate::statistics::{Ratio, Told, median};
use crate::wire::{Connection, Protocol, Wire};

/// The line about latency.
pub const LATENCY: &str = "7";
/// The line about memory.
pub const IDLE_MEMORY: &str = "8";
const P50: Goal = at_most("HAProxy", 1.0, 0.85);
const P99: Goal = at_most("HAProxy", 1.25, 0.8);
const MEMORY: Goal = at_most("nginx", 1.4, 1.0);

/// Connections at half load.
const CONNECTIONS: usize = 16;
/// Connections that are open and wait.
const IDLE: usize = 5_000;
/// How long they wait before memory is looked at: who gives back what it does not need has had time to.
const WAIT: std::time::Duration = std::time::Duration::from_secs(1);
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
pub async fn at_half_load(
    stage: &mut Stage,
    peers: &Peers,
    effort: Effort,
) -> Outcome<(String, Vec<Verdict>)> {
    let mut rates = Vec::new();
    for _ in 0..effort.rounds {
        let full = stage
            .load(Kind::Signed, CONNECTIONS, Pace::Closed, effort.span)
            .await?;
        rates.push(full.rate);
    }
    let rate = median(&rates) / 2.0;
    let (mut ours, mut theirs) = (Latencies::default(), Latencies::default());
    for round in 1..=effort.rounds {
        progress(&format!("{LATENCY}: round {round} of {}", effort.rounds));
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
    let section = format!(
        "### Line 7: latency at half of our saturation: {rate:.0} requests a second, `signed` against an ES256 token alone\n\n{}",
        table(&heads, &rows)
    );
    let of = |what, of, goal, ratio| Verdict::new(LATENCY, what, of, goal, ratio);
    let verdicts = vec![
        of(
            "p50 at half of our saturation",
            "p50, ours by its",
            P50,
            &theirs.p50,
        ),
        of(
            "p99 at half of our saturation",
            "p99, ours by its",
            P99,
            &theirs.p99,
        ),
    ];
    Ok((section, verdicts))
}

/// What a TLS connection costs that has had one answer and waits.
///
/// # Errors
/// A connection does not come about.
pub async fn idle_connections(stage: &Stage, peers: &Peers) -> Outcome<(String, Vec<Verdict>)> {
    progress(&format!("{IDLE_MEMORY}: {IDLE} connections to each"));
    let ours = cost_of_idling(stage, stage.home.ports.public, stage.gateway()).await?;
    let mut rows = vec![vec![
        "Countersign".to_owned(),
        format!("{ours:.1}"),
        String::new(),
    ]];
    let mut verdicts = Vec::new();
    for Peer { name, port, process } in [&peers.nginx, &peers.haproxy, &peers.envoy] {
        let cost = cost_of_idling(stage, *port, process).await?;
        let ratio = ours / cost.max(f64::MIN_POSITIVE);
        rows.push(vec![
            (*name).to_owned(),
            format!("{cost:.1}"),
            format!("{ratio:.2}"),
        ]);
        if MEMORY.against == *name {
            verdicts.push(Verdict {
                line: IDLE_MEMORY,
                what: format!("memory of an idle TLS connection, {IDLE} of them"),
                of: "memory, ours by its",
                goal: MEMORY,
                told: Ok(Told::once(ratio)),
            });
        }
    }
    let section = format!(
        "### Line 8: memory of an idle TLS connection, {IDLE} of them\n\n{}",
        table(&["", "KiB each", "ours by its"], &rows)
    );
    Ok((section, verdicts))
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
    tokio::time::sleep(WAIT).await;
    let after = process.memory();
    Ok(after.saturating_sub(before) as f64 / 1024.0 / open.len() as f64)
}

async fn asked_once(wire: Wire, authority: String) -> Outcome<Connection> {
    let mut connection = wire.connect().await?;
    let request = Maker::new(
        Kind::PublicGet,
        &authority,
        Protocol::Http1,
        (Vec::new(), Turn::Again),
    )
    .make()?;
    let (status, _) = connection.send(request).await?;
    match status.is_success() {
        true => Ok(connection),
        false => Err(format!("a connection got {status}").into()),
    }
}
