//! Half load for a long time: whether memory, descriptors and latencies stay where they were.
//!
//! Half load takes half of the gateway's core. It is a mix, evenly paced: signed requests, token checks and payments over
//! kept connections that are opened anew every minute, and besides new connections and logins all the while. Sessions
//! outlive it: their tokens are renewed.

mod account;
mod aged;

use std::cell::Cell;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::Outcome;
use crate::callers;
use crate::ceiling::flush_a_page;
use crate::document::{Document, circumstances, progress};
use crate::gateway::store_bytes;
use crate::histogram::Histogram;
use crate::load::{Pace, Report, run};
use crate::machine::Watch;
use crate::process::Process;
use crate::request::Kind;
use crate::stage::{Effort, Stage};
use crate::stalls::Stalls;
use crate::statistics::median;

/// The mix: what, and its share of all requests.
const MIX: [(Kind, f64); 3] = [(Kind::Signed, 0.6), (Kind::Proof, 0.2), (Kind::Payment, 0.2)];
/// Connections of each kind: few, since what is due comes in bursts over many.
const CONNECTIONS: usize = 8;
/// New connections a second, each with a full handshake and its end.
const HANDSHAKES_A_SECOND: f64 = 2.0;
/// Half of a core is looked for so often, each time so long.
const TRIALS: usize = 3;
const TRIAL: Duration = Duration::from_secs(5);
/// Latencies are told for each such span; connections are opened anew with it.
const MINUTE: Duration = Duration::from_secs(60);
/// So many turns at the end, with a gateway that has just begun, take as long as one such span.
const TURNS_A_MINUTE: u32 = 6;
/// How often memory, descriptors and files are looked at.
const SAMPLED_EVERY: Duration = Duration::from_secs(10);
/// A bare file is flushed this often on the same disk, to tell whose stalls are whose.
const FLUSHED_EVERY: Duration = Duration::from_millis(100);
/// A customer logs in this often; with as many as there are, each code is used once (RFC 6238, section 5.2).
const LOGIN_EVERY: Duration = Duration::from_secs(5);
/// The codes of the first logins are used up for this long.
const CODE_LIFE: Duration = Duration::from_secs(31);
/// Until then more is remembered every minute: tokens for as long as they live, and what was seen once for a minute.
const SETTLED_AFTER: Duration = Duration::from_mins(5);
/// A short soak has no more than this share of itself to settle.
const SETTLING_SHARE: u32 = 4;

/// What the gateway held at a moment.
#[derive(Clone, Copy, Debug)]
struct Sample {
    minutes: f64,
    memory: f64,
    descriptors: f64,
    store: f64,
    write_ahead: f64,
}

/// A span of the soak.
struct Minute {
    ends: f64,
    rate: f64,
    failures: u64,
    logins: usize,
    signed: Histogram,
    payments: Histogram,
    /// The share of its core that the gateway had.
    busy: f64,
    /// How long the disk took for a bare file at most.
    longest_flush: Duration,
    /// The share of moments at which a core was not there; absent where nobody may look.
    stalls: Option<f64>,
}

/// Measures for `length` with the gateway's home in the folder `within`, and writes table and plots into the section `name`.
///
/// # Errors
/// Something does not start, or a session ends.
pub async fn measure(
    program: &Path,
    (name, within): (&str, &Path),
    (effort, length): (Effort, Duration),
    document: &Document,
) -> Outcome<()> {
    let watch = Watch::start();
    let mut stage = Stage::open(program, within).await?;
    let opened = Instant::now();
    let saturation = saturation(&mut stage, effort).await?;
    let rate = half_load(&mut stage, saturation).await?;
    progress(&format!("soak: {rate:.0} requests a second, of {saturation:.0}"));
    tokio::time::sleep(CODE_LIFE.saturating_sub(opened.elapsed())).await;
    let (began, span) = (Instant::now(), MINUTE.min(length / 6));
    let (mut minutes, mut samples) = (Vec::new(), Vec::new());
    let stalls = Stalls::watch(stage.cores);
    while began.elapsed() < length {
        let logins = minutes.iter().map(|minute: &Minute| minute.logins).sum();
        let mut minute = minute(&mut stage, (rate, span, logins), began, &mut samples).await?;
        minute.stalls = stalls.as_ref().map(Stalls::take);
        progress(&account::told(&minute, samples.last()));
        minutes.push(minute);
    }
    let beside =
        aged::beside_a_fresh_one(&mut stage, (program, within), (rate, span / TURNS_A_MINUTE)).await?;
    stage.close()?;
    let settled = SETTLED_AFTER.min(length / SETTLING_SHARE).as_secs_f64() / 60.0;
    let text = [
        circumstances(&watch, within),
        format!(
            "{rate:.0} requests a second, which take half of the gateway's core (under full load it does {saturation:.0}): 60 % signed, \
             20 % token checks, 20 % payments; besides {HANDSHAKES_A_SECOND:.0} new connections a second, and a login every {} s.",
            LOGIN_EVERY.as_secs()
        ),
        account::verdicts(&minutes, &samples, settled),
        beside,
        account::figures(&minutes, &samples),
        account::plots(&minutes, &samples, (name, document))?.join("\n"),
    ];
    document.put(name, &format!("{}\n", text.join("\n\n")))
}

/// Requests a second of the mix when a core is full: the mean of the kinds' own rates, weighted by what each takes.
async fn saturation(stage: &mut Stage, effort: Effort) -> Outcome<f64> {
    let mut seconds = 0.0;
    for (kind, share) in MIX {
        let found = stage
            .load(kind, CONNECTIONS * 2, Pace::Closed, effort.span)
            .await?;
        seconds += share / found.rate.max(1.0);
    }
    Ok(1.0 / seconds)
}

/// The rate of the mix that takes half of the gateway's core. Half of what it saturates takes more: at an even pace each request
/// is woken for by itself, under full load one waking serves many.
async fn half_load(stage: &mut Stage, saturation: f64) -> Outcome<f64> {
    let mut rate = saturation / 2.0;
    for _ in 0..TRIALS {
        let loads = mix(stage, rate, TRIAL).await?;
        rate *= 0.5 / busy(&ended(loads).await?).max(f64::MIN_POSITIVE);
    }
    Ok(rate)
}

type Loads = Vec<(Kind, JoinHandle<Outcome<Report>>)>;

/// Begins the mix.
async fn mix(stage: &mut Stage, rate: f64, span: Duration) -> Outcome<Loads> {
    let mut loads = Vec::new();
    for (kind, share) in MIX {
        let plan = stage.plan(kind, CONNECTIONS, Pace::Rate(rate * share), span);
        loads.push((kind, tokio::spawn(run(plan.await?, stage.gateway().id()))));
    }
    Ok(loads)
}

async fn ended(loads: Loads) -> Outcome<Vec<(Kind, Report)>> {
    let mut reports = Vec::new();
    for (kind, load) in loads {
        reports.push((kind, load.await??));
    }
    Ok(reports)
}

/// The share of its core that the gateway had: each report of a mix has seen the same.
fn busy(reports: &[(Kind, Report)]) -> f64 {
    median(&reports.iter().map(|(_, report)| report.busy).collect::<Vec<_>>())
}

fn latencies(reports: &[(Kind, Report)], wanted: Kind) -> Histogram {
    let found = reports.iter().find(|(kind, _)| *kind == wanted);
    found.map_or_else(Histogram::default, |(_, report)| report.latencies.clone())
}

async fn minute(
    stage: &mut Stage,
    (rate, span, logins): (f64, Duration, usize),
    began: Instant,
    samples: &mut Vec<Sample>,
) -> Outcome<Minute> {
    let mut loads = mix(stage, rate, span).await?;
    let pace = Pace::Rate(HANDSHAKES_A_SECOND);
    let handshakes = stage.plan(Kind::Handshake, 1, pace, span).await?;
    loads.push((
        Kind::Handshake,
        tokio::spawn(run(handshakes, stage.gateway().id())),
    ));
    let over = Cell::new(false);
    let reports = async {
        let reports = ended(loads).await;
        over.set(true);
        reports
    };
    let (reports, seen, logins, flushes) = tokio::join!(
        reports,
        sample(stage, began, &over),
        log_in(stage, logins, &over),
        flush(stage, &over)
    );
    samples.extend(seen);
    let (reports, (logins, failed_logins), longest_flush) = (reports?, logins?, flushes?);
    Ok(Minute {
        ends: minutes(began),
        rate: reports.iter().map(|(_, report)| report.rate).sum(),
        failures: reports.iter().map(|(_, report)| report.failures()).sum::<u64>() + failed_logins,
        logins,
        stalls: None,
        signed: latencies(&reports, Kind::Signed),
        payments: latencies(&reports, Kind::Payment),
        busy: busy(&reports),
        longest_flush,
    })
}

fn minutes(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() / 60.0
}

/// Not while the connections of a minute are being opened or closed: how many there are then is a matter of the moment.
async fn sample(stage: &Stage, began: Instant, over: &Cell<bool>) -> Vec<Sample> {
    let mut samples = Vec::new();
    while !over.get() {
        pause(SAMPLED_EVERY, over).await;
        if !over.get() || samples.is_empty() {
            samples.push(look(stage, stage.gateway(), began));
        }
    }
    samples
}

/// Flushes a bare file beside the store all the while; how long that took at most.
async fn flush(stage: &Stage, over: &Cell<bool>) -> Outcome<Duration> {
    let path = stage.home.path("flushed");
    let mut longest = Duration::ZERO;
    while !over.get() {
        let path = path.clone();
        let took = tokio::task::spawn_blocking(move || flushed(&path)).await??;
        longest = longest.max(took);
        pause(FLUSHED_EVERY, over).await;
    }
    Ok(longest)
}

fn flushed(path: &Path) -> std::io::Result<Duration> {
    flush_a_page(&mut std::fs::File::create(path)?)
}

/// Waits, but not longer than until it is over.
async fn pause(span: Duration, over: &Cell<bool>) {
    let began = Instant::now();
    while !over.get() && began.elapsed() < span {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn look(stage: &Stage, gateway: &Process, began: Instant) -> Sample {
    let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let store = stage.home.path("countersign.sqlite");
    let write_ahead = std::fs::metadata(store.with_extension("sqlite-wal")).map_or(0, |file| file.len());
    Sample {
        minutes: minutes(began),
        memory: mebibytes(gateway.memory()),
        descriptors: gateway.descriptors() as f64,
        store: mebibytes(store_bytes(&store).saturating_sub(write_ahead)),
        write_ahead: mebibytes(write_ahead),
    }
}

/// Lets customers log in, each in turn after those who did before; says how many did, and how many could not.
async fn log_in(stage: &Stage, before: usize, over: &Cell<bool>) -> Outcome<(usize, u64)> {
    let (mut done, mut failed) = (0, 0);
    for customer in stage.home.customers.iter().cycle().skip(before) {
        if over.get() {
            break;
        }
        match callers::log_in_once(&stage.home, customer).await {
            Ok(()) => done += 1,
            Err(error) => {
                progress(&format!("soak: a login failed: {error}"));
                failed += 1;
            }
        }
        pause(LOGIN_EVERY, over).await;
    }
    Ok((done, failed))
}
