//! A look at a store that changes nothing: no file is made, no schema moved, and a gateway that runs is not disturbed.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _};
use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _};

use super::error::StoreError;
use super::migrations::{NEWEST, found_version};

/// What every SQLite file begins with (sqlite.org/fileformat2.html, section 1.3).
const MAGIC: &[u8] = b"SQLite format 3\0";

/// How things stand with a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inspection {
    /// There is none yet; the gateway makes one when it starts.
    Absent,
    /// This program opens it; its schema is brought from `schema` to `known` when it does.
    Usable {
        /// Version of the schema in the file; 0 for an empty file.
        schema: i64,
        /// Newest version this program knows.
        known: i64,
        /// A process holds it, most likely the gateway.
        in_use: bool,
    },
}

/// Looks at the store at `path`.
///
/// # Errors
/// [`StoreError::Newer`] for a store of a newer program; [`StoreError::Open`] when it is no store, cannot be read or
/// written, or its folder is not there or lets no file be made.
pub fn inspect(path: &Path) -> Result<Inspection, StoreError> {
    let failed = |cause: String| StoreError::Open {
        path: path.display().to_string(),
        cause,
    };
    check_folder(path).map_err(failed)?;
    match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Inspection::Absent),
        Err(error) => return Err(failed(error.to_string())),
        Ok(_) => {}
    }
    let empty = check_file(path).map_err(failed)?;
    let schema = if empty { 0 } else { schema_of(path, failed)? };
    if schema > NEWEST {
        return Err(StoreError::Newer {
            found: schema,
            known: NEWEST,
        });
    }
    Ok(Inspection::Usable {
        schema,
        known: NEWEST,
        in_use: is_held(path).map_err(|error| failed(error.to_string()))?,
    })
}

/// The fact called `name` of the store at `path`, as [`super::Db::meta`] reads it in a store that is open; `None` in one that has
/// no facts yet.
///
/// # Errors
/// [`StoreError::Open`] when it cannot be read.
pub fn fact(path: &Path, name: &str) -> Result<Option<String>, StoreError> {
    let read = |connection: Connection| match connection.table_exists(None, "meta")? {
        false => Ok(None),
        true => connection
            .query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0))
            .optional(),
    };
    open_quietly(path)
        .and_then(read)
        .map_err(|error| StoreError::Open {
            path: path.display().to_string(),
            cause: error.to_string(),
        })
}

/// SQLite writes its log beside the file, so the folder must take new files. Asked by making one, since permissions alone
/// do not tell (read-only mounts, root).
fn check_folder(path: &Path) -> Result<(), String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    if !folder.is_dir() {
        return Err(format!("the folder {} does not exist", folder.display()));
    }
    tempfile_in(folder).map_err(|error| format!("the folder {} takes no new file: {error}", folder.display()))
}

/// Makes a file of a name that is free, and removes it.
fn tempfile_in(folder: &Path) -> io::Result<()> {
    let trial = folder.join(format!(".countersign-check-{}", std::process::id()));
    File::create_new(&trial)?;
    std::fs::remove_file(&trial)
}

/// Whether the file is empty; a fault when it is no SQLite file or not ours to write.
fn check_file(path: &Path) -> Result<bool, String> {
    if !path.is_file() {
        return Err("it is no regular file".to_owned());
    }
    let mut file = File::options()
        .read(true)
        .write(true)
        .open(path)
        .map_err(|error| error.to_string())?;
    let mut begin = Vec::new();
    let length = MAGIC.len() as u64;
    io::Read::by_ref(&mut file)
        .take(length)
        .read_to_end(&mut begin)
        .map_err(|error| error.to_string())?;
    match begin.is_empty() || begin == MAGIC {
        true => Ok(begin.is_empty()),
        false => Err("it is no database".to_owned()),
    }
}

fn schema_of(path: &Path, failed: impl Fn(String) -> StoreError) -> Result<i64, StoreError> {
    let connection = open_quietly(path).map_err(|error| failed(error.to_string()))?;
    found_version(&connection).map_err(|error| match error {
        StoreError::Failed(cause) => failed(cause),
        other => other,
    })
}

/// Opens for reading. A store at rest has no log beside it, and SQLite would make one even to read; told that nothing
/// changes meanwhile (sqlite.org/uri.html, `immutable`), it does not.
pub(super) fn open_quietly(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    match path.to_str().filter(|_| !Path::new(&log).exists()) {
        None => Connection::open_with_flags(path, flags),
        Some(text) => {
            let escaped = text.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
            let uri = format!("file:{escaped}?immutable=1");
            Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)
        }
    }
}

/// Whether another process, or another [`super::Db`] of this one, holds the lock beside the file.
fn is_held(path: &Path) -> io::Result<bool> {
    let lock = match File::open(path.with_added_extension("lock")) {
        Ok(lock) => lock,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    // A shared lock, let go at once: a gateway that starts at this very moment would not fail for longer than that.
    match lock.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::store::{Batch, Db};

    /// Every file of a folder with its bytes.
    fn picture(folder: &Path) -> BTreeMap<String, Vec<u8>> {
        std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| {
                (
                    entry.file_name().into_string().unwrap(),
                    std::fs::read(entry.path()).unwrap(),
                )
            })
            .collect()
    }

    fn cause(path: &Path) -> String {
        inspect(path).unwrap_err().to_string()
    }

    #[tokio::test]
    async fn a_fact_is_read_from_a_store_at_rest_and_from_one_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gate.db");
        std::fs::write(&path, "").unwrap();
        assert_eq!(fact(&path, "mark").unwrap(), None);
        let db = Db::open(&path).unwrap();
        assert_eq!(fact(&path, "mark").unwrap(), None);
        let mut batch = Batch::new();
        batch.run(
            "INSERT INTO meta (name, value) VALUES ($1, $2)",
            vec!["mark".into(), "yes".into()],
        );
        db.commit(batch).await.unwrap();
        assert_eq!(fact(&path, "mark").unwrap().unwrap(), "yes");
        drop(db);
        assert_eq!(fact(&path, "mark").unwrap().unwrap(), "yes");
    }

    #[test]
    fn a_store_that_is_not_there_yet_is_made_by_nobody_who_only_looks() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(
            inspect(&folder.path().join("gate.db")).unwrap(),
            Inspection::Absent
        );
        assert!(picture(folder.path()).is_empty());
        assert!(cause(&folder.path().join("absent/gate.db")).contains("absent does not exist"));
    }

    #[test]
    fn a_store_in_use_and_one_at_rest_are_told_apart_and_left_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("50% gate?#.db");
        let usable = |in_use| Inspection::Usable {
            schema: NEWEST,
            known: NEWEST,
            in_use,
        };
        let db = Db::open(&path).unwrap();
        assert_eq!(inspect(&path).unwrap(), usable(true));
        drop(db);
        let before = picture(folder.path());
        assert_eq!(inspect(&path).unwrap(), usable(false));
        let after = picture(folder.path());
        assert!(before == after, "{:?} {:?}", before.keys(), after.keys());
        Db::open(&path).unwrap();
    }

    #[test]
    fn an_older_and_an_empty_store_are_usable_and_not_migrated() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gate.db");
        std::fs::write(&path, "").unwrap();
        assert!(matches!(
            inspect(&path).unwrap(),
            Inspection::Usable { schema: 0, .. }
        ));
        assert_eq!(std::fs::read(&path).unwrap(), b"");
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch(
                "CREATE TABLE schema_version (version INTEGER); INSERT INTO schema_version VALUES (1)",
            )
            .unwrap();
        drop(connection);
        for _ in 0..2 {
            let found = inspect(&path).unwrap();
            assert!(matches!(found, Inspection::Usable { schema: 1, .. }), "{found:?}");
        }
    }

    #[test]
    fn what_the_gateway_could_not_open_is_a_fault() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gate.db");
        std::fs::write(&path, "not a database at all, only text").unwrap();
        assert!(cause(&path).contains("no database"), "{}", cause(&path));
        assert!(cause(folder.path()).contains("no regular file"));

        std::fs::remove_file(&path).unwrap();
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch("CREATE TABLE theirs (x INTEGER)")
            .unwrap();
        assert!(cause(&path).contains("another program"), "{}", cause(&path));
        connection
            .execute_batch(
                "CREATE TABLE schema_version (version INTEGER); INSERT INTO schema_version VALUES (999)",
            )
            .unwrap();
        assert!(matches!(
            inspect(&path),
            Err(StoreError::Newer {
                found: 999,
                known: NEWEST
            })
        ));
    }
}
