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
    include_str!("migrations/0009_payment_pages.sql"),
    include_str!("migrations/0010_payment_order.sql"),
];

/// From this version on events are chained as they are written.
pub(super) const CHAINED: i64 = 6;

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
        .replace("\n) {in the key's tree};", "\n) STRICT, WITHOUT ROWID;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Db, Entry};

    /// A store of schema 5, with events as they were written then.
    fn before_the_chain(path: &std::path::Path) {
        let connection = Connection::open(path).unwrap();
        for step in &STEPS[..5] {
            connection.execute_batch(&for_sqlite(step)).unwrap();
        }
        let events = r#"CREATE TABLE schema_version (version INTEGER NOT NULL) STRICT;
            INSERT INTO schema_version VALUES (5);
            INSERT INTO event (at, body, salt) VALUES
                (1, '{"kind":"started","charter":"c"}', zeroblob(32)),
                (2, '{"transaction":"t","kind":"answered"}', zeroblob(32)),
                (3, '{"kind":"seeded"}', zeroblob(32));"#;
        connection.execute_batch(events).unwrap();
    }

    #[tokio::test]
    async fn events_from_before_the_chain_are_chained_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old.db");
        before_the_chain(&path);
        let db = Db::open(&path).unwrap();
        assert_eq!(*db.last_event().borrow(), 3);
        let sql = "SELECT sequence, at, body, salt, hash, txn FROM event ORDER BY sequence";
        let rows = db.query(sql, vec![]).await.unwrap();
        let mut previous = Entry::before_the_first();
        for row in &rows {
            let entry = Entry {
                sequence: row.integer(0).unwrap(),
                at: row.time(1).unwrap(),
                event: row.text(2).unwrap().to_owned(),
                salt: row.bytes(3).unwrap().to_vec(),
                previous,
            };
            let bytes = entry.to_bytes().unwrap();
            assert_eq!(Entry::parse(&bytes), Ok(entry));
            previous = Entry::hash(&bytes);
            assert_eq!(row.bytes(4).unwrap(), previous.0);
        }
        let transactions: Vec<_> = rows.iter().map(|row| row.optional_text(5).unwrap()).collect();
        assert_eq!(transactions, [None, Some("t"), None]);
        drop(db);
        Db::open(&path).unwrap();
    }

    #[tokio::test]
    async fn nonces_that_were_used_stay_used_and_open_payments_are_found_by_their_index() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old.db");
        let old = create_at(&path, 8);
        let nonces = "INSERT INTO used_nonce (nonce, until) VALUES (x'01', 5), (x'02', 7)";
        old.execute_batch(nonces).unwrap();
        drop(old);
        let db = Db::open(&path).unwrap();
        let sql = "SELECT nonce, until FROM used_nonce ORDER BY until";
        let rows = db.query(sql, vec![]).await.unwrap();
        let kept: Vec<_> = rows
            .iter()
            .map(|row| (row.bytes(0).unwrap(), row.integer(1).unwrap()))
            .collect();
        assert_eq!(kept, [(&[1][..], 5), (&[2][..], 7)]);
        for state in ["reserved", "unknown"] {
            let plan = match state {
                "reserved" => "EXPLAIN QUERY PLAN SELECT scope FROM idempotency WHERE state = 'reserved'",
                _ => {
                    "EXPLAIN QUERY PLAN SELECT scope FROM idempotency WHERE state = 'unknown' AND reserved_at > 7"
                }
            };
            let steps = db.query(plan, vec![]).await.unwrap();
            let step = steps.first().unwrap().text(3).unwrap();
            assert!(step.contains("INDEX idempotency_open"), "{step}");
        }
    }

    #[test]
    fn a_hole_in_old_events_is_not_papered_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old.db");
        before_the_chain(&path);
        Connection::open(&path)
            .unwrap()
            .execute("DELETE FROM event WHERE sequence = 2", [])
            .unwrap();
        assert!(matches!(Db::open(&path), Err(StoreError::Corrupt("event"))));
    }
}
