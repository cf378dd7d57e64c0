//! The client's own signature over a payment, which the backend verifies by itself.

use countersign_jose::jwk::Jwk;
use countersign_signatures::{Algorithm, Component, Entry, ParameterName, Policy, PolicyError};

use crate::gateway_signature::{MAX_AHEAD, NONCE_MIN_LEN};
use crate::received::Received;
use crate::refusal::Refusal;
use crate::verified::ClientSignature;

/// What the client's signature is for.
pub(crate) const TAG: &str = "countersign-payment";
const COMPONENTS: [Component<'static>; 5] = [
    Component::derived("@method"),
    Component::derived("@target-uri"),
    Component::field("content-digest"),
    Component::field("content-type"),
    Component::field("idempotency-key"),
];
/// How long before the gateway's signature the client's may have been made, in seconds: the gateway takes it for 60,
/// and may wait for a connection after that.
const MAX_BEFORE: i64 = 120;
/// The same where repeats are let pass: the gateway sends a payment again, under a fresh signature of its own, until it hears
/// what became of it, however long that takes. What keeps it from being executed twice is its `txn`.
const MAX_BEFORE_A_REPEAT: i64 = i64::MAX;

/// Verifies the client's signature in `entry` over the request as the client sent it. `forwarded_at` is the moment
/// of the gateway's signature: freshness was for the gateway to judge, here only the two must belong together.
pub(crate) fn verify(
    entry: &Entry<'_>,
    received: &Received<'_>,
    jwk: Option<&Jwk>,
    forwarded_at: i64,
    allow_repeats: bool,
) -> Result<ClientSignature, Refusal> {
    if entry.tag() != Some(TAG) {
        return Err(Refusal::PaymentTag);
    }
    let jwk = jwk.ok_or(Refusal::PaymentKeyMissing)?;
    let keyid = check(entry, forwarded_at, allow_repeats)?;
    let request = received.as_sent_by_client();
    entry
        .verify(&request, &jwk.key, Algorithm::of(&jwk.key))
        .map_err(Refusal::PaymentInvalid)?;
    let base = entry
        .base(&request)
        .map_err(|error| Refusal::PaymentInvalid(error.into()))?;
    Ok(ClientSignature {
        jwk: jwk.clone(),
        keyid,
        base,
        signature: entry.signature().to_vec(),
    })
}

fn check(entry: &Entry<'_>, forwarded_at: i64, allow_repeats: bool) -> Result<String, Refusal> {
    check_coverage(entry).map_err(Refusal::PaymentTooWeak)?;
    let created = entry.parameters().created.unwrap_or(forwarded_at);
    let before = forwarded_at.saturating_sub(created);
    let max_before = if allow_repeats {
        MAX_BEFORE_A_REPEAT
    } else {
        MAX_BEFORE
    };
    if !(-MAX_AHEAD..=max_before).contains(&before) {
        return Err(Refusal::PaymentStale);
    }
    Ok(entry.keyid().unwrap_or_default().to_owned())
}

/// Whether the signature covers all that identifies a payment, whenever it was made.
pub(crate) fn check_coverage(entry: &Entry<'_>) -> Result<(), PolicyError> {
    let policy = Policy {
        components: &COMPONENTS,
        parameters: &[ParameterName::Created, ParameterName::Nonce, ParameterName::KeyId],
        now: entry.parameters().created.unwrap_or_default(),
        max_age: 0,
        max_ahead: 0,
        max_lifetime: i64::MAX,
        nonce_min_len: NONCE_MIN_LEN,
    };
    entry.check(&policy)
}
