//! A payment that the store does not take keeps no other from being settled (IDEM-08).

use std::time::Duration;

use countersign::store::Batch;

use super::{count, settled_by, states, until_known};
use crate::support::{Caller, Deed, PAYMENT, Setting, TestGateway, in_the_end, payment_of};

const RETRY: Setting = settled_by("trust_domain = \"bank.internal\"\nsettle = \"retry\"");
const PROBE: Setting = settled_by("trust_domain = \"bank.internal\"\nsettle = \"probe\"");
const PATIENT: Setting = Setting("timeout = \"30s\"", "timeout = \"5m\"");
const HOLD: Setting = settled_by("trust_domain = \"bank.internal\"\nsettle = \"hold\"");

/// From now on nothing changes in the oldest payment.
const STUCK: &str = "CREATE TRIGGER stuck BEFORE UPDATE ON idempotency \
    WHEN OLD.reserved_at = (SELECT min(reserved_at) FROM idempotency) \
    BEGIN SELECT raise(ABORT, 'stuck'); END";

/// From now on its outcome does not become known.
const STUCK_UNKNOWN: &str = "CREATE TRIGGER stuck BEFORE UPDATE ON idempotency \
    WHEN OLD.state = 'unknown' AND OLD.reserved_at = (SELECT min(reserved_at) FROM idempotency) \
    BEGIN SELECT raise(ABORT, 'stuck'); END";

async fn run(gateway: &TestGateway, statements: &[&'static str]) {
    let mut batch = Batch::new();
    for statement in statements {
        batch.run(statement, Vec::new());
    }
    gateway.services.db.commit(batch).await.unwrap();
}

/// Two payments, a second apart, whose answers are lost.
async fn lose_both(alice: &Caller<'_>) {
    for (key, body) in [("stuck", PAYMENT), ("k", &payment_of("12.51"))] {
        // The settlement may send the first one again meanwhile, whose answer then comes.
        alice.gateway.backend.next_under(key, Deed::Cut);
        let lost = alice.pay_under(key, body).send().await;
        lost.assert_problem("outcome-unknown");
        alice.gateway.advance(Duration::from_secs(1)).await;
    }
}

#[tokio::test]
async fn one_whose_outcome_is_not_taken_leaves_the_others_their_answers() {
    let gateway = TestGateway::with(&[RETRY]).await;
    run(&gateway, &[STUCK]).await;
    let mut alice = gateway.alice().await;
    lose_both(&alice).await;
    let answer = until_known(&mut alice, "k", &payment_of("12.51")).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(states(&gateway).await, ["reserved", "answered"]);
}

#[tokio::test]
async fn one_that_cannot_be_noted_as_cut_off_leaves_the_others_noted() {
    let gateway = TestGateway::with(&[HOLD]).await;
    let alice = gateway.alice().await;
    lose_both(&alice).await;
    run(&gateway, &["UPDATE idempotency SET state = 'reserved'", STUCK]).await;
    let is_noted = async || states(&gateway).await == ["reserved", "unknown"];
    in_the_end("the younger one is noted", is_noted).await;
}

/// A payment that is lost, and a bank that takes the question about it and says nothing.
async fn hang(alice: &Caller<'_>) {
    let backend = &alice.gateway.backend;
    backend.next_under("hangs", Deed::Cut);
    backend.next_under("hangs", Deed::Never);
    let lost = alice.pay_under("hangs", PAYMENT).send().await;
    lost.assert_problem("outcome-unknown");
    backend.wait_for(2).await;
    alice.gateway.advance(Duration::from_secs(1)).await;
}

#[tokio::test]
async fn one_whose_question_hangs_leaves_what_is_cut_off_noted() {
    let gateway = TestGateway::with(&[PROBE, PATIENT]).await;
    let alice = gateway.alice().await;
    hang(&alice).await;
    alice.pay_under("k", &payment_of("12.51")).expect_answer().await;
    let cut_off = "UPDATE idempotency SET state = 'reserved', answer = NULL WHERE state = 'answered'";
    run(&gateway, &[cut_off]).await;
    let is_noted = async || states(&gateway).await == ["unknown", "unknown"];
    in_the_end("the younger one is noted", is_noted).await;
}

#[tokio::test]
async fn one_whose_question_hangs_leaves_the_others_asked_for() {
    let gateway = TestGateway::with(&[PROBE, PATIENT]).await;
    let mut alice = gateway.alice().await;
    hang(&alice).await;
    gateway.backend.next_under("k", Deed::Cut);
    let lost = alice.pay_under("k", &payment_of("12.51")).send().await;
    lost.assert_problem("outcome-unknown");
    let answer = until_known(&mut alice, "k", &payment_of("12.51")).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(states(&gateway).await, ["unknown", "answered"]);
}

/// The store calls it reserved, its customer reads that nobody knows: what people pay again is not sent.
#[tokio::test]
async fn one_whose_conclusion_is_not_taken_makes_an_equal_one_wait() {
    let gateway = TestGateway::with(&[HOLD]).await;
    run(&gateway, &[STUCK]).await;
    let alice = gateway.alice().await;
    let lost = alice.pay_under("stuck", PAYMENT).send().await;
    lost.assert_problem("outcome-unknown");
    let again = alice.pay_under("again", PAYMENT).send().await;
    again.assert_problem("outcome-unknown");
    assert_eq!(count(&gateway, "POST"), 1);
    assert_eq!(states(&gateway).await, ["reserved"]);
}

/// It is heard once, and written when the store takes it.
#[tokio::test]
async fn an_outcome_that_was_heard_is_not_asked_for_again() {
    let gateway = TestGateway::with(&[RETRY]).await;
    run(&gateway, &[STUCK_UNKNOWN]).await;
    let mut alice = gateway.alice().await;
    lose_both(&alice).await;
    let answer = until_known(&mut alice, "k", &payment_of("12.51")).await;
    assert_eq!(answer.status(), 200);
    for _ in 0..3 {
        gateway.advance(Duration::from_secs(60)).await;
        alice
            .pay_under("stuck", PAYMENT)
            .expect_refusal("outcome-unknown")
            .await;
    }
    assert_eq!(states(&gateway).await, ["unknown", "answered"]);
    assert_eq!(count(&gateway, "POST"), 4, "each once, and once more");
    run(&gateway, &["DROP TRIGGER stuck"]).await;
    let answer = until_known(&mut alice, "stuck", PAYMENT).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(count(&gateway, "POST"), 4);
}
