//! What passes, and exactly what the backend gets of it (design 4.7).

use crate::support::{Draft, PAYMENT, TestGateway};

#[tokio::test]
async fn a_public_request_passes_without_a_caller() {
    let gateway = TestGateway::start().await;
    let answer = Draft::new(&gateway, "GET", "/rates/eur?to=usd")
        .is_answered()
        .await;
    assert_eq!(answer.json()["done"], true);
    let seen = gateway.backend.last();
    assert_eq!(
        (seen.method.as_str(), seen.target.as_str()),
        ("GET", "/rates/eur?to=usd")
    );
}

#[tokio::test]
async fn a_payment_passes() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    alice.get("/accounts/7/balances").is_answered().await;
    let answer = alice.pay(PAYMENT).is_answered().await;
    answer.assert_signed();
}
