//! When there is a receipt, and for whom.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::audit::{Log, Sequencer};
use crate::base::event::Digest;
use crate::base::{CustomerId, Entropy, Event, ManualClock, SystemEntropy, Timestamp, TransactionId};
use crate::keys::{Keyring, Schedule, SealKey};
use crate::privacy::Vault;
use crate::store::{Batch, Db};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

struct World {
    _folder: TempDir,
    db: Db,
    vault: Vault,
    receipts: Receipts,
    sequencer: Sequencer,
    entropy: Arc<dyn Entropy>,
}

async fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(&folder.path().join("gate.db")).unwrap();
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::default());
    let schedule = Schedule {
        publish_ahead: Duration::from_secs(300),
        period: None,
    };
    let clock = Arc::new(ManualClock::new(NOW));
    let keyring = Keyring::open(
        db.clone(),
        SealKey::new(&[7; 32]),
        schedule,
        clock,
        Arc::clone(&entropy),
    );
    let keyring = Arc::new(keyring.await.unwrap());
    let log = Arc::new(Log::new(db.clone(), "gate.example", false));
    let vault = Vault::new(db.clone(), Arc::clone(&keyring), Arc::clone(&entropy));
    World {
        _folder: folder,
        receipts: Receipts::new(db.clone(), vault.clone(), Arc::clone(&log), Arc::clone(&entropy)),
        sequencer: Sequencer::new(db.clone(), log, keyring, None),
        db,
        vault,
        entropy,
    }
}

fn anna() -> CustomerId {
    CustomerId::new("anna")
}

fn terms(id: &str) -> Terms<'static> {
    Terms {
        id: TransactionId::new(id),
        intent: json!({ "amount": "12.50" }),
        intent_digest: "digest".to_owned(),
        request: RequestFacts {
            method: "POST".into(),
            target: "https://gate.example/payments".to_owned(),
            content_digest: "digest".to_owned(),
            idempotency_key: "key".into(),
        },
        payment_signature: None,
        decision: Decision {
            policy_version: "1".into(),
            approval: None,
            exemption: Some("low-value".into()),
            mandate: None,
        },
    }
}

impl World {
    /// A payment of Anna's that was sent.
    async fn send(&self, id: &str) -> (TransactionId, TermDigests) {
        let (terms, mut batch) = (terms(id), Batch::new());
        let opened = self.receipts.open(&mut batch, &anna(), &terms, NOW).await;
        self.db.commit(batch).await.unwrap();
        (terms.id, opened.unwrap())
    }

    /// What became of it.
    async fn answer(&self, (transaction, digests): &(TransactionId, TermDigests)) {
        let content = Digest::new(&[1; 32]);
        let mut batch = Batch::new();
        let outcome = Outcome::new(Some(201), Some(&content), NOW);
        let event = Event::Answered {
            transaction: transaction.clone(),
            status: Some(201),
            refused: None,
            content: Some(content),
            receipt: digests.with(&outcome),
        };
        batch.record(NOW, &*self.entropy, &event);
        self.db.commit(batch).await.unwrap();
    }

    async fn create(&self, customer: &CustomerId) {
        let mut batch = Batch::new();
        self.vault.create(&mut batch, customer).unwrap();
        self.db.commit(batch).await.unwrap();
    }

    async fn find(&self, customer: &CustomerId, id: &str) -> Found {
        self.receipts
            .find(customer, &TransactionId::new(id))
            .await
            .unwrap()
    }
}

/// Design 9: 202 until its leaf is in a checkpoint.
#[tokio::test]
async fn there_is_a_receipt_once_a_checkpoint_is_over_its_leaf() {
    let world = world().await;
    world.create(&anna()).await;
    let terms = world.send("t").await;
    assert!(matches!(world.find(&anna(), "t").await, Found::NotYet));
    world.sequencer.run().await.unwrap();
    assert!(matches!(world.find(&anna(), "t").await, Found::NotYet));
    world.answer(&terms).await;
    // On record, but not under a checkpoint.
    assert!(matches!(world.find(&anna(), "t").await, Found::NotYet));
    world.sequencer.run().await.unwrap();
    let Found::Receipt(receipt) = world.find(&anna(), "t").await else {
        panic!("there is a receipt");
    };
    let answer =
        json!({ "status": 201, "content_digest": Digest::new(&[1; 32]).to_string(), "at": NOW.to_string() });
    assert_eq!(receipt.members()["answer"], answer);
    assert_eq!(receipt.members()["decision"]["exemption"], "low-value");
    assert!(receipt.to_text().starts_with("{\n  \"version\""));
}

/// Every digest that the leaf carries is of the part as it stands in the file, also when the terms were read again.
#[tokio::test]
async fn the_leaf_vouches_for_every_part_of_the_file() {
    let world = world().await;
    world.create(&anna()).await;
    let sent = world.send("t").await;
    world.answer(&sent).await;
    world.sequencer.run().await.unwrap();
    let Found::Receipt(receipt) = world.find(&anna(), "t").await else {
        panic!("there is a receipt");
    };
    let outcome = Outcome::new(Some(201), Some(&Digest::new(&[1; 32])), NOW);
    let later = world.receipts.digests_of(&sent.0, &outcome).await.unwrap();
    for carried in [sent.1.with(&outcome), later] {
        let carried = serde_json::to_value(carried.unwrap()).unwrap();
        for part in countersign_intent::receipt::Part::ALL {
            let digest = part.digest(&receipt.members()[part.name()]).unwrap();
            assert_eq!(carried[part.name()], digest, "{part}");
        }
    }
}

#[tokio::test]
async fn to_anyone_else_and_after_erasure_there_is_nothing() {
    let world = world().await;
    world.create(&anna()).await;
    let terms = world.send("t").await;
    world.answer(&terms).await;
    world.sequencer.run().await.unwrap();
    let bob = CustomerId::new("bob");
    world.create(&bob).await;
    assert!(matches!(world.find(&bob, "t").await, Found::Nothing));
    assert!(matches!(world.find(&anna(), "u").await, Found::Nothing));
    let open = world.send("open").await;
    let mut batch = Batch::new();
    world.vault.erase(&mut batch, &anna());
    world.db.commit(batch).await.unwrap();
    assert!(matches!(world.find(&anna(), "t").await, Found::Nothing));
    // What is settled then is settled without a receipt.
    let outcome = Outcome::new(None, None, NOW);
    let digests = world.receipts.digests_of(&open.0, &outcome).await;
    assert!(digests.unwrap().is_none());
}

/// Nothing personal is in the store in the clear, and what is there cannot be put in another's place.
#[tokio::test]
async fn terms_are_sealed_for_their_customer_and_payment() {
    let world = world().await;
    world.create(&anna()).await;
    for id in ["t", "u"] {
        let terms = world.send(id).await;
        world.answer(&terms).await;
    }
    world.sequencer.run().await.unwrap();
    let rows = world
        .db
        .query("SELECT terms FROM receipt", Vec::new())
        .await
        .unwrap();
    for row in rows {
        let sealed = String::from_utf8_lossy(row.bytes(0).unwrap()).into_owned();
        assert!(!sealed.contains("12.50") && !sealed.contains("payments"));
    }
    let mut batch = Batch::new();
    let swap = "UPDATE receipt SET terms = (SELECT terms FROM receipt WHERE txn = 'u') WHERE txn = 't'";
    batch.run(swap, Vec::new());
    world.db.commit(batch).await.unwrap();
    let found = world.receipts.find(&anna(), &TransactionId::new("t")).await;
    assert!(matches!(found, Err(ReceiptError::Vault(_))), "{found:?}");
}
