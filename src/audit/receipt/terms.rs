//! What a receipt says, apart from its proof. The members and their names are those of the file (design 9).

use countersign_intent::receipt::VERSION;
use countersign_jose::jwk::Jwk;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::base::event::{Digest, ReceiptDigests};
use crate::base::{Timestamp, TransactionId};

/// What stood fast before the payment was sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Terms {
    /// The transaction, which is the receipt's name too.
    pub id: TransactionId,
    /// What the customer agreed to.
    pub intent: Value,
    /// Its digest, base64url.
    pub intent_digest: String,
    /// The request.
    pub request: RequestFacts,
    /// The client's own signature, where it sent one.
    pub payment_signature: Option<PaymentSignature>,
    /// What let it pass.
    pub decision: Decision,
}

/// The request as the client sent it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RequestFacts {
    /// The method.
    pub method: String,
    /// The absolute URL (RFC 9421, section 2.2.2).
    pub target: String,
    /// SHA-256 of the body, base64url.
    pub content_digest: String,
    /// The idempotency key, without its quotes.
    pub idempotency_key: String,
}

/// A `countersign-payment` signature, in a form that needs no HTTP message to be verified.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PaymentSignature {
    /// The signature base (RFC 9421, section 2.5).
    pub base: String,
    /// The signature, base64.
    pub signature: String,
    /// The key that made it.
    pub jwk: Jwk,
}

/// Which policies decided, and what opened the way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Decision {
    /// The version of the policies.
    pub policy_version: String,
    /// The customer's approval and its evidence.
    pub approval: Option<Value>,
    /// The exemption from approval.
    pub exemption: Option<String>,
    /// The standing mandate the payment belongs to.
    pub mandate: Option<String>,
}

/// What became of the payment: the member `answer`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The backend's status; absent when it never gave one and the payment was settled as not executed.
    pub status: Option<u16>,
    /// SHA-256 of the answer's body, base64url; absent where the body was not read to its end.
    pub content_digest: Option<String>,
    /// When it was recorded, RFC 3339 in UTC.
    pub at: String,
}

impl Outcome {
    /// An outcome that is recorded `now`.
    #[must_use]
    pub fn new(status: Option<u16>, content_digest: Option<&Digest>, now: Timestamp) -> Self {
        Self {
            status,
            content_digest: content_digest.map(|digest| digest.as_str().to_owned()),
            at: now.to_string(),
        }
    }
}

impl Terms {
    /// The receipt without its proof; `None` when it cannot be written as JSON, which these types always can.
    #[must_use]
    pub fn with(&self, outcome: &Outcome) -> Option<Map<String, Value>> {
        let mut members = Map::new();
        members.insert("version".to_owned(), VERSION.into());
        let Value::Object(terms) = serde_json::to_value(self).ok()? else {
            return None;
        };
        members.extend(terms);
        members.insert("answer".to_owned(), serde_json::to_value(outcome).ok()?);
        Some(members)
    }

    /// What the log entry of `outcome` has to carry.
    #[must_use]
    pub fn digests(&self, outcome: &Outcome) -> Option<ReceiptDigests> {
        ReceiptDigests::of(&self.with(outcome)?)
    }
}
