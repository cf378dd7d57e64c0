//! The log as it grows, is cut off in the middle, and is put back.

use super::*;

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
async fn a_store_from_before_the_chain_is_chained_when_it_is_opened() {
    let house = House::new();
    let old = crate::store::create_at(&house.file(), 5);
    for number in 0..5 {
        let body = format!(r#"{{ "kind": "answered", "transaction": "txn-{number}" }}"#);
        let row = params![START.micros(), body, vec![7_u8; 32]];
        old.execute("INSERT INTO event (at, body, salt) VALUES (?1, ?2, ?3)", row)
            .unwrap();
    }
    drop(old);
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
