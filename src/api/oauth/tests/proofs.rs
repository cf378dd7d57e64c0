//! DPoP proofs at the token endpoint (RFC 9449).

use std::time::Duration;

use countersign_jose::jws;
use serde_json::{Value, json};

use super::app::{App, Gateway, ISSUER, Options, PASSWORD, START, VERIFIER, jwk, post};
use crate::oauth::NoncePolicy;

/// DPOP-01 to DPOP-06, DPOP-10: each fault of a proof is refused, and the code is still good after all of them.
#[tokio::test]
async fn proofs_with_any_fault_are_refused() {
    let gateway = Gateway::start().await;
    let app = App::new(&gateway);
    let code = app.log_in().await;
    let parameters = [
        ("client_id", "app"),
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("code_verifier", VERIFIER),
    ];
    let changed = |name: &str, value: Value| {
        let mut claims = app.claims("/oauth/token");
        claims[name] = value;
        app.sign(&claims)
    };
    let now = gateway.now().seconds();
    let good = app.sign(&app.claims("/oauth/token"));
    let header = |members: Value| {
        jws::sign(
            "dpop+jwt",
            members.as_object().unwrap().clone(),
            &app.claims("/oauth/token"),
            &app.key,
        )
        .unwrap()
    };
    let mut private = jwk(&app.key);
    private["d"] = json!("AAAA");
    let other = App::new(&gateway);
    let typ = jws::sign(
        "JWT",
        json!({"jwk": jwk(&app.key)}).as_object().unwrap().clone(),
        &app.claims("/oauth/token"),
        &app.key,
    );
    for (fault, proof) in [
        ("another method", changed("htm", json!("GET"))),
        ("the method in lower case", changed("htm", json!("post"))),
        (
            "another path",
            changed("htu", json!(format!("{ISSUER}/oauth/revoke"))),
        ),
        (
            "another host",
            changed("htu", json!("https://evil.example/oauth/token")),
        ),
        (
            "the other listener",
            changed("htu", json!("https://localhost:8444/oauth/token")),
        ),
        ("no URL", changed("htu", json!("/oauth/token"))),
        ("no jti", changed("jti", Value::Null)),
        ("an empty jti", changed("jti", json!(""))),
        ("a jti that is too long", changed("jti", json!("x".repeat(257)))),
        ("no iat", changed("iat", Value::Null)),
        ("iat as text", changed("iat", json!(now.to_string()))),
        ("61 s old", changed("iat", json!(now - 61))),
        ("11 s ahead", changed("iat", json!(now + 11))),
        ("a clock ten minutes slow", changed("iat", json!(now - 600))),
        ("a clock ten minutes fast", changed("iat", json!(now + 600))),
        ("no key", header(json!({}))),
        ("a private key", header(json!({"jwk": private}))),
        ("another key's signature", header(json!({"jwk": jwk(&other.key)}))),
        (
            "an extension",
            header(json!({"jwk": jwk(&app.key), "crit": ["x"]})),
        ),
        ("another type", typ.unwrap()),
        ("no signature", good.rsplit_once('.').unwrap().0.to_owned() + "."),
        ("not a JWT", "not-a-jwt".to_owned()),
        ("two in one header", format!("{good},{good}")),
    ] {
        let mut request = post("/oauth/token", &parameters);
        request.headers_mut().insert("dpop", proof.parse().unwrap());
        let answer = gateway.send(request).await;
        assert_eq!(
            answer.refusal(),
            (400, "invalid_dpop_proof".to_owned()),
            "{fault}: {}",
            answer.text
        );
    }
    let without = gateway.send(post("/oauth/token", &parameters)).await;
    assert_eq!(
        without.refusal().1,
        "invalid_dpop_proof",
        "no proof, no token (FAPI-07)"
    );
    let mut twice = post("/oauth/token", &parameters);
    twice.headers_mut().append("dpop", good.parse().unwrap());
    twice
        .headers_mut()
        .append("dpop", app.sign(&app.claims("/oauth/token")).parse().unwrap());
    assert_eq!(gateway.send(twice).await.refusal().1, "invalid_dpop_proof");
    assert_eq!(app.exchange(&code).await.status, 200);
}

/// FAPI-12 at its edges, and DPOP-04: spellings of one URL are one URL.
#[tokio::test]
async fn proofs_at_the_edge_of_their_window_pass() {
    let gateway = Gateway::start().await;
    let app = App::new(&gateway);
    for (name, value) in [
        ("iat", json!(START.seconds() + 10)),
        ("iat", json!(START.seconds() - 60)),
        (
            "htu",
            json!("HTTPS://LOCALHOST:8443/oauth/./token?query#fragment"),
        ),
    ] {
        let mut claims = app.claims("/oauth/token");
        claims[name] = value;
        let code = app.log_in().await;
        let parameters = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("code_verifier", VERIFIER),
        ];
        let answer = app
            .post_with("/oauth/token", &parameters, &app.sign(&claims))
            .await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text);
    }
}

/// DPOP-07: a proof once, also when the process began anew in between.
#[tokio::test]
async fn a_proof_is_used_once_also_across_a_restart() {
    let gateway = Gateway::start().await;
    let app = App::new(&gateway);
    let proof = app.sign(&app.claims("/oauth/token"));
    let mut ahead = app.claims("/oauth/token");
    ahead["iat"] = json!(START.seconds() + 5);
    let ahead = app.sign(&ahead);
    let parameters = [
        ("client_id", "app"),
        ("grant_type", "refresh_token"),
        ("refresh_token", "x"),
    ];
    let send = async |gateway: &Gateway, proof: &str| {
        let mut request = post("/oauth/token", &parameters);
        request.headers_mut().insert("dpop", proof.parse().unwrap());
        gateway.send(request).await.refusal().1
    };
    for proof in [&proof, &ahead] {
        assert_eq!(send(&gateway, proof).await, "invalid_grant", "the proof was good");
        assert_eq!(
            send(&gateway, proof).await,
            "invalid_dpop_proof",
            "and is used now"
        );
    }
    let folder = gateway.stop();
    let now = START.plus(Duration::from_secs(2));
    let options = Options {
        proofs_from: now,
        ..Options::default()
    };
    let restarted = Gateway::start_in(folder, options, now).await;
    assert_eq!(
        send(&restarted, &proof).await,
        "invalid_dpop_proof",
        "dated before the start"
    );
    assert_eq!(
        send(&restarted, &ahead).await,
        "invalid_dpop_proof",
        "dated ahead, and remembered in the store"
    );
}

/// DPOP-12: the token endpoint asks for a nonce and takes the one it gave, for two minutes.
#[tokio::test]
async fn the_token_endpoint_asks_for_a_nonce_and_the_login_before_it_does_not() {
    let gateway = Gateway::start_with(Options {
        nonce: NoncePolicy::Token,
        ..Options::default()
    })
    .await;
    let app = App::new(&gateway);
    let login = app.begin(&[("username", "alice"), ("password", PASSWORD)]).await;
    let early = login.headers["dpop-nonce"].to_str().unwrap().to_owned();
    let code = login.member("authorization_code");
    let refused = app.exchange(&code).await;
    assert_eq!(refused.refusal(), (400, "use_dpop_nonce".to_owned()));
    assert_eq!(refused.headers["dpop-nonce"], early.as_str());
    let parameters = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("code_verifier", VERIFIER),
    ];
    let with = |nonce: &str| {
        let mut claims = app.claims("/oauth/token");
        claims["nonce"] = json!(nonce);
        app.sign(&claims)
    };
    let forged = app.post_with("/oauth/token", &parameters, &with("forged")).await;
    assert_eq!(forged.refusal().1, "use_dpop_nonce");
    let given = app.post_with("/oauth/token", &parameters, &with(&early)).await;
    assert_eq!(given.status, 200, "{}", given.text);
    gateway.wait(Duration::from_secs(120)).await;
    let late = app.post_with("/oauth/token", &parameters, &with(&early)).await;
    assert_eq!(late.refusal().1, "use_dpop_nonce");
}
