//! What a receipt says, and when there is one.

use std::time::Duration;

use base64::Engine as _;
use countersign::base::AdminName;
use countersign::keys::Purpose;
use countersign_jose::{base64url, sha256};
use countersign_verify::PaymentEvidence;
use serde_json::json;

use super::{link, receipt, signed_payment, trust, verify};
use crate::support::{Deed, PAYMENT, Setting, TestGateway};

const PROBE: Setting = Setting(
    "trust_domain = \"bank.internal\"",
    "trust_domain = \"bank.internal\"\nsettle = \"probe\"\nsettle_after = \"5s\"",
);

#[tokio::test]
async fn a_receipt_says_who_agreed_to_what_and_what_came_of_it() {
    let gateway = TestGateway::start().await;
    let mut alice = gateway.alice().await;
    gateway.backend.next(Deed::respond(201, "", "{\"id\":7}"));
    let paid = signed_payment(&alice, "key-1").send().await;
    assert_eq!(paid.status(), 201, "{paid:?}");
    let target = link(&paid);
    let receipt = receipt(&mut alice, &target).await;
    let members: Vec<_> = receipt.as_object().unwrap().keys().cloned().collect();
    let expected = [
        "version",
        "id",
        "intent",
        "intent_digest",
        "request",
        "payment_signature",
        "decision",
        "answer",
        "leaf",
        "index",
        "proof",
        "checkpoint",
        "cosignatures",
    ];
    assert_eq!(members, expected);
    assert_eq!(receipt["version"], "countersign-receipt/v1");
    assert_eq!(target, format!("/receipts/{}", receipt["id"].as_str().unwrap()));
    assert_eq!(receipt["intent"]["amount"], "12.50");
    assert_eq!(
        receipt["request"],
        json!({
            "method": "POST", "target": format!("{}/payments", gateway.public_url()),
            "content_digest": base64url(sha256(PAYMENT.as_bytes())), "idempotency_key": "key-1",
        })
    );
    assert_eq!(receipt["decision"]["exemption"], "low-value");
    assert_eq!(receipt["answer"]["status"], 201);
    assert_eq!(
        receipt["answer"]["content_digest"],
        base64url(sha256(b"{\"id\":7}"))
    );
    assert_eq!(receipt["cosignatures"], json!([]));
    // The backend's Txn-Token names the same payment.
    assert_eq!(gateway.backend.seen()[0].txn_claims()["txn"], receipt["id"]);

    let verified = verify(&receipt, &trust(&gateway).await).unwrap();
    assert_eq!(verified.payment, PaymentEvidence::Signed);
    assert_eq!(
        (verified.status, verified.origin.as_str()),
        (Some(201), "localhost")
    );
    assert!(!verified.is_witnessed());
}

/// Design 9: no token, DPoP proof or cookie, not in the file and not in what is under it.
#[tokio::test]
async fn no_secret_is_in_a_receipt() {
    let gateway = TestGateway::start().await;
    let mut alice = gateway.alice().await;
    let paid = signed_payment(&alice, "k").send().await;
    let receipt = receipt(&mut alice, &link(&paid)).await;
    let leaf = receipt["leaf"].as_str().unwrap();
    let leaf = base64::engine::general_purpose::STANDARD.decode(leaf).unwrap();
    for text in [receipt.to_string(), String::from_utf8(leaf).unwrap()] {
        assert!(!text.contains(&alice.token));
        for name in [
            "authorization",
            "dpop",
            "cookie",
            "Bearer",
            alice.session.id.as_str(),
        ] {
            assert!(!text.contains(name), "{name} in {text}");
        }
    }
}

/// A payment signature over the token would hand the token to whoever reads the evidence.
#[tokio::test]
async fn evidence_with_the_token_in_it_is_refused() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    signed_payment(&alice, "k")
        .last_signature(|signature| signature.components.push("authorization".to_owned()))
        .expect_refusal("signature-invalid")
        .await;
}

/// IDEM-03: the same payment has one receipt, and only the gateway says where.
#[tokio::test]
async fn replayed_answers_name_the_same_receipt_and_backends_none() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let lines = "link: </theirs>; rel=\"receipt\"\r\n";
    gateway.backend.next(Deed::respond(200, lines, "ok"));
    let first = alice.pay_under("k", PAYMENT).send().await;
    let again = alice.pay_under("k", PAYMENT).send().await;
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(link(&first), link(&again));
    let other = alice.pay_under("k2", PAYMENT).send().await;
    assert_ne!(link(&first), link(&other));
}

#[tokio::test]
async fn a_backends_refusal_has_a_receipt_and_what_was_never_sent_has_none() {
    let mut gateway = TestGateway::start().await;
    {
        let mut alice = gateway.alice().await;
        gateway.backend.next(Deed::respond(409, "", "no funds"));
        let refused = alice.pay_under("k", PAYMENT).send().await;
        let receipt = receipt(&mut alice, &link(&refused)).await;
        let verified = verify(&receipt, &trust(&gateway).await).unwrap();
        assert_eq!(
            (verified.status, verified.payment),
            (Some(409), PaymentEvidence::None)
        );
    }
    gateway.backend.stop().await;
    let alice = gateway.alice().await;
    let unsent = alice.pay_under("k2", PAYMENT).send().await;
    unsent.assert_problem("upstream-unavailable");
    assert_eq!(unsent.header("link"), "");
    let left = gateway
        .services
        .db
        .query("SELECT txn FROM receipt", Vec::new())
        .await
        .unwrap();
    assert_eq!(left.len(), 1);
}

/// IDEM-08: while the outcome is unknown there is something to wait for; settled, it has its receipt.
#[tokio::test]
async fn an_unknown_outcome_gets_its_receipt_when_it_is_settled() {
    let gateway = TestGateway::with(&[PROBE]).await;
    let mut alice = gateway.alice().await;
    // The word is there before the first probe may ask. Two must hear it; "not found" does not count at once, and may be said
    // often before it does.
    for (key, word, times, status) in [("found", 201, 2, Some(201)), ("gone", 404, 60, None)] {
        gateway.backend.next(Deed::Cut);
        for _ in 0..times {
            gateway
                .backend
                .next(Deed::respond(word, "content-type: application/json\r\n", "{}"));
        }
        let lost = alice.pay_under(key, PAYMENT).send().await;
        lost.assert_problem("outcome-unknown");
        let target = link(&lost);
        let waiting = alice.get(&target).send().await;
        assert_eq!(
            (waiting.status(), waiting.header("retry-after")),
            (202, "1"),
            "{waiting:?}"
        );
        let receipt = receipt(&mut alice, &target).await;
        let verified = verify(&receipt, &trust(&gateway).await).unwrap();
        assert_eq!(verified.status, status, "{key}");
    }
}

/// KEY: public keys stay published for ever, so what they signed stays verifiable.
#[tokio::test]
async fn an_old_receipt_verifies_after_the_keys_have_rotated() {
    let gateway = TestGateway::start().await;
    let mut alice = gateway.alice().await;
    let target = link(&signed_payment(&alice, "k").send().await);
    let old = receipt(&mut alice, &target).await;
    let before = trust(&gateway).await;
    for purpose in [Purpose::Log, Purpose::Message] {
        let keyring = &gateway.services.keyring;
        keyring
            .rotate(purpose, true, &AdminName::new("anna"))
            .await
            .unwrap();
    }
    gateway.advance(Duration::from_secs(1)).await;
    // Another entry, so that there is a checkpoint by the new key.
    let later = signed_payment(&alice, "k2").send().await;
    let later = receipt(&mut alice, &link(&later)).await;
    let after = trust(&gateway).await;
    assert_eq!(verify(&old, &after).unwrap().status, Some(200));
    assert!(verify(&old, &before).is_ok());
    assert!(verify(&later, &after).is_ok());
    assert_eq!(
        verify(&later, &before).unwrap_err()[0].name(),
        "unknown-log-key",
        "the checkpoint is by the new key"
    );
    // The same payment again, under the newest checkpoint.
    let fresh = receipt(&mut alice, &target).await;
    assert_ne!(fresh["checkpoint"], old["checkpoint"]);
    assert_eq!(fresh["leaf"], old["leaf"]);
    assert!(verify(&fresh, &after).is_ok());
}
