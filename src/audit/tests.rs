//! The log as it grows, is cut off in the middle, is put back, and is tampered with.

use std::path::Path;
use std::time::Duration;

use super::verify::{Finding, StoredLog, TileFolder, Verdict, verify, verify_store};
use super::*;
use crate::base::{
    AdminName, Clock as _, Code, CustomerId, Event, ManualClock, RouteName, SystemEntropy, Timestamp,
    TransactionId,
};
use crate::keys::{Keyring, Purpose, Schedule, SealKey};
use crate::privacy::Pseudonyms;
use crate::store::{Batch, Db, Entry, StoreCopy, StoreError};
use countersign_tlog::hash::leaf_hash;
use countersign_tlog::{Note, Trust, VerifierKey, inclusion};
use rusqlite::{Connection, params};
use std::sync::Arc;
use tempfile::TempDir;

const ORIGIN: &str = "gate.example";
const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// A store with its log, open.
struct Running {
    db: Db,
    keyring: Arc<Keyring>,
    log: Arc<Log>,
    sequencer: Sequencer,
    clock: Arc<ManualClock>,
    entropy: Arc<SystemEntropy>,
}

/// A folder in which a gateway's store lies.
struct House {
    dir: TempDir,
}

impl House {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn file(&self) -> std::path::PathBuf {
        self.dir.path().join("gate.db")
    }

    fn anchor(&self) -> Anchor {
        Anchor::new(self.dir.path().join("anchor"))
    }

    async fn open(&self) -> Running {
        self.open_with(None).await
    }

    async fn open_with(&self, anchor: Option<Anchor>) -> Running {
        let db = Db::open(&self.file()).unwrap();
        let clock = Arc::new(ManualClock::new(START));
        let entropy = Arc::new(SystemEntropy::default());
        let schedule = Schedule {
            publish_ahead: Duration::from_secs(300),
            period: None,
        };
        let kek = SealKey::new(&[7; 32]);
        let keyring = Keyring::open(db.clone(), kek, schedule, clock.clone(), entropy.clone());
        let keyring = Arc::new(keyring.await.unwrap());
        let log = Arc::new(Log::new(db.clone(), ORIGIN, anchor.is_some()));
        let sequencer = Sequencer::new(db.clone(), Arc::clone(&log), Arc::clone(&keyring), anchor);
        Running {
            db,
            keyring,
            log,
            sequencer,
            clock,
            entropy,
        }
    }

    /// Changes the file as someone with access to it would.
    fn tamper(&self, change: impl FnOnce(&Connection)) {
        let connection = Connection::open(self.file()).unwrap();
        change(&connection);
    }

    fn examine(&self, keys: &[VerifierKey], kept: Option<&Note>) -> Verdict {
        let store = StoreCopy::open(&self.file()).unwrap();
        verify_store(&StoredLog::new(store), &trust(keys), kept, &mut |_| {})
    }
}

impl Running {
    async fn record(&self, count: usize) {
        for number in 0..count {
            let mut batch = Batch::new();
            batch.record(self.clock.now(), &*self.entropy, &event(number));
            self.db.commit(batch).await.unwrap();
        }
    }

    /// Records `count` events and publishes them.
    async fn publish(&self, count: usize) -> Arc<Published> {
        self.record(count).await;
        self.sequencer.run().await.unwrap();
        self.log.checkpoint().unwrap()
    }

    fn keys(&self) -> Vec<VerifierKey> {
        log_keys(ORIGIN, &self.keyring.current())
    }

    async fn assert_every_entry_is_proven(&self) {
        let published = self.log.checkpoint().unwrap();
        let (size, root) = (published.checkpoint.size(), published.checkpoint.root());
        let mut previous = Entry::before_the_first();
        for index in 0..size {
            let leaf = self
                .log
                .leaf_of(i64::try_from(index).unwrap() + 1)
                .await
                .unwrap()
                .unwrap();
            assert_eq!((leaf.index, leaf.entry.previous), (index, previous));
            previous = leaf_hash(&leaf.bytes);
            let proof = self.log.inclusion(index, &published.checkpoint).await.unwrap();
            inclusion::verify(&previous, index, size, &proof, &root).unwrap();
        }
    }
}

fn event(number: usize) -> Event {
    Event::Answered {
        transaction: TransactionId::new(format!("txn-{number}")),
        status: Some(201),
        refused: None,
        content: None,
    }
}

fn trust(keys: &[VerifierKey]) -> Trust {
    Trust::new(ORIGIN, keys.to_vec(), Vec::new(), 0).unwrap()
}

fn names(verdict: &Verdict) -> Vec<&'static str> {
    verdict.findings.iter().map(Finding::name).collect()
}

#[tokio::test]
async fn events_of_batches_that_commit_together_chain_without_a_gap() {
    // TLOG-01, ASVS-09
    let house = House::new();
    let gate = house.open().await;
    let commits = (0..200).map(|number| {
        let (db, now, entropy) = (gate.db.clone(), gate.clock.now(), Arc::clone(&gate.entropy));
        tokio::spawn(async move {
            let mut batch = Batch::new();
            batch.record(now, &*entropy, &event(number));
            if number % 5 == 0 {
                // This one is refused as a whole, and must leave no hole.
                batch.one_row(
                    "never",
                    "UPDATE meta SET value = '' WHERE name = 'no such fact'",
                    vec![],
                );
            }
            batch.record(now, &*entropy, &event(number));
            db.commit(batch).await
        })
    });
    let mut refused = 0;
    for commit in commits.collect::<Vec<_>>() {
        match commit.await.unwrap() {
            Ok(()) => {}
            Err(StoreError::Guard("never")) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(refused, 40);
    gate.sequencer.run().await.unwrap();
    let keys_made = gate.log.last_sequence() - 320;
    assert!(keys_made > 0, "the keyring's own events come first");
    gate.assert_every_entry_is_proven().await;
}

#[tokio::test]
async fn entries_are_found_by_transaction_by_sequence_and_by_searching() {
    let house = House::new();
    let gate = house.open().await;
    let published = gate.publish(300).await;
    let found = gate
        .log
        .find_by_transaction(&TransactionId::new("txn-7"))
        .await
        .unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].entry.member("transaction").as_deref(), Some("txn-7"));
    let of_nobody = gate
        .log
        .find_by_transaction(&TransactionId::new("txn-x"))
        .await
        .unwrap();
    assert_eq!(of_nobody, []);
    assert_eq!(gate.log.leaf_of(0).await.unwrap(), None);
    assert_eq!(gate.log.leaf_of(10_000).await.unwrap(), None);
    let beyond = gate
        .log
        .inclusion(published.checkpoint.size(), &published.checkpoint)
        .await;
    assert!(matches!(beyond, Err(LogError::NotThere)));

    let search = |kind: &str, contains: &str, limit| Search {
        kind: Some(kind.to_owned()),
        contains: Some(contains.to_owned()),
        limit,
        ..Search::default()
    };
    let all = gate
        .log
        .search(&search("answered", "txn-29", 1000))
        .await
        .unwrap();
    assert_eq!((all.leaves.len(), all.next), (11, None));
    let page = gate.log.search(&search("answered", "txn-29", 2)).await.unwrap();
    assert_eq!(page.leaves.len(), 2);
    assert_eq!(page.next, Some(page.leaves[1].entry.sequence));
    for (kind, text) in [("answere", "txn"), ("answered", "%"), ("answered", "txn_2")] {
        let none = gate.log.search(&search(kind, text, 10)).await.unwrap();
        assert!(none.leaves.is_empty(), "{kind} {text}");
    }
}

#[tokio::test]
async fn a_checkpoint_covers_what_was_waited_for_and_only_published_tiles_are_served() {
    // TLOG-02, TLOG-06
    use countersign_tlog::{BundleId, TileId};
    let house = House::new();
    let gate = house.open().await;
    let first = gate.publish(1).await;
    let sequence = i64::try_from(first.checkpoint.size()).unwrap() + 1;
    let (log, waiting) = (Arc::clone(&gate.log), Arc::clone(&gate.log));
    let waiter = tokio::spawn(async move { waiting.wait_for(sequence).await });
    gate.record(1).await;
    let tile = |width| TileId::new(0, 0, width).unwrap();
    let size = u16::try_from(first.checkpoint.size()).unwrap();
    assert!(log.tile(tile(size)).await.unwrap().is_some());
    assert_eq!(
        log.tile(tile(size + 1)).await.unwrap(),
        None,
        "it is committed, not published"
    );
    gate.sequencer.run().await.unwrap();
    assert_eq!(
        waiter.await.unwrap().checkpoint.size(),
        first.checkpoint.size() + 1
    );
    let (old, new) = (
        log.tile(tile(size)).await.unwrap(),
        log.tile(tile(size + 1)).await.unwrap(),
    );
    assert_eq!(new.unwrap()[..usize::from(size) * 32], old.unwrap());
    assert!(
        log.bundle(BundleId::new(0, size).unwrap())
            .await
            .unwrap()
            .is_some()
    );
    for beyond in [TileId::new(0, 0, 256), TileId::new(0, 1, 1), TileId::new(1, 0, 1)] {
        assert_eq!(log.tile(beyond.unwrap()).await.unwrap(), None);
    }
    assert_eq!(log.bundle(BundleId::new(1, 1).unwrap()).await.unwrap(), None);
}

#[tokio::test]
async fn a_process_that_ends_between_any_two_steps_leaves_a_log_that_goes_on() {
    // TLOG-09: whatever was published stays true.
    let house = House::new();
    let mut published: Vec<Arc<Published>> = Vec::new();
    for round in 0..12 {
        let gate = house.open().await;
        gate.record(90).await;
        match round % 3 {
            // Killed before anything.
            0 => {}
            // Killed when the tree has grown and nothing is signed.
            1 => while gate.sequencer.grow().await.unwrap() {},
            _ => {
                gate.sequencer.run().await.unwrap();
                published.push(gate.log.checkpoint().unwrap());
            }
        }
    }
    let gate = house.open().await;
    let last = gate.publish(1).await;
    for older in &published {
        let proof = gate
            .log
            .consistency(older.checkpoint.size(), &last.checkpoint)
            .await
            .unwrap();
        last.checkpoint.continues(&older.checkpoint, &proof).unwrap();
    }
    gate.assert_every_entry_is_proven().await;
    let keys = gate.keys();
    drop(gate);
    assert!(house.examine(&keys, Some(&published[0].note)).is_good());
}

#[tokio::test]
async fn a_checkpoint_that_was_signed_but_not_shown_is_shown_after_a_restart() {
    let house = House::new();
    let gate = house.open().await;
    let before = gate.publish(3).await;
    drop(gate);
    let gate = house.open().await;
    assert_eq!(gate.log.checkpoint(), None);
    gate.sequencer.run().await.unwrap();
    assert_eq!(
        gate.log.checkpoint().unwrap(),
        before,
        "the same note, not a second one"
    );
}

#[tokio::test]
async fn of_two_sequencers_the_older_one_loses() {
    let house = House::new();
    let gate = house.open().await;
    gate.publish(3).await;
    let newer = Sequencer::new(
        gate.db.clone(),
        Arc::new(Log::new(gate.db.clone(), ORIGIN, false)),
        Arc::clone(&gate.keyring),
        None,
    );
    newer.run().await.unwrap();
    gate.record(2).await;
    assert!(matches!(
        gate.sequencer.run().await,
        Err(SequencerError::Superseded)
    ));
    assert!(matches!(
        gate.sequencer.run().await,
        Err(SequencerError::Superseded)
    ));
    newer.run().await.unwrap();
}

#[tokio::test]
async fn old_checkpoints_stay_verifiable_when_the_key_rotates_and_a_compromised_key_stops_counting() {
    // TLOG-03, TLOG-05
    let house = House::new();
    let gate = house.open().await;
    let old = gate.publish(5).await;
    let admin = AdminName::new("anna");
    gate.keyring.rotate(Purpose::Log, true, &admin).await.unwrap();
    let new = gate.publish(1).await;
    let keys = gate.keys();
    assert_eq!(keys.len(), 2);
    trust(&keys).verify(&old.note).unwrap();
    trust(&keys).verify(&new.note).unwrap();
    assert!(trust(&keys[..1]).verify(&new.note).is_err() || trust(&keys[1..]).verify(&new.note).is_err());
    let compromised = gate.keyring.current().signing(Purpose::Log).unwrap().kid.clone();
    gate.keyring.revoke(&compromised, &admin).await.unwrap();
    let newest = gate.publish(1).await;
    assert!(trust(&gate.keys()).verify(&new.note).is_err());
    trust(&gate.keys()).verify(&newest.note).unwrap();
}

#[tokio::test]
async fn the_anchor_finds_a_store_that_was_put_back_forked_or_exchanged() {
    let house = House::new();
    let check = async |gate: &Running| {
        let keys = gate.keyring.current();
        house
            .anchor()
            .check(&gate.db, &gate.log, &keys)
            .await
            .map_err(|fault| fault.to_string())
    };
    let gate = house.open_with(Some(house.anchor())).await;
    check(&gate).await.unwrap();
    gate.publish(10).await;
    check(&gate).await.unwrap();
    drop(gate);
    let backup = std::fs::read(house.file()).unwrap();

    let gate = house.open_with(Some(house.anchor())).await;
    gate.publish(10).await;
    drop(gate);
    std::fs::write(house.file(), &backup).unwrap();
    let gate = house.open_with(Some(house.anchor())).await;
    assert!(check(&gate).await.unwrap_err().starts_with("rollback: "));

    // It goes on from the backup, and grows beyond what was published.
    let forked = Sequencer::new(gate.db.clone(), gate.log.clone(), gate.keyring.clone(), None);
    gate.record(30).await;
    forked.run().await.unwrap();
    assert!(check(&gate).await.unwrap_err().starts_with("fork: "));
    drop((gate, forked));

    let other = House::new();
    let gate = other.open().await;
    gate.publish(50).await;
    assert!(
        check(&gate)
            .await
            .unwrap_err()
            .contains("is not signed by this store's log")
    );
}

#[tokio::test]
async fn an_anchor_that_is_gone_or_spoiled_is_no_anchor() {
    let house = House::new();
    let gate = house.open_with(Some(house.anchor())).await;
    gate.publish(2).await;
    let path = house.dir.path().join("anchor");
    let said = async || {
        let keys = gate.keyring.current();
        let outcome = house.anchor().check(&gate.db, &gate.log, &keys).await;
        outcome.unwrap_err().to_string()
    };
    let good = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(said().await.contains("is gone"));
    for spoiled in [
        &b""[..],
        &good[..good.len() - 1],
        &[good.as_slice(), b"x"].concat(),
    ] {
        std::fs::write(&path, spoiled).unwrap();
        assert!(said().await.contains("is not signed"), "{spoiled:?}");
    }
    // Another file is a new beginning.
    let elsewhere = Anchor::new(house.dir.path().join("elsewhere"));
    elsewhere
        .check(&gate.db, &gate.log, &gate.keyring.current())
        .await
        .unwrap();
}

#[tokio::test]
async fn what_cannot_be_anchored_is_not_published() {
    let house = House::new();
    let gate = house
        .open_with(Some(Anchor::new(house.dir.path().join("no/such/folder/anchor"))))
        .await;
    gate.record(1).await;
    assert!(matches!(
        gate.sequencer.run().await,
        Err(SequencerError::Anchor(_))
    ));
    assert!(gate.sequencer.fault().is_some());
    assert_eq!(gate.log.checkpoint(), None);
}

#[tokio::test]
async fn a_log_that_does_not_belong_together_stops_every_write() {
    let changes: [(&str, &str); 4] = [
        (
            "UPDATE event SET body = replace(body, '201', '200') WHERE sequence = 401",
            "event 401 was changed",
        ),
        ("DELETE FROM event WHERE sequence = 401", "event"),
        (
            "UPDATE log_tile SET hashes = zeroblob(length(hashes)) WHERE level = 0",
            "tile",
        ),
        ("UPDATE log_head SET size = size - 1", "root"),
    ];
    for (change, said) in changes {
        let house = House::new();
        let gate = house.open().await;
        gate.publish(300).await;
        gate.record(200).await;
        drop(gate);
        house.tamper(|connection| {
            connection.execute(change, []).unwrap();
        });
        let gate = house.open().await;
        let error = gate.sequencer.run().await.unwrap_err().to_string();
        assert!(error.contains(said), "{change}: {error}");
        let mut batch = Batch::new();
        batch.record(START, &*gate.entropy, &event(0));
        assert!(
            matches!(gate.db.commit(batch).await, Err(StoreError::ReadOnly(_))),
            "{change}"
        );
    }
}

#[tokio::test]
async fn each_kind_of_tampering_with_the_file_of_a_store_is_named() {
    // TLOG-13, PCI-15
    let changes: [(&str, &str); 10] = [
        (
            "UPDATE log_bundle SET entries = CAST(replace(entries, 'txn-9\"', 'txn-8\"') AS BLOB) WHERE place = 0",
            "changed-entry",
        ),
        (
            "UPDATE event SET body = replace(body, 'txn-9\"', 'txn-8\"') WHERE txn = 'txn-9'",
            "changed-event",
        ),
        ("UPDATE event SET salt = zeroblob(32) WHERE txn = 'txn-290'", "changed-event"),
        ("DELETE FROM event WHERE txn = 'txn-40'", "missing-event"),
        ("DELETE FROM event WHERE sequence > 250", "missing-event"),
        ("DELETE FROM log_bundle WHERE place = 1", "removed-tail"),
        ("UPDATE log_tile SET hashes = zeroblob(length(hashes)) WHERE level = 1", "changed-tile"),
        (
            "UPDATE log_tile SET hashes = CAST(substr(hashes, 1, 32) || zeroblob(32) || substr(hashes, 65) AS BLOB)
             WHERE level = 0 AND place = 0",
            "changed-tile",
        ),
        ("UPDATE log_head SET checkpoint = replace(checkpoint, '3', '4')", "checkpoint"),
        ("UPDATE log_head SET checkpoint = NULL", "unreadable"),
    ];
    let house = House::new();
    let gate = house.open().await;
    gate.publish(300).await;
    let keys = gate.keys();
    drop(gate);
    let original = std::fs::read(house.file()).unwrap();
    assert_eq!(house.examine(&keys, None).findings, []);
    for (change, name) in changes {
        std::fs::write(house.file(), &original).unwrap();
        house.tamper(|connection| connection.execute_batch(change).unwrap());
        let verdict = house.examine(&keys, None);
        assert_eq!(
            names(&verdict).first(),
            Some(&name),
            "{change}: {:?}",
            verdict.findings
        );
    }
}

/// Exchanges what two events say, with all that belongs to it.
fn swap_events(connection: &Connection, one: i64, other: i64) {
    let sql = "UPDATE event SET sequence = ?2 WHERE sequence = ?1";
    for (from, to) in [(one, -1), (other, one), (-1, other)] {
        connection.execute(sql, params![from, to]).unwrap();
    }
}

#[tokio::test]
async fn a_reordered_pair_is_named_in_the_events_and_in_the_entries() {
    let house = House::new();
    let gate = house.open().await;
    gate.publish(100).await;
    let keys = gate.keys();
    drop(gate);
    let original = std::fs::read(house.file()).unwrap();
    house.tamper(|connection| swap_events(connection, 60, 61));
    let pair = Finding::Reordered {
        first: 59,
        second: 60,
    };
    assert_eq!(house.examine(&keys, None).findings, [pair.clone()]);

    std::fs::write(house.file(), &original).unwrap();
    house.tamper(|connection| swap_entries(connection, 59, 60));
    assert_eq!(house.examine(&keys, None).findings.first(), Some(&pair));
}

/// Exchanges two entries of the first bundle.
fn swap_entries(connection: &Connection, one: usize, other: usize) {
    use countersign_tlog::EntryBundle;
    let bytes: Vec<u8> = connection
        .query_row("SELECT entries FROM log_bundle WHERE place = 0", [], |row| {
            row.get(0)
        })
        .unwrap();
    let mut entries = EntryBundle::decode(&bytes).unwrap().entries().to_vec();
    entries.swap(one, other);
    let mut bundle = EntryBundle::default();
    entries.into_iter().for_each(|entry| bundle.push(entry).unwrap());
    connection
        .execute(
            "UPDATE log_bundle SET entries = ?1 WHERE place = 0",
            [bundle.encode()],
        )
        .unwrap();
}

#[tokio::test]
async fn a_log_written_anew_and_an_older_backup_are_found_by_a_checkpoint_kept_elsewhere() {
    let house = House::new();
    let gate = house.open().await;
    gate.publish(10).await;
    drop(gate);
    let backup = std::fs::read(house.file()).unwrap();
    let gate = house.open().await;
    let kept = gate.publish(10).await;
    let keys = gate.keys();
    drop(gate);
    assert!(house.examine(&keys, Some(&kept.note)).is_good());

    std::fs::write(house.file(), &backup).unwrap();
    assert!(
        house.examine(&keys, None).is_good(),
        "alone, an old copy fits itself"
    );
    let rollback = house.examine(&keys, Some(&kept.note));
    assert_eq!(names(&rollback), ["rollback"]);

    let gate = house.open().await;
    gate.publish(60).await;
    drop(gate);
    let fork = house.examine(&keys, Some(&kept.note));
    assert_eq!(names(&fork), ["fork"]);
}

#[tokio::test]
async fn who_rewrites_the_whole_log_but_cannot_sign_has_made_a_fork() {
    let house = House::new();
    let gate = house.open().await;
    gate.publish(10).await;
    let (keys, size) = (gate.keys(), gate.log.last_sequence());
    drop(gate);
    let signed: String = Connection::open(house.file())
        .unwrap()
        .query_row("SELECT checkpoint FROM log_head", [], |row| row.get(0))
        .unwrap();
    // Another gateway's log of the same length, under the first one's signature.
    let other = House::new();
    let gate = other.open().await;
    let missing = usize::try_from(size - gate.log.last_sequence()).unwrap();
    gate.publish(missing).await;
    drop(gate);
    other.tamper(|connection| {
        connection
            .execute("UPDATE log_head SET checkpoint = ?1", [&signed])
            .unwrap();
    });
    let verdict = other.examine(&keys, None);
    assert_eq!(names(&verdict), ["fork"]);
}

#[tokio::test]
async fn seventy_thousand_entries_verify_as_exported_tiles() {
    // TLOG-06, TLOG-07: the size of the specification's example.
    let house = House::new();
    let gate = house.open().await;
    let (export, keys) = exported(&house, &gate, 70_000).await;
    let examine = || verify(&TileFolder::new(&export), &keys, None, &mut |_| {});
    assert_eq!(examine().findings, []);
    std::fs::remove_file(export.join("tile/entries/273.p/112")).unwrap();
    let tail = Finding::RemovedTail {
        have: 69_888,
        signed: 70_000,
    };
    assert_eq!(examine().findings, [tail]);
}

#[tokio::test]
async fn a_flipped_byte_in_any_file_of_an_export_is_named() {
    let house = House::new();
    let gate = house.open().await;
    let (export, keys) = exported(&house, &gate, 600).await;
    let examine = || verify(&TileFolder::new(&export), &keys, None, &mut |_| {});
    assert_eq!(examine().findings, []);
    for (file, place, name) in [
        ("tile/entries/001", 7_000, "changed-entry"),
        ("tile/entries/002.p/88", 1, "unreadable"),
        ("tile/0/000", 8_191, "changed-tile"),
        ("tile/0/002.p/88", 100, "changed-tile"),
        ("tile/1/000.p/2", 7, "changed-tile"),
        ("checkpoint", 20, "checkpoint"),
    ] {
        let path = export.join(file);
        let good = std::fs::read(&path).unwrap();
        let mut flipped = good.clone();
        flipped[place] ^= 1;
        std::fs::write(&path, flipped).unwrap();
        let verdict = examine();
        assert_eq!(
            names(&verdict).first(),
            Some(&name),
            "{file}: {:?}",
            verdict.findings
        );
        std::fs::write(&path, good).unwrap();
    }
}

/// A log of `size` entries as `audit export` leaves it.
async fn exported(house: &House, gate: &Running, size: usize) -> (std::path::PathBuf, Trust) {
    let mut left = size - usize::try_from(gate.log.last_sequence()).unwrap();
    while left > 0 {
        let count = left.min(5_000);
        let mut batch = Batch::new();
        for number in 0..count {
            batch.record(gate.clock.now(), &*gate.entropy, &event(number));
        }
        gate.db.commit(batch).await.unwrap();
        left -= count;
    }
    gate.sequencer.run().await.unwrap();
    let published = gate.log.checkpoint().unwrap();
    assert_eq!(published.checkpoint.size(), size as u64);
    let export = house.dir.path().join("export");
    write_tiles(&gate.log, &published, &export).await;
    (export, trust(&gate.keys()))
}

/// What `audit export` writes.
async fn write_tiles(log: &Log, published: &Published, folder: &Path) {
    use countersign_tlog::{BundleId, Resource, TileId};
    let size = published.checkpoint.size();
    let mut files = vec![(Resource::Checkpoint, published.note.to_string().into_bytes())];
    for id in BundleId::all(size) {
        files.push((Resource::Entries(id), log.bundle(id).await.unwrap().unwrap()));
    }
    for level in 0..3 {
        for id in (0..).map_while(|index| TileId::in_tree(level, index, size)) {
            files.push((Resource::Tile(id), log.tile(id).await.unwrap().unwrap()));
        }
    }
    for (resource, bytes) in files {
        let path = TileFolder::new(folder).place(resource);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

async fn refusals(gate: &Running) -> Refusals {
    let entropy: Arc<dyn crate::base::Entropy> = gate.entropy.clone();
    let pseudonyms = Pseudonyms::open(&gate.db, &gate.keyring, &entropy).await.unwrap();
    Refusals::new(Arc::new(pseudonyms))
}

#[tokio::test]
async fn refused_strangers_cost_one_entry_a_second_and_name_no_address() {
    // PCI-13 (10.2.1.4), ASVS-09 (16.3.2)
    let house = House::new();
    let gate = house.open().await;
    let refusals = refusals(&gate).await;
    let (near, far) = ("203.0.113.7".parse().unwrap(), "2001:db8::1".parse().unwrap());
    let route = RouteName::new("pay");
    for _ in 0..1000 {
        refusals.count(SourcePrefix::of(near), Code::TokenInvalid, Some(&route), START);
    }
    refusals.count(SourcePrefix::of(far), Code::RouteUnknown, None, START);
    let before = gate.log.last_sequence();
    refusals.flush(&gate.db, &*gate.entropy, START).await.unwrap();
    assert_eq!(gate.log.last_sequence(), before, "the second is not over");
    let later = START.plus(Duration::from_secs(1));
    refusals.flush(&gate.db, &*gate.entropy, later).await.unwrap();
    refusals.flush(&gate.db, &*gate.entropy, later).await.unwrap();
    assert_eq!(gate.log.last_sequence(), before + 1);
    let entry = gate.log.leaf_of(before + 1).await.unwrap().unwrap().entry;
    let event: serde_json::Value = serde_json::from_str(&entry.event).unwrap();
    assert_eq!(
        (&event["kind"], &event["second"]),
        (&"refusals-counted".into(), &START.seconds().into())
    );
    assert_eq!(
        (&event["counts"][0]["count"], &event["counts"][1]["count"]),
        (&1000.into(), &1.into())
    );
    assert_eq!(
        (&event["counts"][0]["code"], &event["counts"][0]["route"]),
        (&"token-invalid".into(), &"pay".into())
    );
    assert!(!entry.event.contains("203.0") && !entry.event.contains("2001"));
}

#[tokio::test]
async fn a_flood_from_everywhere_takes_bounded_memory_and_one_entry_and_loses_no_count() {
    let house = House::new();
    let gate = house.open().await;
    let refusals = refusals(&gate).await;
    for address in 0..50_000_u32 {
        let source = SourcePrefix::of(std::net::Ipv4Addr::from_bits(address << 8).into());
        refusals.count(
            source,
            Code::TokenMissing,
            Some(&RouteName::new("a".repeat(64))),
            START,
        );
    }
    // While the store takes nothing, nothing is lost either.
    let before = gate.log.last_sequence();
    let later = START.plus(Duration::from_secs(5));
    refusals.flush(&gate.db, &*gate.entropy, later).await.unwrap();
    assert_eq!(gate.log.last_sequence(), before + 1);
    let entry = gate.log.leaf_of(before + 1).await.unwrap().unwrap();
    assert!(entry.bytes.len() < 65_535, "{}", entry.bytes.len());
    let event: serde_json::Value = serde_json::from_str(&entry.entry.event).unwrap();
    let told: u64 = event["counts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|count| count["count"].as_u64().unwrap())
        .sum();
    assert_eq!(told + event["beyond"].as_u64().unwrap(), 50_000);
}

#[tokio::test]
async fn counts_that_could_not_be_written_are_written_later() {
    let house = House::new();
    let gate = house.open().await;
    let refusals = refusals(&gate).await;
    let other = House::new();
    let broken = other.open().await;
    broken.db.refuse_writes("a test");
    refusals.count(SourcePrefix::of([10, 0, 0, 1].into()), Code::Stale, None, START);
    let later = START.plus(Duration::from_secs(1));
    refusals
        .flush(&broken.db, &*gate.entropy, later)
        .await
        .unwrap_err();
    let before = gate.log.last_sequence();
    refusals.flush(&gate.db, &*gate.entropy, later).await.unwrap();
    let entry = gate.log.leaf_of(before + 1).await.unwrap().unwrap().entry;
    assert!(entry.event.contains("\"stale\""), "{}", entry.event);
}

#[tokio::test]
async fn a_store_from_before_the_chain_is_chained_when_it_is_opened() {
    let house = House::new();
    let gate = house.open().await;
    gate.record(5).await;
    drop(gate);
    house.tamper(|connection| {
        let undo = "DROP INDEX event_txn; ALTER TABLE event DROP COLUMN hash; ALTER TABLE event DROP COLUMN txn;
            DROP TABLE log_head; DROP TABLE log_tile; DROP TABLE log_bundle; UPDATE schema_version SET version = 5;
            UPDATE event SET body = replace(body, '{\"content', '{ \"content')";
        connection.execute_batch(undo).unwrap();
    });
    let gate = house.open().await;
    gate.publish(1).await;
    gate.assert_every_entry_is_proven().await;
    let found = gate
        .log
        .find_by_transaction(&TransactionId::new("txn-3"))
        .await
        .unwrap();
    assert_eq!(found.len(), 1);
}

#[tokio::test]
async fn an_event_too_large_for_an_entry_fails_its_batch_and_nothing_else() {
    // TLOG-07
    let house = House::new();
    let gate = house.open().await;
    let mut batch = Batch::new();
    let kind = Event::LoginFailed {
        customer: Some(CustomerId::new("c".repeat(70_000))),
        client: crate::base::ClientId::new("app"),
    };
    batch.record(START, &*gate.entropy, &kind);
    let error = gate.db.commit(batch).await.unwrap_err().to_string();
    assert!(error.contains("too large"), "{error}");
    gate.publish(1).await;
}
