//! Login, refresh and revocation.

use countersign_client::{Client, ClientKey, Error, Factor, LoginRequest, LoginStep, Secret, Session};
use countersign_jose::KeyKind;

use crate::gateway::TestGateway;

pub(crate) fn request(password: &str) -> LoginRequest {
    LoginRequest {
        scope: "accounts payments".into(),
        acr_values: Some("urn:countersign:acr:2".into()),
        factors: vec![Factor::Password {
            username: "alice & co".into(),
            password: Secret::new(password),
        }],
    }
}

pub(crate) async fn logged_in(client: &Client) -> Session {
    client.login(&request("correct horse"), None).await.unwrap()
}

/// DPOP-10, DPOP-12: the nonce is learned from the first refusal and used from then on.
#[tokio::test]
async fn a_login_learns_the_nonce_and_sends_what_the_standard_wants() {
    let gateway = TestGateway::start().await;
    gateway.set(|state| state.nonce = Some("n-1".into()));
    let client = gateway.client(KeyKind::P256).await;
    let session = logged_in(&client).await;
    assert_eq!((session.scope(), session.can_refresh()), ("a b", true));
    gateway.seen(|state| {
        let (_, form) = &state.forms[0];
        assert_eq!(form["client_id"], "first-party");
        assert_eq!(form["response_type"], "code");
        assert_eq!(form["scope"], "accounts payments");
        assert_eq!(form["code_challenge_method"], "S256");
        assert_eq!(form["username"], "alice & co");
        assert_eq!(form["acr_values"], "urn:countersign:acr:2");
        let nonces: Vec<_> = state
            .proofs
            .iter()
            .map(|proof| proof.get("nonce").is_some())
            .collect();
        assert_eq!(
            nonces,
            [false, true, true],
            "one retry, then the nonce is known to the token endpoint too"
        );
    });
}

#[tokio::test]
async fn a_second_factor_continues_the_same_login() {
    let gateway = TestGateway::start().await;
    gateway.set(|state| state.otp_needed = true);
    let client = gateway.client(KeyKind::Ed25519).await;
    client
        .login(&request("correct horse"), Some(&Secret::new("123456")))
        .await
        .unwrap();
    gateway.seen(|state| {
        let (_, second) = &state.forms[1];
        assert_eq!(second["auth_session"], "as-1");
        assert_eq!(
            (second.get("password"), second.get("code_challenge")),
            (None, None)
        );
    });
}

#[tokio::test]
async fn a_factor_that_is_not_at_hand_is_named() {
    let gateway = TestGateway::start().await;
    gateway.set(|state| state.otp_needed = true);
    let client = gateway.client(KeyKind::Ed25519).await;
    assert_eq!(
        client.login(&request("correct horse"), None).await.unwrap_err(),
        Error::FactorNeeded(vec!["otp".into(), "passkey".into()])
    );
    let LoginStep::More(pending) = client.begin_login(&request("correct horse")).await.unwrap() else {
        panic!("more");
    };
    let printed = format!("{pending:?}");
    assert!(!printed.contains("as-1"), "{printed}");
}

#[tokio::test]
async fn refusals_of_the_login_are_told_apart() {
    let gateway = TestGateway::start().await;
    let client = gateway.client(KeyKind::Ed25519).await;
    let error = client.login(&request("wrong"), None).await.unwrap_err();
    assert!(
        matches!(&error, Error::OAuth { error, .. } if error == "access_denied"),
        "{error}"
    );
    gateway.set(|state| state.throttled = true);
    let error = client.login(&request("correct horse"), None).await.unwrap_err();
    assert!(matches!(error, Error::Throttled { retry_after: Some(wait) } if wait.as_secs() == 30));
}

/// A gateway that keeps asking for nonces is not asked for ever.
#[tokio::test]
async fn a_nonce_is_tried_once() {
    let gateway = TestGateway::start().await;
    let client = gateway.client(KeyKind::Ed25519).await;
    gateway.set(|state| state.nonce = Some("n".repeat(3)));
    logged_in(&client).await;
    gateway.set(|state| state.nonce = Some("other".into()));
    let before = gateway.seen(|state| state.requests);
    logged_in(&client).await;
    assert_eq!(gateway.seen(|state| state.requests) - before, 3);
}

#[tokio::test]
async fn sessions_are_refreshed_and_revoked() {
    let gateway = TestGateway::start().await;
    let client = gateway.client(KeyKind::Ed25519).await;
    let session = logged_in(&client).await;
    let renewed = client.refresh(&session).await.unwrap();
    client.revoke(renewed).await.unwrap();
    gateway.seen(|state| {
        let (_, form) = state.forms.last().unwrap();
        assert_eq!(
            (form["token"].as_str(), form["token_type_hint"].as_str()),
            ("rt-1", "refresh_token")
        );
    });
}

#[tokio::test]
async fn another_gateways_metadata_are_refused() {
    let gateway = TestGateway::start().await;
    gateway.set(|state| state.issuer = Some("https://evil.example".into()));
    let connected = Client::builder(&gateway.url)
        .ca_pem(gateway.ca.as_bytes())
        .client_id("first-party")
        .key(ClientKey::generate(KeyKind::Ed25519).unwrap())
        .connect()
        .await;
    assert_eq!(
        connected.unwrap_err(),
        Error::OtherIssuer("https://evil.example".into())
    );
}

#[tokio::test]
async fn a_gateway_with_another_certificate_gets_nothing() {
    let (gateway, other) = (TestGateway::start().await, TestGateway::start().await);
    let connected = Client::builder(&gateway.url)
        .ca_pem(other.ca.as_bytes())
        .client_id("first-party")
        .key(ClientKey::generate(KeyKind::Ed25519).unwrap())
        .connect()
        .await;
    assert!(matches!(connected.unwrap_err(), Error::NotSent(_)));
    assert_eq!(gateway.seen(|state| state.requests), 0);
}
