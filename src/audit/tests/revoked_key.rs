//! A log key that is revoked, at the worst of moments.

use super::*;

async fn check(house: &House, gate: &Running) -> Result<(), AnchorFault> {
    let keys = gate.keyring.current();
    house.anchor().check(&gate.db, &gate.log, &keys).await
}

/// Revokes the key that signs the log, and returns its name.
async fn revoke_log_key(keyring: &Keyring) -> String {
    let kid = keyring.current().signing(Purpose::Log).unwrap().kid.clone();
    keyring.revoke(&kid, &AdminName::new("anna")).await.unwrap();
    kid
}

#[tokio::test]
async fn a_stop_between_the_revocation_of_the_log_key_and_the_next_checkpoint_is_mended_by_the_next_start() {
    let house = House::new();
    let gate = house.open_with(Some(house.anchor())).await;
    let before = gate.publish(3).await;
    revoke_log_key(&gate.keyring).await;
    drop(gate);

    let gate = house.open_with(Some(house.anchor())).await;
    assert!(trust(&gate.keys()).verify(&before.note).is_err());
    check(&house, &gate).await.unwrap();
    gate.sequencer.run().await.unwrap();
    let anchor = std::fs::read(house.dir.path().join("anchor")).unwrap();
    trust(&gate.keys())
        .verify(&Note::parse(&anchor).unwrap())
        .unwrap();
    check(&house, &gate).await.unwrap();
}

#[tokio::test]
async fn an_anchor_by_a_compromised_key_still_finds_a_rollback_a_fork_and_a_foreign_log() {
    let house = House::new();
    let gate = house.open_with(Some(house.anchor())).await;
    gate.publish(3).await;
    drop(gate);
    let backup = std::fs::read(house.file()).unwrap();

    let gate = house.open_with(Some(house.anchor())).await;
    gate.publish(10).await;
    drop(gate);
    std::fs::write(house.file(), &backup).unwrap();
    let gate = house.open_with(Some(house.anchor())).await;
    revoke_log_key(&gate.keyring).await;
    assert!(matches!(
        check(&house, &gate).await,
        Err(AnchorFault::Rollback { .. })
    ));
    let forked = Sequencer::new(gate.db.clone(), gate.log.clone(), gate.keyring.clone(), None);
    gate.record(30).await;
    forked.run().await.unwrap();
    assert!(matches!(
        check(&house, &gate).await,
        Err(AnchorFault::Fork { .. })
    ));

    let other = House::new();
    let gate = other.open().await;
    gate.publish(50).await;
    revoke_log_key(&gate.keyring).await;
    assert!(matches!(
        check(&house, &gate).await,
        Err(AnchorFault::NotOurs { .. })
    ));
}

#[tokio::test]
async fn a_checkpoint_signed_in_the_moment_its_key_is_revoked_is_signed_anew_without_another_event() {
    let house = House::new();
    let gate = house.open_with(Some(house.anchor())).await;
    gate.publish(3).await;
    // Another keyring over the same store: the sequencer's own does not know yet.
    let kek = SealKey::new(&[7; 32]);
    let schedule = *gate.keyring.schedule();
    let elsewhere = Keyring::open(
        gate.db.clone(),
        kek,
        schedule,
        gate.clock.clone(),
        gate.entropy.clone(),
    );
    let kid = revoke_log_key(&elsewhere.await.unwrap()).await;
    assert_eq!(gate.keyring.current().signing(Purpose::Log).unwrap().kid, kid);
    gate.sequencer.run().await.unwrap();
    let by_the_old = gate.log.checkpoint().unwrap();

    gate.keyring.refresh().await.unwrap();
    assert!(trust(&gate.keys()).verify(&by_the_old.note).is_err());
    gate.sequencer.run().await.unwrap();
    let by_the_new = gate.log.checkpoint().unwrap();
    assert_eq!(by_the_new.checkpoint, by_the_old.checkpoint, "of the same tree");
    trust(&gate.keys()).verify(&by_the_new.note).unwrap();
    let again = gate.log.checkpoint().unwrap();
    gate.sequencer.run().await.unwrap();
    assert!(
        Arc::ptr_eq(&again, &gate.log.checkpoint().unwrap()),
        "and only once"
    );
}
