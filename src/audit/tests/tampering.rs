//! Whoever changes the file of a store or the tiles of an export is found, and what they did is named.

use super::*;

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
    assert_eq!(house.examine(&keys, None).findings, std::slice::from_ref(&pair));

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
