//! Admitted → Identified at the twin that asks for client certificates (RFC 8705), and requests whose sender does not send
//! all of it.

use std::sync::Arc;

use countersign::base::ClientCertificate;
use countersign::pki::IssuedPaths;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::support::{Caller, Draft, Login, PAYMENT, Protocol, Setting, TestGateway};

fn thumbprint(paths: &IssuedPaths) -> countersign_jose::Thumbprint {
    let certificate = CertificateDer::from_pem_file(&paths.chain).unwrap();
    ClientCertificate::new(&certificate).thumbprint
}

async fn corp(gateway: &TestGateway) -> Caller<'_> {
    let certificate = Some(thumbprint(&gateway.home.corp));
    let login = Login {
        client: "corp",
        certificate,
        ..Login::default()
    };
    gateway.login(login).await
}

/// MTLS-03: a token bound to a certificate is good on the twin's connections with that certificate alone.
#[tokio::test]
async fn a_token_bound_to_a_certificate_needs_that_certificate() {
    let gateway = TestGateway::start().await;
    let corp = corp(&gateway).await;
    let bearer = format!("Bearer {}", corp.token);
    let twin = gateway.mutual_authority();
    let draft = || Draft::new(&gateway, "GET", "/orders").header("authorization", &bearer);
    let own = gateway.mutual(Some(&gateway.home.corp));
    for protocol in [Protocol::Http1, Protocol::Http2] {
        draft()
            .through(own.clone(), twin.clone())
            .over(protocol)
            .expect_answer()
            .await;
    }
    draft().expect_refusal("proof-missing").await;
    draft()
        .through(gateway.mutual(None), twin.clone())
        .expect_refusal("proof-missing")
        .await;
    let other = gateway.mutual(Some(&gateway.home.other_corp));
    draft()
        .through(other, twin.clone())
        .expect_refusal("proof-invalid")
        .await;
    let as_dpop = Draft::new(&gateway, "GET", "/orders")
        .with_token(&corp)
        .through(own, twin)
        .with_proof(&corp);
    as_dpop.expect_refusal("proof-invalid").await;
}

/// MTLS-05: certificates that came in a header are nobody's.
#[tokio::test]
async fn a_certificate_in_a_header_proves_nothing() {
    let gateway = TestGateway::start().await;
    let corp = corp(&gateway).await;
    let certificate = CertificateDer::from_pem_file(&gateway.home.corp.chain).unwrap();
    let header = format!(":{}:", data_encoding::BASE64.encode(&certificate));
    Draft::new(&gateway, "GET", "/orders")
        .header("authorization", &format!("Bearer {}", corp.token))
        .header("client-cert", &header)
        .header("x-client-cert", &header)
        .expect_refusal("proof-missing")
        .await;
}

/// DPOP-05: the twin serves the same routes under its own authority, and a proof names it.
#[tokio::test]
async fn a_proof_names_the_door_it_goes_through() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let (twin, authority) = (gateway.mutual(None), gateway.mutual_authority());
    let there = || Draft::new(&gateway, "GET", "/orders").with_token(&alice);
    there()
        .through(twin.clone(), authority.clone())
        .with_proof(&alice)
        .expect_answer()
        .await;
    there()
        .with_proof(&alice)
        .through(twin, authority)
        .expect_refusal("proof-invalid")
        .await;
}

/// MTLS-03, FAPI-29: the certificate proves possession, and the payment is signed all the same.
#[tokio::test]
async fn a_payment_with_a_certificate_is_signed_by_a_registered_key() {
    let gateway = TestGateway::start().await;
    let corp = corp(&gateway).await;
    let key = Arc::clone(&gateway.home.shop_key);
    let bearer = format!("Bearer {}", corp.token);
    let twin = gateway.mutual_authority();
    let pay = |certificate: Option<&IssuedPaths>| {
        corp.pay(PAYMENT)
            .through(gateway.mutual(certificate), twin.clone())
            .header("authorization", &bearer)
    };
    let own = Some(&gateway.home.corp);
    let signed = pay(own).signed_by(&key, "shop-signature");
    signed.expect_answer().await.assert_signed();
    pay(own)
        .without("signature")
        .expect_refusal("signature-missing")
        .await;
    pay(own).expect_refusal("signature-invalid").await;
    pay(None)
        .signed_by(&key, "shop-signature")
        .expect_refusal("proof-missing")
        .await;
    let other = pay(Some(&gateway.home.other_corp)).signed_by(&key, "shop-signature");
    other.expect_refusal("proof-invalid").await;
}

/// The signature names the door as the proof does.
#[tokio::test]
async fn a_payment_passes_at_the_twin_when_it_was_signed_for_it() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let (twin, authority) = (gateway.mutual(None), gateway.mutual_authority());
    let there = alice.pay(PAYMENT).through(twin.clone(), authority.clone());
    there.expect_answer().await.assert_signed();
    let elsewhere = alice.pay(PAYMENT).then_through(twin, authority);
    elsewhere.expect_refusal("signature-invalid").await;
}

/// HTTP-11: whoever does not send the rest of a body is not waited for, and nothing of it goes anywhere.
#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let slow = Setting("[defense]", "[defense]\nbody_timeout = \"1s\"");
    let gateway = TestGateway::with(&[slow]).await;
    let head = format!(
        "POST /rates/eur HTTP/1.1\r\nhost: {}\r\ncontent-length: 100\r\n\r\nonly this",
        gateway.authority()
    );
    let wire = gateway.public();
    let waited = wire.send_bytes(head.as_bytes());
    let answer = tokio::time::timeout(std::time::Duration::from_secs(30), waited)
        .await
        .unwrap();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    assert_eq!(gateway.backend.count(), 0);
}

/// A client that hangs up in the middle of a body has sent nothing.
#[tokio::test]
async fn a_body_cut_off_by_its_sender_goes_nowhere() {
    let gateway = TestGateway::start().await;
    let head = format!(
        "POST /rates/eur HTTP/1.1\r\nhost: {}\r\ncontent-length: 100\r\n\r\nonly this",
        gateway.authority()
    );
    let answer = gateway.public().send_and_hang_up(head.as_bytes()).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    Draft::new(&gateway, "GET", "/rates/eur").expect_answer().await;
    assert_eq!(gateway.backend.count(), 1);
}

/// RFC 9110, section 10.1.1
#[tokio::test]
async fn a_client_that_waits_to_be_asked_for_its_body_is_asked() {
    let gateway = TestGateway::start().await;
    let bytes = format!(
        "POST /rates/eur HTTP/1.1\r\nhost: {}\r\nexpect: 100-continue\r\nconnection: close\r\n\
         content-length: 2\r\n\r\n{{}}",
        gateway.authority()
    );
    let answer = gateway.public().send_bytes(bytes.as_bytes()).await;
    assert!(answer.contains("HTTP/1.1 200 "), "{answer}");
    let seen = gateway.backend.last();
    assert_eq!(seen.body, "{}");
    assert!(!seen.headers.contains_key("expect"));
}
