//! Identified → Attested: a signature is young, and good once.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{Caller, PAYMENT, Signature, TestGateway, payment_of};

/// SIG-10: sixty seconds back, ten ahead, and a clock ten minutes off.
#[tokio::test]
async fn a_signature_outside_its_time_is_stale() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let now = gateway.now().seconds();
    let at = |created: i64, expires: i64| {
        alice.pay(PAYMENT).signature(|signature| {
            signature.set("created", created.to_string());
            signature.set("expires", expires.to_string());
        })
    };
    for (created, expires) in [
        (now - 61, now + 1),
        (now - 600, now - 540),
        (now + 11, now + 60),
        (now + 600, now + 660),
        (now - 30, now - 1),
        (now, now + 61),
        (now, now + 3600),
    ] {
        at(created, expires).expect_refusal("stale").await;
    }
    at(now - 59, now + 1).expect_answer().await;
    at(now + 9, now + 60).expect_answer().await;
}

#[tokio::test]
async fn a_signature_ages_on_the_way() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let late = alice.pay(PAYMENT).finish();
    gateway.advance(Duration::from_secs(61)).await;
    late.send().await.assert_problem("stale");
    assert_eq!(gateway.backend.count(), 0);
}

/// SIG-11: a nonce is good once for its key.
#[tokio::test]
async fn a_signed_request_is_good_once() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    for ready in [
        alice.post("/consents", "{}").finish(),
        alice.pay(PAYMENT).finish(),
    ] {
        let before = gateway.backend.count();
        assert_eq!(ready.send().await.status(), 200);
        ready.send().await.assert_problem("replayed");
        assert_eq!(gateway.backend.count(), before + 1);
    }
    let nonce = "one-nonce-for-two-requests";
    let with = |body: &str| {
        alice
            .pay(body)
            .signature(|signature| signature.set_text("nonce", nonce))
    };
    with(PAYMENT).expect_answer().await;
    with(&payment_of("1.00")).expect_refusal("replayed").await;
}

/// The nonce of a payment outlives a restart.
#[tokio::test]
async fn a_signed_payment_is_good_once_across_a_restart() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let nonce = "one-nonce-for-two-requests";
    let chosen = |signature: &mut Signature| signature.set_text("nonce", nonce);
    alice.pay(PAYMENT).signature(chosen).expect_answer().await;
    let (session, scope, key) = (alice.session.clone(), alice.scope.clone(), Arc::clone(&alice.key));
    let gateway = gateway.restart().await;
    let token = gateway.token(&session, &scope);
    let alice = Caller {
        gateway: &gateway,
        key,
        session,
        scope,
        token,
    };
    alice
        .pay(PAYMENT)
        .signature(chosen)
        .expect_refusal("replayed")
        .await;
    alice.pay(PAYMENT).expect_answer().await;
}
