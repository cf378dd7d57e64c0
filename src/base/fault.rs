//! Faults: whose fault it is, its code and status, what the client may read and what only the log may.
//!
//! Every code that a client can read stands in the one table below; the documentation is generated from it.

use std::borrow::Cow;
use std::time::Duration;

macro_rules! codes {
    ($($variant:ident $name:literal $status:literal $title:literal $advice:literal;)+) => {
        /// The code of a fault: the last part of `urn:countersign:problem:<code>`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $title] $variant,)+
        }

        impl Code {
            /// Every code, in the order in which a journey can end in it.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The code as clients read it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The HTTP status that goes with it.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)+ }
            }

            /// What happened, in a few words.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }

            /// What an honest caller should change.
            #[must_use]
            pub const fn advice(self) -> &'static str {
                match self { $(Self::$variant => $advice,)+ }
            }
        }
    };
}

codes! {
    RequestMalformed "request-malformed" 400 "The request is malformed"
        "Send a well-formed HTTP request; headers that may stand once must stand once.";
    Misdirected "misdirected" 421 "This host is not served here"
        "Use the host of the gateway's public URL, over a connection made for it.";
    UriTooLong "uri-too-long" 414 "The request target is too long" "Shorten the path and the query.";
    HeadersTooLarge "headers-too-large" 431 "The header section is too large" "Send fewer and shorter headers.";
    RouteUnknown "route-unknown" 404 "There is nothing at this path" "Check the path against the gateway's routes.";
    MethodNotAllowed "method-not-allowed" 405 "This path does not take this method" "Use one of the methods in Allow.";
    Banned "banned" 403 "This source is banned for a time" "Wait until the ban ends.";
    RateLimited "rate-limited" 429 "Too many requests" "Wait as long as Retry-After says, then try again.";
    Overloaded "overloaded" 503 "The gateway is busy" "Wait as long as Retry-After says, then try again.";
    BodyTooLarge "body-too-large" 413 "The body is too large" "Send a smaller body; the limit belongs to the route.";
    ContentEncodingRefused "content-encoding-refused" 415 "Signed requests must not be compressed"
        "Send the body without Content-Encoding.";
    CertificateRefused "certificate-refused" 403 "The client certificate is no longer accepted"
        "Connect again with a certificate that is neither revoked nor expired and comes from an authority in force.";
    TokenMissing "token-missing" 401 "An access token is needed"
        "Send Authorization: DPoP with an access token from the token endpoint.";
    TokenInvalid "token-invalid" 401 "The access token is not valid"
        "Get a new access token: this one is malformed, expired, revoked or meant for another audience.";
    ProofMissing "proof-missing" 401 "Proof of the token's key is missing"
        "Send a DPoP proof, a client certificate or a signature by the key the token is bound to.";
    ProofInvalid "proof-invalid" 401 "The proof of the token's key is not valid"
        "Make a new DPoP proof for this method, URL and token with the key the token is bound to.";
    NonceRequired "nonce-required" 401 "A DPoP nonce is required" "Put the nonce from the DPoP-Nonce header into a new proof.";
    ScopeInsufficient "scope-insufficient" 403 "The token's scope does not cover this"
        "Ask for a token with the scope named in WWW-Authenticate.";
    LoginRequired "login-required" 401 "A stronger or fresher login is needed"
        "Log in again with the acr_values or max_age named in WWW-Authenticate.";
    SignatureMissing "signature-missing" 401 "The request must be signed"
        "Sign the request (RFC 9421) with tag \"fapi-2-request\" and the key the token is bound to.";
    SignatureInvalid "signature-invalid" 401 "The request's signature is not valid"
        "Cover every required component, name keyid and created, and sign with an allowed algorithm and key.";
    DigestMissing "digest-missing" 400 "The body's digest is missing"
        "Send Content-Digest with sha-256 or sha-512 of the body (RFC 9530).";
    DigestMismatch "digest-mismatch" 400 "The body is not the one that was signed"
        "Compute Content-Digest over exactly the bytes that are sent.";
    Stale "stale" 401 "The proof or signature is outside its time window"
        "Set the clock, and make proofs and signatures right before sending.";
    Replayed "replayed" 401 "This proof or signature was used before" "Make a new one, with a new jti or nonce, for every request.";
    IdempotencyKeyMissing "idempotency-key-missing" 400 "An Idempotency-Key is needed"
        "Send Idempotency-Key with a fresh quoted string for every new payment.";
    IdempotencyKeyInvalid "idempotency-key-invalid" 400 "The Idempotency-Key is not valid"
        "Send one quoted string without parameters, 1 to 255 characters.";
    IdempotencyKeyReused "idempotency-key-reused" 422 "The Idempotency-Key was used for another request"
        "Use a fresh key for a new payment; repeat the first request unchanged to learn its outcome.";
    InProgress "in-progress" 409 "The first request with this key is still running" "Wait, then repeat the request unchanged.";
    OutcomeUnknown "outcome-unknown" 409 "What became of the payment is not known yet"
        "Do not pay again; repeat the request unchanged after Retry-After to learn the outcome.";
    NotExecuted "not-executed" 409 "The payment was settled as not executed" "Start a new payment with a new Idempotency-Key.";
    TransactionInvalid "transaction-invalid" 422 "The payment's data are not valid"
        "Send exactly the members this route maps, each once; amounts are strings with the currency's digits.";
    ApprovalRequired "approval-required" 401 "The customer has to approve this payment"
        "Have the customer approve it, then send the same request again with a fresh signature.";
    ApprovalPending "approval-pending" 409 "Another approval is pending" "Finish or deny the pending approval first.";
    ApprovalFailed "approval-failed" 403 "The approval was not given" "Let the customer try again with an enrolled factor.";
    ApprovalDenied "approval-denied" 403 "The customer denied the payment" "Do not repeat it; start a new payment if the customer asks.";
    ApprovalExpired "approval-expired" 403 "The approval has expired" "Send the payment again to get a new approval.";
    PolicyDenied "policy-denied" 403 "A policy does not permit this" "Nothing in the request can change this; see detail.";
    StoreUnavailable "store-unavailable" 503 "Nothing can be recorded now" "Wait, then try again; nothing was executed.";
    UpstreamUnavailable "upstream-unavailable" 502 "The backend cannot be reached"
        "Nothing was sent to the backend; try again later.";
    UpstreamTimeout "upstream-timeout" 504 "The backend did not answer in time" "Try again later.";
    AnswerInvalid "answer-invalid" 502 "The backend's answer cannot be used" "Report it with the request id.";
    AnswerTooLarge "answer-too-large" 502 "The backend's answer is too large" "Report it with the request id.";
    Conflict "conflict" 409 "This does not fit how things stand" "Look at the present state, then decide again.";
    ConfigurationInvalid "configuration-invalid" 422 "The files on disk cannot take effect"
        "Correct what detail lists, then reload again.";
}

impl Code {
    /// The problem type (RFC 9457, section 3.1.1).
    #[must_use]
    pub fn problem_type(self) -> String {
        format!("urn:countersign:problem:{}", self.name())
    }
}

/// What a client can do about a fault, where a header or member must tell it (RFC 6750, 9449, 9470).
#[derive(Clone, Debug, PartialEq)]
pub enum Cure {
    /// The scope that would suffice.
    Scope(String),
    /// A login of at least this class, or not older than this many seconds (RFC 9470, section 3).
    Login {
        /// The authentication context class that suffices, 1 to 3.
        acr: Option<u8>,
        /// The age in seconds a login may have.
        max_age_seconds: Option<u64>,
    },
    /// A nonce to put into the next DPoP proof (RFC 9449, section 8).
    DpopNonce(String),
    /// What the customer has to approve.
    Approval(Box<serde_json::Value>),
    /// Methods this path takes.
    Allow(String),
    /// The Idempotency-Key of an equal payment whose outcome has to be known first.
    First(String),
}

/// A refusal on its way to the client.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The code; it fixes status, title and advice.
    pub code: Code,
    /// More for the client than the advice of the code says; never anything an attacker could use.
    pub detail: Option<Cow<'static, str>>,
    /// For the log only.
    pub cause: Option<Box<str>>,
    /// How long to wait before trying again.
    pub retry_after: Option<Duration>,
    /// What would cure it.
    pub cure: Option<Cure>,
}

impl Fault {
    /// A fault that says what its code says.
    #[must_use]
    pub const fn new(code: Code) -> Self {
        Self {
            code,
            detail: None,
            cause: None,
            retry_after: None,
            cure: None,
        }
    }

    /// Tells the client more.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Tells the log more.
    #[must_use]
    pub fn cause(mut self, cause: impl std::fmt::Display) -> Self {
        self.cause = Some(cause.to_string().into());
        self
    }

    /// Asks the client to wait.
    #[must_use]
    pub const fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Says what would cure it.
    #[must_use]
    pub fn cure(mut self, cure: Cure) -> Self {
        self.cure = Some(cure);
        self
    }
}

impl From<Code> for Fault {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code.name())?;
        self.cause.as_ref().map_or(Ok(()), |cause| write!(f, ": {cause}"))
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::Code;
    use std::collections::HashSet;

    #[test]
    fn every_code_stands_once_with_an_error_status_and_advice() {
        let names: HashSet<_> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for code in Code::ALL {
            assert!((400..600).contains(&code.status()), "{}", code.name());
            assert!(code.advice().ends_with('.'), "{}", code.name());
        }
    }
}
