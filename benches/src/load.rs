//! The load: connections that ask and wait, or that ask at a rate whatever becomes of the answers.
//!
//! At a rate, a latency is counted from the moment the request was due, not from when a busy connection got round to it; so
//! a stall of the server shows in every request that was due meanwhile. What is due is made and signed before the load
//! begins, so that the load's own work delays no answer it measures.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use crate::Outcome;
use crate::callers::Caller;
use crate::histogram::Histogram;
use crate::process::processor_time;
use crate::request::{Kind, Maker, Turn};
use crate::wire::{Connection, STREAMS, Wire};

/// Requests that are due within this time of the beginning are made before it: a signature may be 60 seconds old.
const AHEAD: Duration = Duration::from_secs(20);

/// How requests follow each other.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// Each connection asks again when it has its answer.
    Closed,
    /// So many a second over all connections, evenly.
    Rate(f64),
}

/// What to do.
#[derive(Clone)]
pub struct Plan {
    /// How to get there.
    pub wire: Wire,
    /// The gateway's name in requests.
    pub authority: String,
    /// What to ask for.
    pub kind: Kind,
    /// Who asks; each connection has its share of them.
    pub callers: Vec<Caller>,
    /// How the callers of a connection follow each other.
    pub turn: Turn,
    /// Requests at a time: over HTTP/1.1 each has a connection of its own, over HTTP/2 [`STREAMS`] share one.
    pub connections: usize,
    /// Threads, each with a runtime of its own and its share of the connections.
    pub threads: usize,
    /// How requests follow each other.
    pub pace: Pace,
    /// Not counted.
    pub warm_up: Duration,
    /// Counted.
    pub duration: Duration,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Requests answered a second.
    pub rate: f64,
    /// Their latencies.
    pub latencies: Histogram,
    /// How many of each status or failure.
    pub answers: BTreeMap<String, u64>,
    /// Time on the processor that the watched process had for each, in microseconds.
    pub processor_micros: f64,
    /// The share of one core's time that the watched process had, 0 to 1.
    pub busy: f64,
}

impl Report {
    /// How many were not answered with success.
    #[must_use]
    pub fn failures(&self) -> u64 {
        let failed = self.answers.iter().filter(|(answer, _)| !answer.starts_with('2'));
        failed.map(|(_, count)| count).sum()
    }

    /// # Errors
    /// Something was not answered with success: such figures are of no use.
    pub fn without_failures(self) -> Outcome<Self> {
        match (self.failures(), self.latencies.total()) {
            (0, 1..) => Ok(self),
            (0, 0) => Err("no request was answered in the time there was".into()),
            _ => Err(format!("requests failed: {:?}", self.answers).into()),
        }
    }
}

/// When the requests of a connection are due, where the load has a rate.
type Dues = Option<mpsc::UnboundedReceiver<Instant>>;

struct Shared {
    plan: Plan,
    /// When every connection was open and every request made that is made ahead.
    began: OnceLock<Instant>,
    /// Threads of the load, and the one that watches.
    ready: Barrier,
    answered: AtomicU64,
    over: AtomicBool,
    seen: Mutex<(Histogram, BTreeMap<String, u64>)>,
}

/// Runs it, and watches the time that process `watched` has on the processor.
///
/// # Errors
/// A connection does not come about, or a thread cannot be started.
pub async fn run(plan: Plan, watched: u32) -> Outcome<Report> {
    let (warm_up, duration) = (plan.warm_up, plan.duration);
    let threads = plan.threads.clamp(1, plan.connections);
    let shared = Arc::new(Shared {
        plan,
        began: OnceLock::new(),
        ready: Barrier::new(threads + 1),
        answered: AtomicU64::new(0),
        over: AtomicBool::new(false),
        seen: Mutex::default(),
    });
    let (senders, dues) = channels(&shared.plan);
    let mut shares: Vec<Vec<(usize, Dues)>> = (0..threads).map(|_| Vec::new()).collect();
    for (place, dues) in dues.into_iter().enumerate() {
        if let Some(share) = shares.get_mut(place % threads) {
            share.push((place, dues));
        }
    }
    let workers = shares.into_iter().map(|share| {
        let shared = Arc::clone(&shared);
        std::thread::Builder::new().spawn(move || work(&shared, share))
    });
    let workers = workers.collect::<Result<Vec<_>, _>>()?;
    wait_for_all(&shared).await?;
    keep_time(&shared, senders)?;
    tokio::time::sleep(warm_up).await;
    let moment = || {
        (
            Instant::now(),
            shared.answered.load(Ordering::Relaxed),
            processor_time(watched),
        )
    };
    let before = moment();
    tokio::time::sleep(duration).await;
    let after = moment();
    shared.over.store(true, Ordering::Relaxed);
    for worker in workers {
        worker.join().map_err(|_| "a thread of the load ended")??;
    }
    let (latencies, answers) = std::mem::take(&mut *seen(&shared));
    let answered = (after.1 - before.1) as f64;
    let (elapsed, processor) = (
        (after.0 - before.0).as_secs_f64(),
        after.2.saturating_sub(before.2),
    );
    Ok(Report {
        rate: answered / elapsed,
        processor_micros: processor.as_secs_f64() * 1e6 / answered.max(1.0),
        busy: processor.as_secs_f64() / elapsed,
        latencies,
        answers,
    })
}

impl Shared {
    fn began(&self) -> Instant {
        *self.began.get_or_init(Instant::now)
    }
}

/// Returns when every thread of the load is ready, and lets them begin.
async fn wait_for_all(shared: &Arc<Shared>) -> Outcome<()> {
    let shared = Arc::clone(shared);
    tokio::task::spawn_blocking(move || {
        shared.ready.wait();
        shared.began();
    })
    .await?;
    Ok(())
}

fn seen(shared: &Shared) -> std::sync::MutexGuard<'_, (Histogram, BTreeMap<String, u64>)> {
    shared.seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// For every connection how it hears when its requests are due, and for the timekeeper how to tell it.
fn channels(plan: &Plan) -> (Vec<mpsc::UnboundedSender<Instant>>, Vec<Dues>) {
    match plan.pace {
        Pace::Closed => (Vec::new(), (0..plan.connections).map(|_| None).collect()),
        Pace::Rate(_) => {
            let channels = (0..plan.connections).map(|_| mpsc::unbounded_channel());
            channels.map(|(sender, dues)| (sender, Some(dues))).unzip()
        }
    }
}

/// Says for every connection when its requests are due. A thread of its own keeps the time: it wakes within the kernel's 50
/// microseconds, where the runtime's timer counts milliseconds.
fn keep_time(shared: &Arc<Shared>, senders: Vec<mpsc::UnboundedSender<Instant>>) -> Outcome<()> {
    let Pace::Rate(rate) = shared.plan.pace else {
        return Ok(());
    };
    let shared = Arc::clone(shared);
    std::thread::Builder::new().spawn(move || {
        for (number, sender) in senders.iter().cycle().enumerate() {
            let due = shared.began() + Duration::from_secs_f64(number as f64 / rate);
            while let Some(left) = due
                .checked_duration_since(Instant::now())
                .filter(|left| !left.is_zero())
            {
                std::thread::park_timeout(left);
            }
            // A connection that went away has failed the run.
            if shared.over.load(Ordering::Relaxed) || sender.send(due).is_err() {
                return;
            }
        }
    })?;
    Ok(())
}

/// One thread: its connections, until it is over.
fn work(shared: &Arc<Shared>, share: Vec<(usize, Dues)>) -> Outcome<()> {
    let ready = get_ready(shared, share);
    // Whatever became of this thread's part: the others wait for it.
    shared.ready.wait();
    let (runtime, asking) = ready?;
    runtime.block_on(async {
        let tasks = asking
            .into_iter()
            .map(|asking| tokio::spawn(asking.ask(Arc::clone(shared))));
        for task in tasks.collect::<Vec<_>>() {
            task.await??;
        }
        Ok(())
    })
}

fn get_ready(shared: &Shared, share: Vec<(usize, Dues)>) -> Outcome<(Runtime, Vec<Asking>)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let asking = runtime.block_on(prepare(shared, share))?;
    Ok((runtime, asking))
}

/// Opens the connections, and makes the requests that can be made ahead.
async fn prepare(shared: &Shared, share: Vec<(usize, Dues)>) -> Outcome<Vec<Asking>> {
    let plan = &shared.plan;
    let mut all: Vec<Asking> = Vec::new();
    for (number, (place, dues)) in share.into_iter().enumerate() {
        let shared_with = all.last().filter(|_| number % STREAMS != 0);
        let connection = match shared_with.and_then(|other| other.connection.share()) {
            Some(connection) => connection,
            None => plan.wire.connect().await?,
        };
        all.push(Asking::prepare(plan, place, dues, connection)?);
    }
    Ok(all)
}

/// One connection, or stream of one, at work.
struct Asking {
    maker: Maker,
    made: VecDeque<Request<Full<Bytes>>>,
    dues: Dues,
    connection: Connection,
}

impl Asking {
    fn prepare(plan: &Plan, place: usize, dues: Dues, connection: Connection) -> Outcome<Self> {
        let every = plan.connections.min(plan.callers.len()).max(1);
        let callers = plan.callers.iter().skip(place % every).step_by(every);
        let mut maker = Maker::new(
            plan.kind,
            &plan.authority,
            plan.wire.protocol,
            (callers.cloned().collect(), plan.turn),
        );
        let ahead = match plan.pace {
            Pace::Closed => 1.0,
            Pace::Rate(rate) => {
                let span = (plan.warm_up + plan.duration).min(AHEAD).as_secs_f64();
                (span * rate / plan.connections as f64).ceil()
            }
        };
        let made = (0..ahead as usize)
            .map(|_| maker.make())
            .collect::<Outcome<_>>()?;
        Ok(Self {
            maker,
            made,
            dues,
            connection,
        })
    }

    /// Asks until it is over, and tells what it has seen.
    async fn ask(mut self, shared: Arc<Shared>) -> Outcome<()> {
        let counted_from = shared.began() + shared.plan.warm_up;
        let (mut latencies, mut answers) = (Histogram::default(), BTreeMap::<String, u64>::new());
        loop {
            let request = match self.made.pop_front() {
                Some(request) => request,
                None => self.maker.make()?,
            };
            let due = match &mut self.dues {
                None => Instant::now(),
                Some(dues) => match dues.recv().await {
                    Some(due) => due,
                    None => break,
                },
            };
            if shared.over.load(Ordering::Relaxed) {
                break;
            }
            let answer = self.send(&shared.plan, request).await;
            let latency = due.elapsed();
            if due >= counted_from {
                latencies.record(latency);
                *answers.entry(name(&answer)).or_default() += 1;
            }
            match answer {
                Ok(_) => {
                    shared.answered.fetch_add(1, Ordering::Relaxed);
                }
                Err(_) => self.connection = shared.plan.wire.connect().await?,
            }
        }
        let mut seen = seen(&shared);
        seen.0.merge(&latencies);
        for (name, count) in answers {
            *seen.1.entry(name).or_default() += count;
        }
        Ok(())
    }

    async fn send(&mut self, plan: &Plan, request: Request<Full<Bytes>>) -> Outcome<(StatusCode, Bytes)> {
        match plan.kind {
            Kind::Handshake => {
                plan.wire.shake_hands().await?;
                Ok((StatusCode::OK, Bytes::new()))
            }
            _ => self.connection.send(request).await,
        }
    }
}

/// What an answer is counted as.
fn name(answer: &Outcome<(StatusCode, Bytes)>) -> String {
    match answer {
        Ok((status, body)) if !status.is_success() => format!("{} {}", status.as_u16(), code(body)),
        Ok((status, _)) => status.as_u16().to_string(),
        Err(error) => error.to_string(),
    }
}

/// The code of a refusal, which ends its `type` (RFC 9457).
fn code(body: &[u8]) -> String {
    let problem: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let kind = problem
        .get("type")
        .and_then(serde_json::Value::as_str)
        .unwrap_or_default();
    kind.rsplit(':').next().unwrap_or_default().to_owned()
}
