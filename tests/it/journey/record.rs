//! What cannot be recorded does not happen.

use std::path::Path;

use countersign::store::{Batch, StoreCopy};
use serde_json::Value;

use crate::support::{Deed, PAYMENT, TestGateway, in_the_end};

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
    let again = alice.pay_under("k", PAYMENT).send().await;
    assert!(
        ["in-progress", "outcome-unknown"].contains(&again.code().as_str()),
        "{again:?}"
    );
    let gateway = gateway_after(gateway).await;
    assert_eq!(gateway.backend.count(), 1);
}

/// A restart settles what the first process could not write: its store is whole again only when it has ended, for as soon as
/// it can it writes the outcome.
async fn gateway_after(gateway: TestGateway) -> TestGateway {
    let heal = |folder: &Path| {
        let store = rusqlite::Connection::open(folder.join("countersign.sqlite")).unwrap();
        store.execute("ALTER TABLE gone RENAME TO event", []).unwrap();
    };
    let gateway = gateway.restart_after(heal).await;
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

/// PCI-13 (10.2.1.1): what was read and what was asked for without a transaction stands in the log when the gateway has ended,
/// and nothing of a public request does.
#[tokio::test]
async fn what_passes_without_a_durable_step_is_in_the_log() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    for _ in 0..3 {
        alice.get("/orders").expect_answer().await;
    }
    alice.post("/consents", r#"{"text":"yes"}"#).expect_answer().await;
    alice.get("/accounts/7/transactions").send().await;
    alice.get("/rates/eur").expect_answer().await;
    let (home, _backend) = gateway.stop().await;
    let store = StoreCopy::open(&home.path("countersign.sqlite")).unwrap();
    let rows = store
        .query("SELECT body FROM event WHERE body LIKE '%\"passed\"%'", &[])
        .unwrap();
    let mut routes: Vec<(String, u64)> = Vec::new();
    for row in rows {
        let event: Value = serde_json::from_str(row.text(0).unwrap()).unwrap();
        assert_eq!(event["policy_version"].as_str().unwrap().len(), 43);
        assert_eq!(event["beyond"], 0);
        for count in event["counts"].as_array().unwrap() {
            let route = count["route"].as_str().unwrap();
            let times = count["count"].as_u64().unwrap();
            match routes.iter_mut().find(|(known, _)| known == route) {
                Some((_, sum)) => *sum += times,
                None => routes.push((route.to_owned(), times)),
            }
        }
    }
    routes.sort_unstable();
    let told = |route: &str| {
        routes
            .iter()
            .find(|(known, _)| known == route)
            .map(|(_, times)| *times)
    };
    assert_eq!(
        (told("orders"), told("consents")),
        (Some(3), Some(1)),
        "{routes:?}"
    );
    assert_eq!(told("rates"), None, "nobody is known there");
}

/// While events cannot be written, reads go on and what may change something does not.
#[tokio::test]
async fn a_signed_request_waits_until_what_passed_before_could_be_written() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    break_store(&gateway, "ALTER TABLE event RENAME TO gone").await;
    alice.get("/orders").expect_answer().await;
    let is_unwritten = async || gateway.services.passages.are_unwritten();
    in_the_end("the read is not written", is_unwritten).await;
    let before = gateway.backend.count();
    let consent = || alice.post("/consents", r#"{"text":"yes"}"#);
    consent().send().await.assert_problem("store-unavailable");
    assert_eq!(gateway.backend.count(), before);
    alice.get("/orders").expect_answer().await;
    break_store(&gateway, "ALTER TABLE gone RENAME TO event").await;
    let is_written = async || !gateway.services.passages.are_unwritten();
    in_the_end("the read is written", is_written).await;
    consent().expect_answer().await;
}
