//! One writer thread that makes many batches durable with one flush.
//!
//! Whatever is waiting when the writer is free goes into one transaction. Guards seldom fail, so it is tried without
//! savepoints first; when a batch fails, nothing has happened, and all of them are written again, each in a savepoint of its
//! own, so that it leaves the others alone. Answers go out after the commit, never before. Being the only one who appends
//! events, the writer also chains them.
//!
//! A commit costs nearly the same for one batch and for twenty. So when several have come together, which callers who are
//! alone never see, the writer lets more gather for about as long as a commit takes.

use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};

use super::batch::{Batch, Guard, Statement, Step};
use super::bind::bind;
use super::chain::Chain;
use super::error::StoreError;
use super::queue_wait::QueueWait;
use super::threads::Threads;
use super::write_ahead::WriteAheadLog;
use crate::telemetry::{Metrics, names};

/// Batches that may wait for the writer; more are refused, so that a slow disk shows as an error and not as memory.
const WAITING: usize = 4096;
/// Batches in one transaction at most: bounds how long the first of them waits for the last.
const TOGETHER: usize = 256;
/// Batches in the last commit from which on it is worth to let more gather: fewer callers would mostly wait for nobody.
const CROWD: usize = 3;
/// Longest time that batches gather, however long the last commit took: on a slow disk they gather while it works.
const GATHERING: Duration = Duration::from_millis(2);

type Outcome = Result<(), StoreError>;
/// Whom to answer, and on which runtime it waits.
type Waiter = (Option<Handle>, oneshot::Sender<Outcome>);

struct Job {
    batch: Arc<Batch>,
    handed_over: Instant,
    answer: oneshot::Sender<Outcome>,
    runtime: Option<Handle>,
}

/// The way to the writer thread; the thread ends when the last of these is dropped.
#[derive(Clone)]
pub(super) struct Writer {
    thread: Arc<Threads<Job>>,
    metrics: Arc<OnceLock<Metrics>>,
    last_event: watch::Receiver<i64>,
    wait: Arc<QueueWait>,
}

/// What the thread works with.
struct Appender {
    connection: Connection,
    log: WriteAheadLog,
    /// The end of the chain; absent when a transaction failed and it has to be read again.
    chain: Option<Chain>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(connection: Connection) -> Result<Self, StoreError> {
        let (jobs, waiting) = sync_channel(WAITING);
        let mut thread = Threads::new(jobs);
        let metrics = Arc::new(OnceLock::new());
        let counted = Arc::clone(&metrics);
        let wait = Arc::new(QueueWait::default());
        let timed = Arc::clone(&wait);
        let chain = Chain::load(&connection)?;
        let (durable, last_event) = watch::channel(chain.sequence);
        let appender = Appender {
            log: WriteAheadLog::of(&connection)?,
            connection,
            chain: Some(chain),
        };
        thread.spawn("store-writer", move || {
            write_all(appender, &waiting, (&counted, &timed), &durable);
        })?;
        Ok(Self {
            thread: Arc::new(thread),
            metrics,
            last_event,
            wait,
        })
    }

    /// Counts commits and batches in `metrics` from now on; the first call decides.
    pub(super) fn count_in(&self, metrics: Metrics) {
        let _ = self.metrics.set(metrics);
    }

    /// The sequence of the last event that is on disk, and every later one.
    pub(super) fn last_event(&self) -> watch::Receiver<i64> {
        self.last_event.clone()
    }

    /// How long batches have waited for the thread since the last call.
    pub(super) fn queue_wait(&self) -> std::time::Duration {
        self.wait.look()
    }

    /// Returns when the batch is on disk, or why it is not.
    pub(super) async fn commit(&self, batch: Arc<Batch>) -> Result<(), StoreError> {
        let (answer, outcome) = oneshot::channel();
        self.thread.hand_over(Job {
            batch,
            handed_over: Instant::now(),
            answer,
            runtime: Handle::try_current().ok(),
        })?;
        outcome.await.unwrap_or(Err(StoreError::Busy))
    }
}

fn write_all(
    mut appender: Appender,
    waiting: &Receiver<Job>,
    (metrics, wait): (&OnceLock<Metrics>, &QueueWait),
    durable: &watch::Sender<i64>,
) {
    let mut jobs = Vec::with_capacity(TOGETHER);
    let (mut gather, mut rested) = (Duration::ZERO, Instant::now());
    while let Ok(first) = waiting.recv() {
        // Who comes long after the last commit comes alone.
        if first.handed_over.saturating_duration_since(rested) < GATHERING {
            let_gather(gather);
        }
        wait.begin(first.handed_over);
        jobs.push(first);
        jobs.extend(waiting.try_iter().take(TOGETHER - 1));
        let began = Instant::now();
        let outcomes = appender.write(&jobs);
        wait.end();
        gather = gathering(jobs.len(), began.elapsed());
        if let Some(metrics) = metrics.get() {
            count(metrics, &outcomes, began);
        }
        if let Some(chain) = appender.chain {
            durable.send_if_modified(|last| std::mem::replace(last, chain.sequence) != chain.sequence);
        }
        answer(&mut jobs, outcomes);
        // Whoever comes while the disk hangs here waits, and is seen to.
        wait.begin(Instant::now());
        appender.log.keep_short(&appender.connection);
        wait.end();
        rested = Instant::now();
    }
}

/// Asleep, not waiting at the channel: nobody who hands over a batch has to wake this thread.
#[expect(
    clippy::disallowed_methods,
    reason = "what is waited for is that time passes, on a thread of its own"
)]
fn let_gather(time: Duration) {
    std::thread::sleep(time);
}

/// How long batches gather before the next commit.
fn gathering(together: usize, took: Duration) -> Duration {
    match together {
        CROWD.. => took.min(GATHERING),
        _ => Duration::ZERO,
    }
}

/// Answers everyone. Callers of one runtime are answered by a task on it: to wake it once for all of them is cheaper than once
/// for each.
fn answer(jobs: &mut Vec<Job>, outcomes: Vec<Outcome>) {
    let mut answers: Vec<_> = jobs
        .drain(..)
        .map(|job| (job.runtime, job.answer))
        .zip(outcomes)
        .collect();
    while let Some(((runtime, first), outcome)) = answers.pop() {
        let Some(runtime) = runtime else {
            let _ = first.send(outcome);
            continue;
        };
        let same = |((other, _), _): &mut (Waiter, _)| {
            other.as_ref().is_some_and(|other| other.id() == runtime.id())
        };
        let others: Vec<_> = answers.extract_if(.., same).collect();
        if others.is_empty() {
            // A caller that went away has no use for the answer; what it asked for happened all the same.
            let _ = first.send(outcome);
            continue;
        }
        runtime.spawn(async move {
            for ((_, caller), outcome) in others {
                let _ = caller.send(outcome);
            }
            let _ = first.send(outcome);
        });
    }
}

fn count(metrics: &Metrics, outcomes: &[Result<(), StoreError>], began: Instant) {
    metrics.observe(&names::STORE_COMMIT_SECONDS, [], began.elapsed());
    for outcome in outcomes {
        let label = match outcome {
            Ok(()) => "done",
            Err(StoreError::Guard(_)) => "guarded",
            Err(_) => "failed",
        };
        metrics.count(&names::STORE_BATCHES, [label.into()]);
    }
}

impl Appender {
    fn write(&mut self, jobs: &[Job]) -> Vec<Outcome> {
        match self.write_all_or_nothing(jobs) {
            Ok(()) => return jobs.iter().map(|_| Ok(())).collect(),
            // Alone, it would fail again; and what cannot be written now cannot be written one by one either.
            Err(error @ StoreError::Guard(_)) if jobs.len() == 1 => return vec![Err(error)],
            Err(StoreError::Busy) => return jobs.iter().map(|_| Err(StoreError::Busy)).collect(),
            Err(_) => {}
        }
        match self.write_each(jobs) {
            Ok(outcomes) => outcomes,
            Err(error) => jobs.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    /// When any batch fails, nothing has happened.
    fn write_all_or_nothing(&mut self, jobs: &[Job]) -> Result<(), StoreError> {
        let (transaction, mut chain) = begin(&mut self.connection, self.chain.take())?;
        let before = chain;
        for job in jobs {
            if let Err(error) = run(&transaction, &job.batch, &mut chain) {
                transaction.rollback()?;
                self.chain = Some(before);
                return Err(error);
            }
        }
        transaction.commit()?;
        self.chain = Some(chain);
        Ok(())
    }

    /// A batch that fails leaves the others alone.
    fn write_each(&mut self, jobs: &[Job]) -> Result<Vec<Outcome>, StoreError> {
        let (mut transaction, mut chain) = begin(&mut self.connection, self.chain.take())?;
        let mut outcomes = Vec::with_capacity(jobs.len());
        for job in jobs {
            let mut longer = chain;
            let savepoint = transaction.savepoint()?;
            let outcome = run(&savepoint, &job.batch, &mut longer);
            if savepoint.is_autocommit() {
                // A full disk or a failing one ends the whole transaction, and with it what was answered for so far.
                return Err(outcome.err().unwrap_or(StoreError::Busy));
            }
            // A savepoint that is not committed rolls back when it is dropped, and the chain stays where it was.
            if outcome.is_ok() {
                savepoint.commit()?;
                chain = longer;
            }
            outcomes.push(outcome);
        }
        transaction.commit()?;
        self.chain = Some(chain);
        Ok(outcomes)
    }
}

/// Begins a transaction behind the last event. `known` was taken from the appender, and is put back only after the commit:
/// whatever fails before leaves the end of the chain to be read again.
fn begin(connection: &mut Connection, known: Option<Chain>) -> Result<(Transaction<'_>, Chain), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let chain = match known {
        Some(chain) => chain,
        None => Chain::load(&transaction)?,
    };
    Ok((transaction, chain))
}

fn run(connection: &Connection, batch: &Batch, chain: &mut Chain) -> Result<(), StoreError> {
    for step in &batch.steps {
        match step {
            Step::Run(statement) => execute(connection, statement)?,
            Step::Record(Some(event)) => chain.append(connection, event)?,
            Step::Record(None) => return Err(StoreError::Failed("an event cannot be written".to_owned())),
        }
    }
    Ok(())
}

fn execute(connection: &Connection, statement: &Statement) -> Result<(), StoreError> {
    let mut prepared = connection.prepare_cached(statement.sql)?;
    bind(&mut prepared, &statement.parameters)?;
    let rows = prepared.raw_execute()?;
    match statement.guard {
        Guard::OneRow(name) if rows != 1 => Err(StoreError::Guard(name)),
        Guard::NoRow(name) if rows != 0 => Err(StoreError::Guard(name)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_gather_for_a_crowd_only_and_never_for_long() {
        let commit = Duration::from_micros(700);
        for together in 0..CROWD {
            assert_eq!(gathering(together, commit), Duration::ZERO, "{together}");
        }
        assert_eq!(gathering(CROWD, commit), commit);
        assert_eq!(gathering(TOGETHER, Duration::from_secs(9)), GATHERING);
    }
}
