//! A demonstration backend: verifies what the gateway forwards, writes it down, and does its business.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use countersign_intent::Intent;
use countersign_verify::{Evidence, Refusal, Verified, Verifier};
use http::request::Parts;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use serde_json::{Map, Value, json};

use super::journal::Journal;
use super::settings::BackendSettings;
use crate::base::{Clock, SystemClock};
use crate::cli::console::CliError;

/// Largest request body, in bytes.
const BODY_BYTES: usize = 1024 * 1024;

/// What a backend is there for.
pub(super) trait Business: Send + Sync + 'static {
    /// Answers a request that anyone may send.
    fn answer_anyone(&self, request: &Received<'_>) -> Answer {
        echo(request)
    }

    /// Answers a request of which the gateway says who stands behind it.
    fn answer(&self, request: &Received<'_>, verified: &Verified) -> Answer;

    /// How long that answer is kept back.
    fn answers_after(&self, _verified: &Verified) -> Duration {
        Duration::ZERO
    }
}

/// A request as it was received.
pub(super) struct Received<'r> {
    pub(super) head: &'r Parts,
    pub(super) body: &'r Bytes,
}

/// A status and a JSON document.
pub(super) type Answer = (StatusCode, Value);

/// A backend at work.
pub(super) struct Backend<B> {
    verifier: Verifier,
    journal: Journal,
    business: B,
}

impl<B: Business> Backend<B> {
    /// Makes ready what `settings` say.
    ///
    /// # Errors
    /// A journal that cannot be opened.
    pub(super) fn new(
        settings: &BackendSettings,
        verifier: Verifier,
        business: B,
    ) -> Result<Arc<Self>, CliError> {
        let journal = Journal::open(&settings.log).map_err(CliError::failed)?;
        Ok(Arc::new(Self {
            verifier,
            journal,
            business,
        }))
    }

    /// Takes a request from arrival to answer.
    pub(super) async fn handle(self: Arc<Self>, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let Ok(body) = Limited::new(body, BODY_BYTES).collect().await else {
            return document(refusal(StatusCode::BAD_REQUEST, "the body did not arrive whole"));
        };
        let body = body.to_bytes();
        let verdict = match is_public(&head) {
            true => None,
            false => Some(self.verifier.verify(&head, &body).await),
        };
        if let Err(error) = self.journal.write(&line(&head, &body, verdict.as_ref())).await {
            // What cannot be written down is not done.
            return document(refusal(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()));
        }
        let received = Received {
            head: &head,
            body: &body,
        };
        document(match verdict {
            None => self.business.answer_anyone(&received),
            Some(Ok(verified)) => {
                let answer = self.business.answer(&received, &verified);
                tokio::time::sleep(self.business.answers_after(&verified)).await;
                answer
            }
            Some(Err(refused)) => refusal(StatusCode::UNAUTHORIZED, &refused.to_string()),
        })
    }
}

/// Routes without a caller come without the gateway's signature: anyone may ask.
fn is_public(head: &Parts) -> bool {
    let path = head.uri.path();
    path == "/public" || path.starts_with("/public/")
}

/// The journal's line: the request, and what could be verified about it.
fn line(head: &Parts, body: &Bytes, verdict: Option<&Result<Verified, Refusal>>) -> Value {
    let verified = verdict.and_then(|verdict| verdict.as_ref().ok());
    let payment = verified.and_then(|verified| match &verified.evidence {
        Evidence::Signed(signature) => Some(signature.jwk.key.thumbprint().to_string()),
        Evidence::Attested => None,
    });
    let mut line = json!({
        "t": SystemClock.now().to_string(),
        "method": head.method.as_str(),
        "target": head.uri.path_and_query().map_or("/", |target| target.as_str()),
        "headers": headers(&head.headers),
        "body": String::from_utf8_lossy(body),
        "verified": {
            "gateway": verified.map(|verified| verified.gateway_key.as_str()),
            "payment": payment,
            "txn": verified.map(|verified| verified.transaction.as_str()),
            "sub": verified.map(|verified| verified.subject.as_str()),
            "intent": verified.and_then(|verified| verified.intent.as_ref().map(Intent::to_json)),
        },
    });
    if let (Some(Err(refused)), Some(line)) = (verdict, line.as_object_mut()) {
        line.insert("refused".to_owned(), refused.name().into());
    }
    line
}

fn headers(headers: &HeaderMap) -> Map<String, Value> {
    let values = |name| {
        let texts = headers
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into());
        Value::Array(texts.collect())
    };
    headers
        .keys()
        .map(|name| (name.as_str().to_owned(), values(name)))
        .collect()
}

/// What was asked, back to whoever asked.
fn echo(request: &Received<'_>) -> Answer {
    let head = request.head;
    let answer = json!({
        "method": head.method.as_str(),
        "target": head.uri.path_and_query().map(|target| target.as_str()),
        "body_bytes": request.body.len(),
    });
    (StatusCode::OK, answer)
}

/// A refusal in words.
pub(super) fn refusal(status: StatusCode, detail: &str) -> Answer {
    let title = status.canonical_reason().unwrap_or("refused");
    (
        status,
        json!({ "title": title, "status": status.as_u16(), "detail": detail }),
    )
}

fn document((status, body): Answer) -> Response<Full<Bytes>> {
    let kind = if status.is_success() {
        "application/json"
    } else {
        "application/problem+json"
    };
    let mut response = Response::new(Full::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
    headers.insert(
        http::header::CACHE_CONTROL,
        http::HeaderValue::from_static("no-store"),
    );
    response
}
