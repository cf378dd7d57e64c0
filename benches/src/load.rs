//! The load: connections that ask and wait, or that ask at a rate whatever becomes of the answers.
//!
//! At a rate, a latency is counted from the moment the request was due, not from when a busy connection got round to it; so
//! a stall of the server shows in every request that was due meanwhile.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::StatusCode;
use tokio::sync::mpsc;

use crate::Outcome;
use crate::callers::Caller;
use crate::histogram::Histogram;
use crate::process::processor_time;
use crate::request::{Kind, Maker};
use crate::wire::{Connection, Wire};

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
    /// Who asks; connections take turns with them.
    pub callers: Vec<Caller>,
    /// Connections, each with one request at a time.
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
            _ => Err(format!("requests failed: {:?}", self.answers).into()),
        }
    }
}

/// When the requests of a connection are due, where the load has a rate.
type Dues = Option<mpsc::UnboundedReceiver<Instant>>;

struct Shared {
    plan: Plan,
    began: Instant,
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
        began: Instant::now(),
        answered: AtomicU64::new(0),
        over: AtomicBool::new(false),
        seen: Mutex::default(),
    });
    let mut shares: Vec<Vec<(usize, Dues)>> = (0..threads).map(|_| Vec::new()).collect();
    for (place, dues) in schedule(&shared)?.into_iter().enumerate() {
        if let Some(share) = shares.get_mut(place % threads) {
            share.push((place, dues));
        }
    }
    let workers = shares.into_iter().map(|share| {
        let shared = Arc::clone(&shared);
        std::thread::Builder::new().spawn(move || work(&shared, share))
    });
    let workers = workers.collect::<Result<Vec<_>, _>>()?;
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
    Ok(Report {
        rate: answered / (after.0 - before.0).as_secs_f64(),
        processor_micros: (after.2.saturating_sub(before.2)).as_secs_f64() * 1e6 / answered.max(1.0),
        latencies,
        answers,
    })
}

fn seen(shared: &Shared) -> std::sync::MutexGuard<'_, (Histogram, BTreeMap<String, u64>)> {
    shared.seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says for every connection when its requests are due. A thread of its own keeps the time: it wakes within the kernel's 50
/// microseconds, where the runtime's timer counts milliseconds.
fn schedule(shared: &Arc<Shared>) -> Outcome<Vec<Dues>> {
    let connections = shared.plan.connections;
    let Pace::Rate(rate) = shared.plan.pace else {
        return Ok((0..connections).map(|_| None).collect());
    };
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..connections).map(|_| mpsc::unbounded_channel()).unzip();
    let shared = Arc::clone(shared);
    std::thread::Builder::new().spawn(move || {
        for (number, sender) in senders.iter().cycle().enumerate() {
            let due = shared.began + Duration::from_secs_f64(number as f64 / rate);
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
    Ok(receivers.into_iter().map(Some).collect())
}

/// One thread: its connections, until it is over.
fn work(shared: &Arc<Shared>, share: Vec<(usize, Dues)>) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut tasks = Vec::new();
        for (place, dues) in share {
            let connection = shared.plan.wire.connect().await?;
            tasks.push(tokio::spawn(ask(Arc::clone(shared), place, dues, connection)));
        }
        for task in tasks {
            task.await??;
        }
        Ok(())
    })
}

/// One connection.
async fn ask(shared: Arc<Shared>, place: usize, mut dues: Dues, mut connection: Connection) -> Outcome<()> {
    let plan = &shared.plan;
    let caller = plan.callers.get(place % plan.callers.len().max(1)).cloned();
    let maker = Maker::new(
        plan.kind,
        &plan.authority,
        caller.filter(|_| plan.kind.has_caller()),
    );
    let counted_from = shared.began + plan.warm_up;
    let (mut latencies, mut answers) = (Histogram::default(), BTreeMap::<String, u64>::new());
    loop {
        let due = match &mut dues {
            None => Instant::now(),
            Some(dues) => match dues.recv().await {
                Some(due) => due,
                None => break,
            },
        };
        if shared.over.load(Ordering::Relaxed) {
            break;
        }
        let answer = match plan.kind {
            Kind::Handshake => plan
                .wire
                .shake_hands()
                .await
                .map(|()| (StatusCode::OK, Bytes::new())),
            _ => connection.send(maker.next()?).await,
        };
        let latency = due.elapsed();
        let name = match &answer {
            Ok((status, body)) if !status.is_success() => format!("{} {}", status.as_u16(), code(body)),
            Ok((status, _)) => status.as_u16().to_string(),
            Err(error) => error.to_string(),
        };
        if due >= counted_from {
            latencies.record(latency);
            *answers.entry(name).or_default() += 1;
        }
        match answer {
            Ok(_) => {
                shared.answered.fetch_add(1, Ordering::Relaxed);
            }
            Err(_) => connection = plan.wire.connect().await?,
        }
    }
    let mut seen = seen(&shared);
    seen.0.merge(&latencies);
    for (name, count) in answers {
        *seen.1.entry(name).or_default() += count;
    }
    Ok(())
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
