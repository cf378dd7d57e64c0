//! The gateway's signature under an answer (tag `fapi-2-response`): an answer without a good one may
//! come from anybody.

use countersign_jose::PublicKey;
use countersign_signatures::digest::{CONTENT_DIGEST, DigestError, verify_content_digest};
use countersign_signatures::{
    Algorithm, Component, Entry, ParameterName, ParseError, Policy, PolicyError, Request, Response,
    SelectError, Signatures, VerifyError,
};

use crate::problem::Problem;
use crate::request_signature::LABEL;
use crate::transport::Answer;

const TAG: &str = "fapi-2-response";
/// How far the two clocks may be apart, in seconds: wider than what the gateway allows requests, so that its answer
/// "your clock is wrong" is believed.
const CLOCKS: i64 = 600;

/// Codes that the gateway answers only after it found the request's signature good. An answer that says so without
/// naming that signature could belong to another request, and "not executed" would then invite to pay twice.
const AFTER_SIGNATURE: [&str; 19] = [
    "idempotency-key-missing",
    "idempotency-key-invalid",
    "idempotency-key-reused",
    "in-progress",
    "outcome-unknown",
    "not-executed",
    "transaction-invalid",
    "approval-required",
    "approval-pending",
    "approval-failed",
    "approval-denied",
    "approval-expired",
    "policy-denied",
    "upstream-unavailable",
    "upstream-timeout",
    "answer-invalid",
    "answer-too-large",
    "replayed",
    "digest-mismatch",
];

/// Why an answer is not to be believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerFault {
    /// The signature fields as a whole cannot be read.
    #[error(transparent)]
    Malformed(#[from] ParseError),
    /// No signature has the tag, or several have it.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// The signature covers too little, lacks a parameter, or is outside its time window.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The gateway publishes no key of this name.
    #[error("the gateway publishes no message key called {0:?}")]
    KeyUnknown(String),
    /// The signature does not verify.
    #[error(transparent)]
    Signature(#[from] VerifyError),
    /// The body is not the one that was signed.
    #[error(transparent)]
    Digest(#[from] DigestError),
}

/// The name of the key that is said to have signed `answer`.
pub(crate) fn keyid(answer: &Answer) -> Result<String, AnswerFault> {
    let signatures = Signatures::parse(&answer.headers)?;
    let entry = signatures.by_tag(TAG)?;
    entry
        .keyid()
        .map(str::to_owned)
        .ok_or(AnswerFault::Policy(PolicyError::ParameterMissing(
            ParameterName::KeyId,
        )))
}

/// Verifies that the holder of `key` answered `request` with `answer`.
pub(crate) fn verify(
    request: &Request<'_>,
    answer: &Answer,
    key: &PublicKey,
    now: i64,
) -> Result<(), AnswerFault> {
    let signatures = Signatures::parse(&answer.headers)?;
    let entry = signatures.by_tag(TAG)?;
    check(entry, request, answer, now)?;
    let response = Response {
        status: answer.status.as_u16(),
        headers: &answer.headers,
        trailers: None,
        request: Some(request),
    };
    entry.verify(&response, key, Algorithm::Ed25519)?;
    if answer.headers.contains_key(CONTENT_DIGEST) || !answer.body.is_empty() {
        verify_content_digest(&answer.headers, &answer.body)?;
    }
    Ok(())
}

fn check(entry: &Entry<'_>, request: &Request<'_>, answer: &Answer, now: i64) -> Result<(), AnswerFault> {
    let components = demanded(request, answer);
    let policy = Policy {
        components: &components,
        parameters: &[ParameterName::Created, ParameterName::KeyId],
        now,
        max_age: CLOCKS,
        max_ahead: CLOCKS,
        max_lifetime: i64::MAX,
        nonce_min_len: 0,
    };
    Ok(entry.check(&policy)?)
}

/// FSIG-04
fn demanded(request: &Request<'_>, answer: &Answer) -> Vec<Component<'static>> {
    let mut components = vec![
        Component::derived("@status"),
        Component::derived("@method").req(),
        Component::derived("@target-uri").req(),
    ];
    if answer.headers.contains_key(CONTENT_DIGEST) || !answer.body.is_empty() {
        components.push(Component::field("content-digest"));
    }
    if request.headers.contains_key(CONTENT_DIGEST) {
        components.push(Component::field("content-digest").req());
    }
    if must_name_the_request(answer) {
        components.push(Component::field("signature").req().key(LABEL));
        components.push(Component::field("signature-input").req().key(LABEL));
    }
    components
}

/// Whether the answer can only have been given after the request's signature was found good.
fn must_name_the_request(answer: &Answer) -> bool {
    match Problem::of(answer) {
        Some(problem) => answer.status.as_u16() < 400 || AFTER_SIGNATURE.contains(&problem.code()),
        // The backend's own answer.
        None => true,
    }
}
