//! Signing a request as `signed` routes want it (RFC 9421): the tag is that of the draft "FAPI 2.0 HTTP
//! Signatures".

use bytes::Bytes;
use countersign_signatures::digest::{CONTENT_DIGEST, DigestAlgorithm, content_digest};
use countersign_signatures::{Algorithm, Component, Parameters, Request, sign};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};

use crate::error::Error;
use crate::key::ClientKey;

/// The header that names a payment, so that it is executed once.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The label of the request's signature.
pub(crate) const LABEL: &str = "request";
/// The label of the payment's signature.
pub(crate) const PAYMENT_LABEL: &str = "payment";
const TAG: &str = "fapi-2-request";
const PAYMENT_TAG: &str = "countersign-payment";
/// How long a signature is valid, in seconds; the gateway takes no longer one where money moves.
const LIFETIME: i64 = 60;

/// What makes one signature differ from the next.
#[derive(Clone, Copy)]
pub(crate) struct Moment<'a> {
    pub(crate) now: i64,
    pub(crate) nonce: &'a str,
}

/// Signs `request`, whose URI is absolute and whose `Authorization` stands, with `key`; sets `Content-Digest` where
/// there is a body.
pub(crate) fn sign_request(
    request: &mut http::Request<Bytes>,
    key: &ClientKey,
    moment: Moment<'_>,
) -> Result<(), Error> {
    set_digest(request);
    let headers = request.headers();
    let fields = [
        AUTHORIZATION,
        CONTENT_DIGEST,
        CONTENT_TYPE,
        IDEMPOTENCY_KEY,
        crate::dpop::DPOP,
    ];
    let present: Vec<_> = fields
        .into_iter()
        .filter(|name| headers.contains_key(name))
        .collect();
    let mut components = vec![Component::derived("@method"), Component::derived("@target-uri")];
    components.extend(present.iter().map(|name| Component::field(name.as_str())));
    add(request, key, moment, LABEL, TAG, &components)
}

/// Adds the client's signature over the payment alone: evidence without the token in it, which backends and receipts
/// verify by themselves.
pub(crate) fn sign_payment(
    request: &mut http::Request<Bytes>,
    key: &ClientKey,
    moment: Moment<'_>,
) -> Result<(), Error> {
    set_digest(request);
    let components = [
        Component::derived("@method"),
        Component::derived("@target-uri"),
        Component::field("content-digest"),
        Component::field("content-type"),
        Component::field("idempotency-key"),
    ];
    add(request, key, moment, PAYMENT_LABEL, PAYMENT_TAG, &components)
}

/// The quoted `Idempotency-Key` (RFC 9651 String).
pub(crate) fn idempotency_key(key: &str) -> Result<HeaderValue, Error> {
    if key.is_empty() || key.len() > 255 || !key.bytes().all(|byte| matches!(byte, 0x20..=0x7e)) {
        return Err(Error::IdempotencyKey);
    }
    let escaped = key.replace('\\', "\\\\").replace('"', "\\\"");
    HeaderValue::from_str(&format!("\"{escaped}\"")).map_err(|_| Error::IdempotencyKey)
}

fn set_digest(request: &mut http::Request<Bytes>) {
    if !request.body().is_empty() {
        let digest = content_digest(request.body(), DigestAlgorithm::Sha256);
        request.headers_mut().insert(CONTENT_DIGEST, digest);
    }
}

fn add(
    request: &mut http::Request<Bytes>,
    key: &ClientKey,
    moment: Moment<'_>,
    label: &str,
    tag: &str,
    components: &[Component<'_>],
) -> Result<(), Error> {
    let parameters = Parameters {
        created: Some(moment.now),
        expires: Some(moment.now.saturating_add(LIFETIME)),
        nonce: Some(moment.nonce.into()),
        keyid: Some(key.thumbprint().to_string().into()),
        tag: Some(tag.into()),
        alg: None,
    };
    let algorithm = Algorithm::of(key.signing().public_key());
    let signed = sign(
        &view(request),
        label,
        components,
        &parameters,
        key.signing(),
        algorithm,
    )?;
    signed
        .members
        .append_to(request.headers_mut())
        .map_err(|error| Error::Request(error.to_string()))
}

/// The request as signatures see it.
pub(crate) fn view(request: &http::Request<Bytes>) -> Request<'_> {
    let uri = request.uri();
    Request {
        method: request.method().as_str(),
        scheme: "https",
        authority: uri.authority().map_or("", |authority| authority.as_str()),
        path: uri.path(),
        query: uri.query(),
        headers: request.headers(),
        trailers: None,
    }
}
