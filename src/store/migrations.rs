//! The store's schema: each step once, in order, and never a store that is newer than the program.

use rusqlite::{Connection, OptionalExtension as _};

use super::chain;
use super::error::StoreError;

/// DDL texts in order; the position plus one is the schema version. A text that was released never changes.
const STEPS: &[&str] = &[
    include_str!("migrations/0001_ground.sql"),
    include_str!("migrations/0002_identity.sql"),
    include_str!("migrations/0003_oauth.sql"),
    include_str!("migrations/0004_transaction.sql"),
    include_str!("migrations/0005_admin.sql"),
    include_str!("migrations/0006_log.sql"),
    include_str!("migrations/0007_settlement.sql"),
    include_str!("migrations/0008_receipt.sql"),
];

/// From this version on events are chained as they are written.
const CHAINED: i64 = 6;

/// The newest version this program knows.
pub(super) const NEWEST: i64 = STEPS.len() as i64;

/// Brings the store to the newest version this program knows.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    refuse_foreign(connection)?;
    connection
        .execute_batch("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL) STRICT")?;
    let found = found_version(connection)?;
    if found > NEWEST {
        return Err(StoreError::Newer { found, known: NEWEST });
    }
    let transaction = connection.transaction()?;
    for step in STEPS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        transaction.execute_batch(&for_sqlite(step))?;
    }
    if found < CHAINED {
        chain::adopt(&transaction)?;
    }
    transaction.execute("DELETE FROM schema_version", [])?;
    transaction.execute("INSERT INTO schema_version (version) VALUES (?1)", [NEWEST])?;
    transaction.commit()?;
    Ok(())
}

/// A store as a program of schema `version` left it, for tests of what follows.
#[cfg(test)]
pub(crate) fn create_at(path: &std::path::Path, version: u8) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection
        .execute_batch("CREATE TABLE schema_version (version INTEGER NOT NULL) STRICT")
        .unwrap();
    for step in STEPS.iter().take(usize::from(version)) {
        connection.execute_batch(&for_sqlite(step)).unwrap();
    }
    connection
        .execute("INSERT INTO schema_version (version) VALUES (?1)", [version])
        .unwrap();
    connection
}

/// The version of a store; 0 for one without a schema. Changes nothing.
pub(super) fn found_version(connection: &Connection) -> Result<i64, StoreError> {
    refuse_foreign(connection)?;
    let sql = "SELECT count(*) FROM sqlite_master WHERE name = 'schema_version'";
    let tables: i64 = connection.query_row(sql, [], |row| row.get(0))?;
    if tables == 0 {
        return Ok(0);
    }
    let sql = "SELECT version FROM schema_version";
    let version = connection.query_row(sql, [], |row| row.get(0)).optional()?;
    Ok(version.unwrap_or(0))
}

/// A database that holds tables but no schema version was made by another program, and stays as it is.
fn refuse_foreign(connection: &Connection) -> Result<(), StoreError> {
    let foreign: bool = connection.query_row(
        "SELECT count(*) > 0 AND count(*) FILTER (WHERE name = 'schema_version') = 0 FROM sqlite_master",
        [],
        |row| row.get(0),
    )?;
    if foreign {
        Err(StoreError::Failed(
            "it is the database of another program".to_owned(),
        ))
    } else {
        Ok(())
    }
}

/// The portable column types in SQLite's words; every table is STRICT.
fn for_sqlite(ddl: &str) -> String {
    ddl.replace("{int}", "INTEGER")
        .replace("{bytes}", "BLOB")
        .replace("\n);", "\n) STRICT;")
}
