//! A stolen token without the key it is bound to.

use std::time::Duration;

use countersign::base::Timestamp;

use crate::support::{Caller, PAYMENT, TestGateway};

async fn last_activity(alice: &Caller<'_>) -> Timestamp {
    let sessions = &alice.gateway.services.sessions;
    sessions
        .find(&alice.session.id)
        .await
        .unwrap()
        .unwrap()
        .last_activity
}

/// SCA-06: whoever shows no key is not the customer, and keeps no session of theirs awake.
#[tokio::test]
async fn a_stolen_token_keeps_no_session_alive() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let before = last_activity(&alice).await;
    gateway.advance(Duration::from_secs(60)).await;
    let thief = gateway.login(crate::support::Login::default()).await;
    alice
        .post("/consents", "{}")
        .without("signature")
        .expect_refusal("signature-missing")
        .await;
    let keyid = alice.key.public_key().thumbprint().to_string();
    alice
        .pay(PAYMENT)
        .signed_by(&thief.key, &keyid)
        .expect_refusal("signature-invalid")
        .await;
    alice
        .get("/orders")
        .without("dpop")
        .expect_refusal("proof-missing")
        .await;
    assert_eq!(last_activity(&alice).await, before);
    alice.post("/consents", "{}").expect_answer().await;
    assert_eq!(last_activity(&alice).await, gateway.now());
}
