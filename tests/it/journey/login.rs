//! From a password to a payment, with the product's own client: what an app does, over real sockets.

use std::sync::Arc;

use countersign::identity::TotpSecret;
use countersign_client::{
    Client, ClientKey, Error, Factor, LoginRequest, LoginStep, Payment, PaymentOutcome, Secret,
};
use countersign_jose::KeyKind;

use crate::support::{Shared, TestGateway};

const SEED: &str = r#"
[[customer]]
username = "carol"
password = "quite unlike the others"
totp_secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
accounts = [{ iban = "DE02120300000000202051", name = "Giro", currency = "EUR" }]
"#;

async fn app(gateway: &TestGateway) -> Client {
    Client::builder(gateway.public_url())
        .ca_pem(std::fs::read(gateway.home.ca.root_path()).unwrap())
        .client_id("app")
        .key(ClientKey::generate(KeyKind::P256).unwrap())
        .clock(Shared(Arc::clone(&gateway.home.clock)))
        .connect()
        .await
        .unwrap()
}

fn password(text: &str) -> Factor {
    Factor::Password {
        username: "carol".to_owned(),
        password: Secret::new(text),
    }
}

fn code(gateway: &TestGateway) -> Secret {
    let secret = TotpSecret::from_base32("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap();
    Secret::new(secret.code(gateway.now()))
}

fn request(acr: Option<&str>, factors: Vec<Factor>) -> LoginRequest {
    LoginRequest {
        scope: "accounts payments".to_owned(),
        acr_values: acr.map(str::to_owned),
        factors,
    }
}

fn payment(amount: &str) -> Payment {
    Payment {
        amount: amount.to_owned(),
        currency: "EUR".to_owned(),
        payee: "DE89370400440532013000".to_owned(),
        payee_name: Some("Bob's Books".to_owned()),
        debtor: Some("DE02120300000000202051".to_owned()),
        reference: Some("Order 17".to_owned()),
        execution_date: None,
    }
}

fn body(payment: &Payment) -> String {
    serde_json::json!({
        "instructedAmount": { "amount": payment.amount, "currency": payment.currency },
        "creditorAccount": { "iban": payment.payee },
        "creditorName": payment.payee_name,
        "debtorAccount": { "iban": payment.debtor },
        "remittanceInformationUnstructured": payment.reference,
    })
    .to_string()
}

#[tokio::test]
async fn an_app_logs_in_reads_and_pays() {
    let gateway = TestGateway::start().await;
    gateway.seed(SEED).await;
    let app = app(&gateway).await;
    let login = request(
        Some("urn:countersign:acr:2"),
        vec![password("quite unlike the others")],
    );
    let session = app.login(&login, Some(&code(&gateway))).await.unwrap();
    let url = |path: &str| format!("{}{path}", gateway.public_url());
    let accounts = app.get(&session, &url("/accounts/7/balances")).await.unwrap();
    assert_eq!(accounts.status, 200);
    let order = app
        .order_of_body(&url("/payments"), body(&payment("12.50")))
        .unwrap();
    let outcome = app.pay(&session, &order).await.unwrap();
    assert!(
        matches!(outcome, PaymentOutcome::Executed(ref done) if !done.replayed),
        "{outcome:?}"
    );
    let claims = gateway.backend.last().txn_claims();
    assert_eq!(claims["rctx"]["acr"], "urn:countersign:acr:2");
    assert_eq!(claims["tctx"]["exemption"], "low-value");
    let again = app.pay(&session, &order).await.unwrap();
    assert!(
        matches!(again, PaymentOutcome::Executed(ref done) if done.replayed),
        "{again:?}"
    );
    let large = app
        .order_of_body(&url("/payments"), body(&payment("250.00")))
        .unwrap();
    let outcome = app.pay(&session, &large).await.unwrap();
    assert!(
        matches!(outcome, PaymentOutcome::ApprovalRequired { .. }),
        "{outcome:?}"
    );
    assert_eq!(gateway.backend.count(), 2);
}

/// One factor gets in, and is told what it may not do.
#[tokio::test]
async fn a_password_alone_pays_nothing() {
    let gateway = TestGateway::start().await;
    gateway.seed(SEED).await;
    let app = app(&gateway).await;
    let session = app
        .login(&request(None, vec![password("quite unlike the others")]), None)
        .await
        .unwrap();
    let url = format!("{}/payments", gateway.public_url());
    let order = app.order_of_body(&url, body(&payment("12.50"))).unwrap();
    let outcome = app.pay(&session, &order).await.unwrap();
    assert!(
        matches!(&outcome, PaymentOutcome::LoginRequired { acr_values: Some(acr), .. } if acr == "urn:countersign:acr:2"),
        "{outcome:?}"
    );
    assert_eq!(gateway.backend.count(), 0);
}

#[tokio::test]
async fn a_wrong_password_is_no_login() {
    let gateway = TestGateway::start().await;
    gateway.seed(SEED).await;
    let app = app(&gateway).await;
    let step = app
        .begin_login(&request(None, vec![password("quite unlike the other")]))
        .await;
    assert!(!matches!(step, Ok(LoginStep::Done(_))), "{step:?}");
}

/// A revoked token is refused at once, by the gate and for good.
#[tokio::test]
async fn a_logout_ends_the_session() {
    let gateway = TestGateway::start().await;
    gateway.seed(SEED).await;
    let app = app(&gateway).await;
    let login = request(
        Some("urn:countersign:acr:2"),
        vec![password("quite unlike the others")],
    );
    let session = app.login(&login, Some(&code(&gateway))).await.unwrap();
    let url = format!("{}/accounts/7/balances", gateway.public_url());
    assert_eq!(app.get(&session, &url).await.unwrap().status, 200);
    app.revoke(session.clone()).await.unwrap();
    match app.get(&session, &url).await {
        Ok(answer) => assert_eq!(answer.status, 401),
        Err(error) => assert!(!matches!(error, Error::Request(_)), "{error}"),
    }
    assert_eq!(gateway.backend.count(), 1);
}
