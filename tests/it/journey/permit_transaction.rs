//! Attested → Permitted: the intent of a payment is read from a closed body, and never guessed.

use crate::support::{PAYMENT, TestGateway, payment_of};

#[tokio::test]
async fn a_body_that_does_not_state_one_payment_is_refused() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let with = |what: &str, by: &str| {
        assert!(PAYMENT.contains(what), "{what}");
        PAYMENT.replace(what, by)
    };
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    for body in [
        "garbage".to_owned(),
        "{".to_owned(),
        "[]".to_owned(),
        "null".to_owned(),
        "\"12.50\"".to_owned(),
        format!("{PAYMENT}{PAYMENT}"),
        format!("\u{feff}{PAYMENT}"),
        deep,
        "{}".to_owned(),
        with("\"12.50\"", "12.50"),
        with("\"12.50\"", "\"12.50\",\"amount\":\"1.00\""),
        with(
            "\"Order 17\"",
            "\"Order 17\",\"remittanceInformationUnstructured\":\"x\"",
        ),
        with("\"Order 17\"", "\"Order 17\",\"priority\":\"high\""),
        with("\"EUR\"", "\"EUR\",\"fee\":\"1.00\""),
        with("DE89370400440532013000", "DE89370400440532013001"),
        with("DE89370400440532013000", "DE89"),
        with("DE89370400440532013000", ""),
        with("DE02120300000000202051", "XX00"),
        with("EUR", "EURO"),
        with("EUR", "eur"),
        with("EUR", "ZZZ"),
        with("Bob's Books", "Bob\\u0000"),
        with("Bob's Books", "Bob\\u202eskooB"),
        with("Bob's Books", "\\ud800"),
    ] {
        let answer = alice.pay(&body).expect_refusal("transaction-invalid").await;
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(!detail.contains("DE89") && !detail.contains("Bob"), "{detail}");
    }
}

/// The currency's digits exactly; nothing is padded or rounded.
#[tokio::test]
async fn an_amount_is_a_string_with_the_currencys_digits() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    for amount in [
        "0.00",
        "-1.00",
        "+1.00",
        "1",
        "1.",
        "1.5",
        "1.500",
        ".50",
        "01.00",
        "1,00",
        "1e2",
        " 1.00",
        "1.00 ",
        "",
        "NaN",
        "1.00\\u0000",
        "٣.٠٠",
        "99999999999999999999.00",
    ] {
        alice
            .pay(&payment_of(amount))
            .expect_refusal("transaction-invalid")
            .await;
    }
    let yen = payment_of("12.50").replace("EUR", "JPY");
    alice.pay(&yen).expect_refusal("transaction-invalid").await;
}

/// Design 4.3: such a body occupies no key.
#[tokio::test]
async fn a_payment_that_could_not_be_read_occupies_no_key() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    alice
        .pay_under("k", &payment_of("1.5"))
        .expect_refusal("transaction-invalid")
        .await;
    alice.pay_under("k", PAYMENT).expect_answer().await;
}

/// What the customer wrote is not guessed at, but one account has one spelling.
#[tokio::test]
async fn an_account_number_is_brought_to_its_normal_form() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let spaced = PAYMENT.replace("DE89370400440532013000", "de89 3704 0044 0532 0130 00");
    alice.pay(&spaced).expect_answer().await;
    let seen = gateway.backend.last();
    assert_eq!(
        seen.txn_claims()["tctx"]["intent"]["payee"],
        "DE89370400440532013000"
    );
    assert_eq!(seen.body, spaced.as_bytes(), "the body goes out as it was signed");
}
