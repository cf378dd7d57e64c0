//! What passes, and exactly what the backend gets of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use countersign_signatures::{Component, Signatures};
use countersign_verify::{Evidence, Verified, Verifier};
use serde_json::{Value, json};

use crate::support::{Draft, Login, PAYMENT, Protocol, Seen, TestGateway, payment_of};

/// The bank: it knows the gateway's URL and CA, its own trust domain and its own address.
fn backend(gateway: &TestGateway, trust_domain: &str) -> Verifier {
    let clock = Arc::clone(&gateway.home.clock);
    Verifier::builder(gateway.public_url())
        .ca(std::fs::read(gateway.home.ca.root_path()).unwrap())
        .trust_domain(trust_domain)
        .authority(format!("localhost:{}", gateway.backend.port))
        .clock(crate::support::Shared(clock))
        .build()
        .unwrap()
}

async fn verified(verifier: &Verifier, seen: &Seen) -> Verified {
    verifier
        .verify(&seen.parts(), &seen.body)
        .await
        .unwrap_or_else(|refusal| panic!("{refusal}: {seen:?}"))
}

fn names(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

fn header_names(seen: &Seen) -> BTreeSet<&str> {
    seen.headers.keys().map(http::HeaderName::as_str).collect()
}

#[tokio::test]
async fn a_public_request_arrives_as_it_was_sent_and_without_a_caller() {
    let gateway = TestGateway::start().await;
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let answer = Draft::new(&gateway, "GET", "/rates/eur%20spot?to=usd&to=gbp")
            .header("accept", "application/json")
            .header("accept-language", "de")
            .over(protocol)
            .expect_answer()
            .await;
        assert_eq!(answer.json()["done"], true);
        assert!(!answer.headers().contains_key("signature"));
        let seen = gateway.backend.last();
        assert_eq!(
            (seen.method.as_str(), seen.target.as_str()),
            ("GET", "/rates/eur%20spot?to=usd&to=gbp")
        );
        let expected = BTreeSet::from(["accept", "accept-language", "forwarded", "host", "traceparent"]);
        assert_eq!(header_names(&seen), expected);
        assert_eq!(seen.header("host"), format!("localhost:{}", gateway.backend.port));
    }
}

#[tokio::test]
async fn a_body_arrives_byte_for_byte() {
    let gateway = TestGateway::start().await;
    let body = "{\"a\" : 1,\r\n \"ü\":\"\\u0000\"}";
    Draft::new(&gateway, "POST", "/rates/eur")
        .with_body(body)
        .expect_answer()
        .await;
    assert_eq!(gateway.backend.last().body, body.as_bytes());
    gateway
        .alice()
        .await
        .post("/consents?x=%2F", body)
        .expect_answer()
        .await
        .assert_signed();
    let seen = gateway.backend.last();
    assert_eq!(
        (seen.target.as_str(), &seen.body[..]),
        ("/consents?x=%2F", body.as_bytes())
    );
}

#[tokio::test]
async fn a_read_arrives_with_who_asked_and_how_they_were_known() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    alice.get("/accounts/7/balances?page=2").expect_answer().await;
    let seen = gateway.backend.last();
    let expected = [
        "forwarded",
        "host",
        "signature",
        "signature-input",
        "traceparent",
        "txn-token",
    ];
    assert_eq!(header_names(&seen), BTreeSet::from(expected));
    assert_eq!(seen.labels(), ["countersign"]);
    let found = verified(&backend(&gateway, "bank.internal"), &seen).await;
    assert_eq!(found.client_id.as_deref(), Some("app"));
    assert_eq!(found.acr.as_deref(), Some("urn:countersign:acr:2"));
    assert_eq!(found.amr, ["pwd", "otp", "pop"]);
    assert_eq!(found.auth_time, Some(alice.session.auth_time.seconds()));
    assert_eq!(found.scope, ["accounts", "consents", "orders", "payments"]);
    assert_eq!(
        (found.upstream.as_str(), found.workload),
        ("bank", gateway.public_url())
    );
    assert_eq!(found.original_host, gateway.authority());
    assert!(found.intent.is_none() && found.exemption.is_none() && found.idempotency_key.is_none());
    assert!(!found.subject.contains(alice.session.customer.as_str()));
}

/// Every backend knows a customer under another name, and always under the same.
#[tokio::test]
async fn a_customer_has_one_name_for_each_backend() {
    let gateway = TestGateway::start().await;
    let mut names = Vec::new();
    for (customer, target) in [
        ("alice", "/accounts/7/balances"),
        ("alice", "/orders"),
        ("bob", "/accounts/7/balances"),
        ("alice", "/accounts/7/balances"),
    ] {
        gateway
            .login(Login {
                customer,
                ..Login::default()
            })
            .await
            .get(target)
            .expect_answer()
            .await;
        let claims = gateway.backend.last().txn_claims();
        names.push((claims["aud"].clone(), claims["sub"].clone()));
    }
    assert_eq!(names[0], names[3]);
    assert_ne!(names[0].1, names[1].1);
    assert_ne!(names[0].1, names[2].1);
    assert_eq!(
        (&names[0].0, &names[1].0),
        (&json!("bank.internal"), &json!("merchant.internal"))
    );
}

/// TXN-05: a token for one backend is worth nothing at another.
#[tokio::test]
async fn what_one_backend_got_another_does_not_believe() {
    let gateway = TestGateway::start().await;
    gateway.alice().await.get("/orders").expect_answer().await;
    let seen = gateway.backend.last();
    backend(&gateway, "bank.internal")
        .verify(&seen.parts(), &seen.body)
        .await
        .unwrap_err();
    verified(&backend(&gateway, "merchant.internal"), &seen).await;
}

/// TXN-02, TXN-03, TXN-14, SCA-10, claim by claim.
#[tokio::test]
async fn a_payment_arrives_with_what_the_customer_agreed_to() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let keyid = alice.key.public_key().thumbprint().to_string();
    let draft = alice
        .pay_under("key-1", PAYMENT)
        .with_payment_signature(&alice.key, &keyid);
    draft.expect_answer().await.assert_signed();
    let seen = gateway.backend.last();
    assert_eq!(
        (seen.method.as_str(), seen.target.as_str()),
        ("POST", "/payments")
    );
    assert_eq!(seen.body, PAYMENT.as_bytes());
    assert_eq!(seen.header("idempotency-key"), "\"key-1\"");
    let claims = seen.txn_claims();
    let top = [
        "iss", "aud", "iat", "exp", "txn", "sub", "req_wl", "scope", "tctx", "rctx", "cnf",
    ];
    assert_eq!(names(&claims), BTreeSet::from(top));
    assert_eq!(claims["iss"], gateway.public_url());
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
        60
    );
    let digest = countersign_jose::base64url(countersign_jose::sha256(PAYMENT.as_bytes()));
    let intent = json!({ "type": "payment", "amount": "12.50", "currency": "EUR",
        "payee": "DE89370400440532013000", "payee_name": "Bob's Books", "debtor": "DE02120300000000202051",
        "reference": "Order 17" });
    let context = &claims["tctx"];
    let expected = [
        "upstream",
        "method",
        "path",
        "content_digest",
        "intent_digest",
        "intent",
        "exemption",
        "policy_version",
        "idempotency_key",
    ];
    assert_eq!(names(context), BTreeSet::from(expected));
    assert_eq!(
        (&context["upstream"], &context["method"], &context["path"]),
        (&json!("bank"), &json!("POST"), &json!("/payments"))
    );
    assert_eq!(context["content_digest"], digest);
    assert_eq!(context["intent"], intent);
    assert_eq!(context["exemption"], "low-value");
    assert_eq!(context["idempotency_key"], "key-1");
    assert_eq!(
        names(&claims["rctx"]),
        BTreeSet::from(["client_id", "acr", "amr", "auth_time", "addr"])
    );
    assert!(!claims["rctx"]["addr"].as_str().unwrap().contains("127.0.0.1"));
    let public = json!(countersign_jose::jwk::Jwk::new(alice.key.public_key().clone()));
    assert_eq!(claims["cnf"]["jwk"], public);
}

/// SIG-17, FSIG-07: what the gateway's signature covers, and its parameters.
#[tokio::test]
async fn the_gateways_signature_covers_everything_that_matters() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let keyid = alice.key.public_key().thumbprint().to_string();
    alice
        .pay(PAYMENT)
        .with_payment_signature(&alice.key, &keyid)
        .expect_answer()
        .await;
    let seen = gateway.backend.last();
    let signatures = Signatures::parse(&seen.headers).unwrap();
    let entry = signatures.by_tag("countersign-forward").unwrap();
    assert_eq!(entry.label(), "countersign");
    let covered: Vec<String> = entry.components().iter().map(Component::identifier).collect();
    for identifier in [
        "\"@method\"",
        "\"@authority\"",
        "\"@path\"",
        "\"@query\"",
        "\"txn-token\"",
        "\"forwarded\"",
        "\"content-digest\"",
        "\"content-type\"",
        "\"idempotency-key\"",
        "\"traceparent\"",
        "\"signature\";key=\"client\"",
        "\"signature-input\";key=\"client\"",
        "\"signature\";key=\"payment\"",
        "\"signature-input\";key=\"payment\"",
    ] {
        assert!(
            covered.iter().any(|covered| covered == identifier),
            "{identifier}: {covered:?}"
        );
    }
    let parameters = entry.parameters();
    let life = parameters.expires.unwrap() - parameters.created.unwrap();
    assert!(life <= 60 && parameters.nonce.as_deref().is_some_and(|nonce| nonce.len() >= 22));
    let found = verified(&backend(&gateway, "bank.internal"), &seen).await;
    assert!(matches!(found.evidence, Evidence::Signed(_)));
}

/// TXN-05, TXN-06: a backend finds every change on the way from the gateway, and takes a payment once.
#[tokio::test]
async fn a_change_behind_the_gateway_is_found_by_the_backend() {
    let gateway = TestGateway::start().await;
    let bank = backend(&gateway, "bank.internal");
    gateway.alice().await.pay(PAYMENT).expect_answer().await;
    let seen = gateway.backend.last();
    let refused = async |change: fn(&mut Seen)| {
        let mut changed = seen.clone();
        change(&mut changed);
        bank.verify(&changed.parts(), &changed.body).await.unwrap_err();
    };
    refused(|seen| seen.body = payment_of("12.51").into()).await;
    refused(|seen| seen.target = "/payments?x".to_owned()).await;
    refused(|seen| seen.method = "PUT".to_owned()).await;
    for name in [
        "txn-token",
        "forwarded",
        "signature",
        "signature-input",
        "content-digest",
        "idempotency-key",
    ] {
        let mut without = seen.clone();
        without.headers.remove(name);
        bank.verify(&without.parts(), &without.body).await.unwrap_err();
    }
    verified(&bank, &seen).await;
    bank.verify(&seen.parts(), &seen.body).await.unwrap_err();
}

/// `txn` is unique for every payment.
#[tokio::test]
async fn every_payment_has_a_name_of_its_own() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    for _ in 0..3 {
        alice.pay(PAYMENT).expect_answer().await;
    }
    let seen = gateway.backend.seen();
    let named: BTreeSet<String> = seen
        .iter()
        .map(|seen| seen.txn_claims()["txn"].to_string())
        .collect();
    assert_eq!(named.len(), 3);
}

/// SIG-16: the answer is over exactly this request.
#[tokio::test]
async fn an_answer_covers_the_signature_it_answers() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let covered = alice.pay(PAYMENT).expect_answer().await.assert_signed();
    for identifier in [
        "\"signature\";key=\"app\";req",
        "\"signature-input\";key=\"app\";req",
    ] {
        assert!(
            covered.iter().any(|covered| covered == identifier),
            "{identifier}: {covered:?}"
        );
    }
}
