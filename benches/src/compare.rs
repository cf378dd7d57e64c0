//! This gateway beside others, in front of the same backend, in turns, everything of ours switched on.

use std::path::Path;
use std::time::Duration;

use crate::Outcome;
use crate::bars::{Bar, Group, svg};
use crate::callers::Caller;
use crate::calm;
use crate::contests::{CONTESTS, Contest, Rival};
use crate::document::{Document, circumstances, print, progress, table, thousands};
use crate::goals::{Better, Goal, Verdict, lines};
use crate::histogram::Histogram;
use crate::load::{Pace, Plan, Report};
use crate::machine::Watch;
use crate::peers::{Peer, Peers, Programs};
use crate::request::{Kind, Turn};
use crate::stage::{Effort, Stage};
use crate::statistics::{Ratio, median};
use crate::wire::Wire;

/// Requests at a time of every load: enough that none of them waits for the clients.
const CONNECTIONS: usize = 32;
/// A server that had at least this share of its core was what limited a rate; below it the load did.
const SATURATED: f64 = 0.9;
/// More tokens a second than anybody checks on one core, where each is to be seen once.
const TOKENS_A_SECOND: f64 = 14_000.0;
/// A round of fresh tokens also uses some before it is counted and while it ends.
const BESIDE_THE_ROUND: Duration = Duration::from_secs(1);

/// One of a contest over all rounds.
#[derive(Default)]
struct Runner {
    rates: Vec<f64>,
    processor: Vec<f64>,
    busy: Vec<f64>,
    latencies: Histogram,
    /// Ours by this one's, round by round.
    rate_ratio: Ratio,
    /// This one's by ours.
    processor_ratio: Ratio,
    /// Ours by this one's.
    processor_share: Ratio,
}

impl Runner {
    fn add(&mut self, report: &Report, ours: &Report) {
        self.rates.push(report.rate);
        self.processor.push(report.processor_micros);
        self.busy.push(report.busy);
        self.latencies.merge(&report.latencies);
        self.rate_ratio.add(ours.rate, report.rate);
        self.processor_ratio
            .add(report.processor_micros, ours.processor_micros);
        self.processor_share
            .add(ours.processor_micros, report.processor_micros);
    }

    fn row(&self, name: &str, is_ours: bool) -> Vec<String> {
        let ratio = |ratio: &Ratio| if is_ours { String::new() } else { ratio.to_string() };
        vec![
            name.to_owned(),
            thousands(median(&self.rates)),
            thousands(median(&self.processor)),
            format!("{:.0} %", median(&self.busy) * 100.0),
            format!("{:.2}", self.latencies.micros(0.5) / 1e3),
            format!("{:.2}", self.latencies.micros(0.99) / 1e3),
            ratio(&self.rate_ratio),
            ratio(&self.processor_ratio),
        ]
    }

    fn is_saturated(&self) -> bool {
        median(&self.busy) >= SATURATED
    }
}

/// Measures, and writes the tables. With names in `only`, those lines alone, and nothing is written.
///
/// # Errors
/// Somebody does not start, a request fails, or a name is unknown.
pub async fn measure(
    program: &Path,
    root: &Path,
    within: &Path,
    (effort, only): (Effort, &[String]),
    document: &Document,
) -> Outcome<()> {
    check_names(only)?;
    let wanted = |line: &str| only.is_empty() || only.iter().any(|name| name == line);
    let programs = Programs::find(root)?;
    let watch = Watch::start();
    let mut stage = Stage::open(program, within).await?;
    let peers = Peers::start(&programs, &stage.home, stage.cores).await?;
    let mut found = Found::default();
    for contest in CONTESTS.iter().filter(|contest| wanted(contest.line)) {
        let runners = run(contest, &mut stage, &peers, effort).await?;
        found
            .sections
            .push(format!("### {}\n\n{}", contest.title, figures(contest, &runners)));
        found.groups.push(group(contest, &runners));
        found.verdicts.extend(verdicts(contest, &runners));
    }
    if wanted(calm::LATENCY) {
        found.add(calm::at_half_load(&mut stage, &peers, effort).await?);
    }
    if wanted(calm::IDLE_MEMORY) {
        found.add(calm::idle_connections(&stage, &peers).await?);
    }
    stage.close()?;
    drop(peers);
    let circumstances = format!(
        "{} Peers: {}.",
        circumstances(&watch, within),
        programs.versions()
    );
    found.write(&circumstances, only.is_empty(), document)
}

fn check_names(only: &[String]) -> Outcome<()> {
    let contests = CONTESTS.iter().map(|contest| contest.line);
    let names: Vec<_> = contests.chain([calm::LATENCY, calm::IDLE_MEMORY]).collect();
    match only.iter().find(|name| !names.contains(&name.as_str())) {
        Some(name) => Err(format!("no line is called {name}; there are {}", names.join(", ")).into()),
        None => Ok(()),
    }
}

/// What the comparison found.
#[derive(Default)]
struct Found {
    sections: Vec<String>,
    groups: Vec<Group>,
    verdicts: Vec<Verdict>,
}

impl Found {
    fn add(&mut self, (section, verdicts): (String, Vec<Verdict>)) {
        self.sections.push(section);
        self.verdicts.extend(verdicts);
    }

    fn write(&self, circumstances: &str, is_whole: bool, document: &Document) -> Outcome<()> {
        let (lines, sections) = (lines(&self.verdicts), self.sections.join("\n\n"));
        if !is_whole {
            return print(&format!("{circumstances}\n\n{sections}\n\n{lines}"));
        }
        let plot = document.plot(
            "compare",
            "Processor time of a request beside nginx, HAProxy and Envoy",
            &svg("Processor time, less is better", "µs", &self.groups),
        )?;
        document.put(
            "compare",
            &format!("{circumstances}\n\n{lines}\n\n{plot}\n\n{sections}\n"),
        )
    }
}

/// What a contest reached of its line's goals. A rate is judged where both servers had their cores to the full; where the load
/// was what limited one of them, processor time is.
fn verdicts(contest: &Contest, runners: &[(&str, Runner)]) -> Vec<Verdict> {
    let Some(((_, ours), others)) = runners.split_first() else {
        return Vec::new();
    };
    let verdict = |goal: &Goal| {
        let (_, rival) = others.iter().find(|(name, _)| *name == goal.against)?;
        let (of, ratio) = match goal.better {
            Better::Smaller => ("CPU, ours by its", &rival.processor_share),
            Better::Larger if ours.is_saturated() && rival.is_saturated() => {
                ("rate, ours by its", &rival.rate_ratio)
            }
            // What the disk makes a payment wait for is part of its line.
            Better::Larger if contest.rivals == [Rival::Itself] => ("rate, ours by its", &rival.rate_ratio),
            Better::Larger => ("CPU, its by ours", &rival.processor_ratio),
        };
        Some(Verdict::new(contest.line, contest.short, of, *goal, ratio))
    };
    contest.goals.iter().filter_map(verdict).collect()
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
    let name = |rival: Rival| peers.of(rival).map_or("line 4", |peer| peer.name);
    let mut ours = Runner::default();
    let mut theirs: Vec<_> = contest
        .rivals
        .iter()
        .map(|&rival| (name(rival), Runner::default()))
        .collect();
    for round in 1..=effort.rounds {
        progress(&format!("{}: round {round} of {}", contest.line, effort.rounds));
        let plan = our_plan(contest, stage, effort).await?;
        let report = crate::load::run(plan, stage.gateway().id())
            .await?
            .without_failures()?;
        ours.add(&report, &report);
        for (&rival, (name, runner)) in contest.rivals.iter().zip(&mut theirs) {
            let (mut plan, process) = match peers.of(rival) {
                Some(peer) => (
                    peer_plan(contest.theirs, peer, stage, peers, effort).await?,
                    peer.process.id(),
                ),
                None => (
                    stage
                        .plan(contest.theirs, CONNECTIONS, Pace::Closed, effort.span)
                        .await?,
                    stage.gateway().id(),
                ),
            };
            plan.wire = plan.wire.speaking(contest.protocol);
            let found = crate::load::run(plan, process).await?.without_failures();
            runner.add(&found.map_err(|error| format!("{name}: {error}"))?, &report);
        }
    }
    theirs.insert(0, ("Countersign", ours));
    Ok(theirs)
}

async fn our_plan(contest: &Contest, stage: &mut Stage, effort: Effort) -> Outcome<Plan> {
    let mut plan = stage
        .plan(contest.ours, CONNECTIONS, Pace::Closed, effort.span)
        .await?;
    plan.wire = plan.wire.speaking(contest.protocol);
    if contest.fresh_tokens {
        let span = plan.warm_up + plan.duration + BESIDE_THE_ROUND;
        let tokens = span.as_secs_f64() * TOKENS_A_SECOND;
        (plan.callers, plan.turn) = (stage.residents.bound(tokens as usize)?, Turn::Once);
    }
    Ok(plan)
}

fn figures(contest: &Contest, runners: &[(&str, Runner)]) -> String {
    let rows = runners.iter().enumerate();
    let ours = match contest.rivals {
        [Rival::Itself] => "a payment",
        _ => "Countersign",
    };
    let name = |place: usize, name: &str| {
        if place == 0 {
            ours.to_owned()
        } else {
            name.to_owned()
        }
    };
    let rows = rows.map(|(place, (runner, found))| found.row(&name(place, runner), place == 0));
    let heads = [
        "",
        "a second",
        "CPU, µs each",
        "of its core",
        "p50, ms",
        "p99, ms",
        "rate: ours by its",
        "CPU: its by ours",
    ];
    table(&heads, &rows.collect::<Vec<_>>())
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
