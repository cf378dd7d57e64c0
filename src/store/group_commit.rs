//! One writer thread that makes many batches durable with one flush.
//!
//! Whatever is waiting when the writer is free goes into one transaction, each batch in a savepoint of its own, so a
//! batch whose guard fails leaves the others alone. Answers go out after the commit, never before. Being the only one who
//! appends events, the writer also chains them.

use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use rusqlite::Connection;
use tokio::sync::{oneshot, watch};

use super::batch::{Batch, Guard, Statement, Step};
use super::bind::bind;
use super::chain::Chain;
use super::error::StoreError;
use super::queue_wait::QueueWait;
use super::threads::Threads;
use crate::telemetry::{Metrics, names};

/// Batches that may wait for the writer; more are refused, so that a slow disk shows as an error and not as memory.
const WAITING: usize = 4096;
/// Batches in one transaction at most: bounds how long the first of them waits for the last.
const TOGETHER: usize = 256;

struct Job {
    batch: Batch,
    handed_over: Instant,
    answer: oneshot::Sender<Result<(), StoreError>>,
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
    pub(super) async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let (answer, outcome) = oneshot::channel();
        self.thread.hand_over(Job {
            batch,
            handed_over: Instant::now(),
            answer,
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
    while let Ok(first) = waiting.recv() {
        wait.begin(first.handed_over);
        jobs.push(first);
        jobs.extend(waiting.try_iter().take(TOGETHER - 1));
        let began = Instant::now();
        let outcomes = appender.write(&jobs);
        wait.end();
        if let Some(metrics) = metrics.get() {
            count(metrics, &outcomes, began);
        }
        if let Some(chain) = appender.chain {
            durable.send_if_modified(|last| std::mem::replace(last, chain.sequence) != chain.sequence);
        }
        for (job, outcome) in jobs.drain(..).zip(outcomes) {
            // A caller that went away has no use for the answer; what it asked for happened all the same.
            let _ = job.answer.send(outcome);
        }
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
    fn write(&mut self, jobs: &[Job]) -> Vec<Result<(), StoreError>> {
        match self.write_together(jobs) {
            Ok(outcomes) => outcomes,
            Err(error) => jobs.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    fn write_together(&mut self, jobs: &[Job]) -> Result<Vec<Result<(), StoreError>>, StoreError> {
        // Taken, and put back only after the commit: whatever fails before leaves it to be read again.
        let known = self.chain.take();
        let mut transaction = self
            .connection
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let mut chain = match known {
            Some(chain) => chain,
            None => Chain::load(&transaction)?,
        };
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
