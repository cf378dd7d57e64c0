//! The gateway's signature under a forwarded request (RFC 9421): chosen by its tag, held to what it must
//! cover.

use countersign_signatures::{Component, Entry, ParameterName, Policy, PolicyError, SelectError, Signatures};

use crate::received::{CONTENT_DIGEST, IDEMPOTENCY_KEY, Received, TRACEPARENT, TXN_TOKEN};
use crate::refusal::Refusal;

/// What the gateway's signature is for.
pub(crate) const TAG: &str = "countersign-forward";
/// The label it stands under, so that answers can name it.
pub const GATEWAY_LABEL: &str = "countersign";
/// The label of the client's `fapi-2-request` signature, as the gateway passes it on.
pub const CLIENT_LABEL: &str = "client";
/// The label of the client's `countersign-payment` signature, as the gateway passes it on.
pub const PAYMENT_LABEL: &str = "payment";

/// How old the signature may be, how far its signer's clock may be ahead, and how long it may be valid, in seconds.
const MAX_AGE: i64 = 60;
pub(crate) const MAX_AHEAD: i64 = 10;
const MAX_LIFETIME: i64 = 60;
/// Fewest characters of a nonce: 128 bits as base64url.
pub(crate) const NONCE_MIN_LEN: usize = 22;

const ALWAYS: [&str; 6] = ["@method", "@authority", "@path", "@query", TXN_TOKEN, "forwarded"];
const WHERE_PRESENT: [&str; 4] = [CONTENT_DIGEST, "content-type", IDEMPOTENCY_KEY, TRACEPARENT];

/// What the signature says about itself.
pub(crate) struct Claimed<'e> {
    pub(crate) keyid: &'e str,
    pub(crate) nonce: &'e str,
    pub(crate) created: i64,
}

/// The one signature with the gateway's tag.
pub(crate) fn select<'s, 'h>(signatures: &'s Signatures<'h>) -> Result<&'s Entry<'h>, Refusal> {
    let entry = signatures.by_tag(TAG).map_err(|error| match error {
        SelectError::Missing => Refusal::SignatureMissing,
        SelectError::Several => Refusal::SignatureRepeated,
    })?;
    if entry.label() == GATEWAY_LABEL {
        Ok(entry)
    } else {
        Err(Refusal::SignatureLabel)
    }
}

/// Holds the signature to coverage, parameters and times, in that order (SIG-07, SIG-10).
pub(crate) fn check<'e>(
    entry: &'e Entry<'_>,
    received: &Received<'_>,
    signatures: &Signatures<'_>,
    now: i64,
) -> Result<Claimed<'e>, Refusal> {
    let components = demanded(received, signatures);
    let policy = Policy {
        components: &components,
        parameters: &[
            ParameterName::Created,
            ParameterName::Expires,
            ParameterName::Nonce,
            ParameterName::KeyId,
        ],
        now,
        max_age: MAX_AGE,
        max_ahead: MAX_AHEAD,
        max_lifetime: MAX_LIFETIME,
        nonce_min_len: NONCE_MIN_LEN,
    };
    entry.check(&policy).map_err(|error| {
        if error.is_stale() {
            Refusal::SignatureStale(error)
        } else {
            Refusal::SignatureTooWeak(error)
        }
    })?;
    let parameters = entry.parameters();
    match (
        parameters.keyid.as_deref(),
        parameters.nonce.as_deref(),
        parameters.created,
    ) {
        (Some(keyid), Some(nonce), Some(created)) => Ok(Claimed {
            keyid,
            nonce,
            created,
        }),
        _ => Err(Refusal::SignatureTooWeak(PolicyError::ParameterMissing(
            ParameterName::KeyId,
        ))),
    }
}

/// Everything the signature has to cover on this request.
fn demanded(received: &Received<'_>, signatures: &Signatures<'_>) -> Vec<Component<'static>> {
    let name = |name: &'static str| {
        if name.starts_with('@') {
            Component::derived(name)
        } else {
            Component::field(name)
        }
    };
    let present = WHERE_PRESENT
        .into_iter()
        .filter(|field| received.request.headers.contains_key(*field));
    let mut components: Vec<_> = ALWAYS.into_iter().chain(present).map(name).collect();
    for label in [CLIENT_LABEL, PAYMENT_LABEL] {
        if signatures.by_label(label).is_some() {
            components.push(Component::field("signature").key(label));
            components.push(Component::field("signature-input").key(label));
        }
    }
    components
}
