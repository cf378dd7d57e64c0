//! The Txn-Token (draft-ietf-oauth-transaction-tokens): what a backend may believe about the request, for one minute.

use countersign_intent::Intent;
use serde::Serialize;
use serde_json::Value;

use super::attest::Attestation;
use super::exchange::Exchange;
use super::identify::Caller;
use super::permit::Permission;
use crate::base::limits::TXN_TOKEN_LIFE;
use crate::base::{Code, Fault, Timestamp, TransactionId};
use crate::keys::{KeySet, Purpose};
use crate::privacy::Pseudonyms;

/// Facts about the transaction; they never change on its way (TXN-02, TXN-14).
#[derive(Serialize)]
struct TransactionContext<'a> {
    upstream: &'a str,
    method: &'a str,
    path: &'a str,
    content_digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    intent_digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    intent: Option<&'a Intent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exemption: Option<&'a str>,
    policy_version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<&'a str>,
}

/// Facts about who asked and how they were known.
#[derive(Serialize)]
struct RequesterContext<'a> {
    client_id: &'a str,
    acr: String,
    amr: &'a [String],
    auth_time: i64,
    addr: String,
}

/// The claims of a token.
#[derive(Serialize)]
pub(super) struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    txn: &'a str,
    sub: String,
    req_wl: &'a str,
    scope: &'a str,
    tctx: TransactionContext<'a>,
    rctx: RequesterContext<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cnf: Option<Value>,
}

/// What one token is made of.
pub(super) struct Subject<'a> {
    pub(super) exchange: &'a Exchange,
    pub(super) facts: &'a Attestation,
    pub(super) caller: &'a Caller,
    pub(super) permission: &'a Permission,
    pub(super) transaction: &'a TransactionId,
    pub(super) trust_domain: &'a str,
    /// From when on it counts.
    pub(super) dated: Timestamp,
}

/// Signs a token over `claims`.
pub(super) fn sign(claims: &impl Serialize, keys: &KeySet) -> Result<String, Fault> {
    let key = keys.signing(Purpose::Txn).ok_or(Code::StoreUnavailable)?;
    countersign_jose::jws::sign_with_kid("txntoken+jwt", &key.kid, claims, &key.key)
        .map_err(|error| Fault::new(Code::StoreUnavailable).cause(error))
}

/// Gives the claims of an earlier token another minute; `txn` and all facts stay (TXN-12).
pub(super) fn renew(claims: &mut Value, now: Timestamp) {
    let now = now.seconds();
    claims["iat"] = now.into();
    claims["exp"] = now.saturating_add(TXN_TOKEN_LIFE.as_secs() as i64).into();
}

/// The claims of the token for one forwarded request.
pub(super) fn claims<'a>(subject: &Subject<'a>, pseudonyms: &Pseudonyms) -> Claims<'a> {
    let Subject {
        exchange,
        facts,
        caller,
        permission,
        transaction,
        trust_domain,
        dated,
    } = subject;
    let token = &caller.token;
    let issuer = exchange.snapshot.config.server.public_url.as_str();
    let now = dated.seconds();
    Claims {
        iss: issuer,
        aud: trust_domain,
        iat: now,
        exp: now.saturating_add(TXN_TOKEN_LIFE.as_secs() as i64),
        txn: transaction.as_str(),
        sub: pseudonyms.pairwise(trust_domain, &token.subject),
        req_wl: issuer,
        scope: token.scope.as_str(),
        tctx: TransactionContext {
            upstream: exchange
                .route
                .as_ref()
                .map_or("", |route| route.route.upstream.as_str()),
            method: exchange.method(),
            path: exchange.path(),
            content_digest: countersign_jose::base64url(facts.content_digest()),
            intent_digest: permission
                .transaction
                .as_ref()
                .map(|payment| payment.intent.digest().to_string()),
            intent: permission.transaction.as_ref().map(|payment| &payment.intent),
            exemption: permission
                .permit
                .exemption
                .as_ref()
                .map(|grant| grant.kind.as_str()),
            policy_version: &permission.permit.version,
            idempotency_key: facts.idempotency_key.as_ref().map(|key| key.as_str()),
        },
        rctx: RequesterContext {
            client_id: token.client.as_str(),
            acr: format!("urn:countersign:acr:{}", token.acr),
            amr: &token.amr,
            auth_time: token.auth_time.seconds(),
            addr: pseudonyms.address(exchange.connection.peer.ip()),
        },
        cnf: facts
            .payment
            .as_ref()
            .map(|payment| serde_json::json!({ "jwk": payment.key })),
    }
}
