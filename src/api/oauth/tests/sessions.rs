//! What a session is worth inside a write, and what is left of a customer whose key is gone.

use std::time::Duration;

use super::app::{App, Gateway, post};
use crate::base::ClientId;
use crate::identity::session::{SESSION_IS_LIVE, live_guard};
use crate::oauth::{AccessToken, clients};
use crate::privacy::VaultError;
use crate::store::{Batch, StoreError};

/// Commits something that needs the session of `access`.
async fn act(gateway: &Gateway, access: &AccessToken) -> Result<(), StoreError> {
    let mut batch = Batch::new();
    live_guard(
        &mut batch,
        &access.session,
        &access.client,
        &access.subject,
        gateway.now(),
    );
    gateway.db.commit(batch).await
}

async fn refused(gateway: &Gateway, access: &AccessToken) -> bool {
    matches!(
        act(gateway, access).await,
        Err(StoreError::Guard(SESSION_IS_LIVE))
    )
}

async fn logged_in(gateway: &Gateway) -> std::sync::Arc<AccessToken> {
    let app = App::new(gateway);
    gateway.verified(&app.exchange(&app.log_in().await).await)
}

/// Design 7: at once for whatever changes anything, because it is a guard of the write.
#[tokio::test]
async fn a_write_of_a_session_that_ended_does_not_happen() {
    let gateway = Gateway::start().await;
    let access = logged_in(&gateway).await;
    assert!(act(&gateway, &access).await.is_ok());
    let mut other = AccessToken::clone(&access);
    other.client = ClientId::new("plain");
    assert!(refused(&gateway, &other).await, "another client");
    gateway.sessions.revoke(&access.session, "admin").await.unwrap();
    assert!(refused(&gateway, &access).await, "revoked");
    assert!(
        gateway.sessions.revoke(&access.session, "admin").await.is_ok(),
        "twice is as good as once"
    );
}

#[tokio::test]
async fn a_write_counts_as_activity_and_five_idle_minutes_end_it() {
    let gateway = Gateway::start().await;
    let access = logged_in(&gateway).await;
    for _ in 0..3 {
        gateway.wait(Duration::from_secs(299)).await;
        assert!(act(&gateway, &access).await.is_ok());
    }
    gateway.wait(Duration::from_secs(300)).await;
    assert!(refused(&gateway, &access).await);
}

#[tokio::test]
async fn a_write_for_a_locked_customer_or_a_disabled_client_does_not_happen() {
    let gateway = Gateway::start().await;
    let access = logged_in(&gateway).await;
    let mut batch = Batch::new();
    gateway.customers.lock(&mut batch, &gateway.alice, gateway.now());
    gateway.db.commit(batch).await.unwrap();
    assert!(refused(&gateway, &access).await, "locked");
    let mut batch = Batch::new();
    gateway.customers.unlock(&mut batch, &gateway.alice);
    gateway.db.commit(batch).await.unwrap();
    assert!(act(&gateway, &access).await.is_ok(), "unlocked");
    let mut batch = Batch::new();
    clients::disable(&mut batch, &access.client, gateway.now());
    gateway.db.commit(batch).await.unwrap();
    assert!(refused(&gateway, &access).await, "disabled");
}

/// RFC 7662, section 2.2: active is what would be accepted.
#[tokio::test]
async fn the_tokens_of_a_locked_customer_are_inactive() {
    let gateway = Gateway::start().await;
    let app = App::new(&gateway);
    let answer = app.exchange(&app.log_in().await).await;
    let active = async |token: &str| {
        let asked = post("/oauth/introspect", &[("client_id", "app"), ("token", token)]);
        gateway.send(asked).await.json()["active"].clone()
    };
    let tokens = [answer.member("access_token"), answer.member("refresh_token")];
    for (locked, expected) in [(false, true), (true, false), (false, true)] {
        let mut batch = Batch::new();
        if locked {
            gateway.customers.lock(&mut batch, &gateway.alice, gateway.now());
        } else {
            gateway.customers.unlock(&mut batch, &gateway.alice);
        }
        gateway.db.commit(batch).await.unwrap();
        gateway.wait(Duration::from_secs(1)).await;
        for token in &tokens {
            assert_eq!(active(token).await, expected, "locked: {locked}");
        }
    }
    assert_eq!(app.refresh(&tokens[1]).await.status, 200);
}

/// Without the customer's key nothing of the person can be read again.
#[tokio::test]
async fn an_erased_customer_is_nobody() {
    let gateway = Gateway::start().await;
    assert_eq!(gateway.customers.accounts(&gateway.alice).await.unwrap().len(), 1);
    gateway.change("DELETE FROM customer_key").await;
    assert!(matches!(
        gateway.customers.accounts(&gateway.alice).await,
        Err(VaultError::Erased)
    ));
    let factors = [("username", "alice"), ("password", super::app::PASSWORD)];
    let erased = App::new(&gateway).begin(&factors).await;
    let unknown = App::new(&gateway)
        .begin(&[("username", "nobody"), ("password", "x")])
        .await;
    assert_eq!(erased.appearance(), unknown.appearance());
}
