//! What a receipt says, apart from its proof. The members and their names are those of the file.

use std::borrow::Cow;

use countersign_intent::receipt::{Part, VERSION};
use countersign_jose::jwk::Jwk;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::base::event::{Digest, ReceiptDigests};
use crate::base::{Timestamp, TransactionId};

/// What stood fast before the payment was sent. The intent is one when they are written, and its JSON when they are
/// read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Terms<'a, I = Value> {
    /// The transaction, which is the receipt's name too.
    pub id: TransactionId,
    /// What the customer agreed to.
    pub intent: I,
    /// Its digest, base64url.
    pub intent_digest: String,
    /// The request.
    pub request: RequestFacts<'a>,
    /// The client's own signature, where it sent one.
    pub payment_signature: Option<PaymentSignature<'a>>,
    /// What let it pass.
    pub decision: Decision<'a>,
}

/// The request as the client sent it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RequestFacts<'a> {
    /// The method.
    pub method: Cow<'a, str>,
    /// The absolute URL (RFC 9421, section 2.2.2).
    pub target: String,
    /// SHA-256 of the body, base64url.
    pub content_digest: String,
    /// The idempotency key, without its quotes.
    pub idempotency_key: Cow<'a, str>,
}

/// A `countersign-payment` signature, in a form that needs no HTTP message to be verified.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PaymentSignature<'a> {
    /// The signature base (RFC 9421, section 2.5).
    pub base: Cow<'a, str>,
    /// The signature, base64.
    pub signature: String,
    /// The key that made it.
    pub jwk: Cow<'a, Jwk>,
}

/// Which policies decided, and what opened the way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Decision<'a> {
    /// The version of the policies.
    pub policy_version: Cow<'a, str>,
    /// The customer's approval and its evidence.
    pub approval: Option<Value>,
    /// The exemption from approval.
    pub exemption: Option<Cow<'a, str>>,
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
            content_digest: content_digest.map(ToString::to_string),
            at: now.to_string(),
        }
    }
}

/// What the log entry of an outcome says about the terms: they are known before it is.
#[derive(Clone, Copy, Debug)]
pub struct TermDigests {
    decision: Digest,
    intent: Digest,
    payment_signature: Digest,
    request: Digest,
}

impl<I: Serialize> Terms<'_, I> {
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

    /// The digests of the terms' parts; `None` when one has no canonical form, which these types always have.
    #[must_use]
    pub fn digests(&self) -> Option<TermDigests> {
        Some(TermDigests {
            decision: digest(Part::Decision, &self.decision)?,
            intent: digest(Part::Intent, &self.intent)?,
            payment_signature: digest(Part::PaymentSignature, &self.payment_signature)?,
            request: digest(Part::Request, &self.request)?,
        })
    }
}

impl TermDigests {
    /// What the log entry of `outcome` has to carry.
    #[must_use]
    pub fn with(&self, outcome: &Outcome) -> Option<ReceiptDigests> {
        Some(ReceiptDigests {
            answer: digest(Part::Answer, outcome)?,
            decision: self.decision,
            intent: self.intent,
            payment_signature: self.payment_signature,
            request: self.request,
        })
    }
}

fn digest(part: Part, value: &impl Serialize) -> Option<Digest> {
    part.sha256(value).ok().map(|hash| Digest::new(&hash))
}
