//! Sealed → Answered: the request goes out, what became of it is recorded, and the answer is made ready for the client.

use std::sync::Arc;

use http::header::CACHE_CONTROL;
use http::{HeaderValue, Response};
use http_body_util::BodyExt as _;

use super::answer_signature::sign_answer;
use super::exchange::Exchange;
use super::journey::Services;
use super::kept::{Kept, keep};
use super::limits::logs_in;
use super::recall::ASK_AGAIN;
use super::receipt;
use super::refusal::Refused;
use super::seal::{Pending, Sealed};
use super::sealed_write::Reservation;
use super::snapshot::GateRoute;
use super::spare;
use crate::answer::{Body, HangUp, add_security_headers, oauth_refusal, problem};
use crate::base::event::Digest;
use crate::base::{ClientId, Code, Entropy, Event, Fault, TransactionId};
use crate::store::Batch;
use crate::transaction::exemption;
use crate::transaction::idempotency::{self, Outcome};
use crate::transaction::underway::Unwritten;
use crate::upstream::{self, Answer, SendError};

/// The end of a journey: an answer, signed where answers are signed.
pub(super) struct Answered {
    pub(super) response: Response<Body>,
    /// The code of the refusal, when it is one.
    pub(super) code: Option<Code>,
    pub(super) route: Option<Arc<GateRoute>>,
    /// The app whose access token came with the request.
    pub(super) client: Option<ClientId>,
}

/// Sends, and records what became of it before the client hears of it.
pub(super) async fn forward(sealed: Sealed, pending: Pending, services: &Services) -> Answered {
    let Pending {
        mut exchange,
        payment,
    } = pending;
    let sent = upstream::send(&exchange.snapshot.upstreams, sealed).await;
    let Some(reservation) = payment else {
        return match sent {
            Ok(answer) => {
                let answered = respond(&exchange, answer, services);
                spare::keep(std::mem::take(&mut exchange.head.headers));
                answered
            }
            Err(error) => refuse(Refused::new(exchange, fault_of(error)), services).await,
        };
    };
    conclude(exchange, reservation, sent, services).await
}

/// Records the outcome of a payment. When the store does not take it, it is kept until it does, and the client reads that
/// the outcome is unknown; should the process end before, the row is reserved by nobody and is settled.
async fn conclude(
    mut exchange: Box<Exchange>,
    reservation: Reservation,
    sent: Result<Answer, SendError>,
    services: &Services,
) -> Answered {
    let (outcome, event, verdict) = outcome(&exchange, &reservation.transaction, sent, &*services.entropy);
    if reservation.terms.is_some() && outcome != Outcome::Unsent {
        exchange.payment = Some(reservation.transaction.clone());
    }
    let batch = Arc::new(conclusion(&reservation, &outcome, event, services));
    let unwritten = Unwritten {
        batch,
        likeness: reservation.likeness,
        held: reservation.held,
    };
    let written = services.underway.conclude(&services.db, unwritten);
    if let Err(error) = written.await {
        tracing::error!(%error, "the outcome of a payment could not be recorded");
        let fault = Fault::new(Code::OutcomeUnknown)
            .retry_after(ASK_AGAIN)
            .cause(error);
        return refuse(Refused::new(exchange, fault), services).await;
    }
    match verdict {
        Ok(answer) => respond(&exchange, answer, services),
        Err(fault) => refuse(Refused::new(exchange, fault), services).await,
    }
}

/// The second durable write of a payment.
fn conclusion(reservation: &Reservation, outcome: &Outcome, mut event: Event, services: &Services) -> Batch {
    let now = services.clock.now();
    let mut batch = Batch::new();
    idempotency::conclude(
        &mut batch,
        &reservation.scope,
        &reservation.transaction,
        outcome,
        now,
    );
    if let (Some(consumed), Outcome::Unsent) = (&reservation.consumed, outcome) {
        exemption::give_back(&mut batch, consumed);
    }
    if let Some(terms) = &reservation.terms {
        receipt::conclude(&mut batch, terms, outcome, &mut event, now);
    }
    batch.record(now, &*services.entropy, &event);
    batch
}

/// What is recorded of a payment, and what its client hears. A payment of which a byte may have left and whose backend was
/// not heard, or not shown to be the backend, has an unknown outcome.
pub(super) fn outcome(
    exchange: &Exchange,
    transaction: &TransactionId,
    sent: Result<Answer, SendError>,
    entropy: &dyn Entropy,
) -> (Outcome, Event, Result<Answer, Fault>) {
    let event = |status, refused: Option<Code>, content| Event::Answered {
        transaction: transaction.clone(),
        status,
        refused: refused.map(Code::name),
        content,
        receipt: None,
    };
    match sent {
        Ok(answer) => {
            let content = Digest::new(&countersign_jose::sha256(&answer.body));
            let event = event(Some(answer.status.as_u16()), None, Some(content));
            let kept = keep(
                &Kept::whole(&answer),
                transaction,
                &exchange.snapshot.keys,
                entropy,
            );
            (Outcome::Answered(kept), event, Ok(answer))
        }
        Err(SendError::TooLarge { status, digest }) => {
            let code = Code::AnswerTooLarge;
            let event = event(
                Some(status.as_u16()),
                Some(code),
                digest.as_ref().map(Digest::new),
            );
            let kept = Kept::too_large(status, digest);
            let kept = keep(&kept, transaction, &exchange.snapshot.keys, entropy);
            (Outcome::Answered(kept), event, Err(code.into()))
        }
        Err(error) if !error.may_have_been_sent() => {
            let fault = unsent(error);
            (Outcome::Unsent, event(None, Some(fault.code), None), Err(fault))
        }
        Err(error) => {
            let fault = Fault::new(Code::OutcomeUnknown)
                .retry_after(ASK_AGAIN)
                .cause(error);
            (Outcome::Unknown, event(None, Some(fault.code), None), Err(fault))
        }
    }
}

/// What the client reads when a request that moves no money got no usable answer.
pub(super) fn fault_of(error: SendError) -> Fault {
    let code = match &error {
        SendError::Unsent(_) | SendError::Full => return unsent(error),
        SendError::Timeout { .. } | SendError::NoRoom => Code::UpstreamTimeout,
        SendError::TooLarge { .. } | SendError::HeadersTooLarge => Code::AnswerTooLarge,
        _ => Code::AnswerInvalid,
    };
    Fault::new(code).cause(error)
}

/// What the client reads when not one byte was sent.
fn unsent(error: SendError) -> Fault {
    match error {
        SendError::Full => Fault::new(Code::Overloaded).retry_after(ASK_AGAIN).cause(error),
        _ => Fault::new(Code::UpstreamUnavailable).cause(error),
    }
}

/// A backend's answer, signed where answers are signed.
pub(super) fn respond(exchange: &Exchange, answer: Answer, services: &Services) -> Answered {
    let Answer {
        status,
        mut headers,
        body,
    } = answer;
    match &exchange.payment {
        Some(payment) => receipt::link(&mut headers, payment),
        None => receipt::unlink(&mut headers),
    }
    if exchange.answers_are_signed() {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Err(fault) = sign_answer(exchange, status, &mut headers, &body, services.clock.now()) {
            tracing::error!(%fault, "an answer could not be signed");
            let mut response = problem(&fault, exchange.id);
            add_security_headers(response.headers_mut(), exchange.id);
            return Answered {
                response,
                code: Some(fault.code),
                route: exchange.route.clone(),
                client: exchange.client.clone(),
            };
        }
    }
    add_security_headers(&mut headers, exchange.id);
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Answered {
        response,
        code: None,
        route: exchange.route.clone(),
        client: exchange.client.clone(),
    }
}

/// A refusal as an answer, signed where answers are signed.
pub(super) async fn refuse(refused: Refused, services: &Services) -> Answered {
    let Refused { exchange, fault, .. } = refused;
    let mut response = match oauth_refusal(&fault).filter(|_| logs_in(exchange.path())) {
        Some(response) => response,
        None => problem(&fault, exchange.id),
    };
    if exchange.hang_up {
        response.extensions_mut().insert(HangUp);
    }
    add_security_headers(response.headers_mut(), exchange.id);
    if let Some(payment) = &exchange.payment {
        receipt::link(response.headers_mut(), payment);
    }
    if exchange.answers_are_signed() {
        response = signed_problem(&exchange, response, services).await;
    }
    Answered {
        response,
        code: Some(fault.code),
        route: exchange.route.clone(),
        client: exchange.client.clone(),
    }
}

async fn signed_problem(
    exchange: &Exchange,
    response: Response<Body>,
    services: &Services,
) -> Response<Body> {
    let (mut head, body) = response.into_parts();
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    if let Err(fault) = sign_answer(
        exchange,
        head.status,
        &mut head.headers,
        &body,
        services.clock.now(),
    ) {
        tracing::error!(%fault, "a problem could not be signed");
    }
    Response::from_parts(head, Body::from(body))
}
