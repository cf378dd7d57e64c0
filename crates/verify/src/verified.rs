//! What a backend may believe after a request was verified.

use countersign_intent::{Intent, IntentDigest};
use countersign_jose::jwk::Jwk;
use serde::Deserialize;
use serde_json::Value;

/// Who stands behind a request, what they agreed to, and what let it pass. Only [`Verifier`](crate::Verifier) makes
/// one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Verified {
    /// `kid` of the gateway's key that signed the request.
    pub gateway_key: String,
    /// `txn`: this transaction at this backend, unique.
    pub transaction: String,
    /// `sub`: the customer, under a name that only this backend knows them by.
    pub subject: String,
    /// `scope` of the token the client used.
    pub scope: Vec<String>,
    /// `req_wl`: the workload that asked for the Txn-Token, which is the gateway.
    pub workload: String,
    /// The name of this backend at the gateway.
    pub upstream: String,
    /// The client app; absent on public routes.
    pub client_id: Option<String>,
    /// Class of the customer's login, such as `urn:countersign:acr:2`.
    pub acr: Option<String>,
    /// Methods of the customer's login (RFC 8176).
    pub amr: Vec<String>,
    /// When the customer logged in, in seconds since 1970.
    pub auth_time: Option<i64>,
    /// The country the request came from (ISO 3166-1 alpha-2), where the gateway knows it.
    pub country: Option<String>,
    /// What the customer agreed to; absent on routes that move no money.
    pub intent: Option<Intent>,
    /// The digest of `intent`, recomputed here.
    pub intent_digest: Option<IntentDigest>,
    /// The customer's approval of exactly this intent.
    pub approval: Option<Approval>,
    /// The exemption from approval that the policy used.
    pub exemption: Option<String>,
    /// The mandate under which the payment is made.
    pub mandate: Option<Value>,
    /// The version of the policy that let the request pass.
    pub policy_version: Option<String>,
    /// The client's `Idempotency-Key`, without its quotes, on routes that want one.
    pub idempotency_key: Option<String>,
    /// `Content-Digest` as it was sent, recomputed here; absent where the client did not sign its body.
    pub content_digest: Option<String>,
    /// The host under which the client called the gateway.
    pub original_host: String,
    /// What this backend can show of the client's own will.
    pub evidence: Evidence,
    /// Whether `transaction` was accepted before: true only where the verifier was told to let repeats pass.
    pub repeated: bool,
}

/// How the customer approved a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Approval {
    /// The approval at the gateway.
    pub id: String,
    /// The factor: `passkey` or `device`.
    pub factor: String,
    /// When, in seconds since 1970.
    pub at: i64,
}

/// What a backend can show of the client's own will.
#[derive(Clone, Debug)]
pub enum Evidence {
    /// The gateway attests that the client signed; the backend cannot check that by itself.
    Attested,
    /// The client signed this payment, and the backend verified it.
    Signed(Box<ClientSignature>),
}

/// The client's own signature over a payment (tag `countersign-payment`): whoever has the three verifies it again.
#[derive(Clone, Debug)]
pub struct ClientSignature {
    /// The client's key.
    pub jwk: Jwk,
    /// `keyid` of the signature.
    pub keyid: String,
    /// What was signed: the signature base (RFC 9421, section 2.5).
    pub base: String,
    /// The signature over `base`.
    pub signature: Vec<u8>,
}

impl Verified {
    /// Whether the token's scope holds `value`.
    #[must_use]
    pub fn has_scope(&self, value: &str) -> bool {
        self.scope.iter().any(|scope| scope == value)
    }
}
