//! Admitted → Identified: that the caller holds the key the token is bound to (RFC 9449).

use std::sync::Arc;
use std::time::Duration;

use countersign_jose::{KeyKind, PrivateKey, base64url};
use serde_json::{Value, json};

use crate::support::{Caller, Login, PAYMENT, Setting, TestGateway};

#[tokio::test]
async fn every_kind_of_key_proves_possession() {
    let gateway = TestGateway::start().await;
    for key in [KeyKind::P256, KeyKind::Ed25519] {
        let alice = gateway
            .login(Login {
                key,
                ..Login::default()
            })
            .await;
        alice.get("/orders?page=2").expect_answer().await;
        alice.pay(PAYMENT).expect_answer().await;
        alice.pay(PAYMENT).with_proof(&alice).expect_answer().await;
    }
}

/// DPOP-09, FAPI-24
#[tokio::test]
async fn a_bound_token_without_its_proof_is_worth_nothing() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    alice
        .get("/orders")
        .without("dpop")
        .expect_refusal("proof-missing")
        .await;
    let bearer = format!("Bearer {}", alice.token);
    alice
        .get("/orders")
        .header("authorization", &bearer)
        .expect_refusal("proof-missing")
        .await;
    let as_bearer = alice.pay(PAYMENT).header("authorization", &bearer);
    as_bearer.expect_refusal("proof-missing").await;
}

/// DPOP-04, DPOP-08
#[tokio::test]
async fn a_proof_for_something_else_is_invalid() {
    let gateway = TestGateway::start().await;
    let (alice, other) = (gateway.alice().await, gateway.alice().await);
    let elsewhere = format!("https://{}/orders", gateway.mutual_authority());
    for (claim, value) in [
        ("htm", json!("POST")),
        ("htm", json!("get")),
        ("htm", Value::Null),
        (
            "htu",
            json!(format!("{}/accounts/7/balances", gateway.public_url())),
        ),
        ("htu", json!("https://evil.example/orders")),
        ("htu", json!(elsewhere)),
        ("htu", json!("/orders")),
        ("ath", Value::Null),
        ("ath", json!("")),
        (
            "ath",
            json!(base64url(countersign_jose::sha256(other.token.as_bytes()))),
        ),
        ("jti", json!("")),
        ("jti", Value::Null),
        ("jti", json!("x".repeat(300))),
        ("iat", json!("now")),
        ("iat", Value::Null),
    ] {
        let draft = alice
            .get("/orders")
            .proof(|proof| proof.claims[claim] = value.clone());
        draft.expect_refusal("proof-invalid").await;
    }
}

/// DPOP-02: type, algorithm and key of the header.
#[tokio::test]
async fn a_proof_of_another_form_is_invalid() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let mut private = json!(countersign_jose::jwk::Jwk::new(alice.key.public_key().clone()));
    private["d"] = base64url([1; 32]).into();
    for (member, value) in [
        ("typ", json!("JWT")),
        ("typ", json!("at+jwt")),
        ("typ", Value::Null),
        ("alg", json!("none")),
        ("alg", json!("HS256")),
        ("alg", json!("RS256")),
        ("alg", json!("EdDSA")),
        ("alg", Value::Null),
        ("jwk", Value::Null),
        ("jwk", json!({ "kty": "oct", "k": "AAAA" })),
        ("jwk", private),
        ("crit", json!(["exp"])),
    ] {
        let draft = alice
            .get("/orders")
            .proof(|proof| proof.header[member] = value.clone());
        draft.expect_refusal("proof-invalid").await;
    }
}

/// DPOP-01, DPOP-02
#[tokio::test]
async fn a_proof_that_is_no_jwt_is_invalid() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    for text in ["", "x", "a.b", "a.b.c.d", "e30.e30.AA", "{}", &"x".repeat(9000)] {
        let draft = alice.get("/orders").without("dpop").header("dpop", text);
        draft.expect_refusal("proof-invalid").await;
    }
    alice
        .get("/orders")
        .without("dpop")
        .header("dpop", "a.b.c, d.e.f")
        .expect_refusal("request-malformed")
        .await;
}

/// DPOP-03, DPOP-08: a stolen token is worth nothing with the thief's own key, however well the thief proves that one.
#[tokio::test]
async fn a_token_proven_by_another_key_is_refused() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let thief = Arc::new(PrivateKey::generate(KeyKind::P256).unwrap().key);
    alice
        .get("/orders")
        .proof_by(&thief)
        .expect_refusal("proof-invalid")
        .await;
    // The key of the token in the header, the thief's signature below it.
    let header_key = json!(countersign_jose::jwk::Jwk::new(alice.key.public_key().clone()));
    let mixed = alice
        .get("/orders")
        .proof_by(&thief)
        .proof(|proof| proof.header["jwk"] = header_key);
    mixed.expect_refusal("proof-invalid").await;
    let keyid = thief.public_key().thumbprint().to_string();
    alice
        .pay(PAYMENT)
        .signed_by(&thief, &keyid)
        .expect_refusal("proof-missing")
        .await;
    let named_so = alice.key.public_key().thumbprint().to_string();
    alice
        .pay(PAYMENT)
        .signed_by(&thief, &named_so)
        .expect_refusal("signature-invalid")
        .await;
}

/// A proof that is there must hold, also where the signature would have been enough.
#[tokio::test]
async fn a_bad_proof_beside_a_good_signature_is_refused() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let draft = alice
        .pay(PAYMENT)
        .with_proof(&alice)
        .proof(|proof| proof.claims["htm"] = "GET".into());
    draft.expect_refusal("proof-invalid").await;
}

/// DPOP-06, FAPI-12: sixty seconds back, ten ahead, and a clock ten minutes off.
#[tokio::test]
async fn a_proof_outside_its_time_is_stale() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let now = gateway.now().seconds();
    for iat in [now - 62, now - 600, now + 11, now + 600, 0, i64::MAX] {
        let draft = alice
            .get("/orders")
            .proof(|proof| proof.claims["iat"] = iat.into());
        draft.expect_refusal("stale").await;
    }
    for iat in [now - 59, now + 9] {
        let draft = alice
            .get("/orders")
            .proof(|proof| proof.claims["iat"] = iat.into());
        draft.expect_answer().await;
    }
}

/// DPOP-07
#[tokio::test]
async fn a_proof_is_good_once() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let ready = alice.get("/orders").finish();
    assert_eq!(ready.send().await.status(), 200);
    ready.send().await.assert_problem("replayed");
    assert_eq!(gateway.backend.count(), 1);
    let jti = |proof: &mut crate::support::Proof| proof.claims["jti"] = "one".into();
    alice.get("/orders").proof(jti).expect_answer().await;
    alice
        .get("/accounts/7/balances")
        .proof(jti)
        .expect_refusal("replayed")
        .await;
    // Another key may have thought of the same.
    gateway
        .alice()
        .await
        .get("/orders")
        .proof(jti)
        .expect_answer()
        .await;
}

/// After a start nobody remembers what was used before it.
#[tokio::test]
async fn a_proof_from_before_a_start_is_stale() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    alice.get("/orders").expect_answer().await;
    let (session, scope, key) = (alice.session.clone(), alice.scope.clone(), Arc::clone(&alice.key));
    let gateway = gateway.restart().await;
    let token = gateway.token(&session, &scope);
    let alice = Caller {
        gateway: &gateway,
        key,
        session,
        scope,
        token,
    };
    alice.get("/orders").expect_refusal("stale").await;
    alice.post("/consents", "{}").expect_refusal("stale").await;
    gateway.advance(Duration::from_secs(1)).await;
    alice.get("/orders").expect_answer().await;
    alice.post("/consents", "{}").expect_answer().await;
}

/// DPOP-11, DPOP-12: RFC 9449, section 9.
#[tokio::test]
async fn where_nonces_are_asked_for_a_proof_needs_one_of_ours() {
    let gateway = TestGateway::with(&[Setting("nonce = \"token\"", "nonce = \"always\"")]).await;
    let alice = gateway.alice().await;
    let answer = alice.get("/orders").expect_refusal("nonce-required").await;
    assert!(
        answer
            .header("www-authenticate")
            .contains("error=\"use_dpop_nonce\"")
    );
    let nonce = answer.header("dpop-nonce").to_owned();
    assert!(!nonce.is_empty());
    let with = |nonce: &str| {
        let nonce: Value = nonce.into();
        alice.get("/orders").proof(|proof| proof.claims["nonce"] = nonce)
    };
    with(&nonce).expect_answer().await;
    with("invented").expect_refusal("nonce-required").await;
    gateway.advance(Duration::from_secs(121)).await;
    with(&nonce).expect_refusal("nonce-required").await;
}
