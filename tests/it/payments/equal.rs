//! An equal payment under another key, while nobody knows what became of the first.

use super::{settled_by, until_known};
use crate::support::{Deed, Login, PAYMENT, Setting, TestGateway, payment_of};

const PROBE: Setting = settled_by("trust_domain = \"bank.internal\"\nsettle = \"probe\"");

#[tokio::test]
async fn it_waits_for_the_first_and_is_told_which_that_is() {
    let gateway = TestGateway::with(&[PROBE]).await;
    let mut alice = gateway.alice().await;
    gateway.backend.next(Deed::Cut);
    alice.pay_under("first", PAYMENT).send().await;
    (0..2).for_each(|_| gateway.backend.next(Deed::respond(500, "", "")));
    let posts = || super::count(&gateway, "POST");
    let refused = alice.pay_under("second", PAYMENT).send().await;
    refused.assert_problem("outcome-unknown");
    assert_eq!(refused.json()["first"], "first");
    assert!(!refused.header("retry-after").is_empty());
    assert_eq!(posts(), 1);
    // Spelled otherwise it is the same payment: what counts is who pays whom how much.
    let other_words = PAYMENT.replace("Order 17", "Order 18");
    let refused = alice.pay_under("third", &other_words).send().await;
    assert_eq!(
        (refused.code().as_str(), &refused.json()["first"]),
        ("outcome-unknown", &"first".into())
    );
    assert_eq!(posts(), 1);
    let answer = until_known(&mut alice, "first", PAYMENT).await;
    assert_eq!(answer.status(), 200);
    alice.pay_under("second", PAYMENT).expect_answer().await;
    assert_eq!(posts(), 2);
}

#[tokio::test]
async fn another_amount_or_customer_does_not_wait() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    gateway.backend.next(Deed::Cut);
    alice.pay_under("first", PAYMENT).send().await;
    alice.pay(&payment_of("12.51")).expect_answer().await;
    let bob = Login {
        customer: "bob",
        ..Login::default()
    };
    gateway.login(bob).await.pay(PAYMENT).expect_answer().await;
    alice.pay(PAYMENT).expect_refusal("outcome-unknown").await;
}

/// Two at once under two keys are two payments, as the customer says; it is lost answers that make people pay again.
#[tokio::test]
async fn two_at_once_are_two_payments() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    gateway.backend.next(Deed::Hold);
    let first = alice.pay(PAYMENT).finish();
    let second = async {
        gateway.backend.wait_for(1).await;
        alice.pay(PAYMENT).expect_answer().await;
        gateway.backend.release();
    };
    let (first, ()) = tokio::join!(first.send(), second);
    assert_eq!((first.status(), gateway.backend.count()), (200, 2));
}
