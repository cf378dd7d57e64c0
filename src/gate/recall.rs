//! Attested → answered from the record, or new: the idempotency key is looked up before any policy.

use std::time::Duration;

use http::HeaderValue;

use super::attest::{Attestation, Attested};
use super::exchange::Exchange;
use super::forward::{Answered, respond};
use super::journey::Services;
use super::kept;
use super::refusal::Refused;
use crate::base::{Code, Fault};
use crate::store::StoreError;
use crate::transaction::idempotency::{self, Outcome, Record};

/// How long a client should wait before it asks again for an outcome.
pub(super) const ASK_AGAIN: Duration = Duration::from_secs(2);

/// What the record says about a request: an answer from before, or that it is new.
pub(super) enum Recalled {
    /// Answered from the record; no counter was touched.
    Answered(Answered),
    /// New, or never sent: it goes on.
    New(Box<Attested>),
}

/// Looks up the idempotency key.
pub(super) async fn recall(attested: Attested, services: &Services) -> Result<Recalled, Refused> {
    let (exchange, facts) = attested.into_parts();
    match find(&exchange, &facts, services).await {
        Ok(None) => Ok(Recalled::New(Box::new(Attested::again(exchange, facts)))),
        Ok(Some(record)) => tell(exchange, facts, record, services),
        Err(error) => Err(Refused::new(exchange, error)),
    }
}

async fn find(
    exchange: &Exchange,
    facts: &Attestation,
    services: &Services,
) -> Result<Option<Record>, StoreError> {
    let (Some(caller), Some(key), Some(route)) = (&facts.caller, &facts.idempotency_key, &exchange.route)
    else {
        return Ok(None);
    };
    let scope = idempotency::Scope::of(&caller.token.client, &caller.token.subject, &route.name, key);
    idempotency::find(&services.db, &scope).await
}

fn tell(
    mut exchange: Box<Exchange>,
    facts: Attestation,
    record: Record,
    services: &Services,
) -> Result<Recalled, Refused> {
    if !record.is_of(&fingerprint(&exchange, &facts)) {
        return Err(Refused::new(exchange, Code::IdempotencyKeyReused));
    }
    if exchange.moves_money() && record.outcome != Outcome::Unsent {
        exchange.payment = Some(record.transaction.clone());
    }
    let fault = match &record.outcome {
        Outcome::Unsent => return Ok(Recalled::New(Box::new(Attested::again(exchange, facts)))),
        Outcome::Reserved if services.underway.is_sending(&record.transaction) => {
            Fault::new(Code::InProgress).retry_after(ASK_AGAIN)
        }
        // Cut off, or its conclusion waits for the store: the client was told so, and is told so again.
        Outcome::Reserved | Outcome::Unknown => Fault::new(Code::OutcomeUnknown).retry_after(ASK_AGAIN),
        Outcome::NotExecuted => Code::NotExecuted.into(),
        Outcome::Answered(sealed) => match kept::open(sealed, &record.transaction, &exchange.snapshot.keys) {
            Ok(mut answer) => {
                let replayed = HeaderValue::from_static("true");
                answer.headers.insert("idempotency-replayed", replayed);
                return Ok(Recalled::Answered(respond(&exchange, answer, services)));
            }
            Err(fault) => fault,
        },
    };
    Err(Refused::new(exchange, fault))
}

/// What must be equal for a request to be the same as an earlier one with its key.
pub(super) fn fingerprint(exchange: &Exchange, facts: &Attestation) -> idempotency::Fingerprint {
    let content_type = exchange
        .head
        .headers
        .get(http::header::CONTENT_TYPE)
        .map_or(&b""[..], |value| value.as_bytes());
    idempotency::Fingerprint::of(
        exchange.method(),
        &exchange.target_uri(),
        &facts.content_digest(),
        content_type,
    )
}
