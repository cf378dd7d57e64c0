//! Bans on record: in the log of the gateway, in the audit log, in the metrics. Addresses stand there as pseudonyms of
//! their networks, the same ones as in the counts of refusals.

use super::ban::Ban;
use super::guard::Defense;
use super::shed::Queue;
use crate::base::{Entropy, Event, SourcePrefix, Timestamp};
use crate::config;
use crate::privacy::Pseudonyms;
use crate::store::{Batch, Db, StoreError};
use crate::telemetry::{Metrics, names};

/// Bans in one batch: a storm of them must not hold up what customers wait for.
const TOGETHER: usize = 64;

/// Writes down what has been banned since the last time, forgets what is long over, and sets the gauges.
///
/// # Errors
/// [`StoreError`]; then the bans are kept for the next time, and are in force all the same.
pub async fn record(
    defense: &Defense,
    rules: &config::Defense,
    db: &Db,
    (pseudonyms, entropy, metrics): (&Pseudonyms, &dyn Entropy, &Metrics),
    now: Timestamp,
) -> Result<(), StoreError> {
    let bans = defense.all_bans();
    bans.sweep(rules.floods.ban_longest, now);
    let in_force = u32::try_from(bans.list(now).len()).unwrap_or(u32::MAX);
    metrics.set(&names::BANS, [], in_force);
    for (queue, label) in [(Queue::Runtime, "runtime"), (Queue::Store, "store")] {
        let wait = defense.shed().wait(queue).as_millis();
        metrics.set(
            &names::QUEUE_WAIT,
            [label.into()],
            u32::try_from(wait).unwrap_or(u32::MAX),
        );
    }
    let (mut untold, beyond) = bans.take_untold();
    if beyond > 0 {
        tracing::warn!(beyond, "more sources were banned than can be told one by one");
    }
    while !untold.is_empty() {
        let rest = untold.split_off(untold.len().min(TOGETHER));
        let written = write(&untold, db, pseudonyms, entropy, now).await;
        if written.is_err() {
            bans.put_back(untold);
            bans.put_back(rest);
            return written;
        }
        untold = rest;
    }
    Ok(())
}

async fn write(
    bans: &[Ban],
    db: &Db,
    pseudonyms: &Pseudonyms,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut batch = Batch::new();
    for ban in bans {
        let source = pseudonyms.address(SourcePrefix::of(ban.network.address()).address());
        let seconds = ban.until.since(ban.since).as_secs();
        let (id, cause, times) = (ban.id.clone(), ban.cause.name(), ban.times);
        tracing::warn!(%source, id, cause, seconds, times, "a source was banned for flooding");
        batch.record(
            now,
            entropy,
            &Event::Banned {
                source,
                ban: id,
                cause,
                seconds,
                times,
            },
        );
    }
    db.commit(batch).await
}
