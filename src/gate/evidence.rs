//! The client's second signature: evidence of a payment that anyone with the client's public key can check, without the
//! token in it.

use countersign_jose::Thumbprint;
use countersign_jose::jwk::Jwk;
use countersign_signatures::{
    Algorithm, Component, Entry, Members, ParameterName, Policy, Request, SelectError, Signatures,
};

use super::outbound_head::PAYMENT;
use crate::base::limits::{CLOCK_AHEAD, NONCE_CHARACTERS, PROOF_AGE};
use crate::base::{Code, Fault, Timestamp};

/// The tag of the second signature.
const PAYMENT_TAG: &str = "countersign-payment";

/// What it covers at least.
const COMPONENTS: [Component<'static>; 5] = [
    Component::derived("@method"),
    Component::derived("@target-uri"),
    Component::field("content-digest"),
    Component::field("content-type"),
    Component::field("idempotency-key"),
];

/// What it must not cover: it is evidence for backends and receipts, and its base would hand them the token.
const SECRETS: [&str; 3] = ["authorization", "dpop", "cookie"];

/// A payment signature that was found good.
#[derive(Clone, Debug)]
pub(super) struct PaymentEvidence {
    /// The signature under the label `payment`, ready to be passed on.
    pub(super) members: Members,
    /// The key that made it.
    pub(super) key: Jwk,
    /// What was signed (RFC 9421, section 2.5), for the receipt.
    pub(super) base: String,
    /// The bytes of the signature.
    pub(super) signature: Vec<u8>,
}

/// Verifies the payment signature when there is one. A bad one sinks the request: a backend must never be handed
/// evidence that does not hold. A missing one does when it is `demanded`.
pub(super) fn payment_evidence<'k>(
    signatures: &Signatures<'_>,
    request: &Request<'_>,
    keys: impl IntoIterator<Item = &'k Jwk>,
    now: Timestamp,
    demanded: bool,
) -> Result<Option<PaymentEvidence>, Fault> {
    let entry = match signatures.by_tag(PAYMENT_TAG) {
        Ok(entry) => entry,
        Err(SelectError::Missing) if demanded => {
            return Err(Fault::new(Code::SignatureMissing).detail(
                "This backend demands the client's own evidence: add a second signature with tag \"countersign-payment\".",
            ));
        }
        Err(SelectError::Missing) => return Ok(None),
        Err(error) => return Err(Fault::new(Code::SignatureInvalid).cause(error)),
    };
    let invalid = |cause: &dyn std::fmt::Display| Fault::new(Code::SignatureInvalid).cause(cause);
    check(entry, now)?;
    if SECRETS.into_iter().any(|name| covers(entry, name)) {
        return Err(Fault::new(Code::SignatureInvalid).detail(
            "The payment signature is shown to others, so it must not cover authorization, dpop or cookie.",
        ));
    }
    let key = find_key(keys, entry)
        .ok_or_else(|| invalid(&"the key of the payment signature is not the client's"))?;
    entry
        .verify(request, &key.key, Algorithm::of(&key.key))
        .map_err(|error| invalid(&error))?;
    let members = entry.renamed(PAYMENT).map_err(|error| invalid(&error))?;
    let base = entry.base(request).map_err(|error| invalid(&error))?;
    Ok(Some(PaymentEvidence {
        members,
        key: key.clone(),
        base,
        signature: entry.signature().to_vec(),
    }))
}

fn covers(entry: &Entry<'_>, name: &str) -> bool {
    entry
        .components()
        .iter()
        .any(|component| component.name().eq_ignore_ascii_case(name))
}

fn check(entry: &Entry<'_>, now: Timestamp) -> Result<(), Fault> {
    let policy = Policy {
        components: &COMPONENTS,
        parameters: &[ParameterName::Created, ParameterName::KeyId, ParameterName::Nonce],
        now: now.seconds(),
        max_age: PROOF_AGE.as_secs() as i64,
        max_ahead: CLOCK_AHEAD.as_secs() as i64,
        max_lifetime: PROOF_AGE.as_secs() as i64,
        nonce_min_len: NONCE_CHARACTERS,
    };
    entry.check(&policy).map_err(|error| {
        let code = if error.is_stale() {
            Code::Stale
        } else {
            Code::SignatureInvalid
        };
        Fault::new(code).cause(error)
    })
}

/// The key that `keyid` names: by its registered `kid` or its thumbprint, and only among the client's own (SIG-13).
pub(super) fn find_key<'k>(keys: impl IntoIterator<Item = &'k Jwk>, entry: &Entry<'_>) -> Option<&'k Jwk> {
    let keyid = entry.keyid()?;
    let thumbprint = Thumbprint::parse(keyid);
    let is_named = |jwk: &&Jwk| {
        jwk.kid.as_deref() == Some(keyid) || thumbprint.is_some_and(|named| jwk.key.thumbprint() == named)
    };
    keys.into_iter().find(is_named)
}
