//! A body that the gateway reads as one payment and a backend as another.

use crate::support::{PAYMENT, TestGateway};

/// JSON is what the customer's intent is read from; a backend that is told another format reads another payment.
#[tokio::test]
async fn a_payment_that_says_it_is_no_json_is_refused() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    for said in [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain",
        "application/xml",
        "application/json; charset=utf-16",
        "application/json; charset=utf-7",
        "application/json, application/xml",
        "application/jsonp",
        "json",
        "",
    ] {
        alice
            .pay(PAYMENT)
            .header("content-type", said)
            .expect_refusal("transaction-invalid")
            .await;
    }
    for said in [
        "application/json",
        "Application/JSON; charset=UTF-8",
        "application/json;charset=\"utf-8\"",
        "application/vnd.bank.payment+json",
    ] {
        alice
            .pay(PAYMENT)
            .header("content-type", said)
            .expect_answer()
            .await;
    }
}

/// It occupies no key: the same key is good for the payment as it should have been.
#[tokio::test]
async fn a_payment_in_another_format_occupies_no_key() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    alice
        .pay_under("one-key", PAYMENT)
        .header("content-type", "text/plain")
        .expect_refusal("transaction-invalid")
        .await;
    alice.pay_under("one-key", PAYMENT).expect_answer().await;
}
