//! The log as it grows, is cut off in the middle, is put back, and is tampered with.

mod growth;
mod passages;
mod refusals;
mod revoked_key;
mod tampering;

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
        receipt: None,
    }
}

fn trust(keys: &[VerifierKey]) -> Trust {
    Trust::new(ORIGIN, keys.to_vec(), Vec::new(), 0).unwrap()
}

fn names(verdict: &Verdict) -> Vec<&'static str> {
    verdict.findings.iter().map(Finding::name).collect()
}
