//! Settling by people: `settle = "hold"`, and what is left out.

use super::{count, settled_by, states};
use crate::support::{Deed, PAYMENT, Setting, TestGateway, in_the_end};

const HOLD: Setting = settled_by("trust_domain = \"bank.internal\"\nsettle = \"hold\"");

#[tokio::test]
async fn it_stays_unknown_for_the_client_and_visible_for_those_who_watch() {
    let gateway = TestGateway::with(&[HOLD]).await;
    let alice = gateway.alice().await;
    gateway.backend.next(Deed::Cut);
    alice.pay_under("k", PAYMENT).send().await;
    let gauge = r#"countersign_payments_unknown{upstream="bank"} 1"#;
    in_the_end(gauge, async || gateway.services.metrics.render().contains(gauge)).await;
    alice
        .pay_under("k", PAYMENT)
        .expect_refusal("outcome-unknown")
        .await;
    assert_eq!(states(&gateway).await, ["unknown"]);
    assert_eq!(count(&gateway, "GET"), 0, "nobody was asked");
}
