//! Why a request was refused: every reason by its own name, with what to do about it.

use countersign_intent::IntentError;
use countersign_jose::jws::JwsError;
use countersign_signatures::digest::DigestError;
use countersign_signatures::{ParseError, PolicyError, VerifyError};
use http::StatusCode;

use crate::fetch::FetchError;

/// Why a request was refused. Nothing of a refused request may be acted upon.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A header that every forwarded request has is not there.
    #[error("the header {0} is missing")]
    HeaderMissing(&'static str),
    /// A header that may stand once stands several times.
    #[error("the header {0} stands more than once")]
    HeaderRepeated(&'static str),
    /// A header is not in the form its standard fixes.
    #[error("the header {0} is malformed")]
    HeaderMalformed(&'static str),
    /// The request is addressed to a host that this backend does not call its own.
    #[error("the request is for {0:?}, which is not an authority of this backend")]
    AuthorityForeign(String),
    /// The signature fields as a whole cannot be read.
    #[error(transparent)]
    SignaturesMalformed(#[from] ParseError),
    /// No signature is tagged `countersign-forward`: the request did not come through the gateway.
    #[error("the gateway's signature is missing")]
    SignatureMissing,
    /// More than one signature is tagged `countersign-forward`.
    #[error("more than one signature claims to be the gateway's")]
    SignatureRepeated,
    /// The gateway's tag stands under another label than `countersign`.
    #[error("the gateway's signature stands under another label than \"countersign\"")]
    SignatureLabel,
    /// The gateway's signature covers too little, or lacks a parameter.
    #[error("the gateway's signature does not meet what is demanded of it: {0}")]
    SignatureTooWeak(PolicyError),
    /// The gateway's signature is outside its time window.
    #[error("the gateway's signature is stale: {0}")]
    SignatureStale(PolicyError),
    /// The gateway's signature was made before this process started, whose memory of nonces is empty.
    #[error("the gateway's signature was made before this backend started")]
    SignatureBeforeStart,
    /// The gateway publishes no key of this name that is valid at the time of the signature.
    #[error("the gateway publishes no valid {purpose} key called {keyid:?}")]
    KeyUnknown {
        /// What the key would be for: `message` or `txn`.
        purpose: &'static str,
        /// The name that the request gave.
        keyid: String,
    },
    /// The gateway's keys could not be fetched and none are at hand.
    #[error("the gateway's keys cannot be fetched: {0}")]
    KeysUnavailable(FetchError),
    /// The gateway's signature does not verify.
    #[error("the gateway's signature is not good: {0}")]
    SignatureInvalid(VerifyError),
    /// `Content-Digest` does not vouch for the body.
    #[error("the body is not the one that was signed: {0}")]
    DigestRefused(DigestError),
    /// The Txn-Token is malformed, of another type, or not signed by the key it names.
    #[error("the Txn-Token is refused: {0}")]
    TokenInvalid(JwsError),
    /// The Txn-Token names no key.
    #[error("the Txn-Token names no key")]
    TokenKeyMissing,
    /// A claim of the Txn-Token is empty or contradicts another.
    #[error("the claim {0} of the Txn-Token is not usable")]
    TokenClaim(&'static str),
    /// The Txn-Token was issued by somebody else.
    #[error("the Txn-Token has another issuer")]
    TokenIssuer,
    /// The Txn-Token is meant for another trust domain.
    #[error("the Txn-Token is meant for another trust domain")]
    TokenAudience,
    /// The Txn-Token has expired.
    #[error("the Txn-Token has expired")]
    TokenExpired,
    /// The Txn-Token was issued in the future.
    #[error("the Txn-Token was issued in the future")]
    TokenAhead,
    /// The Txn-Token is valid for longer than 60 seconds.
    #[error("the Txn-Token is valid for too long")]
    TokenLifetime,
    /// The Txn-Token was issued for another request.
    #[error("the Txn-Token was issued for another request: {0} differs")]
    TokenOtherRequest(&'static str),
    /// The intent in the Txn-Token is not in normal form or incomplete.
    #[error("the intent in the Txn-Token is not usable: {0}")]
    IntentInvalid(IntentError),
    /// The intent in the Txn-Token does not have the digest that stands beside it.
    #[error("the intent in the Txn-Token does not have the digest beside it")]
    IntentDigest,
    /// There is a `payment` signature but no key to verify it with.
    #[error("there is a payment signature, but the Txn-Token has no cnf.jwk")]
    PaymentKeyMissing,
    /// The `payment` signature is not tagged `countersign-payment`.
    #[error("the payment signature has another tag than \"countersign-payment\"")]
    PaymentTag,
    /// The `payment` signature covers too little, or lacks a parameter.
    #[error("the payment signature does not meet what is demanded of it: {0}")]
    PaymentTooWeak(PolicyError),
    /// The `payment` signature was made long before or after the gateway's.
    #[error("the payment signature was not made at the time of this request")]
    PaymentStale,
    /// The `payment` signature does not verify.
    #[error("the payment signature is not good: {0}")]
    PaymentInvalid(VerifyError),
    /// This backend demands the client's own signature, and there is none.
    #[error("the client's own payment signature is missing")]
    EvidenceMissing,
    /// This very message was received before.
    #[error("this message was received before")]
    Replayed,
    /// So many messages came within a minute that nonces cannot be remembered any more.
    #[error("the memory of nonces is full")]
    ReplayMemoryFull,
    /// This transaction was accepted for execution before.
    #[error("the transaction was accepted for execution before")]
    AlreadyExecuted,
    /// Whether this transaction was executed before cannot be said now.
    #[error("the record of executed transactions is not available: {0}")]
    ExecutionsUnavailable(String),
    /// The body is larger than the layer buffers.
    #[error("the body is too large")]
    BodyTooLarge,
    /// The body did not arrive whole.
    #[error("the body did not arrive whole")]
    BodyBroken,
}

impl Refusal {
    /// The name, for problem documents and logs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::HeaderMissing(_) => "header-missing",
            Self::HeaderRepeated(_) => "header-repeated",
            Self::HeaderMalformed(_) => "header-malformed",
            Self::AuthorityForeign(_) => "authority-foreign",
            Self::SignaturesMalformed(_) => "signatures-malformed",
            Self::SignatureMissing => "signature-missing",
            Self::SignatureRepeated => "signature-repeated",
            Self::SignatureLabel => "signature-label",
            Self::SignatureTooWeak(_) => "signature-too-weak",
            Self::SignatureStale(_) => "signature-stale",
            Self::SignatureBeforeStart => "signature-before-start",
            Self::KeyUnknown { .. } => "key-unknown",
            Self::KeysUnavailable(_) => "keys-unavailable",
            Self::SignatureInvalid(_) => "signature-invalid",
            Self::DigestRefused(_) => "digest-refused",
            Self::TokenInvalid(_) => "token-invalid",
            Self::TokenKeyMissing => "token-key-missing",
            Self::TokenClaim(_) => "token-claim",
            Self::TokenIssuer => "token-issuer",
            Self::TokenAudience => "token-audience",
            Self::TokenExpired => "token-expired",
            Self::TokenAhead => "token-ahead",
            Self::TokenLifetime => "token-lifetime",
            Self::TokenOtherRequest(_) => "token-other-request",
            Self::IntentInvalid(_) => "intent-invalid",
            Self::IntentDigest => "intent-digest",
            Self::PaymentKeyMissing => "payment-key-missing",
            Self::PaymentTag => "payment-tag",
            Self::PaymentTooWeak(_) => "payment-too-weak",
            Self::PaymentStale => "payment-stale",
            Self::PaymentInvalid(_) => "payment-invalid",
            Self::EvidenceMissing => "evidence-missing",
            Self::Replayed => "replayed",
            Self::ReplayMemoryFull => "replay-memory-full",
            Self::AlreadyExecuted => "already-executed",
            Self::ExecutionsUnavailable(_) => "executions-unavailable",
            Self::BodyTooLarge => "body-too-large",
            Self::BodyBroken => "body-broken",
        }
    }

    /// The HTTP status that fits: 400 for a message out of form, 401 for one that proves nothing, 409 for a second
    /// execution, 413 for too large a body, 503 where only this backend is at a loss.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::HeaderMissing(_)
            | Self::HeaderRepeated(_)
            | Self::HeaderMalformed(_)
            | Self::SignaturesMalformed(_)
            | Self::DigestRefused(_)
            | Self::BodyBroken => StatusCode::BAD_REQUEST,
            Self::AuthorityForeign(_) => StatusCode::MISDIRECTED_REQUEST,
            Self::AlreadyExecuted => StatusCode::CONFLICT,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::KeysUnavailable(_) | Self::ReplayMemoryFull | Self::ExecutionsUnavailable(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            _ => StatusCode::UNAUTHORIZED,
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::HeaderMissing(_) | Self::SignatureMissing => {
                "Send the request through the gateway; this backend takes no other."
            }
            Self::HeaderRepeated(_) | Self::HeaderMalformed(_) | Self::SignaturesMalformed(_) => {
                "Look for a hop between gateway and backend that rewrites headers."
            }
            Self::AuthorityForeign(_) => {
                "Name the host and port of the gateway's upstream URL with VerifierBuilder::authority."
            }
            Self::SignatureRepeated
            | Self::SignatureLabel
            | Self::SignatureTooWeak(_)
            | Self::SignatureInvalid(_) => {
                "Look for a hop between gateway and backend that changes messages; if there is none, treat it as an attack."
            }
            Self::SignatureStale(_) | Self::TokenExpired | Self::TokenAhead | Self::PaymentStale => {
                "Synchronise the clocks of gateway and backend; a message that was held back is rightly refused."
            }
            Self::SignatureBeforeStart => {
                "Nothing: the gateway reports the request as not answered, and later ones pass."
            }
            Self::KeyUnknown { .. } => {
                "Check that the gateway's URL is the right one; if it is, the key was revoked or never the gateway's."
            }
            Self::KeysUnavailable(_) => {
                "Check the gateway's URL, its CA and the way to it; the next request tries again."
            }
            Self::DigestRefused(_) => {
                "Verify exactly the bytes that arrived, before any decoding; if they are, a hop changed the body."
            }
            Self::TokenInvalid(_)
            | Self::TokenKeyMissing
            | Self::TokenClaim(_)
            | Self::TokenLifetime
            | Self::TokenOtherRequest(_)
            | Self::IntentInvalid(_)
            | Self::IntentDigest => {
                "Treat it as an attack, or as a gateway of another version: compare versions."
            }
            Self::TokenIssuer => {
                "Name the gateway's public_url, exactly as configured there, as the gateway's URL here."
            }
            Self::TokenAudience => {
                "Name the same trust_domain here and in the gateway's [[upstream]]; if they agree, the token was stolen from another backend."
            }
            Self::PaymentKeyMissing
            | Self::PaymentTag
            | Self::PaymentTooWeak(_)
            | Self::PaymentInvalid(_) => {
                "The client's evidence does not stand; do not execute, and keep the message for the dispute."
            }
            Self::EvidenceMissing => {
                "Set client_evidence = \"signed\" for this upstream at the gateway, so that clients learn it there."
            }
            Self::Replayed => "Nothing: the first message was taken, this one is a copy.",
            Self::ReplayMemoryFull => "Raise VerifierBuilder::nonce_capacity, or add backends.",
            Self::AlreadyExecuted => "Answer from the record of the first execution; never execute again.",
            Self::ExecutionsUnavailable(_) => {
                "Restore the record of executions; until then nothing can be executed safely."
            }
            Self::BodyTooLarge => {
                "Raise VerifyLayer::body_limit to the body_limit of the route at the gateway."
            }
            Self::BodyBroken => "Nothing: the connection was cut; the gateway knows.",
        }
    }
}
