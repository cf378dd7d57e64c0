//! Half load for a long time: whether memory, descriptors and latencies stay where they were.
//!
//! Half load takes half of the gateway's core. It is a mix, evenly paced: signed requests, token checks and payments over
//! kept connections that are opened anew every minute, and besides new connections and logins all the while. Sessions
//! outlive it: their tokens are renewed.

use std::cell::Cell;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::Outcome;
use crate::callers;
use crate::ceiling::flush_a_page;
use crate::document::{Document, circumstances, progress, table, thousands};
use crate::gateway::store_bytes;
use crate::histogram::Histogram;
use crate::load::{Pace, Report, run};
use crate::machine::Watch;
use crate::plot::{Axis, Plot, Scale, Series};
use crate::process::Process;
use crate::request::Kind;
use crate::stage::{Effort, Stage};
use crate::statistics::{median, range};

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
/// Flat: the last third of what follows is at most so many times the first.
const MEMORY_FLAT: f64 = 1.10;
const DESCRIPTORS_FLAT: f64 = 1.10;
const LATENCY_FLAT: f64 = 1.25;

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
    /// How long the disk took for a bare file at most.
    longest_flush: Duration,
}

/// Measures for `length`, and writes table and plots.
///
/// # Errors
/// Something does not start, or a session ends.
pub async fn measure(
    program: &Path,
    within: &Path,
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
    while began.elapsed() < length {
        let logins = minutes.iter().map(|minute: &Minute| minute.logins).sum();
        let minute = minute(&mut stage, (rate, span, logins), began, &mut samples).await?;
        progress(&told(&minute, samples.last()));
        minutes.push(minute);
    }
    stage.close()?;
    let settled = SETTLED_AFTER.min(length / SETTLING_SHARE).as_secs_f64() / 60.0;
    let text = [
        circumstances(&watch, within),
        format!(
            "{rate:.0} requests a second, which take half of the gateway's core (under full load it does {saturation:.0}): 60 % signed, \
             20 % token checks, 20 % payments; besides {HANDSHAKES_A_SECOND:.0} new connections a second, and a login every {} s.",
            LOGIN_EVERY.as_secs()
        ),
        verdicts(&minutes, &samples, settled),
        figures(&minutes, &samples),
        plots(&minutes, &samples, document)?.join("\n"),
    ];
    document.put("soak", &format!("{}\n", text.join("\n\n")))
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
        let busy: Vec<_> = ended(loads)
            .await?
            .iter()
            .map(|(_, report)| report.busy)
            .collect();
        rate *= 0.5 / median(&busy).max(f64::MIN_POSITIVE);
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
    let of = |wanted| {
        let found = reports.iter().find(|(kind, _)| *kind == wanted);
        found.map_or_else(Histogram::default, |(_, report)| report.latencies.clone())
    };
    Ok(Minute {
        ends: minutes(began),
        rate: reports.iter().map(|(_, report)| report.rate).sum(),
        failures: reports.iter().map(|(_, report)| report.failures()).sum::<u64>() + failed_logins,
        logins,
        signed: of(Kind::Signed),
        payments: of(Kind::Payment),
        longest_flush,
    })
}

fn minutes(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() / 60.0
}

async fn sample(stage: &Stage, began: Instant, over: &Cell<bool>) -> Vec<Sample> {
    let mut samples = Vec::new();
    while !over.get() {
        samples.push(look(stage, stage.gateway(), began));
        pause(SAMPLED_EVERY, over).await;
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

fn told(minute: &Minute, sample: Option<&Sample>) -> String {
    let (memory, descriptors) = sample.map_or((0.0, 0.0), |sample| (sample.memory, sample.descriptors));
    format!(
        "soak: {:.1} minutes; {:.0} a second, {} failed, p99 {:.1} ms, {memory:.0} MiB, {descriptors:.0} descriptors",
        minute.ends,
        minute.rate,
        minute.failures,
        millis(&minute.signed, 0.99)
    )
}

fn millis(latencies: &Histogram, share: f64) -> f64 {
    latencies.micros(share) / 1e3
}

/// What stands for a third of the soak.
type Standing = fn(&[f64]) -> f64;

/// The last third by the first.
fn slope(figures: &[f64], standing: Standing) -> f64 {
    let third = figures.len() / 3;
    let first = figures.get(..third.max(1)).unwrap_or_default();
    let last = figures.get(figures.len() - third..).unwrap_or_default();
    standing(last) / standing(first).max(f64::MIN_POSITIVE)
}

/// A pool opens and closes connections as it needs them, but what leaks is open at the quietest moment too.
fn least(figures: &[f64]) -> f64 {
    range(figures).0
}

fn verdicts(minutes: &[Minute], samples: &[Sample], settled: f64) -> String {
    let one = |name: &str, figures: Vec<f64>, standing: Standing, most: f64| {
        let slope = slope(&figures, standing);
        let word = if slope <= most { "flat" } else { "**not flat**" };
        format!("{name} {word} ({slope:.2}, at most {most})")
    };
    let held = |of: fn(&Sample) -> f64| {
        let settled = samples.iter().filter(|sample| sample.minutes >= settled);
        settled.map(of).collect()
    };
    let p99 = |of: fn(&Minute) -> &Histogram| {
        let settled = minutes.iter().filter(|minute| minute.ends > settled);
        settled.map(|minute| millis(of(minute), 0.99)).collect()
    };
    let failures: u64 = minutes.iter().map(|minute| minute.failures).sum();
    format!(
        "The last third of what follows minute {settled:.0}, by the first: {}; {}; {}; {}. {failures} requests and logins failed.",
        one("memory", held(|sample| sample.memory), median, MEMORY_FLAT),
        one(
            "descriptors",
            held(|sample| sample.descriptors),
            least,
            DESCRIPTORS_FLAT
        ),
        one(
            "p99 of signed requests",
            p99(|minute| &minute.signed),
            median,
            LATENCY_FLAT
        ),
        one(
            "p99 of payments",
            p99(|minute| &minute.payments),
            median,
            LATENCY_FLAT
        ),
    )
}

fn figures(minutes: &[Minute], samples: &[Sample]) -> String {
    let row = |minute: &Minute| {
        let held = samples.iter().rfind(|sample| sample.minutes <= minute.ends);
        let held = |figure: fn(&Sample) -> f64| held.map_or(0.0, figure);
        vec![
            format!("{:.1}", minute.ends),
            thousands(minute.rate),
            minute.failures.to_string(),
            minute.logins.to_string(),
            format!("{:.2}", millis(&minute.signed, 0.5)),
            format!("{:.2}", millis(&minute.signed, 0.99)),
            format!("{:.2}", millis(&minute.payments, 0.5)),
            format!("{:.2}", millis(&minute.payments, 0.99)),
            format!("{:.0}", minute.longest_flush.as_secs_f64() * 1e3),
            format!("{:.1}", held(|sample| sample.memory)),
            format!("{:.0}", held(|sample| sample.descriptors)),
            format!("{:.1}", held(|sample| sample.store)),
            format!("{:.1}", held(|sample| sample.write_ahead)),
        ]
    };
    let heads = [
        "minute",
        "a second",
        "failed",
        "logins",
        "signed p50, ms",
        "p99, ms",
        "payment p50, ms",
        "p99, ms",
        "longest flush, ms",
        "memory, MiB",
        "descriptors",
        "store, MiB",
        "write-ahead, MiB",
    ];
    table(&heads, &minutes.iter().map(row).collect::<Vec<_>>())
}

fn plots(minutes: &[Minute], samples: &[Sample], document: &Document) -> Outcome<Vec<String>> {
    let plot = |title, y, series| Plot {
        title,
        x: Axis {
            title: "minutes",
            scale: Scale::Linear,
        },
        y: Axis {
            title: y,
            scale: Scale::Linear,
        },
        series,
    };
    let held = |name: &str, figure: fn(&Sample) -> f64| Series {
        name: name.to_owned(),
        points: samples
            .iter()
            .map(|sample| (sample.minutes, figure(sample)))
            .collect(),
    };
    let took = |name: &str, figure: fn(&Minute) -> f64| Series {
        name: name.to_owned(),
        points: minutes
            .iter()
            .map(|minute| (minute.ends, figure(minute)))
            .collect(),
    };
    let memory = plot(
        "Memory at half load",
        "MiB",
        vec![
            held("resident", |sample| sample.memory),
            held("write-ahead log on disk", |sample| sample.write_ahead),
        ],
    );
    let descriptors = plot(
        "Open descriptors at half load",
        "descriptors",
        vec![held("open", |sample| sample.descriptors)],
    );
    let latencies = plot(
        "Latencies at half load",
        "milliseconds",
        vec![
            took("signed, p50", |minute| millis(&minute.signed, 0.5)),
            took("signed, p99", |minute| millis(&minute.signed, 0.99)),
            took("payment, p50", |minute| millis(&minute.payments, 0.5)),
            took("payment, p99", |minute| millis(&minute.payments, 0.99)),
        ],
    );
    Ok(vec![
        document.plot("soak-memory", "Memory by the minute", &memory.svg())?,
        document.plot(
            "soak-descriptors",
            "Open descriptors by the minute",
            &descriptors.svg(),
        )?,
        document.plot("soak-latency", "Latencies by the minute", &latencies.svg())?,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slope_compares_the_last_third_with_the_first() {
        assert_eq!(slope(&[1.0, 1.0, 9.0, 9.0, 1.2, 1.2], median), 1.2);
        assert_eq!(slope(&[2.0, 5.0, 1.0], median), 0.5);
    }

    #[test]
    fn what_leaks_raises_the_least_and_what_comes_and_goes_does_not() {
        assert_eq!(slope(&[60.0, 80.0, 70.0, 70.0, 88.0, 60.0], least), 1.0);
        assert_eq!(slope(&[60.0, 80.0, 70.0, 70.0, 88.0, 72.0], least), 1.2);
    }
}
