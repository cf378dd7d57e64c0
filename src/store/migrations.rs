//! The store's schema: each step once, in order, and never a store that is newer than the program.

use rusqlite::{Connection, OptionalExtension as _};

use super::error::StoreError;

/// DDL texts in order; the position plus one is the schema version. A text that was released never changes.
const STEPS: &[&str] = &[
    include_str!("migrations/0001_ground.sql"),
    include_str!("migrations/0002_identity.sql"),
    include_str!("migrations/0003_oauth.sql"),
    include_str!("migrations/0004_transaction.sql"),
    include_str!("migrations/0005_admin.sql"),
];

/// Brings the store to the newest version this program knows.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    refuse_foreign(connection)?;
    connection
        .execute_batch("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL) STRICT")?;
    let found: i64 = connection
        .query_row("SELECT version FROM schema_version", [], |row| row.get(0))
        .optional()?
        .unwrap_or(0);
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    let transaction = connection.transaction()?;
    for step in STEPS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        transaction.execute_batch(&for_sqlite(step))?;
    }
    transaction.execute("DELETE FROM schema_version", [])?;
    transaction.execute("INSERT INTO schema_version (version) VALUES (?1)", [known])?;
    transaction.commit()?;
    Ok(())
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
