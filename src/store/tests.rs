//! What the store promises, tried on real files: whole batches, guards, groups, and stores it must not touch.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tempfile::TempDir;

use super::group_commit::Writer;
use super::{Batch, Db, StoreError};

struct Place {
    _dir: TempDir,
    path: PathBuf,
}

fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("gateway.db");
    Place { _dir: dir, path }
}

fn put(name: &str, value: &str) -> Batch {
    let mut batch = Batch::new();
    batch.run(
        "INSERT INTO meta (name, value) VALUES ($1, $2)",
        vec![name.into(), value.into()],
    );
    batch
}

fn cause_of(result: Result<Db, StoreError>) -> String {
    result.err().expect("the store must not open").to_string()
}

#[tokio::test]
async fn a_batch_whose_guard_fails_leaves_nothing_behind() {
    let place = place();
    let db = Db::open(&place.path).unwrap();
    let mut batch = put("first", "1");
    batch.one_row(
        "the absent row",
        "UPDATE meta SET value = '2' WHERE name = 'absent'",
        vec![],
    );
    batch.append(put("last", "3"));
    assert_eq!(
        db.commit(batch).await.unwrap_err().guard(),
        Some("the absent row")
    );
    assert_eq!(db.meta("first").await.unwrap(), None);
    assert_eq!(db.meta("last").await.unwrap(), None);
}

#[tokio::test]
async fn a_guard_counts_rows_exactly() {
    let place = place();
    let db = Db::open(&place.path).unwrap();
    let mut two = put("a", "1");
    two.append(put("b", "1"));
    db.commit(two).await.unwrap();
    let mut both = Batch::new();
    both.one_row("one, not two", "UPDATE meta SET value = '2'", vec![]);
    assert_eq!(db.commit(both).await.unwrap_err().guard(), Some("one, not two"));
    let mut none = Batch::new();
    none.no_row("none, not one", "DELETE FROM meta WHERE name = 'a'", vec![]);
    assert_eq!(db.commit(none).await.unwrap_err().guard(), Some("none, not one"));
    assert_eq!(db.meta("a").await.unwrap().as_deref(), Some("1"));
    let mut held = Batch::new();
    held.no_row("none", "DELETE FROM meta WHERE name = 'absent'", vec![]);
    held.one_row("one", "DELETE FROM meta WHERE name = 'a'", vec![]);
    db.commit(held).await.unwrap();
    assert_eq!(db.meta("a").await.unwrap(), None);
}

#[tokio::test]
async fn a_guard_sees_what_its_own_batch_did_before_it() {
    let place = place();
    let db = Db::open(&place.path).unwrap();
    let mut batch = put("a", "1");
    batch.one_row(
        "the row above",
        "UPDATE meta SET value = '2' WHERE name = 'a'",
        vec![],
    );
    db.commit(batch).await.unwrap();
    assert_eq!(db.meta("a").await.unwrap().as_deref(), Some("2"));
}

#[tokio::test]
async fn a_parameter_is_the_value_of_its_number_wherever_it_stands() {
    let place = place();
    let db = Db::open(&place.path).unwrap();
    let mut batch = Batch::new();
    batch.run(
        "INSERT INTO meta (value, name) VALUES ($2, $1)",
        vec!["name".into(), "value".into()],
    );
    batch.one_row(
        "found",
        "UPDATE meta SET value = $2 WHERE name = $1 AND value = $2",
        vec!["name".into(), "value".into()],
    );
    db.commit(batch).await.unwrap();
    let sql = "SELECT value FROM meta WHERE value = $2 AND name = $1";
    let row = db
        .query_one(sql, vec!["name".into(), "value".into()])
        .await
        .unwrap()
        .unwrap();
    assert_eq!(row.text(0).unwrap(), "value");
}

#[tokio::test]
async fn a_statement_with_too_many_or_too_few_values_is_refused() {
    let place = place();
    let db = Db::open(&place.path).unwrap();
    for values in [vec![], vec!["a".into(), "b".into()]] {
        let refused = db
            .query("SELECT value FROM meta WHERE name = $1", values.clone())
            .await;
        assert!(matches!(refused, Err(StoreError::Failed(_))));
        let mut batch = Batch::new();
        batch.run("DELETE FROM meta WHERE name = $1", values);
        assert!(matches!(db.commit(batch).await, Err(StoreError::Failed(_))));
    }
    assert!(
        db.query("SELECT value FROM meta WHERE name = ?1", vec!["a".into()])
            .await
            .is_err()
    );
}

/// Every second batch fails, by a guard or by a constraint; all are waiting at once, so they share transactions.
#[tokio::test]
async fn a_failing_batch_leaves_the_others_of_its_group_alone() {
    let place = place();
    let db = Db::open(&place.path).unwrap();
    db.commit(put("taken", "0")).await.unwrap();
    let tasks: Vec<_> = (0..200)
        .map(|n| {
            let mut batch = put(&format!("row {n}"), "1");
            match n % 4 {
                1 => drop(batch.one_row("absent", "DELETE FROM meta WHERE name = 'absent'", vec![])),
                3 => drop(batch.append(put("taken", "again"))),
                _ => {}
            }
            let db = db.clone();
            tokio::spawn(async move { db.commit(batch).await })
        })
        .collect();
    for (n, task) in tasks.into_iter().enumerate() {
        let outcome = task.await.unwrap();
        let kept = db.meta(&format!("row {n}")).await.unwrap().is_some();
        match n % 4 {
            1 => assert!(
                matches!(outcome, Err(StoreError::Guard("absent"))) && !kept,
                "{n}"
            ),
            3 => assert!(matches!(outcome, Err(StoreError::Failed(_))) && !kept, "{n}"),
            _ => assert!(outcome.is_ok() && kept, "{n}: {outcome:?}"),
        }
    }
    assert_eq!(db.meta("taken").await.unwrap().as_deref(), Some("0"));
}

/// The files are copied at the moment of the answer, while the store is still open: what a crash would leave.
#[tokio::test]
async fn what_is_acknowledged_is_on_disk() {
    let place = place();
    let db = Db::open(&place.path).unwrap();
    let copies = tempfile::tempdir().unwrap();
    for n in 0..20 {
        let name = format!("row {n}");
        db.commit(put(&name, "kept")).await.unwrap();
        let copy = copies.path().join(format!("{n}.db"));
        std::fs::copy(&place.path, &copy).unwrap();
        std::fs::copy(beside(&place.path, "-wal"), beside(&copy, "-wal")).unwrap();
        let after_crash = Db::open(&copy).unwrap();
        assert_eq!(after_crash.meta(&name).await.unwrap().as_deref(), Some("kept"));
    }
    drop(db);
    let reopened = Db::open(&place.path).unwrap();
    assert_eq!(reopened.meta("row 19").await.unwrap().as_deref(), Some("kept"));
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[tokio::test]
async fn a_closed_store_is_one_file_again() {
    let place = place();
    let db = Db::open(&place.path).unwrap();
    let other = db.clone();
    other.commit(put("a", "1")).await.unwrap();
    drop(db);
    assert!(beside(&place.path, "-wal").exists(), "one handle is left");
    drop(other);
    assert!(!beside(&place.path, "-wal").exists());
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_undo_its_batch() {
    let place = place();
    let db = Db::open(&place.path).unwrap();
    let mut impatient = Box::pin(db.commit(put("left", "1")));
    poll_once(&mut impatient).await;
    drop(impatient);
    // One writer takes batches in order, so this answer comes after the first batch.
    db.commit(put("stayed", "1")).await.unwrap();
    assert_eq!(db.meta("left").await.unwrap().as_deref(), Some("1"));
}

/// Polls once, which hands the batch over, and does not wait for the answer.
async fn poll_once<F: Future + Unpin>(future: &mut F) {
    std::future::poll_fn(|context| {
        let _ = std::pin::Pin::new(&mut *future).poll(context);
        std::task::Poll::Ready(())
    })
    .await;
}

#[test]
fn a_second_gateway_on_the_same_file_does_not_start() {
    let place = place();
    let first = Db::open(&place.path).unwrap();
    let error = Db::open(&place.path).err().expect("two gateways on one file");
    assert!(
        matches!(&error, StoreError::InUse(path) if path.ends_with("gateway.db")),
        "{error}"
    );
    drop(first);
    assert!(Db::open(&place.path).is_ok());
}

#[test]
fn a_store_of_a_newer_program_is_refused_untouched() {
    let place = place();
    drop(Db::open(&place.path).unwrap());
    let connection = rusqlite::Connection::open(&place.path).unwrap();
    connection
        .execute("UPDATE schema_version SET version = 9999", [])
        .unwrap();
    let error = Db::open(&place.path).err().expect("a newer store");
    assert!(
        matches!(error, StoreError::Newer { found: 9999, known } if known < 9999),
        "{error}"
    );
    let version: i64 = connection
        .query_row("SELECT version FROM schema_version", [], |row| row.get(0))
        .unwrap();
    assert_eq!(version, 9999);
}

#[test]
fn a_file_that_is_no_store_is_refused_and_named() {
    let place = place();
    std::fs::write(&place.path, "this is a letter, not a database\n".repeat(100)).unwrap();
    let cause = cause_of(Db::open(&place.path));
    assert!(cause.contains("gateway.db"), "{cause}");
    let letter = std::fs::read_to_string(&place.path).unwrap();
    assert!(letter.starts_with("this is a letter"), "the file was overwritten");
}

#[test]
fn a_damaged_store_is_refused() {
    let place = place();
    drop(Db::open(&place.path).unwrap());
    let mut bytes = std::fs::read(&place.path).unwrap();
    bytes[100..2000].fill(0xA5);
    std::fs::write(&place.path, bytes).unwrap();
    assert!(matches!(Db::open(&place.path), Err(StoreError::Open { .. })));
}

#[test]
fn another_programs_database_is_refused_untouched() {
    let place = place();
    let other = rusqlite::Connection::open(&place.path).unwrap();
    other.execute_batch("CREATE TABLE album (title TEXT)").unwrap();
    let cause = cause_of(Db::open(&place.path));
    assert!(cause.contains("another program"), "{cause}");
    let tables: i64 = other
        .query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))
        .unwrap();
    assert_eq!(tables, 1);
}

/// `/proc` takes no files from anyone, root included.
#[test]
fn a_place_that_takes_no_files_is_refused_and_named() {
    let place = place();
    for path in [
        "/proc/gateway.db".into(),
        place.path.join("missing/gateway.db"),
        std::env::temp_dir(),
    ] {
        assert!(
            matches!(Db::open(&path), Err(StoreError::Open { path: named, .. }) if named == path.display().to_string())
        );
    }
}

#[test]
fn the_store_and_its_lock_are_private_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = place();
    let _db = Db::open(&place.path).unwrap();
    for suffix in ["", ".lock", "-wal", "-shm"] {
        let mode = std::fs::metadata(beside(&place.path, suffix))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{suffix:?}");
    }
}

#[tokio::test]
async fn migrations_run_once_and_opening_again_keeps_everything() {
    let place = place();
    for round in 0..3 {
        let db = Db::open(&place.path).unwrap();
        db.commit(put(&format!("round {round}"), "1")).await.unwrap();
        let rows = db
            .query("SELECT version FROM schema_version", vec![])
            .await
            .unwrap();
        assert_eq!(rows.len(), 1);
        let kept = db
            .query("SELECT name FROM meta WHERE name LIKE 'round %'", vec![])
            .await
            .unwrap();
        assert_eq!(kept.len(), round + 1);
    }
}

#[tokio::test]
async fn every_table_holds_its_columns_to_their_types() {
    let place = place();
    let db = Db::open(&place.path).unwrap();
    let sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' \
               AND sql NOT LIKE '%) STRICT%'";
    assert_eq!(db.query(sql, vec![]).await.unwrap(), []);
}

#[tokio::test]
async fn a_reader_cannot_write() {
    let place = place();
    let db = Db::open(&place.path).unwrap();
    let refused = db.query("DELETE FROM meta", vec![]).await;
    assert!(matches!(refused, Err(StoreError::Failed(_))), "{refused:?}");
}

#[tokio::test]
async fn what_is_found_by_its_key_is_what_was_committed_last() {
    const SQL: &str = "SELECT value FROM meta WHERE name = $1";
    let place = place();
    let db = Db::open(&place.path).unwrap();
    assert_eq!(db.find(SQL, vec!["a".into()]).await.unwrap(), None);
    for n in 0..50 {
        let mut batch = Batch::new();
        let sql =
            "INSERT INTO meta (name, value) VALUES ('a', $1) ON CONFLICT (name) DO UPDATE SET value = $1";
        batch.run(sql, vec![n.to_string().into()]);
        db.commit(batch).await.unwrap();
        let row = db.find(SQL, vec!["a".into()]).await.unwrap().unwrap();
        assert_eq!(row.text(0).unwrap(), n.to_string());
    }
    let refused = db
        .find("DELETE FROM meta WHERE name = $1", vec!["a".into()])
        .await;
    assert!(matches!(refused, Err(StoreError::Failed(_))), "{refused:?}");
    assert!(db.find(SQL, vec![]).await.is_err(), "a parameter without a value");
}

#[test]
fn callers_of_several_runtimes_are_all_answered_each_with_its_own_outcome() {
    let place = place();
    let db = Db::open(&place.path).unwrap();
    let threads: Vec<_> = (0..3)
        .map(|number| {
            let db = db.clone();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(async {
                    let commits = (0..60).map(|n| {
                        // Every second name is taken by another runtime, or will be.
                        let name = format!("row {n} of {}", if n % 2 == 0 { number } else { 9 });
                        let db = db.clone();
                        tokio::spawn(async move { db.commit(put(&name, "1")).await })
                    });
                    let commits: Vec<_> = commits.collect();
                    let mut done = 0;
                    for commit in commits {
                        done += usize::from(commit.await.unwrap().is_ok());
                    }
                    done
                })
            })
        })
        .collect();
    let done: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert_eq!(done, 3 * 30 + 30, "a name is taken once");
}

/// The limit on pages stands for a full disk: the database gives the same error for both.
#[tokio::test]
async fn on_a_full_disk_every_answer_tells_the_truth() {
    let place = place();
    let db = Db::open(&place.path).unwrap();
    let full = rusqlite::Connection::open(&place.path).unwrap();
    full.query_row("PRAGMA max_page_count = 80", [], |_| Ok(()))
        .unwrap();
    let writer = Writer::start(full).unwrap();
    let tasks: Vec<_> = (0..60)
        .map(|n| {
            let (writer, batch) = (
                writer.clone(),
                put(&format!("row {n}"), &"x".repeat(5_000 + 500 * (n % 7))),
            );
            tokio::spawn(async move { writer.commit(batch.into()).await })
        })
        .collect();
    let mut refused = 0;
    for (n, task) in tasks.into_iter().enumerate() {
        let outcome = task.await.unwrap();
        refused += usize::from(outcome.is_err());
        let kept = db.meta(&format!("row {n}")).await.unwrap().is_some();
        assert_eq!(outcome.is_ok(), kept, "row {n}: {outcome:?}");
    }
    assert!(refused > 0, "the disk was never full");
}

/// One transfer between counters: refused when there is not enough left.
#[derive(Clone, Copy, Debug)]
struct Transfer {
    from: i64,
    to: i64,
    amount: i64,
}

const COUNTERS: i64 = 3;
const START: i64 = 10;

fn transfers() -> impl Strategy<Value = Vec<Transfer>> {
    let transfer =
        (0..COUNTERS, 0..COUNTERS, 1..9_i64).prop_map(|(from, to, amount)| Transfer { from, to, amount });
    prop::collection::vec(transfer, 1..60)
}

fn batch_of(number: i64, transfer: Transfer) -> Batch {
    let Transfer { from, to, amount } = transfer;
    let mut batch = Batch::new();
    batch.one_row(
        "enough is left",
        "UPDATE counter SET amount = amount - $1 WHERE id = $2 AND amount >= $1",
        vec![amount.into(), from.into()],
    );
    batch.one_row(
        "the other counter",
        "UPDATE counter SET amount = amount + $1 WHERE id = $2",
        vec![amount.into(), to.into()],
    );
    batch.run("INSERT INTO done (number) VALUES ($1)", vec![number.into()]);
    batch
}

/// The same on plain numbers; whether it was possible.
fn apply(counters: &mut [i64], transfer: Transfer) -> bool {
    let Transfer { from, to, amount } = transfer;
    let (from, to) = (usize::try_from(from).unwrap(), usize::try_from(to).unwrap());
    if counters[from] < amount {
        return false;
    }
    counters[from] -= amount;
    counters[to] += amount;
    true
}

async fn run_at_once(transfers: &[Transfer]) -> (Vec<bool>, Vec<usize>, Vec<i64>) {
    let place = place();
    let db = Db::open(&place.path).unwrap();
    let mut tables = Batch::new();
    tables.run(
        "CREATE TABLE counter (id INTEGER PRIMARY KEY, amount INTEGER NOT NULL) STRICT",
        vec![],
    );
    tables.run(
        "CREATE TABLE done (place INTEGER PRIMARY KEY, number INTEGER NOT NULL) STRICT",
        vec![],
    );
    for id in 0..COUNTERS {
        tables.run(
            "INSERT INTO counter (id, amount) VALUES ($1, $2)",
            vec![id.into(), START.into()],
        );
    }
    db.commit(tables).await.unwrap();
    let tasks: Vec<_> = (0..)
        .zip(transfers)
        .map(|(number, transfer)| {
            let (db, batch) = (db.clone(), batch_of(number, *transfer));
            tokio::spawn(async move { db.commit(batch).await })
        })
        .collect();
    let mut accepted = Vec::new();
    for task in tasks {
        let outcome = task.await.unwrap();
        assert!(
            matches!(outcome, Ok(()) | Err(StoreError::Guard("enough is left"))),
            "{outcome:?}"
        );
        accepted.push(outcome.is_ok());
    }
    let integers = |rows: Vec<super::Row>| rows.iter().map(|row| row.integer(0).unwrap()).collect::<Vec<_>>();
    let order = integers(
        db.query("SELECT number FROM done ORDER BY place", vec![])
            .await
            .unwrap(),
    );
    let left = integers(
        db.query("SELECT amount FROM counter ORDER BY id", vec![])
            .await
            .unwrap(),
    );
    (
        accepted,
        order
            .into_iter()
            .map(|number| usize::try_from(number).unwrap())
            .collect(),
        left,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is committed at once, there is an order in which doing it one after another gives the same answers and
    /// the same rows.
    #[test]
    fn concurrent_batches_behave_as_if_one_after_another(transfers in transfers()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        let (accepted, order, left) = runtime.block_on(run_at_once(&transfers));
        let mut counters = vec![START; usize::try_from(COUNTERS).unwrap()];
        let mut moments = vec![counters.clone()];
        for number in &order {
            prop_assert!(apply(&mut counters, transfers[*number]), "{number} was not possible at its place");
            moments.push(counters.clone());
        }
        prop_assert_eq!(counters, left);
        for (number, transfer) in transfers.iter().enumerate() {
            prop_assert_eq!(accepted[number], order.contains(&number));
            let refusable = moments.iter().any(|moment| !apply(&mut moment.clone(), *transfer));
            prop_assert!(accepted[number] || refusable, "{number} was possible at every moment and refused");
        }
    }
}
