//! Reads with proof of the key.

use countersign_jose::KeyKind;

use crate::gateway::TestGateway;
use crate::login::logged_in;

/// DPOP-08, DPOP-11
#[tokio::test]
async fn a_read_proves_the_key_and_follows_a_new_nonce() {
    let gateway = TestGateway::start().await;
    let client = gateway.client(KeyKind::P256).await;
    let session = logged_in(&client).await;
    let url = format!("{}/accounts?page=2", gateway.url);
    assert_eq!(client.get(&session, &url).await.unwrap().status, 200);
    gateway.set(|state| state.nonce = Some("n-2".into()));
    assert_eq!(client.get(&session, &url).await.unwrap().status, 200);
    assert_eq!(client.get(&session, &url).await.unwrap().status, 200);
    let nonces = gateway.seen(|state| {
        state
            .proofs
            .iter()
            .rev()
            .take(3)
            .filter(|proof| proof["nonce"] == "n-2")
            .count()
    });
    assert_eq!(
        nonces, 2,
        "of the last three proofs the first did not know the nonce yet"
    );
}

#[tokio::test]
async fn a_token_is_not_sent_over_plain_http() {
    let gateway = TestGateway::start().await;
    let client = gateway.client(KeyKind::Ed25519).await;
    let session = logged_in(&client).await;
    let before = gateway.seen(|state| state.requests);
    assert!(
        client
            .get(
                &session,
                &format!("{}/accounts", gateway.url.replace("https", "http"))
            )
            .await
            .is_err()
    );
    assert_eq!(gateway.seen(|state| state.requests), before);
}
