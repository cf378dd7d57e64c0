//! The nonce of a request signature: good once for its key, for as long as the signature lives (SIG-11, design 6).
//!
//! On routes that move money the Sealed write remembers it as well, in the store; elsewhere the memory here is all there
//! is. What that memory lost with a restart is made good in three ways: a signature from before the start is stale, one
//! dated ahead of our clock is written to the store, and shortly after a start the store is asked.

use std::time::Duration;

use countersign_jose::jwk::Jwk;
use countersign_signatures::Entry;

use super::exchange::Exchange;
use super::journey::Services;
use crate::base::limits::{CLOCK_AHEAD, PROOF_AGE};
use crate::base::{Code, Fault, Timestamp};
use crate::store::ephemeral::Seen;
use crate::store::{Batch, StoreError};

/// `created` counts whole seconds: a signature is accepted to the end of its last one.
const A_SECOND: Duration = Duration::from_secs(1);
/// The guard that fails when a nonce dated ahead stands in the store already.
const NONCE_IS_NEW: &str = "the nonce dated ahead is new";

/// Uses the nonce of `entry`, a good signature by `key`; its name in memory and store is the answer. Where there is no
/// nonce, nothing is remembered.
pub(super) async fn use_once(
    exchange: &Exchange,
    entry: &Entry<'_>,
    key: &Jwk,
    services: &Services,
) -> Result<Option<[u8; 32]>, Fault> {
    let created = Timestamp::from_seconds(entry.parameters().created.unwrap_or_default());
    if !exchange.moves_money() && created.seconds() < services.started_at.seconds() {
        return Err(Fault::new(Code::Stale).cause("made before this gateway started"));
    }
    let Some(nonce) = entry.parameters().nonce.as_deref() else {
        return Ok(None);
    };
    let place = countersign_jose::sha256(format!("{}\n{nonce}", key.key.thumbprint()).as_bytes());
    let until = exchange.at.plus(PROOF_AGE + CLOCK_AHEAD + A_SECOND);
    match services.nonces.insert(place, (), until, exchange.at).await {
        Ok(Seen::First) => {}
        Ok(Seen::Before) => return Err(Code::Replayed.into()),
        Err(full) => return Err(Fault::new(Code::Overloaded).cause(full).retry_after(A_SECOND)),
    }
    if created <= services.started_at.plus(CLOCK_AHEAD) {
        refuse_if_stored(&place, services).await?;
    }
    if !exchange.moves_money() && created > exchange.at {
        store(&place, until, services).await?;
    }
    Ok(Some(place))
}

/// What was made before the start, or dated ahead then, may have been used then.
async fn refuse_if_stored(place: &[u8; 32], services: &Services) -> Result<(), Fault> {
    let sql = "SELECT until FROM used_nonce WHERE nonce = $1";
    match services.db.query_one(sql, vec![place.to_vec().into()]).await? {
        Some(_) => Err(Code::Replayed.into()),
        None => Ok(()),
    }
}

async fn store(place: &[u8; 32], until: Timestamp, services: &Services) -> Result<(), Fault> {
    let mut batch = Batch::new();
    batch.one_row(
        NONCE_IS_NEW,
        "INSERT INTO used_nonce (nonce, until) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        vec![place.to_vec().into(), until.into()],
    );
    match services.db.commit(batch).await {
        Err(StoreError::Guard(NONCE_IS_NEW)) => Err(Code::Replayed.into()),
        outcome => Ok(outcome?),
    }
}
