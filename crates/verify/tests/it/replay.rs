//! The same message, and the same transaction, a second time.

use countersign_verify::{Executions, ExecutionsError, Recording, Refusal};

use crate::forger::{Gateway, NOW};

/// SIG-11
#[tokio::test]
async fn the_same_message_passes_once() {
    let gateway = Gateway::new();
    let verifier = gateway.verifier();
    let (parts, body) = gateway.payment().build();
    verifier.verify(&parts, &body).await.unwrap();
    gateway.clock.set(NOW + 59);
    assert_eq!(
        verifier.verify(&parts, &body).await.unwrap_err(),
        Refusal::Replayed
    );
    gateway.clock.set(NOW + 61);
    assert_eq!(
        verifier.verify(&parts, &body).await.unwrap_err().name(),
        "signature-stale"
    );
}

#[tokio::test]
async fn of_many_at_once_one_passes() {
    let gateway = Gateway::new();
    let verifier = gateway.verifier();
    let (parts, body) = gateway.payment().build();
    let tries: Vec<_> = (0..16)
        .map(|_| {
            let (verifier, parts, body) = (verifier.clone(), parts.clone(), body.clone());
            tokio::spawn(async move { verifier.verify(&parts, &body).await.is_ok() })
        })
        .collect();
    let mut passed = 0;
    for one in tries {
        passed += usize::from(one.await.unwrap());
    }
    assert_eq!(passed, 1);
}

fn with_nonce<'g>(gateway: &'g Gateway, nonce: &'static str) -> crate::forger::Forwarded<'g> {
    gateway
        .payment()
        .signing(|signing| signing.parameters.nonce = Some(nonce.into()))
}

/// TXN-06
#[tokio::test]
async fn a_transaction_is_accepted_for_execution_once() {
    let gateway = Gateway::new();
    let verifier = gateway.verifier();
    let (parts, body) = gateway.payment().build();
    verifier.verify(&parts, &body).await.unwrap();
    let (parts, body) = with_nonce(&gateway, "another-nonce-of-22-ch").build();
    assert_eq!(
        verifier.verify(&parts, &body).await.unwrap_err(),
        Refusal::AlreadyExecuted
    );
    let (parts, body) = with_nonce(&gateway, "a-third-nonce-of-22-ch")
        .claim("/txn", "txn-2")
        .build();
    verifier.verify(&parts, &body).await.unwrap();
}

#[tokio::test]
async fn a_backend_that_answers_repeats_itself_sees_them_marked() {
    let gateway = Gateway::new();
    let verifier = gateway.builder().allow_repeated_transactions().build().unwrap();
    let (parts, body) = gateway.payment().build();
    assert!(!verifier.verify(&parts, &body).await.unwrap().repeated);
    let (parts, body) = with_nonce(&gateway, "another-nonce-of-22-ch").build();
    assert!(verifier.verify(&parts, &body).await.unwrap().repeated);
}

/// A refused request must not use up the transaction it names.
#[tokio::test]
async fn a_refused_request_consumes_nothing() {
    let gateway = Gateway::new();
    let verifier = gateway.verifier();
    let (parts, body) = gateway.payment().build();
    let (changed, _) = gateway.payment().claim("/tctx/path", "/other").build();
    assert_eq!(
        verifier.verify(&changed, &body).await.unwrap_err().name(),
        "token-other-request"
    );
    assert_eq!(
        verifier.verify(&parts, b"{}").await.unwrap_err().name(),
        "digest-refused"
    );
    verifier.verify(&parts, &body).await.unwrap();
}

#[tokio::test]
async fn a_full_memory_refuses() {
    let gateway = Gateway::new();
    let verifier = gateway.builder().nonce_capacity(1).build().unwrap();
    let (parts, body) = gateway.payment().build();
    verifier.verify(&parts, &body).await.unwrap();
    let (parts, body) = with_nonce(&gateway, "another-nonce-of-22-ch")
        .claim("/txn", "txn-2")
        .build();
    assert_eq!(
        verifier.verify(&parts, &body).await.unwrap_err(),
        Refusal::ReplayMemoryFull
    );
}

struct Broken;

impl Executions for Broken {
    fn record<'a>(&'a self, _: &'a str, _: i64) -> Recording<'a> {
        Box::pin(async { Err(ExecutionsError::new("the database is down")) })
    }
}

#[tokio::test]
async fn without_the_record_of_executions_nothing_is_executed() {
    let gateway = Gateway::new();
    let verifier = gateway.builder().executions(Broken).build().unwrap();
    let (parts, body) = gateway.payment().build();
    assert_eq!(
        verifier.verify(&parts, &body).await.unwrap_err().name(),
        "executions-unavailable"
    );
    let (parts, body) = with_nonce(&gateway, "another-nonce-of-22-ch").read().build();
    verifier.verify(&parts, &body).await.unwrap();
}
