//! The gate's signature under answers of `signed` routes, errors included (FSIG-04, FSIG-08).

use bytes::Bytes;
use countersign_signatures::digest::{DigestAlgorithm, content_digest};
use countersign_signatures::{Algorithm, Component, Parameters, Response as SignedResponse, sign};
use http::{HeaderMap, StatusCode};

use super::exchange::{Exchange, GoodSignature};
use crate::base::{Code, Fault, Timestamp};
use crate::keys::Purpose;

/// Adds `Content-Digest` and the signature to the headers of an answer.
///
/// # Errors
/// A fault when the answer cannot be signed: it must then not be sent as if it were.
pub(super) fn sign_answer(
    exchange: &Exchange,
    status: StatusCode,
    headers: &mut HeaderMap,
    body: &Bytes,
    now: Timestamp,
) -> Result<(), Fault> {
    let unsigned = |cause: &dyn std::fmt::Display| Fault::new(Code::StoreUnavailable).cause(cause);
    for name in ["signature", "signature-input", "content-digest"] {
        headers.remove(name);
    }
    if !body.is_empty() {
        headers.insert("content-digest", content_digest(body, DigestAlgorithm::Sha256));
    }
    let key = exchange
        .snapshot
        .keys
        .signing(Purpose::Message)
        .ok_or(Code::StoreUnavailable)?;
    let parameters = Parameters {
        created: Some(now.seconds()),
        keyid: Some(key.kid.as_str().into()),
        tag: Some("fapi-2-response".into()),
        ..Parameters::default()
    };
    let request = exchange.signed_view();
    let response = SignedResponse {
        status: status.as_u16(),
        headers,
        trailers: None,
        request: Some(&request),
    };
    let components = covered(exchange, !body.is_empty());
    let signed = sign(
        &response,
        "countersign",
        &components,
        &parameters,
        &key.key,
        Algorithm::Ed25519,
    )
    .map_err(|error| unsigned(&error))?;
    // All others were removed above.
    signed
        .members
        .append_beside(&[], headers)
        .map_err(|error| unsigned(&error))
}

fn covered(exchange: &Exchange, has_body: bool) -> Vec<Component<'_>> {
    let mut components = vec![Component::derived("@status")];
    if has_body {
        components.push(Component::field("content-digest"));
    }
    components.push(Component::derived("@method").req());
    components.push(Component::derived("@target-uri").req());
    if exchange.head.headers.contains_key("content-digest") {
        components.push(Component::field("content-digest").req());
    }
    // Only a signature that was found good is answered for: otherwise anyone could have the gate sign what they like.
    if let Some(GoodSignature { label, members }) = &exchange.good_signature {
        let signature = Component::field("signature").key(label).req();
        let input = Component::field("signature-input").key(label).req();
        components.push(signature.known(members.signature_value()));
        components.push(input.known(members.input_value()));
    }
    components
}
