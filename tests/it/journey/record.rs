//! What cannot be recorded does not happen (design 6 and 9).

use countersign::store::Batch;

use crate::support::{Deed, PAYMENT, TestGateway};

/// Takes a table away, as a damaged store would.
async fn break_store(gateway: &TestGateway, sql: &'static str) {
    let mut batch = Batch::new();
    batch.run(sql, Vec::new());
    gateway.services.db.commit(batch).await.unwrap();
}

#[tokio::test]
async fn a_payment_that_cannot_be_recorded_is_not_sent() {
    for table in [
        "ALTER TABLE event RENAME TO gone",
        "ALTER TABLE idempotency RENAME TO gone",
        "ALTER TABLE used_nonce RENAME TO gone",
        "ALTER TABLE low_value RENAME TO gone",
    ] {
        let gateway = TestGateway::start().await;
        let alice = gateway.alice().await;
        break_store(&gateway, table).await;
        let before = gateway.backend.count();
        let answer = alice.pay(PAYMENT).send().await;
        // Without its counter there is no exemption (SCA-28).
        let expected = if table.contains("low_value") {
            "approval-required"
        } else {
            "store-unavailable"
        };
        answer.assert_problem(expected);
        assert_eq!(gateway.backend.count(), before, "{table}");
        alice.get("/orders").expect_answer().await;
    }
}

/// The backend acted, and the gateway cannot write down what it answered: the client learns that nobody knows, and a
/// repeat sends nothing.
#[tokio::test]
async fn an_outcome_that_cannot_be_recorded_is_unknown() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    gateway.backend.next(Deed::Hold);
    let paying = alice.pay_under("k", PAYMENT).finish();
    let breaking = async {
        gateway.backend.wait_for(1).await;
        break_store(&gateway, "ALTER TABLE event RENAME TO gone").await;
        gateway.backend.release();
    };
    let (answer, ()) = tokio::join!(paying.send(), breaking);
    answer.assert_problem("outcome-unknown");
    break_store(&gateway, "ALTER TABLE gone RENAME TO event").await;
    let again = alice.pay_under("k", PAYMENT).send().await;
    assert!(
        ["in-progress", "outcome-unknown"].contains(&again.code().as_str()),
        "{again:?}"
    );
    let gateway = gateway_after(gateway).await;
    assert_eq!(gateway.backend.count(), 1);
}

/// A restart settles what the first process could not write.
async fn gateway_after(gateway: TestGateway) -> TestGateway {
    let gateway = gateway.restart().await;
    let row = gateway
        .services
        .db
        .query_one("SELECT state FROM idempotency", Vec::new())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(row.text(0).unwrap(), "unknown");
    gateway
}
