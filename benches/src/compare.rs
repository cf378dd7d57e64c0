//! This gateway beside others, in front of the same backend, in turns, everything of ours switched on.

use std::path::Path;

use crate::Outcome;
use crate::bars::{Bar, Group, svg};
use crate::callers::Caller;
use crate::calm;
use crate::document::{Document, circumstances, table, thousands};
use crate::histogram::Histogram;
use crate::load::{Pace, Plan, Report};
use crate::machine::Watch;
use crate::peers::{Peer, Peers, Programs};
use crate::request::Kind;
use crate::stage::{Effort, Stage};
use crate::statistics::{Ratio, median};
use crate::wire::Wire;

/// Connections of every load: enough that none of them waits for the clients.
const CONNECTIONS: usize = 32;

/// What is compared.
struct Contest {
    title: &'static str,
    /// For the plot.
    short: &'static str,
    /// What ours is asked for.
    ours: Kind,
    /// What the others are asked for.
    theirs: Kind,
    /// Who of nginx, HAProxy and Envoy.
    peers: &'static [&'static str],
}

const CONTESTS: [Contest; 4] = [
    Contest {
        title: "Public route: `POST` of 512 bytes, TLS in and out",
        short: "Public route, POST of 512 bytes",
        ours: Kind::PublicPost,
        theirs: Kind::PublicPost,
        peers: &["nginx", "HAProxy", "Envoy"],
    },
    Contest {
        title: "`proof` route with token and DPoP proof, against an ES256 token alone: `GET`, TLS in and out",
        short: "Token and proof of possession (the others: token only), GET",
        ours: Kind::Proof,
        theirs: Kind::TokenGet,
        peers: &["HAProxy", "Envoy"],
    },
    Contest {
        title: "`signed` route, every check, against an ES256 token alone: `POST` of 512 bytes, TLS in and out",
        short: "Signed request and signed answer (the others: token only), POST of 512 bytes",
        ours: Kind::Signed,
        theirs: Kind::TokenPost,
        peers: &["HAProxy", "Envoy"],
    },
    Contest {
        title: "Full TLS 1.3 handshake, P-256 certificate, X25519",
        short: "Full TLS 1.3 handshake",
        ours: Kind::Handshake,
        theirs: Kind::Handshake,
        peers: &["nginx", "HAProxy", "Envoy"],
    },
];

/// One of a contest over all rounds.
#[derive(Default)]
struct Runner {
    rates: Vec<f64>,
    processor: Vec<f64>,
    latencies: Histogram,
    /// Ours by this one's, round by round.
    rate_ratio: Ratio,
    processor_ratio: Ratio,
}

impl Runner {
    fn add(&mut self, report: &Report, ours: &Report) {
        self.rates.push(report.rate);
        self.processor.push(report.processor_micros);
        self.latencies.merge(&report.latencies);
        self.rate_ratio.add(ours.rate, report.rate);
        self.processor_ratio
            .add(ours.processor_micros, report.processor_micros);
    }

    fn row(&self, name: &str, is_ours: bool) -> Vec<String> {
        let ratio = |ratio: &Ratio| if is_ours { String::new() } else { ratio.to_string() };
        vec![
            name.to_owned(),
            thousands(median(&self.rates)),
            thousands(median(&self.processor)),
            format!("{:.2}", self.latencies.micros(0.5) / 1e3),
            format!("{:.2}", self.latencies.micros(0.99) / 1e3),
            ratio(&self.rate_ratio),
            ratio(&self.processor_ratio),
        ]
    }
}

/// Measures, and writes the tables.
///
/// # Errors
/// Somebody does not start, or a request fails.
pub async fn measure(
    program: &Path,
    root: &Path,
    within: &Path,
    effort: Effort,
    document: &Document,
) -> Outcome<()> {
    let programs = Programs::find(root)?;
    let watch = Watch::start();
    let mut stage = Stage::open(program, within).await?;
    let peers = Peers::start(&programs, &stage.home, stage.cores).await?;
    let (mut sections, mut groups) = (Vec::new(), Vec::new());
    for contest in &CONTESTS {
        let runners = run(contest, &mut stage, &peers, effort).await?;
        sections.push(format!("### {}\n\n{}", contest.title, figures(&runners)));
        groups.push(group(contest, &runners));
    }
    sections.push(calm::at_half_load(&mut stage, &peers, effort).await?);
    sections.push(calm::idle_connections(&stage, &peers).await?);
    stage.close()?;
    drop(peers);
    let circumstances = format!(
        "{} Peers: {}.",
        circumstances(&watch, within),
        programs.versions()
    );
    let plot = document.plot(
        "compare",
        "Processor time of a request beside nginx, HAProxy and Envoy",
        &svg("Processor time, less is better", "µs", &groups),
    )?;
    document.put(
        "compare",
        &format!("{circumstances}\n\n{plot}\n\n{}", sections.join("\n\n")),
    )
}

fn group(contest: &Contest, runners: &[(&str, Runner)]) -> Group {
    let bar = |(place, (name, runner)): (usize, &(&str, Runner))| Bar {
        name: (*name).to_owned(),
        figure: median(&runner.processor),
        is_ours: place == 0,
    };
    Group {
        title: contest.short.to_owned(),
        bars: runners.iter().enumerate().map(bar).collect(),
    }
}

/// Ours first, then the others.
async fn run<'p>(
    contest: &Contest,
    stage: &mut Stage,
    peers: &'p Peers,
    effort: Effort,
) -> Outcome<Vec<(&'p str, Runner)>> {
    let all = [&peers.nginx, &peers.haproxy, &peers.envoy];
    let chosen: Vec<&Peer> = all
        .into_iter()
        .filter(|peer| contest.peers.contains(&peer.name))
        .collect();
    let mut ours = Runner::default();
    let mut theirs: Vec<_> = chosen.iter().map(|peer| (peer.name, Runner::default())).collect();
    for _ in 0..effort.rounds {
        let report = stage
            .load(contest.ours, CONNECTIONS, Pace::Closed, effort.span)
            .await?;
        ours.add(&report, &report);
        for (peer, (_, runner)) in chosen.iter().zip(&mut theirs) {
            runner.add(&load(contest.theirs, peer, stage, peers, effort).await?, &report);
        }
    }
    theirs.insert(0, ("Countersign", ours));
    Ok(theirs)
}

fn figures(runners: &[(&str, Runner)]) -> String {
    let rows = runners.iter().enumerate();
    let rows = rows.map(|(place, (name, runner))| runner.row(name, place == 0));
    let heads = [
        "",
        "a second",
        "CPU, µs each",
        "p50, ms",
        "p99, ms",
        "our rate by its",
        "our CPU by its",
    ];
    table(&heads, &rows.collect::<Vec<_>>())
}

async fn load(kind: Kind, peer: &Peer, stage: &mut Stage, peers: &Peers, effort: Effort) -> Outcome<Report> {
    let plan = peer_plan(kind, peer, stage, peers, effort).await?;
    let report = crate::load::run(plan, peer.process.id()).await?;
    report
        .without_failures()
        .map_err(|error| format!("{}: {error}", peer.name).into())
}

/// The load that ours gets, to be put on another.
pub(crate) async fn peer_plan(
    kind: Kind,
    peer: &Peer,
    stage: &mut Stage,
    peers: &Peers,
    effort: Effort,
) -> Outcome<Plan> {
    let mut plan = stage.plan(kind, CONNECTIONS, Pace::Closed, effort.span).await?;
    plan.wire = Wire::new(peer.port, &stage.home.path("certs/ca.pem"))?;
    let with_token = |caller: Caller| Caller {
        token: peers.token.clone(),
        ..caller
    };
    plan.callers = plan.callers.into_iter().map(with_token).collect();
    Ok(plan)
}
