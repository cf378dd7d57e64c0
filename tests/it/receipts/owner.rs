//! Whom a receipt is shown to, and how.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{link, receipt, signed_payment};
use crate::support::{Draft, Login, PAYMENT, TestGateway};

#[tokio::test]
async fn a_receipt_is_its_customers_by_any_app_and_nobody_elses() {
    let gateway = TestGateway::start().await;
    let mut alice = gateway.alice().await;
    let target = link(&signed_payment(&alice, "k").send().await);
    let first = receipt(&mut alice, &target).await;
    let shop = Login {
        client: "shop",
        ..Login::default()
    };
    let by_another_app = receipt(&mut gateway.login(shop).await, &target).await;
    assert_eq!(by_another_app["id"], first["id"]);
    let bob = gateway
        .login(Login {
            customer: "bob",
            ..Login::default()
        })
        .await;
    for strange in [
        target.as_str(),
        "/receipts/AAAAAAAAAAAAAAAAAAAAAA",
        "/receipts/x%20y",
    ] {
        bob.get(strange).send().await.assert_problem("route-unknown");
    }
    let long = format!("/receipts/{}", "a".repeat(65));
    alice.get(&long).send().await.assert_problem("route-unknown");
}

#[tokio::test]
async fn who_does_not_prove_who_they_are_learns_nothing() {
    let gateway = TestGateway::start().await;
    let mut alice = gateway.alice().await;
    let target = link(&signed_payment(&alice, "k").send().await);
    receipt(&mut alice, &target).await;
    let nobody = Draft::new(&gateway, "GET", &target).send().await;
    nobody.assert_problem("token-missing");
    alice
        .get(&target)
        .without("dpop")
        .send()
        .await
        .assert_problem("proof-missing");
    let bearer = format!("Bearer {}", alice.token);
    let stolen = Draft::new(&gateway, "GET", &target).header("authorization", &bearer);
    stolen.send().await.assert_problem("proof-missing");
    alice
        .get(&target)
        .proof(|proof| proof.claims["htu"] = "https://localhost/other".into())
        .send()
        .await
        .assert_problem("proof-invalid");
    // The policies decide here as on any route: account data needs two factors.
    let weak = gateway
        .login(Login {
            acr: 1,
            ..Login::default()
        })
        .await;
    weak.get(&target).send().await.assert_problem("login-required");
    let posted = Draft::new(&gateway, "POST", &target).send().await;
    posted.assert_problem("method-not-allowed");
    assert_eq!(posted.header("allow"), "GET, HEAD");
}

/// The page needs no script, no style from elsewhere and no connection, and says so to the browser.
#[tokio::test]
async fn a_browser_gets_a_page_that_can_be_printed() {
    let gateway = TestGateway::start().await;
    let mut alice = gateway.alice().await;
    let hostile = PAYMENT.replace("Bob's Books", "<script>alert(1)</script>");
    let target = link(&alice.pay_under("k", &hostile).send().await);
    let file = receipt(&mut alice, &target).await;
    let page = alice.get(&target).header("accept", "text/html").send().await;
    assert_eq!(page.status(), 200, "{page:?}");
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(page.header("cache-control"), "no-store");
    let text = String::from_utf8(page.body().to_vec()).unwrap();
    assert!(!text.contains("<script"), "{text}");
    for part in [
        "12.50 EUR",
        "DE89370400440532013000",
        "unwitnessed",
        file["id"].as_str().unwrap(),
    ] {
        assert!(text.contains(part), "{part}");
    }
    let policy = page.header("content-security-policy");
    let style = text
        .split_once("<style>")
        .unwrap()
        .1
        .split_once("</style>")
        .unwrap()
        .0;
    let hash = STANDARD.encode(countersign_jose::sha256(style.as_bytes()));
    assert_eq!(
        policy,
        format!(
            "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
    );
}
