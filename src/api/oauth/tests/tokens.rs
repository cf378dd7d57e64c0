//! Codes and access tokens, what ends them, revocation and introspection.

use std::time::Duration;

use countersign_jose::jws;
use http::Request;
use serde_json::{Value, json};

use super::app::{App, Gateway, ISSUER, PASSWORD, START, invalid_grant, post};
use crate::answer::Body;
use crate::base::{AdminName, ClientId, Timestamp};
use crate::identity::{Confirmation, NotLive};
use crate::keys::Purpose;
use crate::oauth::{TokenRefusal, clients};
use crate::store::Batch;

/// RFC 9068, section 2.2; ATJWT-01, ATJWT-03, DPOP-13, MTLS-03 in its DPoP form.
#[tokio::test]
async fn an_access_token_says_who_how_and_by_which_key() {
    let gateway = Gateway::start().await;
    let app = App::new(&gateway);
    let answer = app.exchange(&app.log_in_strongly().await).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(
        (answer.member("token_type"), answer.json()["expires_in"].as_i64()),
        ("DPoP".to_owned(), Some(300))
    );
    assert_eq!(answer.member("scope"), "accounts offline_access");
    let token = answer.member("access_token");
    let keys = gateway.keyring.current();
    let access = gateway.verifier.verify(&token, &keys, gateway.now()).unwrap();
    assert_eq!((&access.subject, access.acr), (&gateway.alice, 2));
    assert_eq!(access.amr, ["pwd", "otp", "mfa", "pop"]);
    assert_eq!(
        access.confirmation,
        Confirmation::Jkt(app.key.public_key().thumbprint())
    );
    assert_eq!(access.auth_time, START);
    assert!(access.device.is_some());
    let signer = keys.signing(Purpose::Token).unwrap();
    let claims: Value = jws::verify(&token, signer.key.public_key(), Some("at+jwt")).unwrap();
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!(ISSUER), &json!(ISSUER)));
    assert_eq!(claims["acr"], "urn:countersign:acr:2");
    assert!(claims["jti"].is_string() && claims["sid"].is_string() && claims["client_id"] == "app");
    let bound = gateway.count("SELECT COUNT(*) FROM bound_key").await;
    assert_eq!(
        bound, 1,
        "the key itself is kept for signatures that name it by thumbprint"
    );
}

/// FAPI-10, SCA-02: a code once; the second use ends what the first one gave.
#[tokio::test]
async fn a_code_used_twice_ends_the_session() {
    let gateway = Gateway::start().await;
    let app = App::new(&gateway);
    let code = app.log_in().await;
    let first = app.exchange(&code).await;
    let access = gateway.verified(&first);
    assert_eq!(gateway.live(&access), Ok(()));
    assert_eq!(app.exchange(&code).await.refusal(), invalid_grant());
    assert_eq!(gateway.live(&access), Err(NotLive::Revoked));
    assert_eq!(
        app.refresh(&first.member("refresh_token")).await.refusal(),
        invalid_grant()
    );
    let ended = gateway
        .count("SELECT COUNT(*) FROM event WHERE body LIKE '%code-reuse%'")
        .await;
    assert_eq!(ended, 1);
}

#[tokio::test]
async fn of_two_who_use_one_code_at_once_neither_keeps_a_session() {
    let gateway = Gateway::start().await;
    let app = App::new(&gateway);
    let code = app.log_in().await;
    let (one, two) = tokio::join!(app.exchange(&code), app.exchange(&code));
    let given: Vec<_> = [one, two]
        .into_iter()
        .filter(|answer| answer.status == 200)
        .collect();
    assert_eq!(given.len(), 1);
    assert_eq!(gateway.live(&gateway.verified(&given[0])), Err(NotLive::Revoked));
}

#[tokio::test]
async fn a_code_belongs_to_its_client_key_and_verifier_and_lives_a_minute() {
    let gateway = Gateway::start().await;
    let app = App::new(&gateway);
    let code = app.log_in().await;
    assert_eq!(
        App::new(&gateway).exchange(&code).await.refusal(),
        invalid_grant(),
        "another key"
    );
    let other_verifier = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("code_verifier", &"x".repeat(43)),
    ];
    assert_eq!(
        app.post("/oauth/token", &other_verifier).await.refusal(),
        invalid_grant()
    );
    let none = [("grant_type", "authorization_code"), ("code", code.as_str())];
    assert_eq!(
        app.post("/oauth/token", &none).await.refusal().1,
        "invalid_request"
    );
    assert_eq!(app.exchange("invented").await.refusal(), invalid_grant());
    let App { key, .. } = app;
    let other_client = App {
        gateway: &gateway,
        key,
        client: "plain",
    };
    assert_eq!(other_client.exchange(&code).await.refusal(), invalid_grant());
    let App { key, .. } = other_client;
    let app = App {
        gateway: &gateway,
        key,
        client: "app",
    };
    gateway.wait(Duration::from_secs(59)).await;
    assert_eq!(app.exchange(&code).await.status, 200, "none of these used it up");
    let late = app.log_in().await;
    gateway.wait(Duration::from_secs(60)).await;
    assert_eq!(app.exchange(&late).await.refusal(), invalid_grant());
}

/// FAPI-05, and RFC 6749, section 5.2
#[tokio::test]
async fn other_grants_are_refused_by_name() {
    let gateway = Gateway::start().await;
    let app = App::new(&gateway);
    for (grant, error) in [
        ("password", "unsupported_grant_type"),
        ("client_credentials", "unsupported_grant_type"),
        ("", "invalid_request"),
    ] {
        let answer = app
            .post(
                "/oauth/token",
                &[
                    ("grant_type", grant),
                    ("username", "alice"),
                    ("password", PASSWORD),
                ],
            )
            .await;
        assert_eq!(answer.refusal(), (400, error.to_owned()), "{grant}");
    }
    let plain = App::of(&gateway, "plain");
    let answer = plain
        .post(
            "/oauth/token",
            &[("grant_type", "refresh_token"), ("refresh_token", "x")],
        )
        .await;
    assert_eq!(answer.refusal().1, "unauthorized_client");
}

#[tokio::test]
async fn a_disabled_client_and_a_locked_customer_get_nothing_more() {
    let gateway = Gateway::start().await;
    let app = App::new(&gateway);
    let answer = app.exchange(&app.log_in().await).await;
    let access = gateway.verified(&answer);
    let mut batch = Batch::new();
    gateway.customers.lock(&mut batch, &gateway.alice, gateway.now());
    gateway.db.commit(batch).await.unwrap();
    gateway.wait(Duration::from_secs(1)).await;
    assert_eq!(gateway.live(&access), Err(NotLive::CustomerLocked));
    assert_eq!(
        app.refresh(&answer.member("refresh_token")).await.refusal(),
        invalid_grant()
    );
    let mut batch = Batch::new();
    clients::disable(&mut batch, &ClientId::new("app"), gateway.now());
    gateway.db.commit(batch).await.unwrap();
    gateway.wait(Duration::from_secs(1)).await;
    assert_eq!(gateway.live(&access), Err(NotLive::ClientDisabled));
    assert_eq!(
        app.refresh(&answer.member("refresh_token")).await.refusal(),
        (401, "invalid_client".to_owned())
    );
}

/// What is known of revocations must not be older than two seconds.
#[tokio::test]
async fn an_old_picture_of_revocations_lets_nobody_through() {
    let gateway = Gateway::start().await;
    let app = App::new(&gateway);
    let access = gateway.verified(&app.exchange(&app.log_in().await).await);
    gateway.clock.advance(Duration::from_millis(2001));
    assert_eq!(gateway.live(&access), Err(NotLive::Unknown));
    gateway.sessions.refresh().await.unwrap();
    assert_eq!(gateway.live(&access), Ok(()));
}

#[tokio::test]
async fn an_access_token_that_ended_was_changed_or_whose_key_fell_is_refused() {
    let gateway = Gateway::start().await;
    let app = App::new(&gateway);
    let token = app.exchange(&app.log_in().await).await.member("access_token");
    let judge = |token: &str, at: Timestamp| {
        gateway
            .verifier
            .verify(token, &gateway.keyring.current(), at)
            .map(|_| ())
    };
    assert_eq!(judge(&token, START), Ok(()));
    assert_eq!(
        judge(&token, START.plus(Duration::from_secs(300))),
        Err(TokenRefusal::Expired)
    );
    assert_eq!(
        judge(&token, START.minus(Duration::from_secs(600))),
        Err(TokenRefusal::NotYet)
    );
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    parts[1] = countersign_jose::base64url(br#"{"sub":"someone else"}"#);
    assert!(judge(&parts.join("."), START).is_err());
    for malformed in [
        "",
        "a.b.c",
        "a.b",
        &"x".repeat(5000),
        &app.sign(&app.claims("/x")),
    ] {
        assert!(judge(malformed, START).is_err(), "{malformed}");
    }
    let kid = gateway
        .keyring
        .current()
        .signing(Purpose::Token)
        .unwrap()
        .kid
        .clone();
    gateway
        .keyring
        .revoke(&kid, &AdminName::new("ada"))
        .await
        .unwrap();
    assert_eq!(
        judge(&token, START),
        Err(TokenRefusal::UnknownKey),
        "also from memory"
    );
}

/// RFC 7009
#[tokio::test]
async fn revoking_any_token_ends_its_session() {
    let gateway = Gateway::start().await;
    let app = App::new(&gateway);
    for member in ["access_token", "refresh_token"] {
        let answer = app.exchange(&app.log_in().await).await;
        let access = gateway.verified(&answer);
        let token = answer.member(member);
        let foreign = [("client_id", "plain"), ("token", token.as_str())];
        assert_eq!(gateway.send(post("/oauth/revoke", &foreign)).await.status, 200);
        assert_eq!(
            gateway.live(&access),
            Ok(()),
            "another client's word counts for nothing"
        );
        let own = [
            ("client_id", "app"),
            ("token", token.as_str()),
            ("token_type_hint", "whatever"),
        ];
        assert_eq!(gateway.send(post("/oauth/revoke", &own)).await.status, 200);
        assert_eq!(gateway.live(&access), Err(NotLive::Revoked));
        assert_eq!(
            gateway.send(post("/oauth/revoke", &own)).await.status,
            200,
            "twice is as good as once"
        );
        assert_eq!(
            app.refresh(&answer.member("refresh_token")).await.refusal(),
            invalid_grant()
        );
    }
    let unknown = [("client_id", "app"), ("token", "invented")];
    assert_eq!(gateway.send(post("/oauth/revoke", &unknown)).await.status, 200);
    assert_eq!(
        gateway
            .send(post("/oauth/revoke", &[("client_id", "app")]))
            .await
            .refusal()
            .1,
        "invalid_request"
    );
    assert_eq!(
        gateway
            .send(post("/oauth/revoke", &[("token", "x")]))
            .await
            .status,
        401
    );
}

/// INTR-01, INTR-02
#[tokio::test]
async fn a_client_learns_about_its_own_tokens_only() {
    let gateway = Gateway::start().await;
    let app = App::new(&gateway);
    let answer = app.exchange(&app.log_in_strongly().await).await;
    let ask = async |client: &str, token: &str| {
        let answer = gateway
            .send(post(
                "/oauth/introspect",
                &[("client_id", client), ("token", token)],
            ))
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    };
    let access = ask("app", &answer.member("access_token")).await;
    assert_eq!(
        (&access["active"], &access["client_id"]),
        (&json!(true), &json!("app"))
    );
    assert_eq!(
        access["cnf"]["jkt"],
        app.key.public_key().thumbprint().to_string()
    );
    assert_eq!(
        (&access["acr"], &access["auth_time"]),
        (&json!("urn:countersign:acr:2"), &json!(START.seconds()))
    );
    let refresh = ask("app", &answer.member("refresh_token")).await;
    assert_eq!(refresh["active"], true);
    let inactive = json!({ "active": false });
    for token in ["access_token", "refresh_token"] {
        assert_eq!(
            ask("plain", &answer.member(token)).await,
            inactive,
            "a foreign one"
        );
    }
    assert_eq!(ask("app", "invented").await, inactive);
    gateway
        .sessions
        .revoke(&gateway.verified(&answer).session, "admin")
        .await
        .unwrap();
    for token in ["access_token", "refresh_token"] {
        assert_eq!(ask("app", &answer.member(token)).await, inactive, "a revoked one");
    }
    assert_eq!(
        gateway
            .send(post("/oauth/introspect", &[("token", "x")]))
            .await
            .status,
        401
    );
    let get = Request::get("/oauth/introspect").body(Body::empty()).unwrap();
    assert_eq!(gateway.send(get).await.status, 405);
}
