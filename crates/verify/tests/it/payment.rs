//! The client's own signature over the payment.

use countersign_jose::jwk::Jwk;
use countersign_jose::{KeyKind, PrivateKey};
use countersign_signatures::{Algorithm, PolicyError};
use countersign_verify::{Evidence, Refusal};
use serde_json::json;

use crate::forger::{Gateway, NOW, PaymentSigning};

fn bend<'g>(
    gateway: &'g Gateway,
    change: impl FnOnce(&mut PaymentSigning<'g>),
) -> crate::forger::Forwarded<'g> {
    gateway
        .payment()
        .with_evidence()
        .with(|request| change(request.payment.as_mut().unwrap()))
}

#[tokio::test]
async fn the_clients_signature_is_evidence_that_verifies_by_itself() {
    let gateway = Gateway::new();
    let verified = gateway.judge(gateway.payment().with_evidence()).await.unwrap();
    let Evidence::Signed(signature) = verified.evidence else {
        panic!("signed");
    };
    assert_eq!(signature.jwk.key, *gateway.client.public_key());
    assert!(
        signature
            .base
            .contains("\"@target-uri\": https://pay.example:8443/payments?dry=no\n")
    );
    let scheme = Algorithm::of(&signature.jwk.key).scheme();
    signature
        .jwk
        .key
        .verify(scheme, signature.base.as_bytes(), &signature.signature)
        .unwrap();
}

#[tokio::test]
async fn a_backend_can_demand_the_clients_signature() {
    let gateway = Gateway::new();
    let verifier = gateway.builder().require_client_evidence().build().unwrap();
    let (parts, body) = gateway.payment().build();
    assert_eq!(
        verifier.verify(&parts, &body).await.unwrap_err(),
        Refusal::EvidenceMissing
    );
    let (parts, body) = gateway.payment().with_evidence().build();
    verifier.verify(&parts, &body).await.unwrap();
}

#[tokio::test]
async fn a_signature_that_covers_too_little_is_no_evidence() {
    let gateway = Gateway::new();
    for name in [
        "@method",
        "@target-uri",
        "content-digest",
        "content-type",
        "idempotency-key",
    ] {
        let forwarded = bend(&gateway, |payment| {
            payment.components.retain(|covered| *covered != name)
        });
        let expected = PolicyError::NotCovered(format!("\"{name}\""));
        assert_eq!(
            gateway.judge(forwarded).await.unwrap_err(),
            Refusal::PaymentTooWeak(expected)
        );
    }
}

#[tokio::test]
async fn a_signature_of_another_kind_host_key_or_time_is_no_evidence() {
    let gateway = Gateway::new();
    let stranger = PrivateKey::generate(KeyKind::P256).unwrap().key;
    for (forwarded, refusal) in [
        (
            bend(&gateway, |payment| payment.tag = "fapi-2-request"),
            "payment-tag",
        ),
        (
            bend(&gateway, |payment| payment.authority = "evil.example"),
            "payment-invalid",
        ),
        (
            bend(&gateway, |payment| payment.key = &stranger),
            "payment-invalid",
        ),
        (
            bend(&gateway, |payment| payment.created = NOW - 121),
            "payment-stale",
        ),
        (
            bend(&gateway, |payment| payment.created = NOW + 11),
            "payment-stale",
        ),
        (
            gateway
                .payment()
                .with_evidence()
                .claim("/cnf", serde_json::Value::Null),
            "payment-key-missing",
        ),
        (
            gateway.payment().with_evidence().claim(
                "/cnf",
                json!({"jwk": Jwk::new(gateway.message.public_key().clone())}),
            ),
            "payment-invalid",
        ),
    ] {
        assert_eq!(gateway.refusal(forwarded).await, refusal);
    }
}

/// A gateway with `settle = "retry"` sends the same payment again, with the client's signature of the first time, until it
/// hears what became of it.
#[tokio::test]
async fn where_repeats_pass_the_clients_signature_may_be_as_old_as_the_payment() {
    let gateway = Gateway::new();
    let judge = async |repeats: bool, created: i64| {
        let builder = gateway.builder();
        let builder = if repeats {
            builder.allow_repeated_transactions()
        } else {
            builder
        };
        let (parts, body) = bend(&gateway, |payment| payment.created = created).build();
        let verified = builder.build().unwrap().verify(&parts, &body).await;
        verified.map(|verified| matches!(verified.evidence, Evidence::Signed(_)))
    };
    for age in [600, 30 * 86_400] {
        assert_eq!(judge(true, NOW - age).await, Ok(true));
        assert_eq!(judge(false, NOW - age).await, Err(Refusal::PaymentStale));
    }
    assert_eq!(judge(true, NOW + 11).await, Err(Refusal::PaymentStale));
}

/// A private key in a token is a leak, not a key.
#[tokio::test]
async fn a_private_key_in_the_token_is_refused() {
    let gateway = Gateway::new();
    let leaked = PrivateKey::generate(KeyKind::P256).unwrap().private_jwk();
    let forwarded = gateway
        .payment()
        .with_evidence()
        .claim("/cnf", json!({"jwk": leaked}));
    assert_eq!(gateway.refusal(forwarded).await, "token-invalid");
}
