//! Tokens: codes, refresh, DPoP at the token endpoint, revocation and introspection.

use std::time::Duration;

use countersign_jose::jws;
use http::Request;
use serde_json::{Value, json};

use super::app::{Answer, App, Gateway, ISSUER, Options, PASSWORD, START, VERIFIER, jwk, post};
use crate::answer::Body;
use crate::base::{AdminName, ClientId, Timestamp};
use crate::identity::{Confirmation, NotLive};
use crate::keys::Purpose;
use crate::oauth::{NoncePolicy, TokenRefusal, clients};
use crate::store::Batch;

fn invalid_grant() -> (u16, String) {
    (400, "invalid_grant".to_owned())
}

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
    let access = verified(&gateway, &first);
    assert_eq!(live(&gateway, &access), Ok(()));
    assert_eq!(app.exchange(&code).await.refusal(), invalid_grant());
    assert_eq!(live(&gateway, &access), Err(NotLive::Revoked));
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
    assert_eq!(
        live(&gateway, &verified(&gateway, &given[0])),
        Err(NotLive::Revoked)
    );
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

/// A refresh token exactly when `grant_types` holds it and `offline_access` was granted (design 4.9).
#[tokio::test]
async fn a_refresh_token_comes_only_when_registered_and_granted() {
    let gateway = Gateway::start().await;
    let plain = App::of(&gateway, "plain");
    let answer = plain.exchange(&plain.log_in().await).await;
    assert_eq!(
        (answer.status.as_u16(), answer.json().get("refresh_token")),
        (200, None)
    );
    let app = App::new(&gateway);
    let narrow = app
        .post(
            "/oauth/authorize-challenge",
            &[
                ("response_type", "code"),
                ("scope", "accounts"),
                (
                    "code_challenge",
                    &countersign_jose::base64url(countersign_jose::sha256(VERIFIER.as_bytes())),
                ),
                ("code_challenge_method", "S256"),
                ("username", "alice"),
                ("password", PASSWORD),
            ],
        )
        .await;
    let answer = app.exchange(&narrow.member("authorization_code")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.json().get("refresh_token")),
        (200, None)
    );
}

/// ATJWT-03, STEP-03: `auth_time` stays where it was.
#[tokio::test]
async fn refreshing_rotates_the_token_and_moves_no_time() {
    let gateway = Gateway::start().await;
    let app = App::new(&gateway);
    let first = app.exchange(&app.log_in().await).await;
    gateway.wait(Duration::from_secs(100)).await;
    let second = app.refresh(&first.member("refresh_token")).await;
    assert_eq!(second.status, 200, "{}", second.text);
    assert_ne!(first.member("refresh_token"), second.member("refresh_token"));
    let access = verified(&gateway, &second);
    assert_eq!((access.auth_time, access.acr), (START, 1));
    assert_eq!(access.issued, gateway.now());
    // Refreshing is not the customer's activity, so the token ends with the session's five minutes (SCA-06).
    assert_eq!(access.expires, START.plus(Duration::from_secs(300)));
    assert_eq!(second.json()["expires_in"], 200);
}

#[tokio::test]
async fn a_rotated_token_has_ten_seconds_of_grace_for_its_key_and_then_ends_the_session() {
    let gateway = Gateway::start().await;
    let app = App::new(&gateway);
    let first = app.exchange(&app.log_in().await).await;
    let old = first.member("refresh_token");
    let second = app.refresh(&old).await;
    gateway.wait(Duration::from_secs(10)).await;
    let again = app.refresh(&old).await;
    assert_eq!(again.status, 200, "an answer may get lost: {}", again.text);
    gateway.wait(Duration::from_secs(1)).await;
    assert_eq!(app.refresh(&old).await.refusal(), invalid_grant());
    let access = verified(&gateway, &second);
    assert_eq!(live(&gateway, &access), Err(NotLive::Revoked));
    assert_eq!(
        app.refresh(&second.member("refresh_token")).await.refusal(),
        invalid_grant()
    );
    assert_eq!(
        gateway
            .count("SELECT COUNT(*) FROM event WHERE body LIKE '%refresh-reuse%'")
            .await,
        1
    );
}

#[tokio::test]
async fn a_rotated_token_in_other_hands_ends_the_session_even_within_the_grace() {
    let gateway = Gateway::start().await;
    let app = App::new(&gateway);
    let first = app.exchange(&app.log_in().await).await;
    let current = first.member("refresh_token");
    assert_eq!(
        App::new(&gateway).refresh(&current).await.refusal(),
        invalid_grant()
    );
    let second = app.refresh(&current).await;
    assert_eq!(second.status, 200, "another key alone changes nothing");
    assert_eq!(
        App::new(&gateway).refresh(&current).await.refusal(),
        invalid_grant()
    );
    assert_eq!(
        live(&gateway, &verified(&gateway, &second)),
        Err(NotLive::Revoked)
    );
}

#[tokio::test]
async fn two_refreshes_at_once_both_succeed() {
    let gateway = Gateway::start().await;
    let app = App::new(&gateway);
    let token = app.exchange(&app.log_in().await).await.member("refresh_token");
    let (one, two) = tokio::join!(app.refresh(&token), app.refresh(&token));
    assert_eq!(
        (one.status.as_u16(), two.status.as_u16()),
        (200, 200),
        "{} {}",
        one.text,
        two.text
    );
}

#[tokio::test]
async fn a_refresh_asks_for_less_and_never_for_more() {
    let gateway = Gateway::start().await;
    let app = App::new(&gateway);
    let token = app.exchange(&app.log_in().await).await.member("refresh_token");
    let refresh = |scope| {
        [
            ("grant_type", "refresh_token"),
            ("refresh_token", token.as_str()),
            ("scope", scope),
        ]
    };
    for more in ["accounts payments", "payments", "a  b"] {
        let answer = app.post("/oauth/token", &refresh(more)).await;
        assert_eq!(answer.refusal(), (400, "invalid_scope".to_owned()), "{more}");
    }
    let less = app.post("/oauth/token", &refresh("accounts")).await;
    assert_eq!(less.member("scope"), "accounts", "{}", less.text);
}

/// SCA-06: five minutes after the customer last did something, nothing of the session is worth anything.
#[tokio::test]
async fn an_idle_session_cannot_be_refreshed_and_a_used_one_can() {
    let gateway = Gateway::start().await;
    let app = App::new(&gateway);
    let idle = app.exchange(&app.log_in().await).await;
    let used = app.exchange(&app.log_in().await).await;
    gateway.wait(Duration::from_secs(200)).await;
    gateway
        .sessions
        .touch(&verified(&gateway, &used).session, gateway.now())
        .await;
    gateway.wait(Duration::from_secs(100)).await;
    assert_eq!(
        app.refresh(&idle.member("refresh_token")).await.refusal(),
        invalid_grant()
    );
    assert_eq!(app.refresh(&used.member("refresh_token")).await.status, 200);
}

#[tokio::test]
async fn a_disabled_client_and_a_locked_customer_get_nothing_more() {
    let gateway = Gateway::start().await;
    let app = App::new(&gateway);
    let answer = app.exchange(&app.log_in().await).await;
    let access = verified(&gateway, &answer);
    let mut batch = Batch::new();
    gateway.customers.lock(&mut batch, &gateway.alice, gateway.now());
    gateway.db.commit(batch).await.unwrap();
    gateway.wait(Duration::from_secs(1)).await;
    assert_eq!(live(&gateway, &access), Err(NotLive::CustomerLocked));
    assert_eq!(
        app.refresh(&answer.member("refresh_token")).await.refusal(),
        invalid_grant()
    );
    let mut batch = Batch::new();
    clients::disable(&mut batch, &ClientId::new("app"), gateway.now());
    gateway.db.commit(batch).await.unwrap();
    gateway.wait(Duration::from_secs(1)).await;
    assert_eq!(live(&gateway, &access), Err(NotLive::ClientDisabled));
    assert_eq!(
        app.refresh(&answer.member("refresh_token")).await.refusal(),
        (401, "invalid_client".to_owned())
    );
}

/// What is known of revocations must not be older than two seconds (design 7).
#[tokio::test]
async fn an_old_picture_of_revocations_lets_nobody_through() {
    let gateway = Gateway::start().await;
    let app = App::new(&gateway);
    let access = verified(&gateway, &app.exchange(&app.log_in().await).await);
    gateway.clock.advance(Duration::from_millis(2001));
    assert_eq!(live(&gateway, &access), Err(NotLive::Unknown));
    gateway.sessions.refresh().await.unwrap();
    assert_eq!(live(&gateway, &access), Ok(()));
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
async fn the_token_endpoint_asks_for_a_nonce() {
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

/// RFC 7009
#[tokio::test]
async fn revoking_any_token_ends_its_session() {
    let gateway = Gateway::start().await;
    let app = App::new(&gateway);
    for member in ["access_token", "refresh_token"] {
        let answer = app.exchange(&app.log_in().await).await;
        let access = verified(&gateway, &answer);
        let token = answer.member(member);
        let foreign = [("client_id", "plain"), ("token", token.as_str())];
        assert_eq!(gateway.send(post("/oauth/revoke", &foreign)).await.status, 200);
        assert_eq!(
            live(&gateway, &access),
            Ok(()),
            "another client's word counts for nothing"
        );
        let own = [
            ("client_id", "app"),
            ("token", token.as_str()),
            ("token_type_hint", "whatever"),
        ];
        assert_eq!(gateway.send(post("/oauth/revoke", &own)).await.status, 200);
        assert_eq!(live(&gateway, &access), Err(NotLive::Revoked));
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
        .revoke(&verified(&gateway, &answer).session, "admin")
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

fn verified(gateway: &Gateway, answer: &Answer) -> std::sync::Arc<crate::oauth::AccessToken> {
    let keys = gateway.keyring.current();
    gateway
        .verifier
        .verify(&answer.member("access_token"), &keys, gateway.now())
        .unwrap()
}

fn live(gateway: &Gateway, access: &crate::oauth::AccessToken) -> Result<(), NotLive> {
    gateway
        .sessions
        .is_live(&access.session, &access.client, &access.subject, gateway.now())
}
