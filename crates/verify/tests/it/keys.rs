//! Keys: cached, renewed without a gap, fetched at once when new, kept for a bounded time.

use std::sync::atomic::Ordering;
use std::time::Duration;

use countersign_jose::{KeyKind, PrivateKey};
use countersign_verify::{Refusal, Verifier};

use crate::forger::{Gateway, NOW};

impl Gateway {
    fn fetched(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    /// Verifies one more payment at `now`, with whatever keys sign then.
    async fn pay_at(
        &self,
        verifier: &Verifier,
        now: i64,
        change: impl FnOnce(&mut crate::forger::Forwarded<'_>),
    ) -> Result<(), Refusal> {
        self.clock.set(now);
        let mut forwarded = self
            .payment()
            .claim("/iat", now)
            .claim("/exp", now + 60)
            .claim("/txn", unique())
            .signing(|signing| {
                signing.parameters.created = Some(now);
                signing.parameters.expires = Some(now + 60);
                signing.parameters.nonce = Some(unique().into());
            });
        change(&mut forwarded);
        let (parts, body) = forwarded.build();
        verifier.verify(&parts, &body).await.map(drop)
    }
}

/// Nonces and transactions must differ; thumbprints of fresh keys do.
fn unique() -> String {
    PrivateKey::generate(KeyKind::Ed25519)
        .unwrap()
        .key
        .public_key()
        .thumbprint()
        .to_string()
}

#[tokio::test]
async fn both_documents_are_fetched_once_and_kept() {
    let gateway = Gateway::new();
    let verifier = gateway.verifier();
    verifier.fetch_keys().await.unwrap();
    assert_eq!(gateway.fetched(), 2);
    for _ in 0..5 {
        gateway.pay_at(&verifier, NOW, |_| {}).await.unwrap();
    }
    assert_eq!(gateway.fetched(), 2);
}

#[tokio::test]
async fn a_verifier_without_keys_says_so_and_tries_again() {
    let gateway = Gateway::new();
    gateway.published.lock().unwrap().down = true;
    let verifier = gateway.verifier();
    assert!(verifier.fetch_keys().await.is_err());
    assert_eq!(
        gateway.pay_at(&verifier, NOW, |_| {}).await.unwrap_err().name(),
        "keys-unavailable"
    );
    gateway.published.lock().unwrap().down = false;
    gateway.pay_at(&verifier, NOW + 1, |_| {}).await.unwrap();
}

/// Design 8: a rotation under load loses no request.
#[tokio::test]
async fn a_key_that_is_new_is_fetched_at_once() {
    let gateway = Gateway::new();
    let verifier = gateway.verifier();
    gateway.pay_at(&verifier, NOW, |_| {}).await.unwrap();
    let (message, txn) = (
        PrivateKey::generate(KeyKind::Ed25519).unwrap().key,
        PrivateKey::generate(KeyKind::P256).unwrap().key,
    );
    gateway.publish(&message, "m2", &[("purpose", "message".into())]);
    gateway.publish(&txn, "t2", &[]);
    let rotated = |request: &mut crate::forger::Forwarded<'_>| {
        request.signing.parameters.keyid = Some("m2".into());
        request.token_header.insert("kid".into(), "t2".into());
    };
    let forwarded = gateway
        .payment()
        .claim("/txn", "rotated")
        .with(rotated)
        .with(|request| {
            request.signing.key = &message;
            request.token_key = &txn;
            request.signing.parameters.nonce = Some("nonce-of-the-rotated-one".into());
        });
    let (parts, body) = forwarded.build();
    verifier.verify(&parts, &body).await.unwrap();
    assert_eq!(gateway.fetched(), 4);
    gateway.pay_at(&verifier, NOW, |_| {}).await.unwrap();
    assert_eq!(gateway.fetched(), 4, "the old key is still published");
}

#[tokio::test]
async fn strangers_cannot_make_the_backend_fetch_without_end() {
    let gateway = Gateway::new();
    let verifier = gateway.verifier();
    verifier.fetch_keys().await.unwrap();
    for _ in 0..50 {
        let refused = gateway
            .pay_at(&verifier, NOW, |request| {
                request.signing.parameters.keyid = Some("made-up".into())
            })
            .await;
        assert_eq!(refused.unwrap_err().name(), "key-unknown");
    }
    assert!(gateway.fetched() <= 5, "{}", gateway.fetched());
    let later = |request: &mut crate::forger::Forwarded<'_>| {
        request.signing.parameters.keyid = Some("made-up".into())
    };
    let before = gateway.fetched();
    gateway.pay_at(&verifier, NOW + 6, later).await.unwrap_err();
    assert_eq!(gateway.fetched(), before + 1);
}

#[tokio::test]
async fn keys_are_renewed_before_they_end_without_a_request_waiting() {
    let gateway = Gateway::new();
    let verifier = gateway.verifier();
    gateway.pay_at(&verifier, NOW, |_| {}).await.unwrap();
    gateway.pay_at(&verifier, NOW + 240, |_| {}).await.unwrap();
    assert_eq!(gateway.fetched(), 2);
    gateway.pay_at(&verifier, NOW + 241, |_| {}).await.unwrap();
    // The renewal runs beside; both documents come.
    while gateway.fetched() < 4 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn known_keys_outlive_the_gateway_for_a_bounded_time() {
    let gateway = Gateway::new();
    let verifier = gateway
        .builder()
        .max_stale(Duration::from_secs(600))
        .build()
        .unwrap();
    gateway.pay_at(&verifier, NOW, |_| {}).await.unwrap();
    gateway.published.lock().unwrap().down = true;
    gateway.pay_at(&verifier, NOW + 900, |_| {}).await.unwrap();
    assert_eq!(
        gateway
            .pay_at(&verifier, NOW + 901, |_| {})
            .await
            .unwrap_err()
            .name(),
        "keys-unavailable"
    );
    gateway.published.lock().unwrap().down = false;
    gateway.pay_at(&verifier, NOW + 910, |_| {}).await.unwrap();
}

#[tokio::test]
async fn a_gateway_that_hangs_holds_up_one_request_and_not_the_others() {
    let gateway = std::sync::Arc::new(Gateway::new());
    let verifier = gateway.verifier();
    gateway.pay_at(&verifier, NOW, |_| {}).await.unwrap();
    gateway.published.lock().unwrap().hangs = true;
    let waiting = tokio::spawn({
        let (gateway, verifier) = (std::sync::Arc::clone(&gateway), verifier.clone());
        async move { gateway.pay_at(&verifier, NOW + 301, |_| {}).await }
    });
    while gateway.fetched() < 3 {
        tokio::task::yield_now().await;
    }
    // Both documents are past their time: one is being fetched, the other would be, by whoever needs it first.
    gateway.published.lock().unwrap().hangs = false;
    gateway.pay_at(&verifier, NOW + 301, |_| {}).await.unwrap();
    assert!(!waiting.is_finished());
    waiting.abort();
}

/// A key that was revoked counts no longer than its document is fresh.
#[tokio::test]
async fn a_revoked_key_ends_with_the_document_that_named_it() {
    let gateway = Gateway::new();
    gateway.published.lock().unwrap().cache_control = Some("max-age=10".into());
    let verifier = gateway.verifier();
    gateway.pay_at(&verifier, NOW, |_| {}).await.unwrap();
    gateway.publish(
        &gateway.message,
        "m1",
        &[("purpose", "message".into()), ("state", "compromised".into())],
    );
    let next = PrivateKey::generate(KeyKind::Ed25519).unwrap().key;
    gateway.publish(&next, "m2", &[("purpose", "message".into())]);
    assert_eq!(
        gateway
            .pay_at(&verifier, NOW + 11, |_| {})
            .await
            .unwrap_err()
            .name(),
        "key-unknown"
    );
}
