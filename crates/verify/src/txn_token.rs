//! The Txn-Token (draft-ietf-oauth-transaction-tokens): who, what and why, in the gateway's words.

use countersign_intent::{Intent, IntentDigest};
use countersign_jose::jwk::Jwk;
use countersign_jose::jws::{self, Header};
use countersign_jose::{PublicKey, base64url, sha256};
use serde::Deserialize;
use serde_json::Value;

use crate::received::Received;
use crate::refusal::Refusal;
use crate::verified::Approval;

/// Longest life, in seconds (TXN-03).
const MAX_LIFETIME: i64 = 60;
/// How far the gateway's clock may be ahead, in seconds.
const MAX_AHEAD: i64 = 10;
const TYPE: &str = "txntoken+jwt";

/// The claims that this crate reads; the gateway may add others.
#[derive(Deserialize)]
pub(crate) struct Claims {
    iss: String,
    aud: Value,
    iat: i64,
    exp: i64,
    pub(crate) txn: String,
    pub(crate) sub: String,
    pub(crate) scope: String,
    pub(crate) req_wl: String,
    pub(crate) tctx: TransactionContext,
    #[serde(default)]
    pub(crate) rctx: RequesterContext,
    cnf: Option<Confirmation>,
}

/// Facts of the transaction, which nobody on the way may change.
#[derive(Deserialize)]
pub(crate) struct TransactionContext {
    pub(crate) upstream: String,
    method: String,
    path: String,
    content_digest: String,
    intent_digest: Option<IntentDigest>,
    intent: Option<Value>,
    pub(crate) approval: Option<Approval>,
    pub(crate) exemption: Option<String>,
    pub(crate) mandate: Option<Value>,
    pub(crate) policy_version: Option<String>,
    pub(crate) idempotency_key: Option<String>,
}

/// Who asked, and how they logged in.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct RequesterContext {
    pub(crate) client_id: Option<String>,
    pub(crate) acr: Option<String>,
    pub(crate) amr: Vec<String>,
    pub(crate) auth_time: Option<i64>,
    pub(crate) country: Option<String>,
}

#[derive(Deserialize)]
struct Confirmation {
    jwk: Jwk,
}

/// The name of the key that is said to have signed `token`.
pub(crate) fn keyid(token: &str) -> Result<String, Refusal> {
    let header = Header::parse(token).map_err(Refusal::TokenInvalid)?;
    header
        .text("kid")
        .map(str::to_owned)
        .ok_or(Refusal::TokenKeyMissing)
}

impl Claims {
    /// Verifies `token` with `key`, whose kind fixes the algorithm (TXN-01, TXN-05).
    pub(crate) fn verify(token: &str, key: &PublicKey) -> Result<Self, Refusal> {
        jws::verify(token, key, Some(TYPE)).map_err(Refusal::TokenInvalid)
    }

    /// Checks that the token is for this backend and this moment.
    pub(crate) fn check(&self, issuer: &str, trust_domain: &str, now: i64) -> Result<(), Refusal> {
        let named = [("txn", &self.txn), ("sub", &self.sub), ("req_wl", &self.req_wl)];
        if let Some((name, _)) = named.into_iter().find(|(_, value)| value.is_empty()) {
            return Err(Refusal::TokenClaim(name));
        }
        if self.iss != issuer {
            return Err(Refusal::TokenIssuer);
        }
        // One trust domain, not a list: a token for several would be good at all of them.
        if self.aud.as_str() != Some(trust_domain) {
            return Err(Refusal::TokenAudience);
        }
        if self.exp <= now {
            return Err(Refusal::TokenExpired);
        }
        if self.iat > now.saturating_add(MAX_AHEAD) {
            return Err(Refusal::TokenAhead);
        }
        if self.exp.saturating_sub(self.iat) > MAX_LIFETIME || self.exp < self.iat {
            return Err(Refusal::TokenLifetime);
        }
        Ok(())
    }

    /// Checks that the token was issued for exactly this request and body. A key that the token does not name is one
    /// that the gateway gives no meaning to.
    pub(crate) fn fits(&self, received: &Received<'_>, body: &[u8]) -> Result<(), Refusal> {
        let context = &self.tctx;
        let key = &context.idempotency_key;
        let same = [
            ("method", context.method == received.request.method),
            ("path", context.path == received.request.path),
            (
                "content_digest",
                context.content_digest == base64url(sha256(body)),
            ),
            (
                "idempotency_key",
                key.is_none() || *key == received.idempotency_key(),
            ),
        ];
        match same.into_iter().find(|(_, same)| !same) {
            Some((member, _)) => Err(Refusal::TokenOtherRequest(member)),
            None => Ok(()),
        }
    }

    /// The intent, built anew from its members, with the digest computed here.
    pub(crate) fn intent(&self) -> Result<Option<Intent>, Refusal> {
        match (&self.tctx.intent, self.tctx.intent_digest) {
            (None, None) => Ok(None),
            (Some(members), Some(digest)) => {
                let intent = Intent::from_json(members).map_err(Refusal::IntentInvalid)?;
                if intent.digest() == digest {
                    Ok(Some(intent))
                } else {
                    Err(Refusal::IntentDigest)
                }
            }
            _ => Err(Refusal::IntentDigest),
        }
    }

    /// The client's key, where a `payment` signature comes along.
    pub(crate) fn client_key(&self) -> Option<&Jwk> {
        self.cnf.as_ref().map(|confirmation| &confirmation.jwk)
    }
}
