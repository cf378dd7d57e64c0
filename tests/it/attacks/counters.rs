//! Many small payments that each look like the first.

use crate::support::{PAYMENT, TestGateway};

/// SCA-19: an app chooses what it writes as debtor; that must not give it fresh counters.
#[tokio::test]
async fn no_spelling_of_the_debtor_gives_fresh_counters() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    for _ in 0..5 {
        alice.pay(PAYMENT).expect_answer().await;
    }
    let own = r#""debtorAccount":{"iban":"DE02120300000000202051"},"#;
    for other in [
        "",
        r#""debtorAccount":{},"#,
        r#""debtorAccount":{"iban":"de02 1203 0000 0000 2020 51"},"#,
        r#""debtorAccount":{"iban":"DE02500105170137075030"},"#,
        r#""debtorAccount":{"iban":"account:1"},"#,
        r#""debtorAccount":{"iban":"account:2"},"#,
    ] {
        let payment = PAYMENT.replace(own, other);
        assert_ne!(payment, PAYMENT);
        alice.pay(&payment).expect_refusal("approval-required").await;
    }
}
