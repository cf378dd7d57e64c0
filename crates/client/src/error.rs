//! What can go wrong, each by its own name and with what to do about it.

use std::time::Duration;

use countersign_intent::IntentError;
use countersign_jose::KeyError;
use countersign_jose::jws::JwsError;
use countersign_signatures::SignError;

use crate::answer_signature::AnswerFault;

/// Why a call did not lead to an answer that can be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A URL is not `https://host[:port]/…`.
    #[error("{0:?} is not a usable https URL")]
    Url(String),
    /// The CA is not PEM, or holds no certificate.
    #[error("the CA is not usable: {0}")]
    Ca(String),
    /// A key is malformed, weak, or cannot sign.
    #[error("the key is not usable: {0}")]
    Key(#[from] KeyError),
    /// A setting of the client is missing.
    #[error("the client's {0} is missing")]
    SettingMissing(&'static str),
    /// The operating system gives no randomness.
    #[error("there is no randomness")]
    Randomness,
    /// Nothing was sent: no connection could be made.
    #[error("the gateway cannot be reached: {0}")]
    NotSent(String),
    /// Something was sent, and no whole answer came back.
    #[error("the gateway did not answer: {0}")]
    NoAnswer(String),
    /// The answer is larger than this client reads.
    #[error("the answer is too large")]
    AnswerTooLarge,
    /// The gateway's metadata name another issuer (RFC 8414, section 3.3).
    #[error("the metadata are those of {0:?}, not of this gateway")]
    OtherIssuer(String),
    /// A document of the gateway is not in the form its standard fixes.
    #[error("the gateway's {0} cannot be read")]
    Document(&'static str),
    /// An OAuth endpoint refused (RFC 6749, section 5.2).
    #[error("{error}: {description}")]
    OAuth {
        /// The registered code, such as `invalid_grant`.
        error: String,
        /// What the gateway says about it.
        description: String,
    },
    /// Too many tries.
    #[error("too many tries")]
    Throttled {
        /// How long to wait.
        retry_after: Option<Duration>,
    },
    /// The login needs another factor than those that were given.
    #[error("the login needs another factor: one of {}", .0.join(", "))]
    FactorNeeded(Vec<String>),
    /// The session has no refresh token.
    #[error("the session cannot be refreshed")]
    NoRefreshToken,
    /// The answer does not carry a good signature of the gateway: it may come from anybody.
    #[error("the answer ({status}{}) is not to be believed: {fault}", claims.as_ref().map(|code| format!(" {code}")).unwrap_or_default())]
    AnswerNotTrusted {
        /// The status it claims.
        status: u16,
        /// The problem code it claims, when it is a problem document.
        claims: Option<String>,
        /// What is wrong with its signature.
        fault: AnswerFault,
    },
    /// The payment is not complete or not well-formed.
    #[error("the payment is not valid: {0}")]
    Payment(#[from] IntentError),
    /// The idempotency key is not one to 255 printable ASCII characters.
    #[error("the idempotency key must be 1 to 255 printable ASCII characters")]
    IdempotencyKey,
    /// A request could not be signed.
    #[error("the request cannot be signed: {0}")]
    Sign(#[from] SignError),
    /// A proof could not be made.
    #[error("the proof cannot be made: {0}")]
    Proof(#[from] JwsError),
    /// A header or URL could not be written.
    #[error("the request cannot be written: {0}")]
    Request(String),
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Url(_) => "Give the URL as https://host:port, without user information.",
            Self::Ca(_) => "Give the PEM file of the CA that issued the gateway's certificate.",
            Self::Key(_) | Self::Sign(_) | Self::Proof(_) => {
                "Use an Ed25519 or P-256 key, generated or as a private JWK."
            }
            Self::SettingMissing(_) => "Give it to the client's builder.",
            Self::Randomness => "Repair the machine: nothing safe can be done without randomness.",
            Self::NotSent(_) => {
                "Check that the gateway runs, the URL, the CA and the network. Nothing was sent."
            }
            Self::NoAnswer(_) | Self::AnswerTooLarge => {
                "Send the same order again, with the same idempotency key: it is executed at most once."
            }
            Self::OtherIssuer(_) => "Use the gateway's public URL exactly as it is configured there.",
            Self::Document(_) => "Check that the URL is that of a Countersign gateway of a fitting version.",
            Self::OAuth { error, .. } => oauth_advice(error),
            Self::Throttled { .. } => "Wait, then try again.",
            Self::FactorNeeded(_) => {
                "Ask the customer for one of the factors and continue the login with it."
            }
            Self::NoRefreshToken => {
                "Log in again, with the scope offline_access if the session should outlive its token."
            }
            Self::AnswerNotTrusted { .. } => {
                "Set the clock if it is wrong; otherwise do not believe the answer: send the same order again to learn the outcome."
            }
            Self::Payment(_) => "Correct the member that is named.",
            Self::IdempotencyKey => "Let the client make the key, or use a UUID.",
            Self::Request(_) => "Correct the URL or the value that is named.",
        }
    }
}

fn oauth_advice(error: &str) -> &'static str {
    match error {
        "access_denied" => "Check the name and the factors.",
        "invalid_grant" => "Log in again: the code or the refresh token is used, expired or revoked.",
        "invalid_client" | "unauthorized_client" => {
            "Check the client id and how this client authenticates at the gateway."
        }
        "invalid_scope" => "Ask for scopes that are registered for this client.",
        "invalid_dpop_proof" => "Set the clock, and use one key for the whole login.",
        "invalid_session" => "Begin the login anew: the session of this login is used or expired.",
        _ => "See the description.",
    }
}
