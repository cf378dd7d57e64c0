//! The write-ahead log goes into the file when callers have been answered (sqlite.org/wal.html, "Checkpointing"):
//! SQLite by itself would do it within the commit that made the log long, and everyone whose batch was in that one
//! would wait for it.
//!
//! It is the writer's thread that does it. While it does, nothing is appended, so that all of the log can be in the
//! file and the next commit begins it at its front: that bounds it. A reader that holds on to an old state keeps it
//! from beginning again, as it always does in SQLite.

use rusqlite::Connection;

use super::error::StoreError;

/// Pages in the log from which on it is copied: what SQLite itself takes for its automatic checkpoints.
const LONG: i64 = 1000;
/// Commits between two looks at the length of the log: a commit adds some ten pages, and a look is a statement.
const COMMITS_A_LOOK: u32 = 8;

/// Keeps the log of one writer short.
pub(super) struct WriteAheadLog {
    /// Commits since the last look.
    unlooked: u32,
    /// Whether the last copy failed, which is told once.
    failing: bool,
}

impl WriteAheadLog {
    /// From now on `writer` copies the log only when it is told to.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub(super) fn of(writer: &Connection) -> Result<Self, StoreError> {
        writer.pragma_update(None, "wal_autocheckpoint", 0)?;
        Ok(Self {
            unlooked: 0,
            failing: false,
        })
    }

    /// After a commit, when its callers are answered: copies the log into the file when it is long.
    pub(super) fn keep_short(&mut self, writer: &Connection) {
        self.unlooked += 1;
        if self.unlooked < COMMITS_A_LOOK {
            return;
        }
        self.unlooked = 0;
        // Whatever is wrong with a look, the next commit tells it.
        if !pages(writer, "PRAGMA wal_checkpoint(NOOP)").is_ok_and(|pages| pages >= LONG) {
            return;
        }
        let copied = pages(writer, "PRAGMA wal_checkpoint(PASSIVE)");
        if let Err(error) = &copied
            && !self.failing
        {
            tracing::warn!(%error, "the write-ahead log could not be copied into the store; it grows until it can");
        }
        self.failing = copied.is_err();
    }
}

/// The pages in the log, behind what `checkpoint` does with it.
fn pages(writer: &Connection, checkpoint: &str) -> rusqlite::Result<i64> {
    writer.prepare_cached(checkpoint)?.query_row([], |row| row.get(1))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn open(path: &Path) -> Connection {
        let connection = Connection::open(path).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        // What is tried here is no crash, and thousands of flushes take their time.
        connection.pragma_update(None, "synchronous", "OFF").unwrap();
        connection
    }

    /// So many commits, each of two pages at least.
    fn fill(writer: &Connection, log: &mut WriteAheadLog, commits: i64) {
        for n in 0..commits {
            writer
                .execute("INSERT INTO t VALUES (zeroblob(5000 + ?1 % 7))", [n])
                .unwrap();
            log.keep_short(writer);
        }
    }

    fn rows(connection: &Connection) -> i64 {
        connection
            .query_row("SELECT count(*) FROM t", [], |row| row.get(0))
            .unwrap()
    }

    #[test]
    fn a_long_log_begins_again_and_all_of_it_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gate.db");
        let writer = open(&path);
        writer.execute("CREATE TABLE t (x BLOB) STRICT", []).unwrap();
        let mut log = WriteAheadLog::of(&writer).unwrap();
        fill(&writer, &mut log, 3 * LONG);
        let length = std::fs::metadata(folder.path().join("gate.db-wal"))
            .unwrap()
            .len();
        let bound = u64::try_from(2 * LONG).unwrap() * (4096 + 24);
        assert!(length > 0 && length < bound, "{length} bytes");
        assert_eq!(rows(&open(&path)), 3 * LONG);
    }

    #[test]
    fn a_reader_that_holds_an_old_state_stops_nobody_and_the_log_begins_again_once_it_lets_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gate.db");
        let writer = open(&path);
        writer.execute("CREATE TABLE t (x BLOB) STRICT", []).unwrap();
        let mut log = WriteAheadLog::of(&writer).unwrap();
        let reader = open(&path);
        reader.execute_batch("BEGIN").unwrap();
        assert_eq!(rows(&reader), 0);
        fill(&writer, &mut log, LONG);
        assert_eq!(rows(&reader), 0, "what it saw stays");
        assert!(pages(&writer, "PRAGMA wal_checkpoint(NOOP)").unwrap() > LONG);
        reader.execute_batch("COMMIT").unwrap();
        assert_eq!(rows(&reader), LONG);
        fill(&writer, &mut log, i64::from(2 * COMMITS_A_LOOK));
        assert!(pages(&writer, "PRAGMA wal_checkpoint(NOOP)").unwrap() < LONG);
    }
}
