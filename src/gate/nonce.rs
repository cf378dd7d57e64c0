//! A request signature is good once (SIG-11, design 6): by its nonce, and where none is needed and none came, by itself.
//!
//! Memory knows which were used. On routes that move money the Sealed write keeps the nonce in the store too, from which the
//! next process fills its memory before it begins. Elsewhere memory is all there is: what is dated before it began is stale, and
//! what is dated ahead of our clock is remembered durably.

use std::time::Duration;

use countersign_jose::jwk::Jwk;
use countersign_signatures::Entry;

use super::exchange::Exchange;
use super::journey::Services;
use crate::base::limits::{CLOCK_AHEAD, PROOF_AGE};
use crate::base::{Code, Fault, Timestamp};
use crate::oauth::replay::ReplayRefusal;
use crate::store::ephemeral::Seen;
use crate::store::{Batch, Db, Ended, Ephemeral, StoreError};

/// `created` counts whole seconds: a signature is accepted to the end of its last one.
const A_SECOND: Duration = Duration::from_secs(1);

/// Nonces of payments that can be alive at once: what a node accepts in their 70 seconds.
const NONCES: usize = 1 << 20;

/// The memory of nonces of payments, with those in it that are in the store and not over yet.
///
/// # Errors
/// [`StoreError`]; also when there are more than memory holds, for what cannot be remembered would be accepted again.
pub async fn remembered(db: &Db, now: Timestamp) -> Result<Ephemeral<()>, StoreError> {
    let nonces = Ephemeral::new(NONCES);
    let sql = "SELECT nonce, until FROM used_nonce WHERE until > $1";
    for row in db.query(sql, vec![now.into()]).await? {
        let corrupt = |_| StoreError::Corrupt("used_nonce.nonce");
        let nonce = row.bytes(0)?.try_into().map_err(corrupt)?;
        let kept = nonces.insert(nonce, (), row.time(1)?, now).await;
        kept.map_err(|full| StoreError::Failed(full.to_string()))?;
    }
    Ok(nonces)
}

/// Adds to a batch that `nonce` was used at `at`. The rows lie in the order of their use, so that many of one commit take one
/// page; that none comes twice is the memory's part.
pub(super) fn keep(batch: &mut Batch, nonce: &[u8; 32], at: Timestamp) {
    batch.run(
        "INSERT INTO used_nonce (until, nonce) VALUES ($1, $2)",
        vec![end(at).into(), nonce.to_vec().into()],
    );
}

/// Removes from the store the nonces of signatures that are stale by now; a job calls it now and then.
///
/// # Errors
/// [`StoreError`].
pub async fn forget(db: &Db, now: Timestamp) -> Result<(), StoreError> {
    const OVER: Ended = Ended {
        any: "SELECT 1 FROM used_nonce WHERE until < $1 LIMIT 1",
        some: "DELETE FROM used_nonce WHERE until < $1 AND until <= \
             (SELECT max(until) FROM (SELECT until FROM used_nonce ORDER BY until LIMIT $2) AS oldest)",
    };
    db.forget(&OVER, now).await
}

/// Uses up `entry`, a good signature by `key`. The answer is its name in memory and store.
pub(super) async fn use_once(
    exchange: &Exchange,
    entry: &Entry<'_>,
    key: &Jwk,
    services: &Services,
) -> Result<[u8; 32], Fault> {
    let place = place(entry, key);
    let created = Timestamp::from_seconds(entry.parameters().created.unwrap_or_default());
    let until = end(exchange.at);
    if exchange.moves_money() {
        return match services.nonces.insert(place, (), until, exchange.at).await {
            Ok(Seen::First) => Ok(place),
            Ok(Seen::Before) => Err(Code::Replayed.into()),
            Err(full) => Err(not_remembered(full)),
        };
    }
    let once = services
        .dpop
        .used_at_resources()
        .once(place, created, until, exchange.at);
    match once.await {
        Ok(()) => Ok(place),
        Err(ReplayRefusal::BeforeStart) => {
            Err(Fault::new(Code::Stale).cause("made before this gateway started"))
        }
        Err(ReplayRefusal::Seen) => Err(Code::Replayed.into()),
        Err(refusal @ ReplayRefusal::Overloaded) => Err(not_remembered(refusal)),
    }
}

/// When a signature that is accepted `at` is stale whatever its date: `created` may lie ahead of our clock.
fn end(at: Timestamp) -> Timestamp {
    at.plus(PROOF_AGE + CLOCK_AHEAD + A_SECOND)
}

fn not_remembered(cause: impl std::fmt::Display) -> Fault {
    Fault::new(Code::Overloaded).cause(cause).retry_after(A_SECOND)
}

/// What of a signature may come once. Without a nonce it is the first half of the signature: the second half of an ECDSA
/// signature can be negated by anyone, and it stays valid.
fn place(entry: &Entry<'_>, key: &Jwk) -> [u8; 32] {
    let signer = key.key.thumbprint();
    match entry.parameters().nonce.as_deref() {
        Some(nonce) => countersign_jose::sha256(format!("{signer}\n{nonce}").as_bytes()),
        None => {
            let signature = entry.signature();
            let (half, _) = signature.split_at(signature.len() / 2);
            countersign_jose::sha256(&[format!("{signer}\n\n").as_bytes(), half].concat())
        }
    }
}
