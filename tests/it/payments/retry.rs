//! Settling by sending again to a bank that executes one key once: `settle = "retry"`.

use std::time::Duration;

use super::{count, settled_by, states, until_known};
use crate::support::{Deed, PAYMENT, Setting, TestGateway};

const RETRY: Setting = settled_by("trust_domain = \"bank.internal\"\nsettle = \"retry\"");

/// TXN-06, IDEM-08: the same `txn`, the same key, byte for byte the same body, under a fresh signature.
#[tokio::test]
async fn the_same_request_goes_again_under_the_same_transaction() {
    let gateway = TestGateway::with(&[RETRY]).await;
    let mut alice = gateway.alice().await;
    for deed in [
        Deed::Cut,
        Deed::Cut,
        Deed::respond(503, "", "later"),
        Deed::respond(409, "", "busy with the first"),
        Deed::respond(408, "", "the body took too long"),
        Deed::respond(201, "", "done"),
    ] {
        gateway.backend.next(deed);
    }
    let lost = alice.pay_under("k", PAYMENT).send().await;
    lost.assert_problem("outcome-unknown");
    let answer = until_known(&mut alice, "k", PAYMENT).await;
    assert_eq!((answer.status(), answer.body()), (201, &b"done"[..]));
    assert_eq!(answer.header("idempotency-replayed"), "true");
    assert_eq!(states(&gateway).await, ["answered"]);
    let seen = gateway.backend.seen();
    assert_eq!(seen.len(), 6);
    for again in &seen[1..] {
        assert_eq!(
            (&again.method, &again.target, &again.body),
            (&seen[0].method, &seen[0].target, &seen[0].body)
        );
        for header in [
            "idempotency-key",
            "content-digest",
            "content-type",
            "forwarded",
            "traceparent",
        ] {
            assert_eq!(again.header(header), seen[0].header(header), "{header}");
        }
        let (first, second) = (seen[0].txn_claims(), again.txn_claims());
        for member in ["txn", "sub", "aud", "tctx", "rctx"] {
            assert_eq!(first[member], second[member], "{member}");
        }
        assert!(second["iat"].as_i64() >= first["iat"].as_i64());
        let signatures = |seen: &crate::support::Seen| {
            seen.headers
                .get_all("signature")
                .iter()
                .map(|value| value.to_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert_ne!(signatures(again), signatures(&seen[0]), "signed afresh");
    }
}

/// The bank's refusal is the payment's answer; that it was executed is nowhere on record.
#[tokio::test]
async fn a_payment_that_the_bank_refuses_when_it_comes_again_is_settled_as_not_executed() {
    let gateway = TestGateway::with(&[RETRY]).await;
    let mut alice = gateway.alice().await;
    gateway.backend.next(Deed::Cut);
    gateway.backend.next(Deed::respond(422, "", "no money"));
    let lost = alice.pay_under("k", PAYMENT).send().await;
    lost.assert_problem("outcome-unknown");
    let answer = until_known(&mut alice, "k", PAYMENT).await;
    assert_eq!((answer.status(), answer.body()), (422, &b"no money"[..]));
    let settled = gateway.entries("settled").await;
    assert_eq!(settled.len(), 1);
    assert_eq!(
        (&settled[0]["executed"], &settled[0]["status"]),
        (&false.into(), &422.into())
    );
    assert_eq!(states(&gateway).await, ["answered"]);
}

/// Only what says so is sent again: a question is the most that others get.
#[tokio::test]
async fn without_settle_nothing_is_sent_again() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    gateway.backend.next(Deed::Cut);
    alice.pay_under("k", PAYMENT).send().await;
    for _ in 0..3 {
        gateway.advance(Duration::from_secs(60)).await;
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
    assert_eq!(count(&gateway, "POST") + count(&gateway, "GET"), 1);
}
