//! That an answer was made by the backend, for exactly the request it answers (`answer_keys`).
//!
//! The backend's signature (RFC 9421, tag `countersign-answer`) covers the status, the body's digest, and of the request
//! the method, the path and the gateway's own signature. That one holds a nonce, so an answer belongs to one request and
//! its age needs no second look.

use countersign_jose::jwk::Jwk;
use countersign_signatures::digest::verify_content_digest;
use countersign_signatures::{Algorithm, Component, Entry, Request, Response, Signatures};

use super::exchange::Outgoing;
use super::send::{Answer, SendError};

/// The tag of an answer's signature.
const ANSWER_TAG: &str = "countersign-answer";
/// The label of the gateway's signature under the request.
const GATEWAY_LABEL: &str = "countersign";

/// Checks `answer` to what was sent to `authority`.
///
/// # Errors
/// [`SendError::Unproven`]: whoever answered did not show that they are the backend.
pub(super) fn check(
    answer: &Answer,
    sent: &Outgoing,
    scheme: &str,
    authority: &str,
    keys: &[Jwk],
) -> Result<(), SendError> {
    let unproven = |cause: &dyn std::fmt::Display| SendError::Unproven(cause.to_string());
    let signatures = Signatures::parse(&answer.headers).map_err(|error| unproven(&error))?;
    let entry = signatures.by_tag(ANSWER_TAG).map_err(|error| unproven(&error))?;
    if let Some(missing) = demanded(answer)
        .iter()
        .find(|component| !entry.covers_component(component))
    {
        let cause = format!("the signature does not cover {}", missing.identifier());
        return Err(SendError::Unproven(cause));
    }
    let key = find_key(keys, entry).ok_or_else(|| unproven(&"keyid names none of answer_keys"))?;
    let request = Request {
        method: sent.method.as_str(),
        scheme,
        authority,
        path: sent.target.path(),
        query: sent.target.query(),
        headers: &sent.headers,
        trailers: None,
    };
    let response = Response {
        status: answer.status.as_u16(),
        headers: &answer.headers,
        trailers: None,
        request: Some(&request),
    };
    entry
        .verify(&response, &key.key, Algorithm::of(&key.key))
        .map_err(|error| unproven(&error))?;
    verify_content_digest(&answer.headers, &answer.body).map_err(|error| unproven(&error))
}

fn demanded(answer: &Answer) -> Vec<Component<'static>> {
    let mut components = vec![
        Component::derived("@status"),
        Component::field("content-digest"),
        Component::derived("@method").req(),
        Component::derived("@path").req(),
        Component::field("signature").req().key(GATEWAY_LABEL),
    ];
    if answer.headers.contains_key(http::header::CONTENT_TYPE) {
        components.push(Component::field("content-type"));
    }
    components
}

fn find_key<'k>(keys: &'k [Jwk], entry: &Entry<'_>) -> Option<&'k Jwk> {
    let keyid = entry.keyid()?;
    keys.iter()
        .find(|jwk| jwk.kid.as_deref() == Some(keyid) || jwk.key.thumbprint().to_string() == keyid)
}
