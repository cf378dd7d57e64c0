//! Permitted → Sealed: one atomic write takes what the permission needs, then the outbound head is built and signed.
//!
//! Any guard that fails rolls everything back: a counter that filled up meanwhile sends the request back to Permitted once,
//! a session that ended, a nonce or a key that was used ends it.

use bytes::Bytes;
use http::request;

use super::attest::Attestation;
use super::exchange::Exchange;
use super::journey::Services;
use super::outbound_head::{countersign, passed_on};
use super::permit::{Permission, Permitted};
use super::refusal::Refused;
use super::txn_token::{self, Subject};
use crate::base::event::Digest;
use crate::base::limits::{CLOCK_AHEAD, PROOF_AGE};
use crate::base::{Code, Event, Fault, TransactionId};
use crate::identity::session;
use crate::store::{Batch, StoreError};
use crate::transaction::{exemption, idempotency};
use crate::upstream::Sendable;

/// The guard that fails when a nonce was used before.
const NONCE_IS_FRESH: &str = "the nonce is fresh";

/// A request that may be forwarded: everything it needs is taken, and what it became is on record. The only type that
/// `upstream::send` takes.
pub struct Sealed {
    outbound: http::Request<Bytes>,
    upstream: String,
    deadline: std::time::Duration,
    answer_limit: usize,
    answer_must_be_signed: bool,
}

/// What outlives the sending: the exchange to answer, and the payment whose outcome is to be recorded.
pub(super) struct Pending {
    pub(super) exchange: Box<Exchange>,
    /// Present where a durable reservation was made.
    pub(super) payment: Option<Reservation>,
}

/// A payment on record as reserved.
pub(super) struct Reservation {
    pub(super) scope: idempotency::Scope,
    pub(super) transaction: TransactionId,
}

impl Sendable for Sealed {
    fn upstream(&self) -> &str {
        &self.upstream
    }

    fn deadline(&self) -> std::time::Duration {
        self.deadline
    }

    fn answer_limit(&self) -> usize {
        self.answer_limit
    }

    fn answer_must_be_signed(&self) -> bool {
        self.answer_must_be_signed
    }

    fn into_request(self) -> http::Request<Bytes> {
        self.outbound
    }
}

/// Why a request could not be sealed.
enum Obstacle {
    /// A guard or the store.
    Store(StoreError),
    /// Something else; nothing was taken.
    Fault(Fault),
}

/// Builds what goes out, takes what the permission needs, and only then calls it sealed.
pub(super) async fn seal(permitted: Permitted, services: &Services) -> Result<(Sealed, Pending), Refused> {
    let (exchange, facts, permission) = permitted.into_parts();
    match attempt(&exchange, &facts, permission.as_ref(), services).await {
        Ok((sealed, payment)) => Ok((sealed, Pending { exchange, payment })),
        Err(Obstacle::Store(StoreError::Guard(exemption::UNDER_LIMIT))) => {
            // Another payment took the last place of the exemption: the policies say what that means, once.
            let again = Permitted::decide_again(exchange, facts, services).await?;
            let (exchange, facts, permission) = again.into_parts();
            match attempt(&exchange, &facts, permission.as_ref(), services).await {
                Ok((sealed, payment)) => Ok((sealed, Pending { exchange, payment })),
                Err(obstacle) => Err(refused(exchange, &facts, obstacle)),
            }
        }
        Err(obstacle) => Err(refused(exchange, &facts, obstacle)),
    }
}

/// The outbound head is signed before the write, so that after it nothing is left that could fail.
async fn attempt(
    exchange: &Exchange,
    facts: &Attestation,
    held: Option<&Permission>,
    services: &Services,
) -> Result<(Sealed, Option<Reservation>), Obstacle> {
    let transaction = TransactionId::random(&*services.entropy);
    let sealed = outbound(exchange, facts, held, &transaction, services).map_err(Obstacle::Fault)?;
    let payment = match held {
        Some(held) => take(exchange, facts, held, &transaction, services)
            .await
            .map_err(Obstacle::Store)?,
        None => None,
    };
    Ok((sealed, payment))
}

fn refused(exchange: Box<Exchange>, facts: &Attestation, obstacle: Obstacle) -> Refused {
    let fault = match obstacle {
        Obstacle::Fault(fault) => fault,
        Obstacle::Store(error) => store_fault(error),
    };
    let refused = Refused::new(exchange, fault);
    match &facts.caller {
        Some(caller) => refused.of(&caller.token.subject, &caller.token.client),
        None => refused,
    }
}

fn store_fault(error: StoreError) -> Fault {
    match error.guard() {
        Some(session::SESSION_IS_LIVE) => Code::TokenInvalid.into(),
        Some(NONCE_IS_FRESH) => Code::Replayed.into(),
        Some(idempotency::KEY_IS_FREE) => {
            Fault::new(Code::InProgress).retry_after(std::time::Duration::from_secs(1))
        }
        Some(exemption::UNDER_LIMIT) => {
            Fault::new(Code::PolicyDenied).cause("the exemption was used up twice meanwhile")
        }
        _ => error.into(),
    }
}

/// The Sealed write. Requests that reserve nothing durable need none: their liveness was checked at Identified.
async fn take(
    exchange: &Exchange,
    facts: &Attestation,
    held: &Permission,
    transaction: &TransactionId,
    services: &Services,
) -> Result<Option<Reservation>, StoreError> {
    let (Some(caller), Some(key), Some(route)) = (&facts.caller, &facts.idempotency_key, &exchange.route)
    else {
        return Ok(None);
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
    let fingerprint = fingerprint(exchange, facts);
    idempotency::reserve(
        &mut batch,
        &scope,
        &fingerprint,
        &token.subject,
        transaction,
        exchange.at,
    );
    if let Some(nonce) = &facts.nonce {
        let until = exchange.at.plus(PROOF_AGE + CLOCK_AHEAD);
        batch.one_row(
            NONCE_IS_FRESH,
            "INSERT INTO used_nonce (nonce, until) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            vec![nonce.to_vec().into(), until.into()],
        );
    }
    let consumed = held.permit.exemption.as_ref().and_then(|grant| grant.consumes);
    if let (Some(consumption), Some(payment)) = (consumed, &held.transaction) {
        let amount = payment.intent.amount_minor();
        exemption::consume(&mut batch, &token.subject, &payment.account, amount, consumption);
    }
    batch.record(
        exchange.at,
        &*services.entropy,
        &permitted_event(facts, held, transaction, exchange, caller),
    );
    services.db.commit(batch).await?;
    Ok(Some(Reservation {
        scope,
        transaction: transaction.clone(),
    }))
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
        &facts.content_digest,
        content_type,
    )
}

fn permitted_event(
    facts: &Attestation,
    held: &Permission,
    transaction: &TransactionId,
    exchange: &Exchange,
    caller: &super::identify::Caller,
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
        content: Digest::new(&facts.content_digest),
        exemption: held
            .permit
            .exemption
            .as_ref()
            .map(|grant| grant.kind.as_str().to_owned()),
        policy_version: held.permit.version.to_string(),
    }
}

fn outbound(
    exchange: &Exchange,
    facts: &Attestation,
    held: Option<&Permission>,
    transaction: &TransactionId,
    services: &Services,
) -> Result<Sealed, Fault> {
    let route = exchange.route.as_ref().ok_or(Code::RouteUnknown)?;
    let name = &route.route.upstream;
    let upstream = exchange
        .snapshot
        .config
        .upstream(name)
        .ok_or(Code::UpstreamUnavailable)?;
    let authority = exchange
        .snapshot
        .upstreams
        .authority(name)
        .ok_or(Code::UpstreamUnavailable)?;
    let entropy = &*services.entropy;
    let mut headers = passed_on(exchange, entropy);
    if let (Some(caller), Some(permission)) = (&facts.caller, held) {
        let trust_domain = &upstream.trust_domain;
        let subject = Subject {
            exchange,
            facts,
            caller,
            permission,
            transaction,
            trust_domain,
        };
        let txn_token = txn_token::issue(&subject, &services.pseudonyms)?;
        countersign(&mut headers, exchange, facts, &txn_token, authority, entropy)?;
    }
    let (mut head, ()) = http::Request::new(()).into_parts();
    set_target(&mut head, exchange);
    head.headers = headers;
    Ok(Sealed {
        outbound: http::Request::from_parts(head, facts.body.clone()),
        upstream: upstream.name.clone(),
        deadline: route.route.timeout.unwrap_or(upstream.timeout),
        answer_limit: usize::try_from(route.route.answer_limit).unwrap_or(usize::MAX),
        answer_must_be_signed: exchange.answers_are_signed(),
    })
}

fn set_target(head: &mut request::Parts, exchange: &Exchange) {
    head.method = exchange.head.method.clone();
    let mut target = http::uri::Parts::default();
    target.path_and_query = exchange.head.uri.path_and_query().cloned();
    head.uri = http::Uri::from_parts(target).unwrap_or_default();
}
