//! What is kept of a request, sealed, until its outcome is known: enough to ask its backend, and where that executes a key
//! once, the request itself.

use http::HeaderMap;
use serde::Serialize;

use super::attest::Attestation;
use super::exchange::Exchange;
use crate::base::{Entropy, TransactionId};
use crate::config::Settle;
use crate::keys::KeySet;
use crate::transaction::settlement::{Order, Repeat};

/// The order for a request; `None` where nothing durable is reserved.
pub(super) fn of<C: Serialize>(
    exchange: &Exchange,
    facts: &Attestation,
    claims: C,
    headers: &HeaderMap,
    settle: &Settle,
) -> Option<Order<C>> {
    let (caller, key, route) = (
        facts.caller.as_ref()?,
        facts.idempotency_key.as_ref()?,
        exchange.route.as_ref()?,
    );
    Some(Order {
        client: caller.token.client.clone(),
        route: route.name.clone(),
        key: key.as_str().to_owned(),
        answer_limit: usize::try_from(route.route.answer_limit).unwrap_or(usize::MAX),
        claims,
        request: matches!(settle, Settle::Retry).then(|| repeat(exchange, facts, headers)),
    })
}

fn repeat(exchange: &Exchange, facts: &Attestation, headers: &HeaderMap) -> Repeat {
    let target = exchange.head.uri.path_and_query();
    let text = |value: &http::HeaderValue| value.to_str().map(str::to_owned).ok();
    Repeat {
        method: exchange.method().to_owned(),
        target: target.map_or("/", |target| target.as_str()).to_owned(),
        headers: headers
            .iter()
            .filter_map(|(name, value)| Some((name.to_string(), text(value)?)))
            .collect(),
        body: countersign_jose::base64url(&facts.body),
    }
}

/// Seals an order for the record. Without a data key nothing can be kept, and the outcome is found out by people.
pub(super) fn seal(
    order: &Order<impl Serialize>,
    transaction: &TransactionId,
    keys: &KeySet,
    entropy: &dyn Entropy,
) -> Vec<u8> {
    let text = serde_json::to_vec(order).unwrap_or_default();
    keys.seal(&place(transaction), &text, entropy).unwrap_or_default()
}

/// Opens an order; `None` when nothing readable was kept.
pub(super) fn open(sealed: &[u8], transaction: &TransactionId, keys: &KeySet) -> Option<Order> {
    let text = keys.open(&place(transaction), sealed).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Binds an order to its transaction.
fn place(transaction: &TransactionId) -> String {
    format!("settlement/{transaction}")
}
