//! The life of keys from publication to destruction, at every moment that matters, on a real store.

use std::sync::Arc;
use std::time::Duration;

use countersign_jose::{PublicKey, Scheme};
use tempfile::TempDir;

use super::{KeyError, KeySet, Keyring, Purpose, Schedule, SealKey, State};
use crate::base::{AdminName, ManualClock, SystemEntropy, Timestamp};
use crate::store::{Batch, Db, StoreError, Value};

const START: Timestamp = Timestamp::from_seconds(1_800_000_000);
const AHEAD: Duration = Duration::from_secs(300);
const SECOND: Duration = Duration::from_secs(1);
const KEK: [u8; 32] = [7; 32];

struct World {
    _dir: TempDir,
    db: Db,
    clock: Arc<ManualClock>,
    keyring: Keyring,
}

async fn world() -> World {
    world_with(None).await
}

async fn world_with(period: Option<Duration>) -> World {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(&dir.path().join("keys.db")).unwrap();
    let clock = Arc::new(ManualClock::new(START));
    let keyring = open(&db, &clock, KEK, period).await.unwrap();
    World {
        _dir: dir,
        db,
        clock,
        keyring,
    }
}

async fn open(
    db: &Db,
    clock: &Arc<ManualClock>,
    kek: [u8; 32],
    period: Option<Duration>,
) -> Result<Keyring, KeyError> {
    let schedule = Schedule {
        publish_ahead: AHEAD,
        period,
    };
    let entropy = Arc::new(SystemEntropy::default());
    Keyring::open(db.clone(), SealKey::new(&kek), schedule, clock.clone(), entropy).await
}

fn admin() -> AdminName {
    AdminName::new("anna")
}

impl World {
    fn keys(&self) -> Arc<KeySet> {
        self.keyring.current()
    }

    fn signer(&self, purpose: Purpose) -> String {
        self.keys().signing(purpose).unwrap().kid.clone()
    }

    fn verifies(&self, purpose: Purpose, kid: &str) -> bool {
        self.keys().verifying(purpose, kid).is_some()
    }

    fn state(&self, purpose: Purpose, kid: &str) -> Option<State> {
        let keys = self.keys();
        let found = keys
            .published(purpose)
            .find(|key| key.jwk.kid.as_deref() == Some(kid));
        found.map(|key| key.state)
    }

    async fn after(&self, span: Duration) {
        self.clock.advance(span);
        self.keyring.tick().await.unwrap();
    }

    async fn tamper(&self, sql: &'static str, parameters: Vec<Value>) {
        let mut batch = Batch::new();
        batch.one_row("tampering", sql, parameters);
        self.db.commit(batch).await.unwrap();
    }

    async fn rows(&self) -> Vec<crate::store::Row> {
        self.db
            .query("SELECT * FROM key ORDER BY kid", vec![])
            .await
            .unwrap()
    }

    async fn events(&self) -> Vec<String> {
        let rows = self
            .db
            .query("SELECT body FROM event ORDER BY sequence", vec![])
            .await
            .unwrap();
        rows.iter().map(|row| row.text(0).unwrap().to_owned()).collect()
    }
}

fn unsealable(result: Result<(), KeyError>) -> String {
    match result {
        Err(KeyError::Unsealable(kid)) => kid,
        other => panic!("expected an unsealable key, got {other:?}"),
    }
}

#[tokio::test]
async fn a_new_keyring_signs_and_seals_for_every_purpose() {
    let world = world().await;
    let keys = world.keys();
    for purpose in Purpose::ALL {
        assert_eq!(
            keys.signing(purpose).is_some(),
            purpose.key_kind().is_some(),
            "{}",
            purpose.name()
        );
    }
    let entropy = SystemEntropy::default();
    let sealed = keys.seal("place/1", b"secret", &entropy).unwrap();
    assert_eq!(keys.open("place/1", &sealed).unwrap().as_slice(), b"secret");
    assert!(keys.open("place/2", &sealed).is_err());
    assert!(keys.active_pepper().is_some());
}

#[tokio::test]
async fn what_was_signed_before_a_restart_verifies_after_it() {
    let world = world().await;
    let keys = world.keys();
    let signer = keys.signing(Purpose::Message).unwrap();
    let signature = signer.key.sign(Scheme::Ed25519, b"paid").unwrap();
    let again = open(&world.db, &world.clock, KEK, None).await.unwrap().current();
    let public: &PublicKey = again.verifying(Purpose::Message, &signer.kid).unwrap();
    assert!(public.verify(Scheme::Ed25519, b"paid", &signature).is_ok());
    assert_eq!(again.signing(Purpose::Message).unwrap().kid, signer.kid);
}

/// KEY-02, KEY-03: published, active, retiring, destroyed, each at its moment and not a second before.
#[tokio::test]
async fn a_rotation_walks_through_every_state_at_its_moment() {
    let world = world().await;
    let old = world.signer(Purpose::Token);
    let rotation = world
        .keyring
        .rotate(Purpose::Token, false, &admin())
        .await
        .unwrap();
    let next = rotation.next.clone().unwrap();
    assert_eq!(
        (rotation.active.as_deref(), rotation.active_at),
        (Some(old.as_str()), START.plus(AHEAD))
    );
    assert_eq!(world.state(Purpose::Token, &next), Some(State::PreActive));

    world.after(AHEAD - SECOND).await;
    assert_eq!(world.signer(Purpose::Token), old);
    world.after(SECOND).await;
    assert_eq!(world.signer(Purpose::Token), next);
    assert_eq!(world.state(Purpose::Token, &old), Some(State::Retiring));
    assert!(world.verifies(Purpose::Token, &old));

    let retiring = world.keyring.schedule().verify_for(Purpose::Token);
    assert_eq!(rotation.old_verifies_until, START.plus(AHEAD).plus(retiring));
    world.after(retiring - SECOND).await;
    assert!(world.verifies(Purpose::Token, &old));
    world.after(SECOND).await;
    assert!(!world.verifies(Purpose::Token, &old) && world.state(Purpose::Token, &old).is_none());
    let gone = "SELECT kid FROM key WHERE state = 'destroyed' AND sealed IS NULL AND kid = $1";
    assert!(
        world
            .db
            .query_one(gone, vec![old.into()])
            .await
            .unwrap()
            .is_some()
    );
}

/// Design 8: what `message` and `log` keys signed stays verifiable, so their public halves stay published.
#[tokio::test]
async fn a_destroyed_message_key_stays_published_but_verifies_nothing_new() {
    let world = world().await;
    let old = world.signer(Purpose::Message);
    world
        .keyring
        .rotate(Purpose::Message, true, &admin())
        .await
        .unwrap();
    world
        .after(world.keyring.schedule().verify_for(Purpose::Message))
        .await;
    assert_eq!(world.state(Purpose::Message, &old), Some(State::Destroyed));
    assert!(!world.verifies(Purpose::Message, &old));
    let keys = world.keys();
    let published = keys
        .published(Purpose::Message)
        .find(|key| key.jwk.kid.as_deref() == Some(&old));
    assert_eq!(published.unwrap().not_after, Some(START));
}

#[tokio::test]
async fn an_immediate_rotation_signs_with_the_next_key_at_once() {
    let world = world().await;
    for purpose in [Purpose::Token, Purpose::Txn, Purpose::Message, Purpose::Log] {
        let old = world.signer(purpose);
        let rotation = world.keyring.rotate(purpose, true, &admin()).await.unwrap();
        assert_eq!(Some(world.signer(purpose)), rotation.next);
        assert_eq!(rotation.active_at, START);
        assert!(
            world.verifies(purpose, &old),
            "what {} signed a moment ago",
            purpose.name()
        );
    }
}

#[tokio::test]
async fn a_second_rotation_waits_for_the_first_or_hurries_it() {
    let world = world().await;
    let first = world.keyring.rotate(Purpose::Txn, false, &admin()).await.unwrap();
    let second = world.keyring.rotate(Purpose::Txn, false, &admin()).await;
    assert!(matches!(second, Err(KeyError::UnderWay("txn"))));
    let hurried = world.keyring.rotate(Purpose::Txn, true, &admin()).await.unwrap();
    assert_eq!(hurried.next, first.next);
    assert_eq!(Some(world.signer(Purpose::Txn)), first.next);
}

#[tokio::test]
async fn a_preview_changes_nothing() {
    let world = world().await;
    let (rows, events) = (world.rows().await, world.events().await);
    let preview = world.keyring.preview(Purpose::Token, false).await.unwrap();
    assert_eq!(preview.active, Some(world.signer(Purpose::Token)));
    assert_eq!((preview.next, preview.active_at), (None, START.plus(AHEAD)));
    assert_eq!((world.rows().await, world.events().await), (rows, events));
}

/// KEY-01: a key past its period gets a successor by itself.
#[tokio::test]
async fn a_key_past_its_period_is_rotated_by_the_schedule() {
    let day = Duration::from_secs(86_400);
    let world = world_with(Some(day)).await;
    let old = world.signer(Purpose::Token);
    world.after(day - SECOND).await;
    assert_eq!(world.keys().published(Purpose::Token).count(), 1);
    world.after(SECOND).await;
    assert_eq!(world.keys().published(Purpose::Token).count(), 2);
    assert_eq!(world.signer(Purpose::Token), old);
    world.after(AHEAD).await;
    assert_ne!(world.signer(Purpose::Token), old);
    assert!(world.verifies(Purpose::Token, &old));
}

/// KEY-02: a compromised key protects nothing from the moment it is said.
#[tokio::test]
async fn a_revoked_key_verifies_nothing_and_a_fresh_one_signs() {
    let world = world().await;
    for purpose in [Purpose::Token, Purpose::Message] {
        let old = world.signer(purpose);
        world.keyring.revoke(&old, &admin()).await.unwrap();
        assert!(!world.verifies(purpose, &old));
        let fresh = world.signer(purpose);
        assert!(fresh != old && world.verifies(purpose, &fresh));
        let known = purpose.published_for_ever().then_some(State::Compromised);
        assert_eq!(world.state(purpose, &old), known);
        world.after(Duration::from_secs(400 * 86_400)).await;
        assert!(!world.verifies(purpose, &old) && world.signer(purpose) == fresh);
    }
    let left = "SELECT count(*) FROM key WHERE state = 'compromised' AND sealed IS NOT NULL";
    assert_eq!(
        world
            .db
            .query_one(left, vec![])
            .await
            .unwrap()
            .unwrap()
            .integer(0)
            .unwrap(),
        0
    );
}

#[tokio::test]
async fn a_waiting_or_retiring_key_is_revoked_without_touching_the_signer() {
    let world = world().await;
    let old = world.signer(Purpose::Token);
    world
        .keyring
        .rotate(Purpose::Token, true, &admin())
        .await
        .unwrap();
    let active = world.signer(Purpose::Token);
    let waiting = world
        .keyring
        .rotate(Purpose::Token, false, &admin())
        .await
        .unwrap()
        .next
        .unwrap();
    for kid in [&old, &waiting] {
        world.keyring.revoke(kid, &admin()).await.unwrap();
        assert!(!world.verifies(Purpose::Token, kid));
    }
    world.after(AHEAD * 2).await;
    assert_eq!(world.signer(Purpose::Token), active);
}

#[tokio::test]
async fn only_live_signing_keys_can_be_revoked() {
    let world = world().await;
    let gone = world.signer(Purpose::Token);
    world.keyring.revoke(&gone, &admin()).await.unwrap();
    let keys = world.keys();
    let pepper = keys.active_pepper().unwrap().0;
    for kid in ["no such key", "", gone.as_str(), pepper] {
        let refused = world.keyring.revoke(kid, &admin()).await;
        assert!(matches!(refused, Err(KeyError::Unknown(name)) if name == kid));
    }
}

#[tokio::test]
async fn what_a_rotated_data_key_sealed_still_opens() {
    let world = world().await;
    let entropy = SystemEntropy::default();
    let sealed = world.keys().seal("totp/1", b"secret", &entropy).unwrap();
    let pepper = world.keys().active_pepper().unwrap().0.to_owned();
    world.keyring.rotate(Purpose::Data, true, &admin()).await.unwrap();
    world
        .keyring
        .rotate(Purpose::Pepper, true, &admin())
        .await
        .unwrap();
    world.after(Duration::from_secs(400 * 86_400)).await;
    let keys = world.keys();
    assert_eq!(keys.open("totp/1", &sealed).unwrap().as_slice(), b"secret");
    assert!(keys.pepper(&pepper).is_some() && keys.active_pepper().unwrap().0 != pepper);
    assert_ne!(
        keys.seal("totp/1", b"secret", &entropy).unwrap()[..17],
        sealed[..17]
    );
}

/// PCI-05: without the key-encryption key the store opens nothing, and the error names the first key it could not open.
#[tokio::test]
async fn another_key_encryption_key_opens_nothing_and_changes_nothing() {
    let world = world().await;
    let rows = world.rows().await;
    let error = open(&world.db, &world.clock, [8; 32], None)
        .await
        .err()
        .expect("another KEK");
    let KeyError::Unsealable(kid) = &error else {
        panic!("{error}")
    };
    assert!(rows.iter().any(|row| row.text(0).unwrap() == kid));
    assert!(error.to_string().contains("[keys] kek"), "{error}");
    assert_eq!(world.rows().await, rows);
}

#[tokio::test]
async fn swapped_rows_are_refused() {
    let world = world().await;
    let (token, txn) = (world.signer(Purpose::Token), world.signer(Purpose::Txn));
    world
        .tamper(
            "UPDATE key SET sealed = (SELECT sealed FROM key WHERE kid = $1) WHERE kid = $2",
            vec![txn.as_str().into(), token.as_str().into()],
        )
        .await;
    assert_eq!(unsealable(world.keyring.refresh().await), token);
    assert_eq!(
        world.signer(Purpose::Token),
        token,
        "the picture in use must stay"
    );
}

#[tokio::test]
async fn a_key_moved_to_another_purpose_is_refused() {
    let world = world().await;
    let token = world.signer(Purpose::Token);
    world
        .tamper(
            "UPDATE key SET purpose = 'txn' WHERE kid = $1",
            vec![token.as_str().into()],
        )
        .await;
    assert_eq!(unsealable(world.keyring.refresh().await), token);
}

/// Whoever can write to the store but lacks the key-encryption key must not get a key of theirs trusted.
#[tokio::test]
async fn a_public_key_without_its_sealed_private_half_is_refused() {
    let world = world().await;
    let token = world.signer(Purpose::Token);
    world
        .tamper(
            "INSERT INTO key (kid, purpose, state, public_jwk, sealed, created_at, active_at) \
             SELECT 'planted', purpose, 'retiring', public_jwk, NULL, created_at, active_at FROM key WHERE kid = $1",
            vec![token.as_str().into()],
        )
        .await;
    assert_eq!(unsealable(world.keyring.refresh().await), "planted");
}

#[tokio::test]
async fn a_public_key_that_is_not_the_sealed_keys_own_is_refused() {
    let world = world().await;
    let (token, txn) = (world.signer(Purpose::Token), world.signer(Purpose::Txn));
    world
        .keyring
        .rotate(Purpose::Token, true, &admin())
        .await
        .unwrap();
    world
        .tamper(
            "UPDATE key SET public_jwk = (SELECT public_jwk FROM key WHERE kid = $1) WHERE kid = $2",
            vec![txn.as_str().into(), token.as_str().into()],
        )
        .await;
    assert_eq!(unsealable(world.keyring.refresh().await), token);
}

#[tokio::test]
async fn a_compromised_key_cannot_be_brought_back_by_its_row() {
    let world = world().await;
    let old = world.signer(Purpose::Token);
    world.keyring.revoke(&old, &admin()).await.unwrap();
    world
        .tamper(
            "UPDATE key SET state = 'retiring' WHERE kid = $1",
            vec![old.as_str().into()],
        )
        .await;
    assert_eq!(unsealable(world.keyring.refresh().await), old);
}

#[tokio::test]
async fn a_row_this_program_did_not_write_is_corrupt() {
    let world = world().await;
    let kid = world.signer(Purpose::Token);
    world
        .tamper(
            "UPDATE key SET state = 'sleeping' WHERE kid = $1",
            vec![kid.into()],
        )
        .await;
    assert!(matches!(
        world.keyring.refresh().await,
        Err(KeyError::Store(StoreError::Corrupt("key")))
    ));
}

/// Two nodes do the same work at the same time: one does it, the other sees it done.
#[tokio::test]
async fn two_nodes_that_tick_together_switch_once() {
    let world = world().await;
    let other = open(&world.db, &world.clock, KEK, None).await.unwrap();
    let next = world
        .keyring
        .rotate(Purpose::Token, false, &admin())
        .await
        .unwrap()
        .next;
    world.clock.advance(AHEAD);
    let (one, two) = tokio::join!(world.keyring.tick(), other.tick());
    assert!(one.is_ok() && two.is_ok(), "{one:?} {two:?}");
    assert_eq!(Some(world.signer(Purpose::Token)), next);
    assert_eq!(
        other.current().signing(Purpose::Token).map(|key| key.kid.clone()),
        next
    );
}

#[tokio::test]
async fn every_change_is_recorded_with_who_asked_for_it() {
    let world = world().await;
    let before = world.events().await.len();
    assert_eq!(
        before,
        Purpose::ALL.len() * 2,
        "published and active, for each purpose"
    );
    let old = world.signer(Purpose::Token);
    world
        .keyring
        .rotate(Purpose::Token, true, &admin())
        .await
        .unwrap();
    let next = world.signer(Purpose::Token);
    world.keyring.revoke(&next, &admin()).await.unwrap();
    let events = world.events().await;
    let told = |admin: &str, action: &str| {
        format!(r#"{{"action":"{action}","admin":"{admin}","kind":"admin-acted"}}"#)
    };
    let key = |kid: &str, state: &str| {
        format!(r#"{{"kid":"{kid}","kind":"key-changed","purpose":"token","state":"{state}"}}"#)
    };
    let fresh = world.signer(Purpose::Token);
    let expected = [
        key(&next, "pre-active"),
        told("anna", "keys_rotate"),
        key(&old, "retiring"),
        key(&next, "active"),
        told("anna", "keys_revoke"),
        key(&next, "compromised"),
        key(&fresh, "pre-active"),
        key(&fresh, "active"),
    ];
    assert_eq!(events[before..], expected);
}
