//! A request signature is good once (SIG-11): by its nonce, and where none is needed and none came, by itself.
//!
//! Memory knows which were used. On routes that move money the Sealed write keeps the nonce in the store too, from
//! which the next process fills its memory before it begins; two rows of one signature the store refuses, whoever
//! writes them. Elsewhere memory is all there is: what is dated before it began is stale, and what is dated ahead of
//! our clock is remembered durably.
//!
//! A signature is judged by the moment it is used up at, not by its request's arrival: the body may have taken its
//! time, and what is remembered must outlive whatever can still be accepted.

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

/// The guard that fails when a nonce was used before.
pub(super) const NONCE_IS_FRESH: &str = "the nonce is fresh";

/// A signature that was used up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Used {
    /// Its name in memory and store.
    place: [u8; 32],
    /// When it is stale, by its own date: whoever sends it again sends that too.
    stale: Timestamp,
}

/// Nonces of payments that can be alive at once: what a node accepts in their 70 seconds.
const NONCES: usize = 1 << 20;

/// The memory of nonces of payments, with those in it that are in the store and not over yet.
///
/// # Errors
/// [`StoreError`]; also when there are more than memory holds, for what cannot be remembered would be accepted again.
pub async fn remembered_nonces(db: &Db, now: Timestamp) -> Result<Ephemeral<()>, StoreError> {
    let nonces = Ephemeral::new(NONCES);
    let sql = "SELECT nonce, until FROM used_nonce WHERE until > $1";
    for row in db.query(sql, vec![now.minus(CLOCK_AHEAD).into()]).await? {
        let corrupt = |_| StoreError::Corrupt("used_nonce.nonce");
        let nonce = row.bytes(0)?.try_into().map_err(corrupt)?;
        let until = row.time(1)?.plus(CLOCK_AHEAD);
        let kept = nonces.insert(nonce, (), until, now).await;
        kept.map_err(|full| StoreError::Failed(full.to_string()))?;
    }
    Ok(nonces)
}

/// Makes a batch happen only when no other had this signature, with the guard [`NONCE_IS_FRESH`]. The rows lie in the
/// order of their dates, so that many of one commit take one page, and one signature has one place among them.
pub(super) fn keep(batch: &mut Batch, used: &Used) {
    batch.one_row(
        NONCE_IS_FRESH,
        "INSERT INTO used_nonce (until, nonce) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        vec![used.stale.into(), used.place.to_vec().into()],
    );
}

/// Removes from the store the nonces of signatures that are stale by now, and would be if our clock went back as far
/// as a client's may be ahead; a job calls it now and then.
///
/// # Errors
/// [`StoreError`].
pub async fn forget_used_nonces(db: &Db, now: Timestamp) -> Result<(), StoreError> {
    const OVER: Ended = Ended {
        any: "SELECT 1 FROM used_nonce WHERE until < $1 LIMIT 1",
        some: "DELETE FROM used_nonce WHERE until < $1 AND until <= \
             (SELECT max(until) FROM (SELECT until FROM used_nonce ORDER BY until LIMIT $2) AS oldest)",
    };
    db.forget(&OVER, now.minus(CLOCK_AHEAD)).await
}

/// Uses up `entry`, a good signature by `key`.
pub(super) async fn use_once(
    exchange: &Exchange,
    entry: &Entry<'_>,
    key: &Jwk,
    services: &Services,
) -> Result<Used, Fault> {
    let place = place(entry, key);
    let created = Timestamp::from_seconds(entry.parameters().created.unwrap_or_default());
    let stale = created.plus(PROOF_AGE + A_SECOND);
    let used = Used { place, stale };
    let now = services.clock.now();
    if now >= stale {
        return Err(Code::Stale.into());
    }
    // Whatever its date: `created` may lie ahead of our clock.
    let until = now.plus(PROOF_AGE + CLOCK_AHEAD + A_SECOND);
    if exchange.moves_money() {
        return match services.nonces.insert(place, (), until, now).await {
            Ok(Seen::First) => Ok(used),
            Ok(Seen::Before) => Err(Code::Replayed.into()),
            Err(full) => Err(not_remembered(full)),
        };
    }
    let once = services.dpop.used_at_resources().once(place, created, until, now);
    match once.await {
        Ok(()) => Ok(used),
        Err(ReplayRefusal::BeforeStart) => {
            Err(Fault::new(Code::Stale).cause("made before this gateway started"))
        }
        Err(ReplayRefusal::Seen) => Err(Code::Replayed.into()),
        Err(refusal @ ReplayRefusal::Overloaded) => Err(not_remembered(refusal)),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

    fn used(nonce: u8, created: Timestamp) -> Used {
        Used {
            place: [nonce; 32],
            stale: created.plus(PROOF_AGE + A_SECOND),
        }
    }

    async fn guard_that_fails(db: &Db, used: &Used) -> Option<&'static str> {
        let mut batch = Batch::new();
        keep(&mut batch, used);
        let failed = db.commit(batch).await.err()?;
        Some(failed.guard().unwrap_or("none"))
    }

    /// SIG-11: memory is one process's, and the store is the last to ask.
    #[tokio::test]
    async fn a_signature_stands_in_the_store_once() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&folder.path().join("gate.db")).unwrap();
        assert_eq!(guard_that_fails(&db, &used(1, NOW)).await, None);
        assert_eq!(guard_that_fails(&db, &used(2, NOW)).await, None);
        assert_eq!(guard_that_fails(&db, &used(1, NOW)).await, Some(NONCE_IS_FRESH));
    }

    /// SIG-11: a restart forgets nothing that is not stale.
    #[tokio::test]
    async fn the_next_process_remembers_what_is_not_stale_yet() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&folder.path().join("gate.db")).unwrap();
        let before = NOW.minus(PROOF_AGE + CLOCK_AHEAD + A_SECOND * 2);
        for used in [used(1, NOW), used(2, before)] {
            assert_eq!(guard_that_fails(&db, &used).await, None);
        }
        let memory = remembered_nonces(&db, NOW).await.unwrap();
        let until = NOW.plus(A_SECOND);
        for (nonce, seen) in [(1, Seen::Before), (2, Seen::First)] {
            assert_eq!(memory.insert([nonce; 32], (), until, NOW).await.unwrap(), seen);
        }
        forget_used_nonces(&db, NOW).await.unwrap();
        assert_eq!(guard_that_fails(&db, &used(1, NOW)).await, Some(NONCE_IS_FRESH));
        assert_eq!(guard_that_fails(&db, &used(2, before)).await, None);
    }
}
