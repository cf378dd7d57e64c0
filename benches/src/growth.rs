//! A log that grows fast, by the product's own store and sequencer: what a gateway would have after years.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign::audit::{Anchor, Log, Sequencer};
use countersign::base::{Clock, Entropy, Event, SystemClock, SystemEntropy, TransactionId};
use countersign::config::{self, Config};
use countersign::server::{open_keyring, open_store};
use countersign::store::{Batch, Db};

use crate::Outcome;

/// Events of one commit.
const TOGETHER: u64 = 4096;

/// How long the parts of it took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Growth {
    /// Entries that were added.
    pub entries: u64,
    /// Writing events, chained, into the store.
    pub recording: Duration,
    /// Taking them into the tree and signing what came of it.
    pub sequencing: Duration,
}

/// Lets the log of a gateway that is not running grow to `entries`.
///
/// # Errors
/// The configuration, the store, or the log refuses.
pub async fn grow(configuration: &Path, entries: u64) -> Outcome<Growth> {
    let config = config::load(configuration)?;
    let db = open_store(&config)?;
    let sequencer = sequencer(&config, &db).await?;
    let mut growth = Growth::default();
    loop {
        let last = u64::try_from(*db.last_event().borrow())?;
        if last >= entries {
            return Ok(growth);
        }
        let count = (entries - last).min(TOGETHER);
        let began = Instant::now();
        record(&db, last, count).await?;
        let recorded = Instant::now();
        sequencer.run().await?;
        growth.recording += recorded - began;
        growth.sequencing += recorded.elapsed();
        growth.entries += count;
    }
}

async fn sequencer(config: &Config, db: &Db) -> Outcome<Sequencer> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::default());
    let keyring = Arc::new(open_keyring(config, db, &clock, &entropy).await?);
    let anchor = config.log.anchor.clone().map(Anchor::new);
    let log = Log::new(db.clone(), config.server.public_url.host(), anchor.is_some());
    Ok(Sequencer::new(db.clone(), Arc::new(log), keyring, anchor))
}

async fn record(db: &Db, after: u64, count: u64) -> Outcome<()> {
    let entropy = SystemEntropy::default();
    let mut batch = Batch::new();
    for number in after..after + count {
        let event = Event::Answered {
            transaction: TransactionId::new(format!("grown-{number}")),
            status: Some(201),
            refused: None,
            content: None,
            receipt: None,
        };
        batch.record(SystemClock.now(), &entropy, &event);
    }
    Ok(db.commit(batch).await?)
}
