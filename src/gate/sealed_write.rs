//! The Sealed write: the first of a payment's two durable writes, and the last moment at which it can be refused.
//!
//! Every guard must hold, or nothing of it happens: the session is live, no equal payment is in the dark, the key is free,
//! the nonce fresh, the exemption's counter under its limit.

use super::attest::Attestation;
use super::exchange::Exchange;
use super::identify::Caller;
use super::journey::Services;
use super::nonce;
use super::permit::{Permission, Transaction};
use super::recall::fingerprint;
use super::receipt;
use crate::audit::receipt::TermDigests;
use crate::base::event::Digest;
use crate::base::{Code, Event, Fault, TransactionId};
use crate::identity::session;
use crate::store::{Batch, StoreError};
use crate::transaction::underway::Held;
use crate::transaction::{exemption, idempotency};

/// A payment on record as reserved.
pub(super) struct Reservation {
    pub(super) scope: idempotency::Scope,
    pub(super) transaction: TransactionId,
    /// What equal payments share, where it moves money.
    pub(super) likeness: Option<[u8; 32]>,
    /// By what its receipt is vouched for, where it moves money.
    pub(super) terms: Option<TermDigests>,
    /// What it took of an exemption.
    pub(super) consumed: Option<exemption::Consumed>,
    /// Says that this process carries it, until it is concluded.
    pub(super) held: Held,
}

/// Takes all that the permission needs. Requests that reserve nothing durable need no write: their liveness was checked at
/// Identified.
pub(super) async fn take(
    exchange: &Exchange,
    facts: &Attestation,
    held: &Permission,
    transaction: &TransactionId,
    settlement_order: Vec<u8>,
    services: &Services,
) -> Result<Reservation, StoreError> {
    // An order is made for requests with a caller, a key and a route only.
    let (Some(caller), Some(key), Some(route)) = (&facts.caller, &facts.idempotency_key, &exchange.route)
    else {
        return Err(StoreError::Busy);
    };
    let token = &caller.token;
    let scope = idempotency::Scope::of(&token.client, &token.subject, &route.name, key);
    let mut batch = Batch::new();
    session::live_guard(
        &mut batch,
        &token.session,
        &token.client,
        &token.subject,
        exchange.at,
    );
    let payment = held.transaction.as_ref();
    let likeness = payment.map(|payment| likeness(payment, caller, services));
    if likeness.is_some_and(|likeness| services.underway.keeps_equal(&likeness)) {
        return Err(StoreError::Guard(idempotency::NO_EQUAL_IS_UNKNOWN));
    }
    let reservation = idempotency::Reservation {
        scope: &scope,
        fingerprint: &fingerprint(exchange, facts),
        customer: &token.subject,
        transaction,
        likeness,
        upstream: &route.route.upstream,
        settlement_order,
    };
    idempotency::reserve(&mut batch, reservation, exchange.at);
    if let Some(used) = &facts.nonce {
        nonce::keep(&mut batch, used);
    }
    let consumes = held.permit.exemption.as_ref().and_then(|grant| grant.consumes);
    let consumed = consumes.zip(payment).map(|(consumption, payment)| {
        let amount = payment.intent.amount_minor();
        exemption::consume(&mut batch, &token.subject, &payment.account, amount, consumption)
    });
    let receipts = &services.receipts;
    let terms = match receipt::terms(exchange, facts, held, transaction) {
        Some(terms) => Some(
            receipts
                .open(&mut batch, &token.subject, &terms, exchange.at)
                .await?,
        ),
        None => None,
    };
    batch.record(
        exchange.at,
        &*services.entropy,
        &permitted_event(facts, held, transaction, exchange, caller),
    );
    let held = services.underway.begin(transaction);
    commit(batch, services).await?;
    Ok(Reservation {
        scope,
        transaction: transaction.clone(),
        likeness,
        terms,
        consumed,
        held,
    })
}

/// On disk before the request may go out.
#[cfg(not(feature = "fault-injection"))]
async fn commit(batch: Batch, services: &Services) -> Result<(), StoreError> {
    services.db.commit(batch).await
}

/// A gate that sends before it commits, to show that the crash test finds it. Never part of a gateway.
#[cfg(feature = "fault-injection")]
async fn commit(batch: Batch, services: &Services) -> Result<(), StoreError> {
    let db = services.db.clone();
    tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        db.commit(batch).await
    });
    Ok(())
}

/// What equal payments of a customer share, whichever app sends them.
pub(super) fn likeness(payment: &Transaction, caller: &Caller, services: &Services) -> [u8; 32] {
    let intent = &payment.intent;
    let debtor = intent.debtor().map(ToString::to_string).unwrap_or_default();
    let parts = [
        caller.token.subject.as_str(),
        &debtor,
        &payment.payee,
        &intent.amount(),
        intent.currency().code(),
    ];
    services.pseudonyms.place("equal-payment", &parts)
}

fn permitted_event(
    facts: &Attestation,
    held: &Permission,
    transaction: &TransactionId,
    exchange: &Exchange,
    caller: &Caller,
) -> Event {
    let token = &caller.token;
    Event::Permitted {
        customer: token.subject.clone(),
        client: token.client.clone(),
        session: token.session.clone(),
        route: exchange
            .route
            .as_ref()
            .map_or_else(|| crate::base::RouteName::new(""), |route| route.name.clone()),
        transaction: transaction.clone(),
        intent: held
            .transaction
            .as_ref()
            .map(|payment| Digest::new(payment.intent.digest().as_bytes())),
        content: Digest::new(&facts.content_digest()),
        exemption: held
            .permit
            .exemption
            .as_ref()
            .map(|grant| grant.kind.as_str().to_owned()),
        policy_version: held.permit.version.to_string(),
    }
}

/// Why the write was refused, for the client.
pub(super) fn refusal(error: StoreError) -> Fault {
    match error.guard() {
        Some(session::SESSION_IS_LIVE) => Code::TokenInvalid.into(),
        Some(nonce::NONCE_IS_FRESH) => Code::Replayed.into(),
        Some(idempotency::KEY_IS_FREE) => {
            Fault::new(Code::InProgress).retry_after(std::time::Duration::from_secs(1))
        }
        Some(exemption::UNDER_LIMIT) => {
            Fault::new(Code::PolicyDenied).cause("the exemption was used up twice meanwhile")
        }
        _ => error.into(),
    }
}
