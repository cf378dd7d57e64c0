//! Identified → Attested: the body's digest (RFC 9530) and the form of the idempotency key.

use data_encoding::BASE64;

use crate::support::{PAYMENT, TestGateway, payment_of};

fn sha256_of(body: &str) -> String {
    format!(
        "sha-256=:{}:",
        BASE64.encode(&countersign_jose::sha256(body.as_bytes()))
    )
}

fn sha512_of(body: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA512, body.as_bytes());
    format!("sha-512=:{}:", BASE64.encode(digest.as_ref()))
}

/// DIG-01
#[tokio::test]
async fn a_body_without_a_digest_that_counts_is_refused() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    alice
        .pay(PAYMENT)
        .without("content-digest")
        .expect_refusal("digest-missing")
        .await;
    for digest in [
        "md5=:1B2M2Y8AsgTpgAmY7PhCfg==:",
        "sha=:AAAA:",
        "unixsum=1",
        "sha-256",
        "sha-256=AAAA",
        "sha-256=:%%%:",
        "",
        "=",
    ] {
        alice
            .pay(PAYMENT)
            .header("content-digest", digest)
            .expect_refusal("digest-missing")
            .await;
    }
}

/// DIG-04: every digest that is given has to be right.
#[tokio::test]
async fn a_digest_of_another_body_is_refused() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let other = payment_of("12.51");
    for digest in [
        sha256_of(&other),
        sha512_of(&other),
        format!("{}, {}", sha256_of(PAYMENT), sha512_of(&other)),
        format!("{}, {}", sha512_of(PAYMENT), sha256_of(&other)),
        sha256_of(""),
    ] {
        alice
            .pay(PAYMENT)
            .header("content-digest", &digest)
            .expect_refusal("digest-mismatch")
            .await;
    }
    for digest in [
        sha512_of(PAYMENT),
        format!("{}, {}", sha256_of(PAYMENT), sha512_of(PAYMENT)),
    ] {
        alice
            .pay(PAYMENT)
            .header("content-digest", &digest)
            .expect_answer()
            .await;
    }
}

/// DIG-02, DIG-03, FAPI-29: a changed body is found before anyone reads it.
#[tokio::test]
async fn a_changed_body_is_found() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    for body in [
        payment_of("12.51"),
        format!("{PAYMENT} "),
        String::new(),
        "garbage".to_owned(),
    ] {
        alice
            .pay(PAYMENT)
            .afterwards(|sent| sent.body = body.into())
            .expect_refusal("digest-mismatch")
            .await;
    }
}

#[tokio::test]
async fn an_encoded_body_is_not_signed() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    for encoding in ["gzip", "br", "identity", "deflate, gzip"] {
        alice
            .pay(PAYMENT)
            .header("content-encoding", encoding)
            .expect_refusal("content-encoding-refused")
            .await;
        let draft = alice.post("/consents", "{}").header("content-encoding", encoding);
        draft.expect_refusal("content-encoding-refused").await;
    }
}

/// IDEM-02
#[tokio::test]
async fn a_payment_without_a_key_is_refused() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    alice
        .pay(PAYMENT)
        .without("idempotency-key")
        .expect_refusal("idempotency-key-missing")
        .await;
    alice.post("/consents", "{}").expect_answer().await;
}

/// IDEM-01
#[tokio::test]
async fn a_key_of_another_form_is_refused() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let long = format!("\"{}\"", "k".repeat(256));
    for key in [
        "unquoted",
        "\"\"",
        "\"a\";b=1",
        "\"a\", \"b\"",
        "7",
        "?1",
        ":AAAA:",
        "\"open",
        "(\"a\")",
        &long,
    ] {
        alice
            .pay(PAYMENT)
            .header("idempotency-key", key)
            .expect_refusal("idempotency-key-invalid")
            .await;
    }
}

/// IDEM-09: with several faults the first in journey order is named.
#[tokio::test]
async fn the_first_fault_of_the_journey_is_named() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let old = (gateway.now().seconds() - 600).to_string();
    let faulty = || alice.pay("garbage").without("idempotency-key");
    faulty().expect_refusal("idempotency-key-missing").await;
    let stale = || faulty().signature(|signature| signature.set("created", old.clone()));
    stale().expect_refusal("stale").await;
    let changed = || stale().afterwards(|sent| sent.body = "other".into());
    changed().expect_refusal("digest-mismatch").await;
    let unsigned = || changed().signature(|signature| signature.der = true);
    unsigned().expect_refusal("signature-invalid").await;
    unsigned()
        .then_header("authorization", "DPoP x")
        .expect_refusal("token-invalid")
        .await;
    let misdirected = unsigned().then_header("host", "evil.example");
    misdirected.expect_refusal("misdirected").await;
}
