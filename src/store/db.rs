//! The handle to the store.

use std::fs::{File, TryLockError};
use std::num::NonZero;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tokio::sync::watch;

use super::batch::Batch;
use super::error::StoreError;
use super::group_commit::Writer;
use super::migrations::migrate;
use super::read::Readers;
use super::row::{Row, Value};
use super::short_read::ShortReads;

/// Read connections with threads: more than the cores would only wait for each other.
const READ_CONNECTIONS: usize = 2;
/// Connections for short reads at most, one for each core: whoever finds none free asks a thread.
const SHORT_READ_CONNECTIONS: usize = 16;
/// How long a connection waits for a lock of the database: SQLite holds those for moments.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);
/// Distinct statements kept prepared on each connection.
const PREPARED_STATEMENTS: usize = 128;

/// The store. Cheap to clone; the last clone closes it.
#[derive(Clone)]
pub struct Db {
    /// Before the writer, so that the last connection to close is one that may fold the log into the file.
    readers: Readers,
    short_reads: Arc<ShortReads>,
    writer: Writer,
    /// Why nothing may be changed; absent when all is well.
    read_only: Arc<OnceLock<Arc<str>>>,
    /// Held as long as the store is open, so that a second gateway on the same file does not even start.
    _lock: Arc<File>,
}

impl Db {
    /// Opens the SQLite file at `path`, creates it when it is missing (mode 0600), and brings it to this program's
    /// schema.
    ///
    /// # Errors
    /// [`StoreError::Open`], [`StoreError::InUse`], or [`StoreError::Newer`] for a store of a newer program.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let failed = |cause: String| StoreError::Open {
            path: path.display().to_string(),
            cause,
        };
        create_private(path).map_err(|error| failed(error.to_string()))?;
        let lock =
            create_private(&path.with_added_extension("lock")).map_err(|error| failed(error.to_string()))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => StoreError::InUse(path.display().to_string()),
            TryLockError::Error(error) => failed(error.to_string()),
        })?;
        let mut writer = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, LOCK_PATIENCE)
            .map_err(|e| failed(e.to_string()))?;
        migrate(&mut writer).map_err(|error| match error {
            StoreError::Failed(cause) => failed(cause),
            other => other,
        })?;
        let readers = |count, patience| {
            (0..count)
                .map(|_| connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY, patience))
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| failed(error.to_string()))
        };
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let short_reads = readers(cores.min(SHORT_READ_CONNECTIONS), Duration::ZERO)?;
        Ok(Self {
            readers: Readers::start(readers(READ_CONNECTIONS, LOCK_PATIENCE)?)?,
            short_reads: Arc::new(ShortReads::new(short_reads)),
            writer: Writer::start(writer)?,
            read_only: Arc::default(),
            _lock: Arc::new(lock),
        })
    }

    /// Counts commits and batches in `metrics` from now on.
    pub fn count_in(&self, metrics: crate::telemetry::Metrics) {
        self.writer.count_in(metrics);
    }

    /// Makes `batch` happen whole; returns when it is on disk. Who may have to hand it in again keeps a share of it.
    ///
    /// # Errors
    /// [`StoreError::Guard`] when a guard did not hold, [`StoreError::Busy`] when too much is waiting,
    /// [`StoreError::ReadOnly`] after [`Db::refuse_writes`], [`StoreError::Failed`] when the database or the disk refused.
    /// In every case nothing of the batch happened.
    pub async fn commit(&self, batch: impl Into<Arc<Batch>>) -> Result<(), StoreError> {
        match self.read_only.get() {
            Some(cause) => Err(StoreError::ReadOnly(Arc::clone(cause))),
            None => self.writer.commit(batch.into()).await,
        }
    }

    /// Refuses every commit from now on, for as long as this store is open. The first cause stays.
    pub fn refuse_writes(&self, cause: &str) {
        let _ = self.read_only.set(cause.into());
    }

    /// Why commits are refused; `None` when they are not.
    #[must_use]
    pub fn read_only(&self) -> Option<Arc<str>> {
        self.read_only.get().cloned()
    }

    /// The sequence of the last event on disk, 0 before the first; changes with every later one.
    #[must_use]
    pub fn last_event(&self) -> watch::Receiver<i64> {
        self.writer.last_event()
    }

    /// The longest time that a batch has waited for the writer since the last call, or has been waiting behind one that does
    /// not finish. For one observer.
    #[must_use]
    pub fn queue_wait(&self) -> Duration {
        self.writer.queue_wait()
    }

    /// The rows that `sql` selects from what is on disk.
    ///
    /// # Errors
    /// [`StoreError::Busy`] or [`StoreError::Failed`].
    pub async fn query(&self, sql: &'static str, parameters: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        self.readers.query(sql, parameters).await
    }

    /// The first row that `sql` selects.
    ///
    /// # Errors
    /// As [`Db::query`].
    pub async fn query_one(
        &self,
        sql: &'static str,
        parameters: Vec<Value>,
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.query(sql, parameters).await?.into_iter().next())
    }

    /// The first row that `sql` selects, for a question that a unique key answers: it is read at once, on the caller's thread,
    /// where nothing has to be waited for. Never for a statement that looks at rows in number.
    ///
    /// # Errors
    /// As [`Db::query`].
    pub async fn find(&self, sql: &'static str, key: Vec<Value>) -> Result<Option<Row>, StoreError> {
        let rows = match self.short_reads.select(sql, &key) {
            Some(rows) => rows?,
            None => self.query(sql, key).await?,
        };
        Ok(rows.into_iter().next())
    }

    /// The fact called `name` about the store itself.
    ///
    /// # Errors
    /// As [`Db::query`].
    pub async fn meta(&self, name: &str) -> Result<Option<String>, StoreError> {
        let row = self
            .query_one("SELECT value FROM meta WHERE name = $1", vec![name.into()])
            .await?;
        row.map(|row| row.text(0).map(str::to_owned)).transpose()
    }
}

fn create_private(path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
}

fn connect(path: &Path, access: OpenFlags, patience: Duration) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(patience)?;
    if access.contains(OpenFlags::SQLITE_OPEN_READ_WRITE) {
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
    }
    connection.pragma_update(None, "foreign_keys", "ON")?;
    connection.pragma_update(None, "trusted_schema", "OFF")?;
    connection.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
    Ok(connection)
}
