//! The Txn-Token: form, type, key, issuer, audience, time, and that it was issued for this very request.

use countersign_intent::IntentError;
use countersign_jose::jws::JwsError;
use countersign_jose::{KeyKind, PrivateKey, base64url};
use countersign_verify::Refusal;
use serde_json::{Value, json};

use crate::forger::{Forwarded, Gateway, NOW, intent, put, tamper_token};

/// Replaces the token and has the gateway sign the request anew, so that only the token is wrong.
async fn with_token(gateway: &Gateway, token: impl Fn(&str) -> String) -> Refusal {
    let forwarded = gateway.payment();
    let (parts, _) = forwarded.build();
    let token = token(parts.headers["txn-token"].to_str().unwrap());
    let forwarded = gateway.payment();
    let body = forwarded.body.clone();
    let (mut parts, _) = forwarded.signing(|signing| signing.label = "dropped").build();
    parts.headers.remove("signature");
    parts.headers.remove("signature-input");
    parts.headers.insert("txn-token", token.parse().unwrap());
    let components: Vec<_> = ["@method", "@authority", "@path", "@query"]
        .into_iter()
        .map(countersign_signatures::Component::derived)
        .chain(
            [
                "txn-token",
                "forwarded",
                "content-digest",
                "content-type",
                "idempotency-key",
                "traceparent",
            ]
            .into_iter()
            .map(countersign_signatures::Component::field),
        )
        .collect();
    let parameters = gateway.payment().signing.parameters;
    put(
        &mut parts,
        "countersign",
        &components,
        &parameters,
        &gateway.message,
        crate::forger::AUTHORITY,
    );
    gateway.verifier().verify(&parts, &body).await.unwrap_err()
}

/// TXN-01, TXN-05
#[tokio::test]
async fn tokens_that_are_not_the_gateways_are_refused() {
    let gateway = Gateway::new();
    let changed = with_token(&gateway, |token| {
        tamper_token(token, |claims| claims["sub"] = "mallory".into())
    })
    .await;
    assert_eq!(changed, Refusal::TokenInvalid(JwsError::Signature));
    let unsigned = with_token(&gateway, |token| {
        let payload = token.split('.').nth(1).unwrap();
        let header = base64url(json!({"alg": "none", "typ": "txntoken+jwt", "kid": "t1"}).to_string());
        format!("{header}.{payload}.")
    });
    assert_eq!(unsigned.await, Refusal::TokenInvalid(JwsError::Algorithm));
    assert_eq!(
        with_token(&gateway, |_| "a.b".into()).await,
        Refusal::TokenInvalid(JwsError::Malformed)
    );

    let stranger = PrivateKey::generate(KeyKind::P256).unwrap().key;
    let forged = gateway.payment().with(|request| request.token_key = &stranger);
    assert_eq!(
        gateway.judge(forged).await.unwrap_err(),
        Refusal::TokenInvalid(JwsError::Signature)
    );
    // The message key under the name of the txn key: another algorithm than that key's.
    let confused = gateway
        .payment()
        .with(|request| request.token_key = &gateway.message);
    assert_eq!(
        gateway.judge(confused).await.unwrap_err(),
        Refusal::TokenInvalid(JwsError::Algorithm)
    );
    // The message key under its own name: it signs no tokens.
    let crossed = gateway.payment().with(|request| {
        request.token_key = &gateway.message;
        request.token_header.insert("kid".into(), "m1".into());
    });
    assert_eq!(gateway.refusal(crossed).await, "key-unknown");
}

#[tokio::test]
async fn header_and_type_are_held_to_form() {
    let gateway = Gateway::new();
    for typ in ["JWT", "at+jwt", "txntoken", ""] {
        let forwarded = gateway.payment().with(|request| request.token_type = typ);
        assert_eq!(
            gateway.judge(forwarded).await.unwrap_err(),
            Refusal::TokenInvalid(JwsError::Type),
            "{typ}"
        );
    }
    let long = gateway
        .payment()
        .with(|request| request.token_type = "application/txntoken+jwt");
    gateway.judge(long).await.unwrap();
    let nameless = gateway
        .payment()
        .with(|request| drop(request.token_header.remove("kid")));
    assert_eq!(
        gateway.judge(nameless).await.unwrap_err(),
        Refusal::TokenKeyMissing
    );
    let critical = gateway
        .payment()
        .with(|request| drop(request.token_header.insert("crit".into(), json!(["x"]))));
    assert_eq!(
        gateway.judge(critical).await.unwrap_err(),
        Refusal::TokenInvalid(JwsError::Critical)
    );
}

type Case = (&'static str, Value, Refusal);

async fn judge_claims(gateway: &Gateway, cases: Vec<Case>) {
    for (pointer, value, refusal) in cases {
        let forwarded: Forwarded<'_> = gateway.payment().claim(pointer, value.clone());
        assert_eq!(
            gateway.judge(forwarded).await.unwrap_err(),
            refusal,
            "{pointer} {value}"
        );
    }
}

/// TXN-02, TXN-03, TXN-05
#[tokio::test]
async fn claims_about_sender_receiver_and_time_are_checked() {
    let gateway = Gateway::new();
    let malformed = || Refusal::TokenInvalid(JwsError::Malformed);
    judge_claims(
        &gateway,
        vec![
            ("/iss", "https://evil.example".into(), Refusal::TokenIssuer),
            ("/iss", "https://pay.example:8443/".into(), Refusal::TokenIssuer),
            ("/iss", Value::Null, malformed()),
            ("/aud", "merchant".into(), Refusal::TokenAudience),
            ("/aud", json!(["bank", "merchant"]), Refusal::TokenAudience),
            ("/aud", json!(["bank"]), Refusal::TokenAudience),
            ("/aud", Value::Null, malformed()),
            ("/exp", NOW.into(), Refusal::TokenExpired),
            ("/exp", (NOW - 1).into(), Refusal::TokenExpired),
            ("/exp", (NOW + 61).into(), Refusal::TokenLifetime),
            ("/exp", "soon".into(), malformed()),
            ("/exp", Value::Null, malformed()),
            ("/iat", (NOW + 11).into(), Refusal::TokenAhead),
            ("/iat", (NOW - 1).into(), Refusal::TokenLifetime),
            ("/iat", Value::Null, malformed()),
            ("/txn", "".into(), Refusal::TokenClaim("txn")),
            ("/txn", Value::Null, malformed()),
            ("/sub", "".into(), Refusal::TokenClaim("sub")),
            ("/sub", Value::Null, malformed()),
            ("/req_wl", "".into(), Refusal::TokenClaim("req_wl")),
            ("/scope", Value::Null, malformed()),
            ("/tctx", Value::Null, malformed()),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_token_for_another_request_is_refused() {
    let gateway = Gateway::new();
    let other = Refusal::TokenOtherRequest;
    judge_claims(
        &gateway,
        vec![
            ("/tctx/method", "PUT".into(), other("method")),
            ("/tctx/method", "post".into(), other("method")),
            ("/tctx/path", "/payments/".into(), other("path")),
            ("/tctx/path", "/payments?dry=no".into(), other("path")),
            (
                "/tctx/content_digest",
                "sha-256=:AAAA:".into(),
                other("content_digest"),
            ),
            (
                "/tctx/content_digest",
                Value::Null,
                Refusal::TokenInvalid(JwsError::Malformed),
            ),
            ("/tctx/idempotency_key", "key-2".into(), other("idempotency_key")),
            (
                "/tctx/idempotency_key",
                "\"key-1\"".into(),
                other("idempotency_key"),
            ),
        ],
    )
    .await;
}

/// The key of a payment is one plain String, and the one the token names.
#[tokio::test]
async fn the_idempotency_key_is_the_one_the_token_names() {
    let gateway = Gateway::new();
    for value in [
        "key-1",
        "\"key-1\";v=1",
        "\"key-2\"",
        "\"\"",
        "\"key-1\", \"key-1\"",
    ] {
        let forwarded = gateway.payment().with(|request| {
            request.headers.retain(|(name, _)| *name != "idempotency-key");
            request.headers.push(("idempotency-key", value.to_owned()));
        });
        assert_eq!(
            gateway.judge(forwarded).await.unwrap_err(),
            Refusal::TokenOtherRequest("idempotency_key"),
            "{value}"
        );
    }
    let unused = gateway.payment().claim("/tctx/idempotency_key", Value::Null);
    assert_eq!(gateway.judge(unused).await.unwrap().idempotency_key, None);
}

/// Where the client did not send `Content-Digest`, the token says which body belongs to the request.
#[tokio::test]
async fn a_body_without_content_digest_is_held_to_the_token() {
    let gateway = Gateway::new();
    let unsigned = |body: &'static [u8]| {
        gateway.payment().with(|request| {
            request.headers.retain(|(name, _)| *name != "content-digest");
            if !body.is_empty() {
                request.body = body.into();
            }
        })
    };
    gateway.judge(unsigned(b"")).await.unwrap();
    let refusal = gateway.judge(unsigned(b"smuggled")).await.unwrap_err();
    assert_eq!(refusal, Refusal::TokenOtherRequest("content_digest"));
}

/// One cent more is another intent.
#[tokio::test]
async fn the_intent_must_have_the_digest_beside_it() {
    let gateway = Gateway::new();
    let changed = |member: &str, value: &str| {
        let mut members = intent().to_json();
        members[member] = value.into();
        members
    };
    judge_claims(
        &gateway,
        vec![
            ("/tctx/intent", changed("amount", "12.51"), Refusal::IntentDigest),
            (
                "/tctx/intent",
                changed("payee", "GB82WEST12345698765432"),
                Refusal::IntentDigest,
            ),
            ("/tctx/intent", changed("amount", "12.5"), {
                let error = countersign_intent::Money::parse("12.5", "EUR").unwrap_err();
                Refusal::IntentInvalid(error.into())
            }),
            (
                "/tctx/intent",
                changed("note", "x"),
                Refusal::IntentInvalid(IntentError::UnknownMember),
            ),
            ("/tctx/intent", Value::Null, Refusal::IntentDigest),
            ("/tctx/intent_digest", Value::Null, Refusal::IntentDigest),
            (
                "/tctx/intent_digest",
                "short".into(),
                Refusal::TokenInvalid(JwsError::Malformed),
            ),
        ],
    )
    .await;
}
