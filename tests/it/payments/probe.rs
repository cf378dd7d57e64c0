//! Settling by asking the bank: `settle = "probe"`.

use std::time::Duration;

use super::{count, settled_by, states, until_known};
use crate::support::{Deed, PAYMENT, Setting, TestGateway, in_the_end};

const PROBE: Setting =
    settled_by("trust_domain = \"bank.internal\"\nsettle = \"probe\"\nsettle_after = \"30s\"");

const JSON: &str = "content-type: application/json\r\n";

fn found() -> Deed {
    Deed::respond(201, JSON, r#"{"id":"p-1"}"#)
}

fn not_found() -> Deed {
    Deed::respond(404, JSON, "{}")
}

/// IDEM-08: the answer was lost, the bank knows the payment, the client gets its answer, and nothing is sent twice.
#[tokio::test]
async fn a_payment_that_the_bank_knows_is_executed_and_its_answer_reaches_the_client() {
    let gateway = TestGateway::with(&[PROBE]).await;
    let mut alice = gateway.alice().await;
    for deed in [Deed::Cut, found(), found()] {
        gateway.backend.next(deed);
    }
    let lost = alice.pay_under("k", PAYMENT).send().await;
    lost.assert_problem("outcome-unknown");
    assert!(!lost.header("retry-after").is_empty());
    let answer = until_known(&mut alice, "k", PAYMENT).await;
    assert_eq!((answer.status(), answer.body()), (201, &br#"{"id":"p-1"}"#[..]));
    assert_eq!(answer.header("idempotency-replayed"), "true");
    answer.assert_signed();
    assert_eq!((count(&gateway, "POST"), count(&gateway, "GET")), (1, 2));
    assert_eq!(states(&gateway).await, ["answered"]);
}

/// The question cannot be taken for a payment: another method, no intent, and it says what it is.
#[tokio::test]
async fn the_question_names_the_payment_and_says_that_it_is_a_question() {
    let gateway = TestGateway::with(&[PROBE]).await;
    let alice = gateway.alice().await;
    let key = "8e03978e/40d5\\\"?x";
    for deed in [Deed::Cut, found(), found()] {
        gateway.backend.next(deed);
    }
    alice.pay_under(key, PAYMENT).send().await;
    gateway.backend.wait_for(2).await;
    let seen = gateway.backend.seen();
    let (payment, question) = (&seen[0], &seen[1]);
    assert_eq!(question.method, "GET");
    assert_eq!(question.target, "/payments/8e03978e%2F40d5%22%3Fx");
    assert_eq!(
        question.header("idempotency-key"),
        payment.header("idempotency-key")
    );
    assert!(question.body.is_empty());
    let (paid, asked) = (payment.txn_claims(), question.txn_claims());
    assert_eq!(asked["tctx"]["probe"], true);
    assert_eq!(asked["scope"], "settlement");
    for member in ["iss", "aud", "sub", "txn"] {
        assert_eq!(asked[member], paid[member], "{member}");
    }
    for absent in ["intent", "intent_digest", "exemption"] {
        assert!(asked["tctx"].get(absent).is_none(), "{absent}");
    }
    let signed = question.header("signature-input");
    for component in [
        "\"@method\"",
        "\"@path\"",
        "\"txn-token\"",
        "\"forwarded\"",
        "\"idempotency-key\"",
    ] {
        assert!(signed.contains(component), "{component} in {signed}");
    }
    assert!(signed.contains("tag=\"countersign-forward\""));
}

/// "Not found" may mean "not yet" for a while; then it is final, and the key never goes again.
#[tokio::test]
async fn not_found_counts_once_nothing_can_be_on_its_way_and_then_for_ever() {
    let gateway = TestGateway::with(&[PROBE]).await;
    let mut alice = gateway.alice().await;
    gateway.backend.next(Deed::Cut);
    (0..60).for_each(|_| gateway.backend.next(not_found()));
    let sent_at = gateway.now();
    alice.pay_under("k", PAYMENT).send().await;
    let refused = until_known(&mut alice, "k", PAYMENT).await;
    refused.assert_problem("not-executed");
    assert!(gateway.now().since(sent_at) >= Duration::from_secs(30));
    alice.renew();
    alice.pay_under("k", PAYMENT).expect_refusal("not-executed").await;
    assert_eq!(count(&gateway, "POST"), 1);
    assert_eq!(states(&gateway).await, ["not-executed"]);
}

/// Neither one word, nor two that contradict each other, nor what is no word at all.
#[tokio::test]
async fn what_is_not_said_twice_alike_is_not_believed() {
    let gateway = TestGateway::with(&[PROBE]).await;
    let alice = gateway.alice().await;
    let deeds = [
        Deed::Cut,
        found(),
        not_found(),
        Deed::respond(201, JSON, r#"{"id":"p-2"}"#),
        Deed::respond(500, JSON, "{}"),
        Deed::respond(302, "location: /elsewhere\r\n", ""),
        Deed::respond(401, JSON, "{}"),
        Deed::Cut,
        Deed::respond(202, JSON, "{}"),
    ];
    let words = deeds.len();
    deeds.into_iter().for_each(|deed| gateway.backend.next(deed));
    gateway.backend.next(Deed::Never);
    alice.pay_under("k", PAYMENT).send().await;
    let has_asked = async || {
        gateway.advance(Duration::from_secs(20)).await;
        gateway.backend.count() > words
    };
    in_the_end("a question after all these words", has_asked).await;
    assert_eq!(states(&gateway).await, ["unknown"]);
}

/// IDEM-08: the gateway ended between its two writes; the next one finds out what became of the payment.
#[tokio::test]
async fn a_restart_in_the_middle_leaves_an_unknown_outcome_that_is_settled() {
    let gateway = TestGateway::with(&[PROBE]).await;
    {
        let alice = gateway.alice().await;
        alice.pay_under("k", PAYMENT).expect_answer().await;
    }
    // As a crash leaves it.
    let mut crash = countersign::store::Batch::new();
    crash.one_row(
        "one payment",
        "UPDATE idempotency SET state = 'reserved', answer = NULL",
        Vec::new(),
    );
    gateway.services.db.commit(crash).await.unwrap();
    let gateway = gateway.restart().await;
    assert_eq!(states(&gateway).await, ["unknown"]);
    let alice = gateway.alice().await;
    alice
        .pay_under("k", PAYMENT)
        .expect_refusal("outcome-unknown")
        .await;
    assert_eq!(count(&gateway, "POST"), 1);
}
