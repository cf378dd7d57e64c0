//! Who spends whose rate: what customers, clients and the callers of a route have is spent by those who have proven to be
//! them, and by nobody else.

use countersign_jose::KeyKind;

use crate::support::{Draft, Login, Setting, TestGateway};

/// All customers of an app together; another app goes on.
#[tokio::test]
async fn a_client_has_a_rate_over_all_of_its_customers() {
    let few = Setting("[defense]", "[defense]\nclient_rate = \"1/h burst 2\"");
    let gateway = TestGateway::with(&[few]).await;
    let alice = gateway.alice().await;
    let bob = gateway
        .login(Login {
            customer: "bob",
            ..Login::default()
        })
        .await;
    alice.get("/orders").expect_answer().await;
    bob.get("/orders").expect_answer().await;
    bob.get("/orders").expect_refusal("rate-limited").await;
    let shop = Login {
        client: "shop",
        key: KeyKind::P256,
        ..Login::default()
    };
    gateway.login(shop).await.get("/orders").expect_answer().await;
}

/// A budget is charged to who has proven to be its owner: a token that was stolen without its key spends nothing of it.
#[tokio::test]
async fn nobody_spends_the_budget_of_another() {
    let few = Setting("customer_rate = \"off\"", "customer_rate = \"1/h burst 1\"");
    let gateway = TestGateway::with(&[few]).await;
    let alice = gateway.alice().await;
    let thief = gateway
        .login(Login {
            customer: "bob",
            ..Login::default()
        })
        .await;
    for _ in 0..5 {
        let stolen = Draft::new(&gateway, "GET", "/orders").with_token(&alice);
        stolen.expect_refusal("proof-missing").await;
        let forged = Draft::new(&gateway, "GET", "/orders")
            .with_token(&alice)
            .with_proof(&thief);
        forged
            .then_header("authorization", format!("DPoP {}", alice.token))
            .expect_refusal("proof-invalid")
            .await;
        let unsigned = alice
            .post("/consents", "{}")
            .then_header("signature", "sig=:AAAA:");
        unsigned.expect_refusal("signature-invalid").await;
    }
    alice.get("/orders").expect_answer().await;
    alice.get("/orders").expect_refusal("rate-limited").await;
}

/// What the callers of a route share is charged to those who have proven who they are, by a DPoP proof or by their signature.
#[tokio::test]
async fn a_stranger_spends_nothing_of_the_rate_of_a_route_that_asks_who_sends() {
    let gateway = TestGateway::with(&[
        Setting("path = \"/orders\"", "path = \"/orders\"\nrate = \"1/h burst 1\""),
        Setting(
            "path = \"/consents\"",
            "path = \"/consents\"\nrate = \"1/h burst 1\"",
        ),
    ])
    .await;
    let alice = gateway.alice().await;
    for _ in 0..5 {
        let get = Draft::new(&gateway, "GET", "/orders");
        get.expect_refusal("token-missing").await;
        let stolen = Draft::new(&gateway, "GET", "/orders").with_token(&alice);
        stolen.expect_refusal("proof-missing").await;
        let post = Draft::new(&gateway, "POST", "/consents").with_body("{}");
        post.expect_refusal("token-missing").await;
        let unsigned = alice
            .post("/consents", "{}")
            .then_header("signature", "sig=:AAAA:");
        unsigned.expect_refusal("signature-invalid").await;
    }
    alice.get("/orders").expect_answer().await;
    alice.post("/consents", "{}").expect_answer().await;
    for too_fast in [alice.get("/orders"), alice.post("/consents", "{}")] {
        let refused = too_fast.expect_refusal("rate-limited").await;
        assert_eq!(refused.header("retry-after"), "3600");
    }
    // The limits come before the token all the same.
    Draft::new(&gateway, "GET", "/orders")
        .expect_refusal("rate-limited")
        .await;
}

/// A caller who is too fast for themselves leaves the others what a route can bear.
#[tokio::test]
async fn a_customer_beyond_their_rate_spends_nothing_of_the_route() {
    let gateway = TestGateway::with(&[
        Setting("customer_rate = \"off\"", "customer_rate = \"1/h burst 1\""),
        Setting("path = \"/orders\"", "path = \"/orders\"\nrate = \"1/h burst 2\""),
    ])
    .await;
    let alice = gateway.alice().await;
    alice.get("/orders").expect_answer().await;
    for _ in 0..5 {
        alice.get("/orders").expect_refusal("rate-limited").await;
    }
    let bob = gateway
        .login(Login {
            customer: "bob",
            ..Login::default()
        })
        .await;
    bob.get("/orders").expect_answer().await;
}
