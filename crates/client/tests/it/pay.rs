//! Payments: what is signed, and which answers count.

use std::sync::Arc;

use bytes::Bytes;
use countersign_client::{Client, Clock as _, Error, Order, Payment, PaymentOutcome, Session, SystemClock};
use countersign_jose::{KeyKind, PrivateKey};
use countersign_signatures::digest::verify_content_digest;
use countersign_signatures::{Algorithm, Component, ParameterName, Policy, Signatures};
use http::Response;
use http::request::Parts;
use serde_json::json;

use crate::gateway::{Answer, TestGateway, json_answer, sign_answer, view};
use crate::login::logged_in;

fn payment() -> Payment {
    Payment {
        amount: "12.50".into(),
        currency: "EUR".into(),
        payee: "DE89370400440532013000".into(),
        payee_name: Some("Café Anna".into()),
        ..Payment::default()
    }
}

struct Paying {
    gateway: TestGateway,
    client: Arc<Client>,
    session: Session,
    order: Order,
}

impl Paying {
    async fn start(kind: KeyKind) -> Self {
        let gateway = TestGateway::start().await;
        let client = Arc::new(gateway.client(kind).await);
        let session = logged_in(&client).await;
        let order = client
            .order(&format!("{}/payments?x=%2F", gateway.url), &payment())
            .unwrap();
        Self {
            gateway,
            client,
            session,
            order,
        }
    }

    /// Answers payments by `handler`.
    fn answering(&self, handler: impl Fn(&Parts, &[u8]) -> Answer + Send + 'static) {
        self.gateway.set(|state| state.payments = Some(Box::new(handler)));
    }

    /// Answers payments by `answer`, signed as the gateway does.
    fn answering_signed(&self, answer: impl Fn() -> Answer + Send + 'static, bound: bool) {
        let (url, key) = (self.gateway.url.clone(), self.key());
        self.answering(move |request, _| {
            sign_answer(&url, request, answer(), bound, &key, SystemClock.now())
        });
    }

    /// The gateway's message key.
    fn key(&self) -> PrivateKey {
        let pkcs8 = self.gateway.seen(|state| state.message_key.pkcs8.clone());
        PrivateKey::from_pkcs8(KeyKind::Ed25519, &pkcs8).unwrap()
    }

    async fn pay(&self) -> Result<PaymentOutcome, Error> {
        self.client.pay(&self.session, &self.order).await
    }

    async fn distrusted(&self) -> bool {
        matches!(self.pay().await, Err(Error::AnswerNotTrusted { .. }))
    }
}

fn problem(status: u16, code: &str) -> Answer {
    let mut answer = json_answer(
        status,
        &json!({"type": format!("urn:countersign:problem:{code}"), "title": "t", "status": status}),
    );
    answer
        .headers_mut()
        .insert("content-type", "application/problem+json".parse().unwrap());
    answer
}

/// SIG-07, FSIG-02, FSIG-06, DIG-02: what the gateway demands of a payment.
#[tokio::test]
async fn a_payment_is_signed_as_the_gateway_demands() {
    for kind in [KeyKind::Ed25519, KeyKind::P256] {
        let paying = Paying::start(kind).await;
        let (url, key) = (paying.gateway.url.clone(), paying.key());
        let public = paying.client.key().public_jwk().key;
        let thumbprint = paying.client.key().thumbprint().to_string();
        paying.answering(move |request, body| {
            verify_content_digest(&request.headers, body).unwrap();
            assert!(!request.headers.contains_key("dpop"));
            let signatures = Signatures::parse(&request.headers).unwrap();
            let payment = ["@method", "@target-uri"].map(Component::derived);
            let fields = ["content-digest", "content-type", "idempotency-key"].map(Component::field);
            let mut covered: Vec<_> = payment.into_iter().chain(fields).collect();
            for tag in ["countersign-payment", "fapi-2-request"] {
                let entry = signatures.by_tag(tag).unwrap();
                let policy = Policy {
                    components: &covered,
                    parameters: &[
                        ParameterName::Created,
                        ParameterName::Expires,
                        ParameterName::Nonce,
                        ParameterName::KeyId,
                    ],
                    now: SystemClock.now(),
                    max_age: 60,
                    max_ahead: 10,
                    max_lifetime: 60,
                    nonce_min_len: 22,
                };
                entry.check(&policy).unwrap();
                assert_eq!(entry.keyid(), Some(thumbprint.as_str()));
                entry
                    .verify(&view(&url, request), &public, Algorithm::of(&public))
                    .unwrap();
                covered.push(Component::field("authorization"));
            }
            sign_answer(
                &url,
                request,
                json_answer(201, &json!({"id": 1})),
                true,
                &key,
                SystemClock.now(),
            )
        });
        assert!(matches!(paying.pay().await.unwrap(), PaymentOutcome::Executed(_)));
    }
}

/// Design 4.5 (3): the repeat is byte-identical where that counts, with a fresh signature.
#[tokio::test]
async fn the_same_order_again_differs_in_its_signatures_only() {
    let paying = Paying::start(KeyKind::Ed25519).await;
    let (sender, receiver) = std::sync::mpsc::channel();
    let (url, key) = (paying.gateway.url.clone(), paying.key());
    paying.answering(move |request, body| {
        let header = |name: &str| request.headers[name].clone();
        let same = (
            header("idempotency-key"),
            header("content-digest"),
            Bytes::copy_from_slice(body),
        );
        sender.send((same, header("signature"))).unwrap();
        sign_answer(
            &url,
            request,
            json_answer(200, &json!({})),
            true,
            &key,
            SystemClock.now(),
        )
    });
    paying.pay().await.unwrap();
    paying.pay().await.unwrap();
    let (first, second) = (receiver.recv().unwrap(), receiver.recv().unwrap());
    assert_eq!(first.0, second.0);
    assert_ne!(first.1, second.1);
    let other = paying
        .client
        .order(&format!("{}/payments", paying.gateway.url), &payment())
        .unwrap();
    assert_ne!(other.idempotency_key(), paying.order.idempotency_key());
}

/// FSIG-04
#[tokio::test]
async fn an_answer_counts_only_with_a_good_signature() {
    let paying = Paying::start(KeyKind::Ed25519).await;
    let created = || json_answer(201, &json!({"id": 1}));
    paying.answering_signed(created, true);
    assert!(matches!(paying.pay().await.unwrap(), PaymentOutcome::Executed(_)));

    paying.answering(move |_, _| created());
    assert!(paying.distrusted().await, "unsigned");
    paying.answering_signed(created, false);
    assert!(paying.distrusted().await, "not bound to the request");

    let bend = |change: fn(&mut Answer)| {
        let (url, key) = (paying.gateway.url.clone(), paying.key());
        paying.answering(move |request, _| {
            let mut answer = sign_answer(
                &url,
                request,
                json_answer(201, &json!({"id": 1})),
                true,
                &key,
                SystemClock.now(),
            );
            change(&mut answer);
            answer
        });
    };
    bend(|answer| *answer.status_mut() = http::StatusCode::OK);
    assert!(paying.distrusted().await, "another status");
    bend(|answer| *answer.body_mut() = Bytes::from_static(b"{\"id\":2}"));
    assert!(paying.distrusted().await, "another body");
    bend(|answer| drop(answer.headers_mut().remove("content-digest")));
    assert!(paying.distrusted().await, "no digest");
}

#[tokio::test]
async fn an_answer_by_another_key_or_from_long_ago_does_not_count() {
    let paying = Paying::start(KeyKind::Ed25519).await;
    let (url, stranger) = (
        paying.gateway.url.clone(),
        PrivateKey::generate(KeyKind::Ed25519).unwrap().key,
    );
    paying.answering(move |request, _| {
        sign_answer(
            &url,
            request,
            json_answer(201, &json!({})),
            true,
            &stranger,
            SystemClock.now(),
        )
    });
    assert!(paying.distrusted().await, "another key");
    let (url, key) = (paying.gateway.url.clone(), paying.key());
    paying.answering(move |request, _| {
        sign_answer(
            &url,
            request,
            json_answer(201, &json!({})),
            true,
            &key,
            SystemClock.now() - 3600,
        )
    });
    assert!(paying.distrusted().await, "an hour old");
}

/// "Not executed" taken from another request would invite to pay twice.
#[tokio::test]
async fn refusals_count_by_what_they_must_be_bound_to() {
    let paying = Paying::start(KeyKind::Ed25519).await;
    paying.answering_signed(|| problem(401, "token-invalid"), false);
    assert!(
        matches!(paying.pay().await.unwrap(), PaymentOutcome::Refused(problem) if problem.code() == "token-invalid")
    );
    for (status, code) in [
        (409, "not-executed"),
        (409, "outcome-unknown"),
        (403, "policy-denied"),
        (401, "approval-required"),
    ] {
        paying.answering_signed(move || problem(status, code), false);
        assert!(paying.distrusted().await, "{code}");
    }
    paying.answering_signed(|| problem(409, "outcome-unknown"), true);
    assert!(matches!(
        paying.pay().await.unwrap(),
        PaymentOutcome::Unknown { .. }
    ));
}

/// A gateway that demands nonces everywhere gets a proof beside the signature.
#[tokio::test]
async fn a_nonce_demanded_of_a_signed_request_is_given_once() {
    let paying = Paying::start(KeyKind::Ed25519).await;
    let (url, key) = (paying.gateway.url.clone(), paying.key());
    paying.answering(move |request, _| {
        if !request.headers.contains_key("dpop") {
            let mut answer = problem(401, "nonce-required");
            answer.headers_mut().insert("dpop-nonce", "n-9".parse().unwrap());
            answer.headers_mut().insert(
                "www-authenticate",
                "DPoP error=\"use_dpop_nonce\"".parse().unwrap(),
            );
            return answer;
        }
        let signatures = Signatures::parse(&request.headers).unwrap();
        assert!(signatures.by_tag("fapi-2-request").unwrap().covers("dpop"));
        sign_answer(
            &url,
            request,
            json_answer(200, &json!({})),
            true,
            &key,
            SystemClock.now(),
        )
    });
    assert!(matches!(paying.pay().await.unwrap(), PaymentOutcome::Executed(_)));
}

#[tokio::test]
async fn a_connection_that_breaks_is_not_tried_again_by_itself() {
    let paying = Paying::start(KeyKind::Ed25519).await;
    let before = paying.gateway.seen(|state| state.requests);
    // More than the body that follows: the answer never becomes whole.
    paying.answering(|_, _| {
        Response::builder()
            .header("content-length", "4")
            .body(Bytes::from_static(b"x"))
            .unwrap()
    });
    let error = paying.pay().await.unwrap_err();
    assert!(matches!(error, Error::NoAnswer(_)), "{error}");
    assert!(error.advice().contains("same idempotency key"));
    assert_eq!(paying.gateway.seen(|state| state.requests) - before, 1);
}

#[test]
fn idempotency_keys_that_cannot_be_sent_are_refused() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let paying = runtime.block_on(Paying::start(KeyKind::Ed25519));
    for wrong in ["", "a\nb", "ü", &"k".repeat(256)] {
        assert_eq!(
            paying.order.clone().with_idempotency_key(wrong).unwrap_err(),
            Error::IdempotencyKey
        );
    }
    assert!(
        paying
            .order
            .clone()
            .with_idempotency_key("a \"quoted\" key")
            .is_ok()
    );
}
