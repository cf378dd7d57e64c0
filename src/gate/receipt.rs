//! What the gate contributes to a receipt: the terms before a payment is sent, the outcome after, and where it is found.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_intent::Intent;
use http::header::LINK;
use http::{HeaderMap, HeaderValue};

use super::attest::Attestation;
use super::evidence::PaymentEvidence;
use super::exchange::Exchange;
use super::journey::Services;
use super::permit::Permission;
use crate::audit::Receipts;
use crate::audit::receipt::{
    self, Decision, PaymentSignature, ReceiptError, RequestFacts, TermDigests, Terms,
};
use crate::base::event::ReceiptDigests;
use crate::base::{Event, Timestamp, TransactionId};
use crate::store::{Batch, StoreError};
use crate::transaction::idempotency;

/// What the receipt will say; `None` where no money moves.
pub(super) fn terms<'a>(
    exchange: &'a Exchange,
    facts: &'a Attestation,
    held: &'a Permission,
    transaction: &TransactionId,
) -> Option<Terms<'a, &'a Intent>> {
    let payment = held.transaction.as_ref()?;
    let key = facts.idempotency_key.as_ref()?;
    let exemption = held.permit.exemption.as_ref();
    Some(Terms {
        id: transaction.clone(),
        intent: &payment.intent,
        intent_digest: payment.intent.digest().to_string(),
        request: RequestFacts {
            method: exchange.method().into(),
            target: exchange.target_uri(),
            content_digest: countersign_jose::base64url(facts.content_digest()),
            idempotency_key: key.as_str().into(),
        },
        payment_signature: facts.payment.as_ref().map(payment_signature),
        decision: Decision {
            policy_version: (&*held.permit.version).into(),
            approval: None,
            exemption: exemption.map(|grant| grant.kind.as_str().into()),
            mandate: None,
        },
    })
}

fn payment_signature(evidence: &PaymentEvidence) -> PaymentSignature<'_> {
    PaymentSignature {
        base: evidence.base.as_str().into(),
        signature: STANDARD.encode(&evidence.signature),
        jwk: Cow::Borrowed(&evidence.key),
    }
}

/// Adds to the event of an outcome what it says about the receipt. What is not known yet is added when it is settled;
/// of what was never sent there is no receipt.
pub(super) fn conclude(
    batch: &mut Batch,
    terms: &TermDigests,
    outcome: &idempotency::Outcome,
    event: &mut Event,
    now: Timestamp,
) {
    let Event::Answered {
        transaction,
        status,
        content,
        receipt,
        ..
    } = event
    else {
        return;
    };
    match outcome {
        idempotency::Outcome::Answered(_) | idempotency::Outcome::NotExecuted => {
            *receipt = terms.with(&receipt::Outcome::new(*status, content.as_ref(), now));
        }
        idempotency::Outcome::Unsent => Receipts::withdraw(batch, transaction),
        idempotency::Outcome::Reserved | idempotency::Outcome::Unknown => {}
    }
}

/// The same for a payment whose outcome became known later. A receipt that cannot be read must not keep a payment from
/// being settled; it is then missing, and the log says why.
pub(super) async fn conclude_later(
    transaction: &TransactionId,
    outcome: &receipt::Outcome,
    services: &Services,
) -> Result<Option<ReceiptDigests>, StoreError> {
    match services.receipts.digests_of(transaction, outcome).await {
        Ok(digests) => Ok(digests),
        Err(ReceiptError::Store(error)) => Err(error),
        Err(error) => {
            tracing::error!(%transaction, %error, "a settled payment has no receipt");
            Ok(None)
        }
    }
}

/// Says where the receipt is found (RFC 8288), in the place of whatever a backend says about receipts.
pub(super) fn link(headers: &mut HeaderMap, transaction: &TransactionId) {
    let ours = HeaderValue::from_str(&format!("</receipts/{transaction}>; rel=\"receipt\""));
    keep_links(headers, ours.ok());
}

/// Takes away what a backend says about receipts: they are the gateway's.
pub(super) fn unlink(headers: &mut HeaderMap) {
    keep_links(headers, None);
}

/// Leaves `first` and whatever does not name a receipt.
fn keep_links(headers: &mut HeaderMap, first: Option<HeaderValue>) {
    if first.is_none() && !headers.contains_key(LINK) {
        return;
    }
    let others: Vec<HeaderValue> = headers.get_all(LINK).iter().cloned().collect();
    headers.remove(LINK);
    let others = others.into_iter().filter(|other| !names_a_receipt(other));
    for value in first.into_iter().chain(others) {
        headers.append(LINK, value);
    }
}

/// Whether any relation in the value is `receipt`; a value that cannot be read as text is taken for one.
fn names_a_receipt(link: &HeaderValue) -> bool {
    let Ok(text) = link.to_str() else { return true };
    let text = text.to_ascii_lowercase();
    let relations = text.split([';', ',']).filter_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        (name.trim() == "rel").then_some(value)
    });
    let mut words = relations.flat_map(|value| value.split(['"', ' ', '\t']));
    words.any(|word| word == "receipt")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backend_cannot_name_a_receipt() {
        let mut headers = HeaderMap::new();
        for value in [
            "</theirs>; rel=\"receipt\"",
            "</theirs>; rel=receipt",
            "</a>; rel=next, </theirs>; REL=\"next Receipt\"",
            "</payments/7/receipt>; rel=\"self\"",
        ] {
            headers.append(LINK, HeaderValue::from_static(value));
        }
        link(&mut headers, &TransactionId::new("t"));
        let links: Vec<_> = headers.get_all(LINK).iter().collect();
        assert_eq!(
            links,
            [
                "</receipts/t>; rel=\"receipt\"",
                "</payments/7/receipt>; rel=\"self\""
            ]
        );
        unlink(&mut headers);
        let links: Vec<_> = headers.get_all(LINK).iter().collect();
        assert_eq!(links, ["</payments/7/receipt>; rel=\"self\""]);
    }
}
