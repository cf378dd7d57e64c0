//! What a good request tells the backend.

use countersign_verify::{BuildError, Evidence, Verifier};

use crate::forger::{AUTHORITY, GATEWAY, Gateway, NOW, intent};

/// SIG-07, SIG-17, TXN-01 to TXN-05
#[tokio::test]
async fn a_payment_by_the_book_verifies_and_tells_everything() {
    let gateway = Gateway::new();
    let verified = gateway.judge(gateway.payment()).await.unwrap();
    assert_eq!(verified.gateway_key, "m1");
    assert_eq!(verified.transaction, "txn-1");
    assert_eq!(verified.subject, "pairwise-alice");
    assert_eq!(verified.client_id.as_deref(), Some("first-party"));
    assert_eq!(verified.acr.as_deref(), Some("urn:countersign:acr:2"));
    assert_eq!(verified.amr, ["pwd", "otp", "pop"]);
    assert_eq!(verified.auth_time, Some(NOW - 100));
    assert!(verified.has_scope("accounts") && !verified.has_scope("account"));
    assert_eq!(verified.intent.as_ref(), Some(&intent()));
    assert_eq!(verified.intent_digest, Some(intent().digest()));
    assert_eq!(verified.approval.as_ref().unwrap().factor, "passkey");
    assert_eq!(verified.exemption.as_deref(), Some("low-value"));
    assert_eq!(verified.policy_version.as_deref(), Some("v7"));
    assert_eq!(verified.idempotency_key.as_deref(), Some("key-1"));
    assert_eq!(verified.original_host, "pay.example:8443");
    assert!(matches!(verified.evidence, Evidence::Attested) && !verified.repeated);
}

#[tokio::test]
async fn a_read_verifies_without_body_and_intent() {
    let gateway = Gateway::new();
    let verified = gateway.judge(gateway.payment().read()).await.unwrap();
    assert!(
        verified.intent.is_none() && verified.idempotency_key.is_none() && verified.content_digest.is_none()
    );
}

/// Whatever a hop added that nobody signed does not matter (SIG-12).
#[tokio::test]
async fn a_foreign_signature_beside_ours_changes_nothing() {
    let gateway = Gateway::new();
    let (mut parts, body) = gateway.payment().build();
    parts.headers.append(
        "signature-input",
        "mesh=();created=1;tag=\"mesh\";odd=1".parse().unwrap(),
    );
    parts.headers.append("signature", "mesh=:AAAA:".parse().unwrap());
    gateway.verifier().verify(&parts, &body).await.unwrap();
}

/// What HTTP/2 servers hand over: the authority in the URI, no `Host`.
#[tokio::test]
async fn the_authority_may_stand_in_the_uri() {
    let gateway = Gateway::new();
    let (mut parts, body) = gateway.payment().build();
    parts.headers.remove("host");
    parts.uri = format!("https://{AUTHORITY}/payments?dry=no").parse().unwrap();
    gateway.verifier().verify(&parts, &body).await.unwrap();
}

#[test]
fn a_builder_says_what_is_missing() {
    let fetcher = |_url: String| async { Err(countersign_verify::FetchError::new("down")) };
    let build = |gateway: &str| {
        Verifier::builder(gateway)
            .fetcher(fetcher)
            .trust_domain("bank")
            .authority("a")
            .build()
    };
    assert!(build(GATEWAY).is_ok() && build("https://pay.example/").is_ok());
    for wrong in [
        "http://pay.example",
        "https://pay.example/path",
        "https://u@pay.example",
        "pay.example",
        "",
    ] {
        assert_eq!(build(wrong).unwrap_err(), BuildError::GatewayUrl, "{wrong}");
    }
    let missing = |error| move |built: Result<Verifier, BuildError>| assert_eq!(built.unwrap_err(), error);
    let builder = || Verifier::builder(GATEWAY);
    missing(BuildError::FetcherMissing)(builder().trust_domain("bank").authority("a").build());
    missing(BuildError::TrustDomainMissing)(
        builder().fetcher(fetcher).trust_domain("").authority("a").build(),
    );
    missing(BuildError::AuthorityMissing)(builder().fetcher(fetcher).trust_domain("bank").build());
    assert!(matches!(
        builder().ca("no pem").trust_domain("bank").authority("a").build(),
        Err(BuildError::Ca(_))
    ));
}
