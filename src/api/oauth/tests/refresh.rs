//! Refresh tokens: when they are given, rotated, and turned against a thief.

use std::time::Duration;

use super::app::{App, Gateway, PASSWORD, START, VERIFIER, invalid_grant};
use crate::identity::NotLive;

/// A refresh token exactly when `grant_types` holds it and `offline_access` was granted.
#[tokio::test]
async fn a_refresh_token_comes_only_when_registered_and_granted() {
    let gateway = Gateway::start().await;
    let plain = App::of(&gateway, "plain");
    let answer = plain.exchange(&plain.log_in().await).await;
    assert_eq!(
        (answer.status.as_u16(), answer.json().get("refresh_token")),
        (200, None)
    );
    let app = App::new(&gateway);
    let narrow = app
        .post(
            "/oauth/authorize-challenge",
            &[
                ("response_type", "code"),
                ("scope", "accounts"),
                (
                    "code_challenge",
                    &countersign_jose::base64url(countersign_jose::sha256(VERIFIER.as_bytes())),
                ),
                ("code_challenge_method", "S256"),
                ("username", "alice"),
                ("password", PASSWORD),
            ],
        )
        .await;
    let answer = app.exchange(&narrow.member("authorization_code")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.json().get("refresh_token")),
        (200, None)
    );
}

/// ATJWT-03, STEP-03: `auth_time` stays where it was.
#[tokio::test]
async fn refreshing_rotates_the_token_and_moves_no_time() {
    let gateway = Gateway::start().await;
    let app = App::new(&gateway);
    let first = app.exchange(&app.log_in().await).await;
    gateway.wait(Duration::from_secs(100)).await;
    let second = app.refresh(&first.member("refresh_token")).await;
    assert_eq!(second.status, 200, "{}", second.text);
    assert_ne!(first.member("refresh_token"), second.member("refresh_token"));
    let access = gateway.verified(&second);
    assert_eq!((access.auth_time, access.acr), (START, 1));
    assert_eq!(access.issued, gateway.now());
    // Refreshing is not the customer's activity, so the token ends with the session's five minutes (SCA-06).
    assert_eq!(access.expires, START.plus(Duration::from_secs(300)));
    assert_eq!(second.json()["expires_in"], 200);
}

#[tokio::test]
async fn a_rotated_token_has_ten_seconds_of_grace_for_its_key_and_then_ends_the_session() {
    let gateway = Gateway::start().await;
    let app = App::new(&gateway);
    let first = app.exchange(&app.log_in().await).await;
    let old = first.member("refresh_token");
    let second = app.refresh(&old).await;
    gateway.wait(Duration::from_secs(10)).await;
    let again = app.refresh(&old).await;
    assert_eq!(again.status, 200, "an answer may get lost: {}", again.text);
    gateway.wait(Duration::from_secs(1)).await;
    assert_eq!(app.refresh(&old).await.refusal(), invalid_grant());
    let access = gateway.verified(&second);
    assert_eq!(gateway.live(&access), Err(NotLive::Revoked));
    assert_eq!(
        app.refresh(&second.member("refresh_token")).await.refusal(),
        invalid_grant()
    );
    assert_eq!(
        gateway
            .count("SELECT COUNT(*) FROM event WHERE body LIKE '%refresh-reuse%'")
            .await,
        1
    );
}

#[tokio::test]
async fn a_rotated_token_in_other_hands_ends_the_session_even_within_the_grace() {
    let gateway = Gateway::start().await;
    let app = App::new(&gateway);
    let first = app.exchange(&app.log_in().await).await;
    let current = first.member("refresh_token");
    assert_eq!(
        App::new(&gateway).refresh(&current).await.refusal(),
        invalid_grant()
    );
    let second = app.refresh(&current).await;
    assert_eq!(second.status, 200, "another key alone changes nothing");
    assert_eq!(
        App::new(&gateway).refresh(&current).await.refusal(),
        invalid_grant()
    );
    assert_eq!(gateway.live(&gateway.verified(&second)), Err(NotLive::Revoked));
}

#[tokio::test]
async fn two_refreshes_at_once_both_succeed() {
    let gateway = Gateway::start().await;
    let app = App::new(&gateway);
    let token = app.exchange(&app.log_in().await).await.member("refresh_token");
    let (one, two) = tokio::join!(app.refresh(&token), app.refresh(&token));
    assert_eq!(
        (one.status.as_u16(), two.status.as_u16()),
        (200, 200),
        "{} {}",
        one.text,
        two.text
    );
}

#[tokio::test]
async fn a_refresh_asks_for_less_and_never_for_more() {
    let gateway = Gateway::start().await;
    let app = App::new(&gateway);
    let token = app.exchange(&app.log_in().await).await.member("refresh_token");
    let refresh = |scope| {
        [
            ("grant_type", "refresh_token"),
            ("refresh_token", token.as_str()),
            ("scope", scope),
        ]
    };
    for more in ["accounts payments", "payments", "a  b"] {
        let answer = app.post("/oauth/token", &refresh(more)).await;
        assert_eq!(answer.refusal(), (400, "invalid_scope".to_owned()), "{more}");
    }
    let less = app.post("/oauth/token", &refresh("accounts")).await;
    assert_eq!(less.member("scope"), "accounts", "{}", less.text);
}

/// SCA-06: five minutes after the customer last did something, nothing of the session is worth anything.
#[tokio::test]
async fn an_idle_session_cannot_be_refreshed_and_a_used_one_can() {
    let gateway = Gateway::start().await;
    let app = App::new(&gateway);
    let idle = app.exchange(&app.log_in().await).await;
    let used = app.exchange(&app.log_in().await).await;
    gateway.wait(Duration::from_secs(200)).await;
    gateway
        .sessions
        .touch(&gateway.verified(&used).session, gateway.now())
        .await;
    gateway.wait(Duration::from_secs(100)).await;
    assert_eq!(
        app.refresh(&idle.member("refresh_token")).await.refusal(),
        invalid_grant()
    );
    assert_eq!(app.refresh(&used.member("refresh_token")).await.status, 200);
}
