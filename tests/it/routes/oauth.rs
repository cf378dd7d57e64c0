//! `/oauth/…`: OAuth errors in the form of their own standards, on the doors where they belong.

use crate::support::{Answer, Draft, TestGateway};

/// Sends a form without anything else.
async fn post<'g>(gateway: &'g TestGateway, path: &str, form: &str) -> Answer<'g> {
    Draft::new(gateway, "POST", path)
        .with_body(form)
        .header("content-type", "application/x-www-form-urlencoded")
        .send()
        .await
}

fn assert_oauth_error(answer: &Answer<'_>, error: &str) {
    assert!((400..=401).contains(&answer.status()), "{answer:?}");
    assert_eq!(answer.json()["error"], error, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(!answer.header("request-id").is_empty());
}

/// RFC 6749, section 5.2
#[tokio::test]
async fn the_token_endpoint_answers_as_oauth_does() {
    let gateway = TestGateway::start().await;
    for (form, error) in [
        ("", "invalid_client"),
        (
            "client_id=unknown&grant_type=authorization_code",
            "invalid_client",
        ),
        (
            "client_id=shop&grant_type=authorization_code&code=x&code_verifier=y",
            "invalid_client",
        ),
        (
            "client_id=shop&client_secret=guess&grant_type=authorization_code",
            "invalid_client",
        ),
        (
            "client_id=app&grant_type=password&username=alice&password=x",
            "unsupported_grant_type",
        ),
        (
            "client_id=app&grant_type=client_credentials",
            "unsupported_grant_type",
        ),
        (
            "client_id=app&client_id=app&grant_type=authorization_code",
            "invalid_request",
        ),
    ] {
        assert_oauth_error(&post(&gateway, "/oauth/token", form).await, error);
    }
    let unproven = post(
        &gateway,
        "/oauth/token",
        "client_id=app&grant_type=authorization_code&code=x&code_verifier=y",
    )
    .await;
    assert_oauth_error(&unproven, "invalid_dpop_proof");
    assert_eq!(gateway.backend.count(), 0);
}

/// Design 4.4: any other client is refused before a credential is looked at.
#[tokio::test]
async fn only_first_party_apps_take_credentials() {
    let gateway = TestGateway::start().await;
    let form = "client_id=shop&response_type=code&scope=accounts&username=alice&password=whatever-it-may-be";
    let answer = post(&gateway, "/oauth/authorize-challenge", form).await;
    assert!(
        ["unauthorized_client", "invalid_client"].contains(&answer.json()["error"].as_str().unwrap()),
        "{answer:?}"
    );
}

#[tokio::test]
async fn what_is_no_form_is_refused() {
    let gateway = TestGateway::start().await;
    for path in [
        "/oauth/token",
        "/oauth/authorize-challenge",
        "/oauth/revoke",
        "/oauth/introspect",
    ] {
        let json = Draft::new(&gateway, "POST", path)
            .with_body("{\"client_id\":\"app\"}")
            .send()
            .await;
        assert!((400..=415).contains(&json.status()), "{json:?}");
        let large = format!("client_id=app&x={}", "y".repeat(70 * 1024));
        let answer = post(&gateway, path, &large).await;
        assert!((400..=413).contains(&answer.status()), "{answer:?}");
        let get = Draft::new(&gateway, "GET", path).send().await;
        assert_eq!(get.status(), 405, "{get:?}");
    }
}
