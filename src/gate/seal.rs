//! Permitted → Sealed: one atomic write takes what the permission needs, then the outbound head is built and signed.
//!
//! Any guard that fails rolls everything back: a counter that filled up meanwhile, or other policies in force, send the
//! request back to Permitted once; a session that ended, a nonce or a key that was used ends it.

use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{HeaderName, request};

use super::attest::Attestation;
use super::exchange::Exchange;
use super::journey::Services;
use super::order;
use super::outbound_head::{OutboundTarget, add_client_signatures, countersign, passed_on};
use super::permit::{Permission, Permitted, passage};
use super::probe::Settling;
use super::recall::ASK_AGAIN;
use super::refusal::Refused;
use super::sealed_write::{Reservation, likeness, refusal, take};
use super::snapshot::Snapshot;
use super::txn_token::{self, Subject};
use crate::base::fault::Cure;
use crate::base::limits::BEGINS_WITHIN;
use crate::base::{Clock, Code, Fault, Timestamp, TransactionId};
use crate::config::Access;
use crate::store::StoreError;
use crate::transaction::settlement;
use crate::transaction::{exemption, idempotency};
use crate::upstream::{LatestStart, Sendable};

/// A request that may be forwarded: everything it needs is taken, and what it became is on record. The only type that
/// `upstream::send` takes.
pub struct Sealed {
    outbound: http::Request<Bytes>,
    upstream: String,
    deadline: std::time::Duration,
    latest_start: Option<LatestStart>,
    answer_limit: usize,
    answer_must_be_signed: bool,
    kept_answer_headers: Vec<HeaderName>,
}

/// What outlives the sending: the exchange to answer, and the payment whose outcome is to be recorded.
pub(super) struct Pending {
    pub(super) exchange: Box<Exchange>,
    /// Present where a durable reservation was made.
    pub(super) payment: Option<Reservation>,
}

/// What goes out, and what is kept to find out its outcome should it be lost.
struct Outbound {
    sealed: Sealed,
    /// Sealed; absent where nothing durable is reserved.
    order: Option<Vec<u8>>,
}

impl Sendable for Sealed {
    fn upstream(&self) -> &str {
        &self.upstream
    }

    fn deadline(&self) -> std::time::Duration {
        self.deadline
    }

    fn latest_start(&self) -> Option<LatestStart> {
        self.latest_start.clone()
    }

    fn answer_limit(&self) -> usize {
        self.answer_limit
    }

    fn kept_answer_headers(&self) -> &[HeaderName] {
        &self.kept_answer_headers
    }

    fn answer_must_be_signed(&self) -> bool {
        self.answer_must_be_signed
    }

    fn into_request(self) -> http::Request<Bytes> {
        self.outbound
    }
}

impl Sealed {
    /// A question about a payment that was sealed and sent before, or the same request again to a backend that executes it
    /// once; made from the record of that payment only.
    pub(super) fn of_settlement(settling: Settling, clock: &Arc<dyn Clock>) -> Self {
        Self {
            outbound: settling.outbound,
            upstream: settling.upstream,
            deadline: settling.deadline,
            latest_start: Some(latest_start(clock, settling.dated)),
            answer_limit: settling.answer_limit,
            answer_must_be_signed: true,
            // What is kept to settle a payment is its outcome; nothing of it acts on an origin.
            kept_answer_headers: Vec::new(),
        }
    }
}

/// Why a request could not be sealed.
enum Obstacle {
    /// A guard or the store.
    Store(StoreError),
    /// Other policies are in force than those that decided.
    Outdated,
    /// Something else; nothing was taken.
    Fault(Fault),
}

impl Obstacle {
    /// Whether deciding once more may help.
    fn asks_for_a_decision(&self) -> bool {
        matches!(
            self,
            Self::Outdated | Self::Store(StoreError::Guard(exemption::UNDER_LIMIT))
        )
    }
}

/// Builds what goes out, takes what the permission needs, and only then calls it sealed.
pub(super) async fn seal(
    permitted: Permitted,
    in_force: &ArcSwap<Snapshot>,
    services: &Services,
) -> Result<(Sealed, Pending), Refused> {
    let (exchange, facts, permission) = permitted.into_parts();
    match attempt(&exchange, &facts, permission.as_ref(), in_force, services).await {
        Ok((sealed, payment)) => Ok((sealed, Pending { exchange, payment })),
        Err(obstacle) if obstacle.asks_for_a_decision() => {
            // Another payment took the last place of the exemption, or other policies are in force: those say now what that
            // means, once.
            let exchange = exchange.under_policies_of(&in_force.load());
            let again = Box::pin(Permitted::decide_again(exchange, facts, services)).await?;
            let (exchange, facts, permission) = again.into_parts();
            let attempted = attempt(&exchange, &facts, permission.as_ref(), in_force, services);
            match Box::pin(attempted).await {
                Ok((sealed, payment)) => Ok((sealed, Pending { exchange, payment })),
                Err(obstacle) => {
                    Err(refused(exchange, &facts, permission.as_ref(), obstacle, services).await)
                }
            }
        }
        Err(obstacle) => Err(refused(exchange, &facts, permission.as_ref(), obstacle, services).await),
    }
}

/// The outbound head is signed before the write, so that after it nothing is left that could fail.
async fn attempt(
    exchange: &Exchange,
    facts: &Attestation,
    held: Option<&Permission>,
    in_force: &ArcSwap<Snapshot>,
    services: &Services,
) -> Result<(Sealed, Option<Reservation>), Obstacle> {
    // Where nobody was asked who they are, nothing has a name.
    let transaction = held.map(|_| TransactionId::fresh(exchange.at, &*services.entropy));
    let Outbound { sealed, order } =
        outbound(exchange, facts, held, transaction.as_ref(), services).map_err(Obstacle::Fault)?;
    let (Some(held), Some(order), Some(transaction)) = (held, order, transaction) else {
        pass(exchange, facts, held, services)?;
        return Ok((sealed, None));
    };
    if !is_decided_by(held, &in_force.load()) {
        return Err(Obstacle::Outdated);
    }
    // Only a payment needs the room that this takes; every request would have it.
    let reservation = Box::pin(take(exchange, facts, held, &transaction, order, services)).await;
    Ok((sealed, Some(reservation.map_err(Obstacle::Store)?)))
}

/// Puts a request that takes nothing on record, with all others of this moment. One that may change something at the backend
/// waits until earlier ones could be written.
fn pass(
    exchange: &Exchange,
    facts: &Attestation,
    held: Option<&Permission>,
    services: &Services,
) -> Result<(), Obstacle> {
    let (Some(held), Some(caller), Some(route)) = (held, &facts.caller, &exchange.route) else {
        return Ok(());
    };
    let changes = route.route.access == Access::Signed;
    if changes && (services.passages.are_unwritten() || services.db.read_only().is_some()) {
        return Err(Obstacle::Fault(Code::StoreUnavailable.into()));
    }
    let passage = passage(caller, route.name.clone());
    services.passages.count(passage, &held.permit.version);
    Ok(())
}

/// Whether it was the policies of `in_force` that decided.
pub(super) fn is_decided_by(held: &Permission, in_force: &Snapshot) -> bool {
    *held.permit.version == *in_force.policy().version()
}

async fn refused(
    exchange: Box<Exchange>,
    facts: &Attestation,
    held: Option<&Permission>,
    obstacle: Obstacle,
    services: &Services,
) -> Refused {
    let fault = match obstacle {
        Obstacle::Fault(fault) => fault,
        Obstacle::Outdated => Fault::new(Code::Overloaded)
            .cause("the policies changed twice meanwhile")
            .retry_after(ASK_AGAIN),
        Obstacle::Store(StoreError::Guard(idempotency::NO_EQUAL_IS_UNKNOWN)) => {
            equal_is_unknown(&exchange, facts, held, services).await
        }
        Obstacle::Store(error) => refusal(error),
    };
    let refused = Refused::new(exchange, fault);
    match &facts.caller {
        Some(caller) => refused.of(&caller.token.subject, &caller.token.client),
        None => refused,
    }
}

/// Names the first payment, by its key where it is this app's own.
async fn equal_is_unknown(
    exchange: &Exchange,
    facts: &Attestation,
    held: Option<&Permission>,
    services: &Services,
) -> Fault {
    let fault = Fault::new(Code::OutcomeUnknown)
        .detail("An equal payment was sent before and its outcome is not known yet; wait for it instead of paying again.")
        .retry_after(ASK_AGAIN);
    let (Some(caller), Some(payment)) = (&facts.caller, held.and_then(|held| held.transaction.as_ref()))
    else {
        return fault;
    };
    let likeness = likeness(payment, caller, services);
    let Ok(Some((transaction, sealed))) = settlement::first_equal(&services.db, &likeness).await else {
        return fault;
    };
    match order::open(&sealed, &transaction, &exchange.snapshot.keys) {
        Some(order) if order.client == caller.token.client => fault.cure(Cure::First(order.key)),
        _ => fault,
    }
}

fn outbound(
    exchange: &Exchange,
    facts: &Attestation,
    held: Option<&Permission>,
    transaction: Option<&TransactionId>,
    services: &Services,
) -> Result<Outbound, Fault> {
    let route = exchange.route.as_ref().ok_or(Code::RouteUnknown)?;
    let name = &route.route.upstream;
    let snapshot = &exchange.snapshot;
    let upstream = snapshot.config.upstream(name).ok_or(Code::UpstreamUnavailable)?;
    let authority = snapshot
        .upstreams
        .authority(name)
        .ok_or(Code::UpstreamUnavailable)?;
    let entropy = &*services.entropy;
    // Not of the request's arrival: its body may have taken most of the time that a token lives.
    let dated = services.clock.now();
    let mut headers = passed_on(exchange, entropy);
    let mut order = None;
    if let (Some(caller), Some(permission), Some(transaction)) = (&facts.caller, held, transaction) {
        let subject = Subject {
            exchange,
            facts,
            caller,
            permission,
            transaction,
            trust_domain: &upstream.trust_domain,
            dated,
        };
        let claims = txn_token::claims(&subject, &services.pseudonyms);
        let client_signatures = add_client_signatures(&mut headers, exchange, facts)?;
        if facts.idempotency_key.is_some() {
            let kept = order::of(exchange, facts, &claims, &headers, &upstream.settle);
            order = kept.map(|kept| order::seal(&kept, transaction, &snapshot.keys, entropy));
        }
        let target = OutboundTarget {
            method: exchange.method(),
            authority,
            path: exchange.path(),
            query: exchange.query(),
            client_signatures: &client_signatures,
        };
        let txn_token = txn_token::sign(&claims, &snapshot.keys)?;
        countersign(&mut headers, &target, txn_token, &snapshot.keys, dated, entropy)?;
    }
    let (mut head, ()) = http::Request::new(()).into_parts();
    set_target(&mut head, exchange);
    head.headers = headers;
    let sealed = Sealed {
        outbound: http::Request::from_parts(head, facts.body.clone()),
        upstream: upstream.name.clone(),
        deadline: route.route.timeout.unwrap_or(upstream.timeout),
        // Without a caller there is no token that could grow old.
        latest_start: transaction.map(|_| latest_start(&services.clock, dated)),
        answer_limit: usize::try_from(route.route.answer_limit).unwrap_or(usize::MAX),
        answer_must_be_signed: exchange.answers_are_signed(),
        kept_answer_headers: route.route.answer_headers.clone(),
    };
    Ok(Outbound { sealed, order })
}

fn latest_start(clock: &Arc<dyn Clock>, dated: Timestamp) -> LatestStart {
    LatestStart::new(Arc::clone(clock), dated.plus(BEGINS_WITHIN))
}

fn set_target(head: &mut request::Parts, exchange: &Exchange) {
    head.method = exchange.head.method.clone();
    let mut target = http::uri::Parts::default();
    target.path_and_query = exchange.head.uri.path_and_query().cloned();
    head.uri = http::Uri::from_parts(target).unwrap_or_default();
}
