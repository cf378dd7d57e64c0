//! What may be sent about a payment of the record: a question, or the same request again. Both are signed by the gate and
//! carry a Txn-Token with the payment's own `txn`; that of a question says that it is one, and carries no intent, so no
//! backend can take it for a payment.

use std::time::Duration;

use bytes::Bytes;
use countersign_signatures::Members;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};
use serde_json::json;

use super::outbound_head::{OutboundTarget, add_own, client_signatures, countersign};
use super::snapshot::Snapshot;
use super::txn_token;
use crate::base::{Code, Entropy, Fault, Timestamp};
use crate::config::ProbePath;
use crate::oauth::SETTLEMENT;
use crate::transaction::idempotency::header_value;
use crate::transaction::settlement::{Open, Order};

/// A request about a payment of the record, countersigned. Only this file can make one.
pub(super) struct Settling {
    pub(super) outbound: Request<Bytes>,
    pub(super) upstream: String,
    pub(super) deadline: Duration,
    /// The date of its token and signature.
    pub(super) dated: Timestamp,
    pub(super) answer_limit: usize,
}

/// What both kinds are made with.
pub(super) struct Desk<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) now: Timestamp,
    pub(super) entropy: &'a dyn Entropy,
}

/// A `GET` that asks what became of the payment. `None` where its key cannot stand in the path.
pub(super) fn question(
    open: &Open,
    order: &Order,
    path: &ProbePath,
    desk: &Desk<'_>,
) -> Option<Result<Settling, Fault>> {
    let target = path.of(&order.key, open.transaction.as_str())?;
    Some(countersigned_question(open, order, &target, desk))
}

fn countersigned_question(
    open: &Open,
    order: &Order,
    target: &str,
    desk: &Desk<'_>,
) -> Result<Settling, Fault> {
    let mut headers = HeaderMap::new();
    let public = desk.snapshot.config.server.public_url.authority();
    add_own(&mut headers, public, None, desk.entropy);
    let key = HeaderValue::from_str(&header_value(&order.key)).map_err(unusable)?;
    headers.insert(HeaderName::from_static("idempotency-key"), key);
    headers.insert(http::header::ACCEPT, HeaderValue::from_static("application/json"));
    let target: Uri = target.parse().map_err(unusable)?;
    let payment = &order.claims;
    let mut claims = json!({
        "iss": payment["iss"],
        "aud": payment["aud"],
        "txn": open.transaction.as_str(),
        "sub": payment["sub"],
        "req_wl": payment["req_wl"],
        "scope": SETTLEMENT,
        "tctx": {
            "probe": true,
            "upstream": open.upstream,
            "method": "GET",
            "path": target.path(),
            "content_digest": countersign_jose::base64url(countersign_jose::sha256(b"")),
            "idempotency_key": order.key,
        },
        "rctx": { "client_id": order.client.as_str() },
    });
    txn_token::renew(&mut claims, desk.now);
    let mut outbound = Request::new(Bytes::new());
    *outbound.uri_mut() = target;
    *outbound.headers_mut() = headers;
    finish(outbound, &claims, open, order, desk)
}

/// The same request again, with the same `txn` and key. `None` where it was not kept.
pub(super) fn repeat(open: &Open, order: &Order, desk: &Desk<'_>) -> Option<Result<Settling, Fault>> {
    let kept = order.request.as_ref()?;
    let mut headers = HeaderMap::new();
    for (name, value) in &kept.headers {
        let (name, value) = (HeaderName::try_from(name), HeaderValue::try_from(value));
        headers.append(name.ok()?, value.ok()?);
    }
    let body = Bytes::from(countersign_jose::from_base64url(&kept.body)?);
    let mut outbound = Request::new(body);
    *outbound.method_mut() = kept.method.parse().ok()?;
    *outbound.uri_mut() = kept.target.parse().ok()?;
    *outbound.headers_mut() = headers;
    let mut claims = order.claims.clone();
    txn_token::renew(&mut claims, desk.now);
    Some(finish(outbound, &claims, open, order, desk))
}

fn finish(
    mut outbound: Request<Bytes>,
    claims: &serde_json::Value,
    open: &Open,
    order: &Order,
    desk: &Desk<'_>,
) -> Result<Settling, Fault> {
    let snapshot = desk.snapshot;
    let gone = || Fault::new(Code::UpstreamUnavailable);
    let upstream = snapshot.config.upstream(&open.upstream).ok_or_else(gone)?;
    let authority = snapshot.upstreams.authority(&open.upstream).ok_or_else(gone)?;
    let mut headers = std::mem::take(outbound.headers_mut());
    let client_signatures = client_signatures(&headers)?;
    let client_signatures: Vec<&Members> = client_signatures.iter().collect();
    let target = OutboundTarget {
        method: outbound.method().as_str(),
        authority,
        path: outbound.uri().path(),
        query: outbound.uri().query(),
        client_signatures: &client_signatures,
    };
    let txn_token = txn_token::sign(claims, &snapshot.keys)?;
    countersign(
        &mut headers,
        &target,
        txn_token,
        &snapshot.keys,
        desk.now,
        desk.entropy,
    )?;
    *outbound.headers_mut() = headers;
    Ok(Settling {
        outbound,
        upstream: upstream.name.clone(),
        deadline: upstream.timeout,
        dated: desk.now,
        answer_limit: order.answer_limit,
    })
}

fn unusable(cause: impl std::fmt::Display) -> Fault {
    Fault::new(Code::StoreUnavailable).cause(cause)
}
