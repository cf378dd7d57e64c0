//! Sealed → Answered: the request goes out, what became of it is recorded, and the answer is made ready for the client.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body_util::BodyExt as _;
use serde::{Deserialize, Serialize};

use super::answer_signature::sign_answer;
use super::attest::Attested;
use super::exchange::Exchange;
use super::journey::Services;
use super::refusal::Refused;
use super::seal::{Pending, Reservation, Sealed, fingerprint};
use super::snapshot::GateRoute;
use crate::answer::{Body, add_security_headers, problem};
use crate::base::event::Digest;
use crate::base::{Code, Entropy, Event, Fault, TransactionId};
use crate::store::Batch;
use crate::transaction::idempotency::{self, Outcome};
use crate::upstream::{self, Answer, SendError};

/// How long a client should wait before it asks again for an outcome.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// The end of a journey: an answer, signed where answers are signed.
pub(super) struct Answered {
    pub(super) response: Response<Body>,
    /// The code of the refusal, when it is one.
    pub(super) code: Option<Code>,
    pub(super) route: Option<Arc<GateRoute>>,
}

/// A backend's answer as it is kept, sealed, for whoever asks again with the same key.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kept {
    /// All of it.
    Whole(KeptAnswer),
    /// It was longer than the route's limit: its status, and its digest where it came to its end.
    TooLarge { status: u16, digest: Option<String> },
}

#[derive(Serialize, Deserialize)]
struct KeptAnswer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

/// What the record says about a request: an answer from before, or that it is new.
pub(super) enum Recalled {
    /// Answered from the record; no counter was touched.
    Answered(Answered),
    /// New, or never sent: it goes on.
    New(Box<Attested>),
}

/// Looks up the idempotency key (design 6): after Attested, before any policy.
pub(super) async fn recall(attested: Attested, services: &Services) -> Result<Recalled, Refused> {
    let (exchange, facts) = attested.into_parts();
    let found = {
        let (Some(caller), Some(key), Some(route)) = (&facts.caller, &facts.idempotency_key, &exchange.route)
        else {
            return Ok(Recalled::New(Box::new(Attested::again(exchange, facts))));
        };
        let scope = idempotency::Scope::of(&caller.token.client, &caller.token.subject, &route.name, key);
        idempotency::find(&services.db, &scope).await
    };
    let refuse = |exchange, fault: Fault| Err(Refused::new(exchange, fault));
    let record = match found {
        Ok(None) => return Ok(Recalled::New(Box::new(Attested::again(exchange, facts)))),
        Ok(Some(record)) => record,
        Err(error) => return refuse(exchange, error.into()),
    };
    if !record.is_of(&fingerprint(&exchange, &facts)) {
        return refuse(exchange, Code::IdempotencyKeyReused.into());
    }
    match record.outcome {
        Outcome::Unsent => Ok(Recalled::New(Box::new(Attested::again(exchange, facts)))),
        Outcome::Reserved => refuse(exchange, Fault::new(Code::InProgress).retry_after(ASK_AGAIN)),
        Outcome::Unknown => refuse(exchange, Fault::new(Code::OutcomeUnknown).retry_after(ASK_AGAIN)),
        Outcome::NotExecuted => refuse(exchange, Code::NotExecuted.into()),
        Outcome::Answered(sealed) => match open_kept(&exchange, &record.transaction, &sealed) {
            Ok(mut answer) => {
                answer
                    .headers
                    .insert("idempotency-replayed", HeaderValue::from_static("true"));
                Ok(Recalled::Answered(respond(&exchange, answer, services)))
            }
            Err(fault) => refuse(exchange, fault),
        },
    }
}

fn open_kept(exchange: &Exchange, transaction: &TransactionId, sealed: &[u8]) -> Result<Answer, Fault> {
    let unreadable = || Fault::new(Code::StoreUnavailable).cause("the kept answer cannot be opened");
    let text = exchange
        .snapshot
        .keys
        .open(&place(transaction), sealed)
        .map_err(|_| unreadable())?;
    match serde_json::from_slice(&text).map_err(|_| unreadable())? {
        Kept::Whole(answer) => answer.into_answer().ok_or_else(unreadable),
        Kept::TooLarge { .. } => Err(Code::AnswerTooLarge.into()),
    }
}

/// Sends, and records what became of it before the client hears of it.
pub(super) async fn forward(sealed: Sealed, pending: Pending, services: &Services) -> Answered {
    let Pending { exchange, payment } = pending;
    let sent = upstream::send(&exchange.snapshot.upstreams, sealed).await;
    let Some(reservation) = payment else {
        return match sent {
            Ok(answer) => respond(&exchange, answer, services),
            Err(error) => refuse(Refused::new(exchange, fault_of(error)), services).await,
        };
    };
    conclude(exchange, reservation, sent, services).await
}

/// Records the outcome of a payment. When even that fails, the row stays reserved: after a restart it is unknown, and the
/// client is told so now.
async fn conclude(
    exchange: Box<Exchange>,
    reservation: Reservation,
    sent: Result<Answer, SendError>,
    services: &Services,
) -> Answered {
    let (outcome, event, verdict) = outcome(&exchange, &reservation.transaction, sent, &*services.entropy);
    let now = services.clock.now();
    let mut batch = Batch::new();
    idempotency::conclude(
        &mut batch,
        &reservation.scope,
        &reservation.transaction,
        &outcome,
        now,
    );
    batch.record(now, &*services.entropy, &event);
    if let Err(error) = services.db.commit(batch).await {
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
    };
    match sent {
        Ok(answer) => {
            let content = Digest::new(&countersign_jose::sha256(&answer.body));
            let event = event(Some(answer.status.as_u16()), None, Some(content));
            let sealed = keep(
                exchange,
                transaction,
                &Kept::Whole(KeptAnswer::of(&answer)),
                entropy,
            );
            (Outcome::Answered(sealed), event, Ok(answer))
        }
        Err(SendError::TooLarge { status, digest }) => {
            let code = Code::AnswerTooLarge;
            let event = event(
                Some(status.as_u16()),
                Some(code),
                digest.as_ref().map(Digest::new),
            );
            let kept = Kept::TooLarge {
                status: status.as_u16(),
                digest: digest.map(countersign_jose::base64url),
            };
            (
                Outcome::Answered(keep(exchange, transaction, &kept, entropy)),
                event,
                Err(code.into()),
            )
        }
        Err(error) if !error.may_have_been_sent() => {
            let fault = Fault::new(Code::UpstreamUnavailable).cause(error);
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

/// Sealed for the record. Without a data key nothing can be kept; that the backend answered is known all the same.
fn keep(exchange: &Exchange, transaction: &TransactionId, kept: &Kept, entropy: &dyn Entropy) -> Vec<u8> {
    let text = serde_json::to_vec(kept).unwrap_or_default();
    exchange
        .snapshot
        .keys
        .seal(&place(transaction), &text, entropy)
        .unwrap_or_default()
}

/// What the client reads when a request that moves no money got no usable answer.
pub(super) fn fault_of(error: SendError) -> Fault {
    let code = match &error {
        SendError::Unsent(_) => Code::UpstreamUnavailable,
        SendError::Timeout { .. } => Code::UpstreamTimeout,
        SendError::TooLarge { .. } | SendError::HeadersTooLarge => Code::AnswerTooLarge,
        _ => Code::AnswerInvalid,
    };
    Fault::new(code).cause(error)
}

fn respond(exchange: &Exchange, answer: Answer, services: &Services) -> Answered {
    let Answer {
        status,
        mut headers,
        body,
    } = answer;
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
    }
}

/// A refusal as an answer, signed where answers are signed.
pub(super) async fn refuse(refused: Refused, services: &Services) -> Answered {
    let Refused { exchange, fault, .. } = refused;
    let mut response = problem(&fault, exchange.id);
    add_security_headers(response.headers_mut(), exchange.id);
    if exchange.answers_are_signed() {
        response = signed_problem(&exchange, response, services).await;
    }
    Answered {
        response,
        code: Some(fault.code),
        route: exchange.route.clone(),
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

impl KeptAnswer {
    fn of(answer: &Answer) -> Self {
        let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
        Self {
            status: answer.status.as_u16(),
            headers: answer
                .headers
                .iter()
                .map(|(name, value)| (name.to_string(), text(value)))
                .collect(),
            body: countersign_jose::base64url(&answer.body),
        }
    }

    fn into_answer(self) -> Option<Answer> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let name = http::HeaderName::try_from(name.as_str()).ok()?;
            headers.append(name, HeaderValue::from_str(value).ok()?);
        }
        Some(Answer {
            status: StatusCode::from_u16(self.status).ok()?,
            headers,
            body: Bytes::from(countersign_jose::from_base64url(&self.body)?),
        })
    }
}

/// Binds a kept answer to its transaction.
fn place(transaction: &TransactionId) -> String {
    format!("answer/{transaction}")
}
