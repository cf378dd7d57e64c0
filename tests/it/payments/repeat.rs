//! One key, many times.

use std::time::Duration;

use super::{count, settled_by, states};
use crate::support::{Deed, Login, PAYMENT, Setting, TestGateway, in_the_end, payment_of};

const NARROW: Setting = settled_by("trust_domain = \"bank.internal\"\nconcurrency = 1");
const PATIENT: Setting = Setting("timeout = \"30s\"", "timeout = \"2m\"");

/// IDEM-05, IDEM-10
#[tokio::test]
async fn a_repeat_gets_the_stored_answer_freshly_signed_and_the_bank_sees_one() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    gateway.backend.next(Deed::respond(
        201,
        "content-type: application/json\r\n",
        r#"{"id":"p-1"}"#,
    ));
    let first = alice.pay_under("k", PAYMENT).send().await;
    assert_eq!((first.status(), first.header("idempotency-replayed")), (201, ""));
    let again = alice.pay_under("k", PAYMENT).send().await;
    assert_eq!((again.status(), again.body()), (201, first.body()));
    assert_eq!(again.header("idempotency-replayed"), "true");
    again.assert_signed();
    assert_ne!(again.header("signature"), first.header("signature"));
    assert_eq!(gateway.backend.count(), 1);
}

/// IDEM-05: a refusal by the bank is its answer, too.
#[tokio::test]
async fn a_refusal_by_the_bank_is_replayed_as_well() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    gateway.backend.next(Deed::respond(422, "", "no money"));
    for replayed in ["", "true"] {
        let answer = alice.pay_under("k", PAYMENT).send().await;
        assert_eq!((answer.status(), answer.body()), (422, &b"no money"[..]));
        assert_eq!(answer.header("idempotency-replayed"), replayed);
    }
    assert_eq!(gateway.backend.count(), 1);
}

/// IDEM-03, IDEM-07
#[tokio::test]
async fn another_request_under_the_same_key_is_refused() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    alice.pay_under("k", PAYMENT).expect_answer().await;
    alice
        .pay_under("k", &payment_of("12.51"))
        .expect_refusal("idempotency-key-reused")
        .await;
    alice
        .pay_under("k", PAYMENT)
        .header("content-type", "application/json;charset=utf-8")
        .expect_refusal("idempotency-key-reused")
        .await;
}

/// IDEM-06
#[tokio::test]
async fn another_customer_or_app_with_the_same_key_pays_for_themselves() {
    let gateway = TestGateway::start().await;
    for (customer, client) in [("alice", "app"), ("bob", "app")] {
        let login = Login {
            customer,
            client,
            ..Login::default()
        };
        let caller = gateway.login(login).await;
        let answer = caller.pay_under("k", PAYMENT).expect_answer().await;
        assert_eq!(answer.header("idempotency-replayed"), "");
    }
    assert_eq!(gateway.backend.count(), 2);
}

/// IDEM-04
#[tokio::test]
async fn while_the_first_is_under_way_the_second_is_told_so() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    gateway.backend.next(Deed::Hold);
    let first = alice.pay_under("k", PAYMENT).finish();
    let second = async {
        gateway.backend.wait_for(1).await;
        let refused = alice.pay_under("k", PAYMENT).expect_refusal("in-progress").await;
        assert!(!refused.header("retry-after").is_empty());
        gateway.backend.release();
    };
    let (first, ()) = tokio::join!(first.send(), second);
    assert_eq!(first.status(), 200);
    let again = alice.pay_under("k", PAYMENT).expect_answer().await;
    assert_eq!(again.header("idempotency-replayed"), "true");
}

/// IDEM-09: what is refused before the key is looked up leaves it free.
#[tokio::test]
async fn a_refusal_does_not_occupy_the_key() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    alice
        .pay_under("k", PAYMENT)
        .then_header("content-digest", "sha-256=:AAAA:")
        .expect_refusal("signature-invalid")
        .await;
    alice
        .pay_under("k", &payment_of("12.5"))
        .expect_refusal("transaction-invalid")
        .await;
    alice.pay_under("k", PAYMENT).expect_answer().await;
}

/// Provably not one byte was sent: the key may go again, and does.
#[tokio::test]
async fn what_was_never_sent_may_go_again() {
    let mut gateway = TestGateway::start().await;
    gateway.backend.stop().await;
    {
        let alice = gateway.alice().await;
        let refused = alice.pay_under("k", PAYMENT).send().await;
        refused.assert_problem("upstream-unavailable");
    }
    gateway.backend.restart().await;
    let alice = gateway.alice().await;
    let answer = alice.pay_under("k", PAYMENT).expect_answer().await;
    assert_eq!(answer.header("idempotency-replayed"), "");
    assert_eq!(gateway.backend.count(), 1);
}

/// The bank would refuse it as stale, and that would be its answer for ever.
#[tokio::test]
async fn what_waits_for_room_until_it_is_too_old_is_not_sent_and_may_go_again() {
    let gateway = TestGateway::with(&[NARROW, PATIENT]).await;
    let mut alice = gateway.alice().await;
    gateway.backend.next(Deed::Hold);
    let first = alice.pay_under("first", PAYMENT).finish();
    let second = alice.pay_under("second", &payment_of("12.51")).finish();
    let second = async {
        gateway.backend.wait_for(1).await;
        second.send().await
    };
    let later = async {
        let are_under_way = async || states(&gateway).await == ["reserved", "reserved"];
        in_the_end("both are under way", are_under_way).await;
        gateway.advance(Duration::from_secs(61)).await;
        gateway.backend.release();
    };
    let (first, second, ()) = tokio::join!(first.send(), second, later);
    assert_eq!(first.status(), 200);
    second.assert_problem("upstream-unavailable");
    assert_eq!(count(&gateway, "POST"), 1);
    alice.renew();
    let again = alice
        .pay_under("second", &payment_of("12.51"))
        .expect_answer()
        .await;
    assert_eq!(again.header("idempotency-replayed"), "");
    assert_eq!(count(&gateway, "POST"), 2);
}
