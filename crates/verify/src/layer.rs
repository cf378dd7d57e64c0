//! The verifier as a tower layer: the service behind it sees verified requests only, with [`Verified`] in their
//! extensions.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt as _, Either, Full, LengthLimitError, Limited};
use tower::{Layer, Service};

use crate::answer::AnswerSigner;
use crate::received;
use crate::refusal::Refusal;
use crate::verified::Verified;
use crate::verifier::Verifier;

/// Largest request body by default: that of a payment is under a kilobyte.
const BODY_LIMIT: usize = 256 * 1024;
/// Largest answer that is buffered for signing.
const ANSWER_LIMIT: usize = 4 * 1024 * 1024;

/// Verifies every request before the service sees it, and answers refused ones with `application/problem+json` (RFC
/// 9457).
#[derive(Clone, Debug)]
pub struct VerifyLayer {
    verifier: Verifier,
    signer: Option<Arc<AnswerSigner>>,
    body_limit: usize,
}

impl VerifyLayer {
    /// A layer around `verifier`.
    #[must_use]
    pub const fn new(verifier: Verifier) -> Self {
        Self {
            verifier,
            signer: None,
            body_limit: BODY_LIMIT,
        }
    }

    /// Buffers request bodies up to this many bytes, 256 KiB by default; larger ones are refused.
    #[must_use]
    pub const fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// Signs the answers to verified requests; they are buffered for that, up to 4 MiB.
    #[must_use]
    pub fn sign_answers(mut self, signer: AnswerSigner) -> Self {
        self.signer = Some(Arc::new(signer));
        self
    }
}

impl<S> Layer<S> for VerifyLayer {
    type Service = VerifyService<S>;

    fn layer(&self, inner: S) -> VerifyService<S> {
        VerifyService {
            inner,
            layer: self.clone(),
        }
    }
}

/// The service that [`VerifyLayer`] makes.
#[derive(Clone, Debug)]
pub struct VerifyService<S> {
    inner: S,
    layer: VerifyLayer,
}

/// The body of an answer: made here, or the service's own.
pub type AnswerBody<B> = Either<Full<Bytes>, B>;
type Answering<B, E> = Pin<Box<dyn Future<Output = Result<Response<AnswerBody<B>>, E>> + Send>>;

impl<S, B, A> Service<Request<B>> for VerifyService<S>
where
    S: Service<Request<Full<Bytes>>, Response = Response<A>> + Clone + Send + 'static,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    A: Body + Send + 'static,
    A::Data: Send,
    A::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<AnswerBody<A>>;
    type Error = S::Error;
    type Future = Answering<A, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The service that was polled ready serves this request; the clone waits for the next.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        let layer = self.layer.clone();
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let (body, verified) = match layer.admit(&parts, body).await {
                Ok(admitted) => admitted,
                Err(refusal) => return Ok(problem(&refusal).map(Either::Left)),
            };
            parts.extensions.insert(verified);
            let kept = layer.signer.is_some().then(|| parts.clone());
            let answer = inner.call(Request::from_parts(parts, Full::new(body))).await?;
            Ok(match kept {
                Some(request) => layer.signed(&request, answer).await.map(Either::Left),
                None => answer.map(Either::Right),
            })
        })
    }
}

impl VerifyLayer {
    async fn admit<B>(&self, parts: &http::request::Parts, body: B) -> Result<(Bytes, Verified), Refusal>
    where
        B: Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let body = collect(body, self.body_limit).await?;
        let verified = self.verifier.verify(parts, &body).await.inspect_err(|refusal| {
            tracing::warn!(
                refusal = refusal.name(),
                advice = refusal.advice(),
                "request refused: {refusal}"
            );
        })?;
        Ok((body, verified))
    }

    async fn signed<A>(&self, request: &http::request::Parts, answer: Response<A>) -> Response<Full<Bytes>>
    where
        A: Body,
        A::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (mut parts, body) = answer.into_parts();
        let Ok(body) = collect(body, ANSWER_LIMIT).await else {
            return unsigned("the answer could not be read whole");
        };
        let view = received::view(request, self.verifier.scheme());
        let (Ok(view), Some(signer)) = (view, &self.signer) else {
            return unsigned("the request cannot be named");
        };
        match signer.sign_answer(&view, &mut parts, &body, self.verifier.shared.clock.now()) {
            Ok(()) => Response::from_parts(parts, Full::new(body)),
            Err(error) => unsigned(error),
        }
    }
}

async fn collect<B>(body: B, limit: usize) -> Result<Bytes, Refusal>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Refusal::BodyTooLarge),
        Err(_) => Err(Refusal::BodyBroken),
    }
}

/// Where an answer must be signed and cannot be, no answer of the service leaves (FSIG-08).
fn unsigned(reason: impl std::fmt::Display) -> Response<Full<Bytes>> {
    tracing::error!("the answer could not be signed: {reason}");
    document(
        StatusCode::INTERNAL_SERVER_ERROR,
        "answer-unsigned",
        "the answer could not be signed",
        "See this backend's log.",
    )
}

fn problem(refusal: &Refusal) -> Response<Full<Bytes>> {
    document(
        refusal.status(),
        refusal.name(),
        &refusal.to_string(),
        refusal.advice(),
    )
}

fn document(status: StatusCode, name: &str, title: &str, detail: &str) -> Response<Full<Bytes>> {
    let body = serde_json::json!({
        "type": format!("urn:countersign:verify:{name}"),
        "title": title,
        "status": status.as_u16(),
        "detail": detail,
    });
    let mut response = Response::new(Full::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
