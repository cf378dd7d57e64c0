//! What the disk allows: nothing but commits of the gateway's store, and nothing but flushes of a file.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use countersign::base::{Entropy, SystemEntropy};
use countersign::store::{Batch, Db};
use serde_json::{Value, json};

use crate::Outcome;
use crate::histogram::Histogram;

/// Bytes of the row that a commit writes: about what a payment's event has.
const ROW: usize = 512;
/// Commits of a payment, one after the other: intent and outcome.
const COMMITS: usize = 2;
const INSERT: &str = "INSERT INTO ballast (place, bytes) VALUES ($1, $2)";
/// Pages of one of the commits that make the files grow: more than SQLite keeps in its log before it empties it.
const GROWTH: usize = 1_200;
/// Flushes of the bare file.
const FLUSHES: u32 = 400;
/// Bytes before each of them.
const PAGE: usize = 4096;

/// What a run found.
#[derive(Clone, Copy, Debug)]
pub struct Ceiling {
    /// Pairs of commits a second.
    pub payments: f64,
    /// Of a pair, in microseconds.
    pub p50: f64,
    /// Of a pair, in microseconds.
    pub p99: f64,
}

impl Ceiling {
    /// For another process.
    #[must_use]
    pub fn to_json(self) -> Value {
        json!({ "payments": self.payments, "p50": self.p50, "p99": self.p99 })
    }

    /// From another process.
    ///
    /// # Errors
    /// It is something else.
    pub fn from_json(text: &str) -> Outcome<Self> {
        let value: Value = serde_json::from_str(text)?;
        let number = |name: &str| value.get(name).and_then(Value::as_f64).ok_or("not a ceiling");
        Ok(Self {
            payments: number("payments")?,
            p50: number("p50")?,
            p99: number("p99")?,
        })
    }
}

/// So many writers at once in a store of its own in `folder`, each a pair of commits after the other.
///
/// # Errors
/// The store fails.
pub async fn of_commits(
    folder: &Path,
    parallel: usize,
    warm_up: Duration,
    span: Duration,
) -> Outcome<Ceiling> {
    let folder = tempfile::tempdir_in(folder)?;
    let db = Db::open(&folder.path().join("ceiling.sqlite"))?;
    let mut batch = Batch::new();
    batch.run(
        "CREATE TABLE ballast (place BLOB PRIMARY KEY, bytes BLOB NOT NULL)",
        Vec::new(),
    );
    db.commit(batch).await?;
    grow_files(&db).await?;
    let (counted_from, over) = (Instant::now() + warm_up, Arc::new(AtomicBool::new(false)));
    let writers = (0..parallel).map(|_| tokio::spawn(write(db.clone(), Arc::clone(&over), counted_from)));
    let writers: Vec<_> = writers.collect();
    tokio::time::sleep(warm_up + span).await;
    over.store(true, Ordering::Relaxed);
    let elapsed = counted_from.elapsed().as_secs_f64();
    let mut all = Histogram::default();
    for writer in writers {
        all.merge(&writer.await??);
    }
    Ok(Ceiling {
        payments: all.total() as f64 / elapsed,
        p50: all.micros(0.5),
        p99: all.micros(0.99),
    })
}

/// Lets the store's files grow to what they keep: a gateway's commits overwrite its write-ahead log, and only a new store has
/// to ask the file system for room.
async fn grow_files(db: &Db) -> Outcome<()> {
    let entropy: &dyn Entropy = &SystemEntropy::default();
    for _ in 0..3 {
        let mut batch = Batch::new();
        for _ in 0..GROWTH {
            batch.run(
                INSERT,
                vec![entropy.bytes::<16>().to_vec().into(), vec![7; PAGE].into()],
            );
        }
        db.commit(batch).await?;
    }
    Ok(())
}

async fn write(db: Db, over: Arc<AtomicBool>, counted_from: Instant) -> Outcome<Histogram> {
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::default());
    let mut latencies = Histogram::default();
    while !over.load(Ordering::Relaxed) {
        let began = Instant::now();
        for _ in 0..COMMITS {
            let mut batch = Batch::new();
            batch.run(
                INSERT,
                vec![entropy.bytes::<16>().to_vec().into(), vec![7; ROW].into()],
            );
            db.commit(batch).await?;
        }
        if began >= counted_from {
            latencies.record(began.elapsed());
        }
    }
    Ok(latencies)
}

/// Microseconds of one flush of a file in `folder` after a page was written: median, and 99 of 100.
///
/// # Errors
/// The file cannot be written.
pub fn of_flushes(folder: &Path) -> Outcome<(f64, f64)> {
    let path = folder.join("flushes");
    let mut file = File::create(&path)?;
    let mut latencies = Histogram::default();
    for _ in 0..FLUSHES {
        latencies.record(flush_a_page(&mut file)?);
    }
    std::fs::remove_file(path)?;
    Ok((latencies.micros(0.5), latencies.micros(0.99)))
}

/// How long one flush of a bare file takes after a page was written.
pub(crate) fn flush_a_page(file: &mut File) -> std::io::Result<Duration> {
    file.write_all(&[7; PAGE])?;
    let began = Instant::now();
    file.sync_data()?;
    Ok(began.elapsed())
}
