//! Identified → Attested: that exactly this request was signed, just now, once (RFC 9421, FAPI 2.0 HTTP Signatures).

use std::sync::Arc;

use countersign_jose::{KeyKind, PrivateKey};

use crate::support::{Login, PAYMENT, TestGateway, payment_of};

/// FSIG-03
#[tokio::test]
async fn a_request_without_the_signature_is_refused_though_the_key_is_proven() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let answer = alice
        .pay(PAYMENT)
        .without("signature")
        .with_proof(&alice)
        .expect_refusal("signature-missing")
        .await;
    assert!(answer.header("accept-signature").contains("fapi-2-request"));
    alice
        .pay(PAYMENT)
        .without("signature")
        .expect_refusal("signature-missing")
        .await;
}

/// FSIG-05, SIG-12: the tag chooses, never the label.
#[tokio::test]
async fn another_tag_is_no_request_signature() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    for tag in [
        "fapi-2-response",
        "fapi-2-requests",
        "other",
        "countersign-forward",
        "",
    ] {
        let draft = alice
            .pay(PAYMENT)
            .signature(|signature| signature.set_text("tag", tag));
        draft.expect_refusal("signature-missing").await;
    }
    alice
        .pay(PAYMENT)
        .signature(|signature| signature.unset("tag"))
        .expect_refusal("signature-missing")
        .await;
    for label in ["countersign", "client", "payment", "sig1"] {
        let draft = alice
            .post("/consents", "{}")
            .signature(|signature| signature.label = label.to_owned());
        draft.expect_answer().await;
    }
}

/// FSIG-05
#[tokio::test]
async fn a_second_signature_of_the_family_sinks_the_request() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    for tag in ["fapi-2-request", "fapi-2-response", "fapi-2-anything"] {
        let draft = alice.pay(PAYMENT).another_signature(|signature| {
            signature.label = "second".to_owned();
            signature.set_text("tag", tag);
        });
        draft.expect_refusal("signature-invalid").await;
    }
    let foreign = alice.pay(PAYMENT).another_signature(|signature| {
        signature.label = "second".to_owned();
        signature.set_text("tag", "of-another-hop");
    });
    foreign.expect_answer().await;
    let labels = gateway.backend.last().labels();
    assert_eq!(labels, ["client", "countersign"]);
}

#[tokio::test]
async fn more_than_eight_labels_are_malformed() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let with = |count: usize| {
        let mut draft = alice.post("/consents", "{}");
        for number in 1..count {
            draft = draft.another_signature(|signature| {
                signature.label = format!("n{number}");
                signature.set_text("tag", "other");
            });
        }
        draft
    };
    with(8).expect_answer().await;
    with(9).expect_refusal("request-malformed").await;
}

/// SIG-07, FSIG-02: each of what must be covered.
#[tokio::test]
async fn a_component_that_is_not_covered_sinks_the_request() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    for name in [
        "@method",
        "@target-uri",
        "authorization",
        "content-digest",
        "content-type",
        "idempotency-key",
    ] {
        let draft = alice.pay(PAYMENT).signature(|signature| signature.uncover(name));
        draft.expect_refusal("signature-invalid").await;
    }
    // A proof that is sent along but not signed could be exchanged.
    let uncovered = alice.pay(PAYMENT).with_proof(&alice).with_uncovered_proof();
    uncovered.expect_refusal("signature-invalid").await;
}

/// SIG-02, SIG-06
#[tokio::test]
async fn components_that_make_no_sense_sink_the_request() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    for name in [
        "@method",
        "x-not-there",
        "@status",
        "@unknown",
        "@query-param",
        "Authorization",
    ] {
        let draft = alice
            .pay(PAYMENT)
            .signature(|signature| signature.components.push(name.to_owned()));
        draft.expect_refusal("signature-invalid").await;
    }
}

/// FSIG-06: `nonce` and `expires` where money moves.
#[tokio::test]
async fn a_parameter_that_is_missing_or_weak_sinks_the_request() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    for name in ["created", "nonce", "expires"] {
        alice
            .pay(PAYMENT)
            .signature(|signature| signature.unset(name))
            .expect_refusal("signature-invalid")
            .await;
    }
    alice
        .pay(PAYMENT)
        .signature(|signature| signature.unset("keyid"))
        .expect_refusal("proof-missing")
        .await;
    for nonce in ["", "short", "123456789012345678901"] {
        let draft = alice
            .pay(PAYMENT)
            .signature(|signature| signature.set_text("nonce", nonce));
        draft.expect_refusal("signature-invalid").await;
    }
    for (name, value) in [
        ("created", "\"now\""),
        ("nonce", "7"),
        ("x-unknown", "1"),
        ("created", "1.5"),
    ] {
        let draft = alice
            .post("/consents", "{}")
            .signature(|signature| signature.set(name, value));
        draft.expect_refusal("signature-invalid").await;
    }
    let draft = alice.post("/consents", "{}").signature(|signature| {
        signature.unset("nonce");
        signature.unset("expires");
    });
    draft.expect_answer().await;
}

/// SIG-08, SIG-09: algorithms that are not accepted, that do not fit the key, and another encoding.
#[tokio::test]
async fn an_algorithm_that_is_weak_or_not_the_keys_sinks_the_request() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    for alg in [
        "rsa-v1_5-sha256",
        "hmac-sha256",
        "ed25519",
        "rsa-pss-sha512",
        "none",
        "ES256",
        "",
    ] {
        let draft = alice
            .pay(PAYMENT)
            .signature(|signature| signature.set_text("alg", alg));
        draft.expect_refusal("signature-invalid").await;
    }
    let named = alice
        .pay(PAYMENT)
        .signature(|signature| signature.set_text("alg", "ecdsa-p256-sha256"));
    named.expect_answer().await;
    alice
        .pay(PAYMENT)
        .signature(|signature| signature.der = true)
        .expect_refusal("signature-invalid")
        .await;
}

/// SIG-13: only the token's key and the client's own registered ones; for first-party apps the token's alone.
#[tokio::test]
async fn a_key_of_somebody_else_signs_for_nobody() {
    let gateway = TestGateway::start().await;
    let registered = Arc::clone(&gateway.home.shop_key);
    let shop = gateway
        .login(Login {
            client: "shop",
            ..Login::default()
        })
        .await;
    let by_registered = || shop.pay(PAYMENT).signed_by(&registered, "shop-signature");
    by_registered().with_proof(&shop).expect_answer().await;
    // Without a proof nobody knows that the sender holds the token's key.
    by_registered().expect_refusal("proof-missing").await;
    let stranger = Arc::new(PrivateKey::generate(KeyKind::P256).unwrap().key);
    for keyid in ["shop-signature", "unknown"] {
        shop.pay(PAYMENT)
            .with_proof(&shop)
            .signed_by(&stranger, keyid)
            .expect_refusal("signature-invalid")
            .await;
    }
    let alice = gateway.alice().await;
    let draft = alice
        .pay(PAYMENT)
        .with_proof(&alice)
        .signed_by(&registered, "shop-signature");
    draft.expect_refusal("signature-invalid").await;
}

/// SIG-07: every covered part, changed after it was signed.
#[tokio::test]
async fn a_change_after_signing_is_found() {
    let gateway = TestGateway::start().await;
    let (alice, other) = (gateway.alice().await, gateway.alice().await);
    let pay = || alice.pay(PAYMENT);
    pay()
        .afterwards(|sent| sent.target.push_str("?to=me"))
        .expect_refusal("signature-invalid")
        .await;
    pay()
        .then_header("idempotency-key", "\"another\"")
        .expect_refusal("signature-invalid")
        .await;
    pay()
        .then_header("content-type", "text/plain")
        .expect_refusal("signature-invalid")
        .await;
    pay()
        .then_header("content-digest", "sha-256=:AAAA:")
        .expect_refusal("signature-invalid")
        .await;
    // A token of the same customer and app whose key is another: the signature is no proof of that one.
    let swapped = format!("DPoP {}", other.token);
    pay()
        .then_header("authorization", swapped)
        .expect_refusal("proof-missing")
        .await;
    let mut again = gateway.token(&alice.session, &alice.scope);
    again.insert_str(0, "DPoP ");
    pay()
        .then_header("authorization", again)
        .expect_refusal("signature-invalid")
        .await;
    let other_body = payment_of("12.51");
    pay()
        .afterwards(|sent| sent.body = other_body.into())
        .expect_refusal("digest-mismatch")
        .await;
}

/// SIG-01
#[tokio::test]
async fn signature_fields_that_cannot_be_read_sink_the_request() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    for input in [
        "",
        "app",
        "app=1",
        "app=(",
        "app=(\"@method\"",
        "=();created=1",
        "app=(@method)",
        "é",
    ] {
        let draft = alice
            .pay(PAYMENT)
            .with_proof(&alice)
            .then_header("signature-input", input);
        let answer = draft.send().await;
        let code = answer.code();
        assert!(
            ["signature-invalid", "signature-missing"].contains(&code.as_str()),
            "{input}: {answer:?}"
        );
        answer.assert_problem(&code);
    }
    for value in ["app=1", "app=:AAAA", "other=:AAAA:", "app=:AAAA:", "app=\"text\""] {
        alice
            .pay(PAYMENT)
            .then_header("signature", value)
            .expect_refusal("signature-invalid")
            .await;
    }
    assert_eq!(gateway.backend.count(), 0);
}

/// The second signature is evidence for the backend, so a bad one sinks the request.
#[tokio::test]
async fn a_payment_signature_that_does_not_hold_sinks_the_request() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let keyid = alice.key.public_key().thumbprint().to_string();
    let stranger = Arc::new(PrivateKey::generate(KeyKind::P256).unwrap().key);
    let bad = [
        alice.pay(PAYMENT).with_payment_signature(&stranger, &keyid),
        alice.pay(PAYMENT).with_payment_signature(&stranger, "unknown"),
        alice
            .pay(PAYMENT)
            .with_payment_signature(&alice.key, &keyid)
            .last_signature(|s| s.uncover("content-digest")),
        alice
            .pay(PAYMENT)
            .with_payment_signature(&alice.key, &keyid)
            .last_signature(|s| s.uncover("idempotency-key")),
        alice
            .pay(PAYMENT)
            .with_payment_signature(&alice.key, &keyid)
            .last_signature(|s| s.unset("nonce")),
        alice
            .pay(PAYMENT)
            .with_payment_signature(&alice.key, &keyid)
            .last_signature(|s| s.unset("created")),
    ];
    for draft in bad {
        draft.expect_refusal("signature-invalid").await;
    }
    alice
        .pay(PAYMENT)
        .with_payment_signature(&alice.key, &keyid)
        .expect_answer()
        .await;
}

/// FSIG-08: only a request whose signature was found good is answered for by its signature.
#[tokio::test]
async fn a_problem_covers_the_requests_signature_once_that_was_good() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let covers = |covered: Vec<String>| covered.iter().any(|name| name.starts_with("\"signature\";"));
    let good = alice
        .pay(&payment_of("250.00"))
        .expect_refusal("approval-required")
        .await;
    assert!(covers(good.assert_signed()));
    let bad = alice.pay(PAYMENT).signature(|signature| signature.der = true);
    assert!(!covers(
        bad.expect_refusal("signature-invalid").await.assert_signed()
    ));
    let without = alice
        .pay(PAYMENT)
        .without("signature")
        .expect_refusal("signature-missing")
        .await;
    assert!(!covers(without.assert_signed()));
}
