//! Admitted → Identified: whose token it is, and whether it is one of ours that still holds.

use countersign::base::Timestamp;
use countersign::keys::Purpose;
use countersign::oauth::clients;
use countersign::store::Batch;
use countersign_jose::{KeyKind, PrivateKey, base64url, from_base64url};
use serde_json::{Value, json};

use crate::support::{Draft, Login, PAYMENT, TestGateway, jwt};

/// Routes with a caller, and a method they take.
const GUARDED: [(&str, &str); 5] = [
    ("GET", "/accounts/7/balances"),
    ("GET", "/orders"),
    ("GET", "/vault"),
    ("POST", "/consents"),
    ("POST", "/payments"),
];

#[tokio::test]
async fn nothing_but_public_routes_answers_without_a_token() {
    let gateway = TestGateway::start().await;
    for (method, path) in GUARDED {
        let bare = || match method {
            // It has no content (HTTP-08).
            "GET" => Draft::new(&gateway, method, path),
            _ => Draft::new(&gateway, method, path).with_body("{}"),
        };
        let answer = bare().expect_refusal("token-missing").await;
        assert!(
            !answer.header("www-authenticate").contains("error="),
            "{answer:?}"
        );
        for credentials in ["Basic YWxpY2U6cGFzc3dvcmQ=", "DPoP", "", "Negotiate x", "token"] {
            bare()
                .header("authorization", credentials)
                .expect_refusal("token-missing")
                .await;
        }
    }
}

/// FAPI-21: nowhere but in the header.
#[tokio::test]
async fn a_token_in_the_query_or_the_body_is_none() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let target = format!("/orders?access_token={}", alice.token);
    Draft::new(&gateway, "GET", &target)
        .with_proof(&alice)
        .expect_refusal("token-missing")
        .await;
    let body = format!("access_token={}", alice.token);
    Draft::new(&gateway, "POST", "/consents")
        .with_body(&body)
        .expect_refusal("token-missing")
        .await;
}

fn parts(token: &str) -> (Value, Value) {
    let mut parts = token.split('.');
    let mut next = || serde_json::from_slice(&from_base64url(parts.next().unwrap()).unwrap()).unwrap();
    (next(), next())
}

/// FAPI-25, ATJWT-02: what is not one of our tokens, word for word, is none.
#[tokio::test]
async fn a_forged_token_is_invalid() {
    let gateway = TestGateway::start().await;
    let mut mallory = gateway.alice().await;
    let (header, claims) = parts(&mallory.token);
    let own_key = PrivateKey::generate(KeyKind::P256).unwrap().key;
    let (head, payload) = (base64url(header.to_string()), base64url(claims.to_string()));
    let none = base64url(json!({ "alg": "none", "typ": "at+jwt", "kid": header["kid"] }).to_string());
    let hmac = base64url(json!({ "alg": "HS256", "typ": "at+jwt", "kid": header["kid"] }).to_string());
    let with_own_jwk = json!({ "alg": "ES256", "typ": "at+jwt", "kid": "mine",
        "jwk": countersign_jose::jwk::Jwk::new(own_key.public_key().clone()) });
    let mut flipped = mallory.token.clone().into_bytes();
    let last = flipped.len() - 4;
    flipped[last] = if flipped[last] == b'A' { b'B' } else { b'A' };
    for forged in [
        "garbage".to_owned(),
        "a.b.c".to_owned(),
        "..".to_owned(),
        format!("{none}.{payload}."),
        format!("{none}.{payload}.{}", base64url([0; 64])),
        format!("{hmac}.{payload}.{}", base64url([0; 32])),
        format!("{head}.{payload}"),
        format!("{head}.{payload}.{}", base64url([0; 64])),
        jwt(&header, &claims, &own_key),
        jwt(&with_own_jwk, &claims, &own_key),
        String::from_utf8(flipped).unwrap(),
        "x".repeat(5000),
    ] {
        mallory.token = forged;
        mallory.get("/orders").expect_refusal("token-invalid").await;
        mallory.pay(PAYMENT).expect_refusal("token-invalid").await;
    }
}

/// ATJWT-01, ATJWT-02: signed by our own key, and not for us, not now, or not an access token.
#[tokio::test]
async fn a_token_for_another_purpose_place_or_time_is_invalid() {
    let gateway = TestGateway::start().await;
    let mut alice = gateway.alice().await;
    let (header, claims) = parts(&alice.token);
    let keys = gateway.services.keyring.current();
    let ours = &keys.signing(Purpose::Token).unwrap().key;
    let now = gateway.now().seconds();
    let changed = |member: &str, value: Value| {
        let mut claims = claims.clone();
        claims[member] = value;
        jwt(&header, &claims, ours)
    };
    let typed = |typ: &str| {
        let mut header = header.clone();
        header["typ"] = typ.into();
        jwt(&header, &claims, ours)
    };
    for token in [
        changed("iss", "https://other.example".into()),
        changed("aud", "https://other.example".into()),
        changed("aud", json!([gateway.public_url(), "https://other.example"])),
        changed("exp", now.into()),
        changed("exp", (now - 600).into()),
        changed("iat", (now + 600).into()),
        changed("cnf", json!({})),
        changed("cnf", Value::Null),
        changed("acr", "urn:countersign:acr:9".into()),
        changed("sub", Value::Null),
        changed("client_id", "unknown".into()),
        typed("JWT"),
        typed("txntoken+jwt"),
        typed("dpop+jwt"),
    ] {
        alice.token = token;
        alice.get("/orders").expect_refusal("token-invalid").await;
    }
    alice.token = changed("jti", "another".into());
    alice.get("/orders").expect_answer().await;
}

/// A key of ours for another purpose signs no access tokens (KEY-05).
#[tokio::test]
async fn a_token_by_the_key_of_another_purpose_is_invalid() {
    let gateway = TestGateway::start().await;
    let mut alice = gateway.alice().await;
    let (mut header, claims) = parts(&alice.token);
    let keys = gateway.services.keyring.current();
    for purpose in [Purpose::Txn, Purpose::Message] {
        let key = keys.signing(purpose).unwrap();
        header["kid"] = key.kid.clone().into();
        header["alg"] = countersign_jose::jws::algorithm_name(key.key.public_key().algorithm()).into();
        alice.token = jwt(&header, &claims, &key.key);
        alice.get("/orders").expect_refusal("token-invalid").await;
    }
}

/// FAPI-22
#[tokio::test]
async fn a_token_ends_after_five_minutes() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    gateway.advance(std::time::Duration::from_secs(298)).await;
    alice.get("/orders").expect_answer().await;
    gateway.advance(std::time::Duration::from_secs(2)).await;
    let answer = alice.get("/orders").expect_refusal("token-invalid").await;
    assert!(
        answer
            .header("www-authenticate")
            .contains("error=\"invalid_token\"")
    );
    alice.pay(PAYMENT).expect_refusal("token-invalid").await;
}

/// The clock of the gateway goes back by ten minutes: its own tokens are from the future, and none is believed.
#[tokio::test]
async fn a_clock_ten_minutes_off_lets_nothing_through() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let off = std::time::Duration::from_secs(600);
    gateway.home.clock.set(gateway.now().minus(off));
    alice.get("/orders").expect_refusal("token-invalid").await;
    gateway.advance(off + off).await;
    alice.get("/orders").expect_refusal("token-invalid").await;
}

async fn lock(gateway: &TestGateway, name: &str) {
    let mut batch = Batch::new();
    gateway
        .customer_records()
        .lock(&mut batch, &gateway.customer(name), gateway.now());
    gateway.services.db.commit(batch).await.unwrap();
}

async fn disable(gateway: &TestGateway, now: Timestamp) {
    let mut batch = Batch::new();
    clients::disable(&mut batch, &countersign::base::ClientId::new("app"), now);
    gateway.services.db.commit(batch).await.unwrap();
}

/// Design 7: at once where money moves, whatever the picture in memory still says.
#[tokio::test]
async fn a_locked_customer_pays_no_more_at_once() {
    let gateway = TestGateway::start().await;
    let (alice, bob) = (
        gateway.alice().await,
        gateway
            .login(Login {
                customer: "bob",
                ..Login::default()
            })
            .await,
    );
    alice.pay(PAYMENT).expect_answer().await;
    lock(&gateway, "alice").await;
    alice.pay(PAYMENT).expect_refusal("token-invalid").await;
    gateway.services.sessions.refresh().await.unwrap();
    alice.get("/orders").expect_refusal("token-invalid").await;
    alice
        .post("/consents", "{}")
        .expect_refusal("token-invalid")
        .await;
    bob.pay(PAYMENT).expect_answer().await;
}

#[tokio::test]
async fn a_disabled_client_pays_no_more_at_once() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    disable(&gateway, gateway.now()).await;
    alice.pay(PAYMENT).expect_refusal("token-invalid").await;
    gateway.services.sessions.refresh().await.unwrap();
    alice.get("/orders").expect_refusal("token-invalid").await;
}

#[tokio::test]
async fn a_revoked_session_is_over_at_once_on_every_route() {
    let gateway = TestGateway::start().await;
    let (mut ended, other) = (gateway.alice().await, gateway.alice().await);
    gateway
        .services
        .sessions
        .revoke(&ended.session.id, "logout")
        .await
        .unwrap();
    ended.pay(PAYMENT).expect_refusal("token-invalid").await;
    ended
        .post("/consents", "{}")
        .expect_refusal("token-invalid")
        .await;
    ended.get("/orders").expect_refusal("token-invalid").await;
    ended.renew();
    ended.get("/orders").expect_refusal("token-invalid").await;
    other.get("/orders").expect_answer().await;
}

/// Design 7: a node that cannot know who was locked out lets nobody in. The gateway looks every second by itself, so the
/// clock moves until a request falls between two looks.
#[tokio::test]
async fn without_news_of_revocations_nothing_passes() {
    let gateway = TestGateway::start().await;
    let mut alice = gateway.alice().await;
    for _ in 0..50 {
        gateway.home.clock.advance(std::time::Duration::from_secs(3));
        alice.renew();
        let answer = alice.get("/orders").send().await;
        if answer.code() == "store-unavailable" {
            answer.assert_problem("store-unavailable");
            return;
        }
    }
    panic!("every request passed");
}

/// FAPI-23
#[tokio::test]
async fn a_scope_that_was_not_granted_is_named() {
    let gateway = TestGateway::start().await;
    let login = Login {
        scope: "accounts",
        ..Login::default()
    };
    let alice = gateway.login(login).await;
    alice.get("/accounts/7/balances").expect_answer().await;
    let answer = alice.pay(PAYMENT).expect_refusal("scope-insufficient").await;
    let challenge = answer.header("www-authenticate");
    assert!(challenge.contains("error=\"insufficient_scope\"") && challenge.contains("scope=\"payments\""));
}

/// STEP-01
#[tokio::test]
async fn a_route_that_asks_for_a_stronger_login_says_which() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let answer = alice.get("/vault").expect_refusal("login-required").await;
    let challenge = answer.header("www-authenticate");
    assert!(
        challenge.contains("error=\"insufficient_user_authentication\""),
        "{challenge}"
    );
    assert!(
        challenge.contains("acr_values=\"urn:countersign:acr:3\""),
        "{challenge}"
    );
    let strong = gateway
        .login(Login {
            acr: 3,
            ..Login::default()
        })
        .await;
    strong.get("/vault").expect_answer().await;
}
