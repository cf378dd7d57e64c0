//! A request signature is good once (SIG-11, design 6): by its nonce, and where none is needed and none came, by itself.
//!
//! On routes that move money the Sealed write remembers the nonce in the store, and shortly after a start the store is
//! asked. Elsewhere memory is all there is: what is dated before it began is stale, and what is dated ahead of our clock
//! is remembered durably too.

use std::time::Duration;

use countersign_jose::jwk::Jwk;
use countersign_signatures::Entry;

use super::exchange::Exchange;
use super::journey::Services;
use crate::base::limits::{CLOCK_AHEAD, PROOF_AGE};
use crate::base::{Code, Fault, Timestamp};
use crate::oauth::replay::ReplayRefusal;
use crate::store::ephemeral::Seen;

/// `created` counts whole seconds: a signature is accepted to the end of its last one.
const A_SECOND: Duration = Duration::from_secs(1);

/// Uses up `entry`, a good signature by `key`. The answer is its name in memory and store.
pub(super) async fn use_once(
    exchange: &Exchange,
    entry: &Entry<'_>,
    key: &Jwk,
    services: &Services,
) -> Result<[u8; 32], Fault> {
    let place = place(entry, key);
    let created = Timestamp::from_seconds(entry.parameters().created.unwrap_or_default());
    let until = exchange.at.plus(PROOF_AGE + CLOCK_AHEAD + A_SECOND);
    if exchange.moves_money() {
        match services.nonces.insert(place, (), until, exchange.at).await {
            Ok(Seen::First) => {}
            Ok(Seen::Before) => return Err(Code::Replayed.into()),
            Err(full) => return Err(not_remembered(full)),
        }
        if created <= services.started_at.plus(CLOCK_AHEAD) {
            refuse_if_stored(&place, services).await?;
        }
        return Ok(place);
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

/// What was made before the start, or dated ahead then, may have been used then: whoever only overheard a payment must not
/// read its answer from the record.
async fn refuse_if_stored(place: &[u8; 32], services: &Services) -> Result<(), Fault> {
    let sql = "SELECT until FROM used_nonce WHERE nonce = $1";
    match services.db.query_one(sql, vec![place.to_vec().into()]).await? {
        Some(_) => Err(Code::Replayed.into()),
        None => Ok(()),
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
