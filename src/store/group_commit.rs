//! One writer thread that makes many batches durable with one flush.
//!
//! Whatever is waiting when the writer is free goes into one transaction, each batch in a savepoint of its own, so a
//! batch whose guard fails leaves the others alone. Answers go out after the commit, never before.

use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::batch::{Batch, Guard};
use super::bind::bind;
use super::error::StoreError;
use super::threads::Threads;
use crate::telemetry::{Metrics, names};

/// Batches that may wait for the writer; more are refused, so that a slow disk shows as an error and not as memory.
const WAITING: usize = 4096;
/// Batches in one transaction at most: bounds how long the first of them waits for the last.
const TOGETHER: usize = 256;

struct Job {
    batch: Batch,
    answer: oneshot::Sender<Result<(), StoreError>>,
}

/// The way to the writer thread; the thread ends when the last of these is dropped.
#[derive(Clone)]
pub(super) struct Writer {
    thread: Arc<Threads<Job>>,
    metrics: Arc<OnceLock<Metrics>>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(connection: Connection) -> Result<Self, StoreError> {
        let (jobs, waiting) = sync_channel(WAITING);
        let mut thread = Threads::new(jobs);
        let metrics = Arc::new(OnceLock::new());
        let counted = Arc::clone(&metrics);
        thread.spawn("store-writer", move || write_all(connection, &waiting, &counted))?;
        Ok(Self {
            thread: Arc::new(thread),
            metrics,
        })
    }

    /// Counts commits and batches in `metrics` from now on; the first call decides.
    pub(super) fn count_in(&self, metrics: Metrics) {
        let _ = self.metrics.set(metrics);
    }

    /// Returns when the batch is on disk, or why it is not.
    pub(super) async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let (answer, outcome) = oneshot::channel();
        self.thread.hand_over(Job { batch, answer })?;
        outcome.await.unwrap_or(Err(StoreError::Busy))
    }
}

fn write_all(mut connection: Connection, waiting: &Receiver<Job>, metrics: &OnceLock<Metrics>) {
    let mut jobs = Vec::with_capacity(TOGETHER);
    while let Ok(first) = waiting.recv() {
        jobs.push(first);
        jobs.extend(waiting.try_iter().take(TOGETHER - 1));
        let began = Instant::now();
        let outcomes = write(&mut connection, &jobs);
        if let Some(metrics) = metrics.get() {
            count(metrics, &outcomes, began);
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

fn write(connection: &mut Connection, jobs: &[Job]) -> Vec<Result<(), StoreError>> {
    match write_together(connection, jobs) {
        Ok(outcomes) => outcomes,
        Err(error) => jobs.iter().map(|_| Err(error.clone())).collect(),
    }
}

fn write_together(
    connection: &mut Connection,
    jobs: &[Job],
) -> Result<Vec<Result<(), StoreError>>, StoreError> {
    let mut transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let mut outcomes = Vec::with_capacity(jobs.len());
    for job in jobs {
        let savepoint = transaction.savepoint()?;
        let outcome = run(&savepoint, &job.batch);
        if savepoint.is_autocommit() {
            // A full disk or a failing one ends the whole transaction, and with it what was answered for so far.
            return Err(outcome.err().unwrap_or(StoreError::Busy));
        }
        // A savepoint that is not committed rolls back when it is dropped.
        if outcome.is_ok() {
            savepoint.commit()?;
        }
        outcomes.push(outcome);
    }
    transaction.commit()?;
    Ok(outcomes)
}

fn run(connection: &Connection, batch: &Batch) -> Result<(), StoreError> {
    for statement in &batch.statements {
        let mut prepared = connection.prepare_cached(statement.sql)?;
        bind(&mut prepared, &statement.parameters)?;
        let rows = prepared.raw_execute()?;
        match statement.guard {
            Guard::OneRow(name) if rows != 1 => return Err(StoreError::Guard(name)),
            Guard::NoRow(name) if rows != 0 => return Err(StoreError::Guard(name)),
            _ => {}
        }
    }
    Ok(())
}
