//! Login of a first-party app.

use std::time::Duration;

use countersign_jose::{KeyKind, PrivateKey};
use serde_json::json;

use super::app::{App, Gateway, Options, PASSWORD, START, jwk};
use crate::identity::ThrottleRule;
use crate::oauth::NoncePolicy;
use crate::store::Batch;

const STRONG: (&str, &str) = ("acr_values", "urn:countersign:acr:2");
const ALICE: (&str, &str) = ("username", "alice");
const RIGHT: (&str, &str) = ("password", PASSWORD);
const WRONG: (&str, &str) = ("password", "wrong");

fn insufficient() -> (u16, String) {
    (400, "insufficient_authorization".to_owned())
}

fn invalid_session() -> (u16, String) {
    (400, "invalid_session".to_owned())
}

#[tokio::test]
async fn a_password_alone_gives_a_code() {
    let gateway = Gateway::start().await;
    let answer = App::new(&gateway).begin(&[("username", "Alice"), RIGHT]).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.member("authorization_code").len(), 43);
}

#[tokio::test]
async fn factors_may_come_one_by_one_and_every_step_has_a_new_session() {
    let gateway = Gateway::start().await;
    let app = App::new(&gateway);
    let first = app.begin(&[STRONG]).await;
    assert_eq!(first.refusal(), insufficient());
    assert_eq!(first.json()["factors"], json!(["password", "otp"]));
    let second = app.go_on(&first.member("auth_session"), &[ALICE, RIGHT]).await;
    assert_eq!(second.json()["factors"], json!(["otp"]));
    assert_ne!(first.member("auth_session"), second.member("auth_session"));
    let used = app
        .go_on(&first.member("auth_session"), &[("otp", &gateway.code())])
        .await;
    assert_eq!(used.refusal(), invalid_session());
    let third = app
        .go_on(&second.member("auth_session"), &[("otp", &gateway.code())])
        .await;
    assert_eq!(third.status, 200, "{}", third.text);
}

/// SCA-04: from a stranger's device, right, wrong and unknown look the same until all factors are there, and whatever is
/// wrong looks the same ever after.
#[tokio::test]
async fn right_wrong_and_unknown_look_the_same() {
    let gateway = Gateway::start().await;
    let wrong_code = if gateway.code() == "000000" {
        "000001"
    } else {
        "000000"
    };
    let mut after_password = Vec::new();
    let mut after_all = Vec::new();
    for (username, password) in [("alice", PASSWORD), ("alice", "wrong"), ("nobody", PASSWORD)] {
        let app = App::new(&gateway);
        let answer = app
            .begin(&[STRONG, ("username", username), ("password", password)])
            .await;
        after_password.push(answer.appearance());
        let answer = app
            .go_on(&answer.member("auth_session"), &[("otp", wrong_code)])
            .await;
        after_all.push(answer.appearance());
    }
    for answers in [after_password, after_all] {
        assert_eq!(answers[0], answers[1]);
        assert_eq!(answers[0], answers[2]);
    }
    let counted = gateway.count("SELECT COUNT(*) FROM throttle").await;
    assert_eq!(
        counted, 4,
        "two names, two factors each, whether they exist or not"
    );
    let recorded = gateway
        .count("SELECT COUNT(*) FROM event WHERE body LIKE '%login-failed%'")
        .await;
    assert_eq!(recorded, 3);
}

#[tokio::test]
async fn a_locked_customer_looks_like_a_wrong_password() {
    let gateway = Gateway::start().await;
    let wrong = App::new(&gateway).begin(&[ALICE, WRONG]).await;
    let mut batch = Batch::new();
    gateway.customers.lock(&mut batch, &gateway.alice, START);
    gateway.db.commit(batch).await.unwrap();
    let locked = App::new(&gateway).begin(&[ALICE, RIGHT]).await;
    assert_eq!(locked.appearance(), wrong.appearance());
}

/// A step is used once, also between two logins at once (ASVS-02, SCA-02).
#[tokio::test]
async fn a_code_of_the_authenticator_is_used_once() {
    let gateway = Gateway::start().await;
    let code = gateway.code();
    let factors = [STRONG, ALICE, RIGHT, ("otp", code.as_str())];
    let (one, two) = (App::new(&gateway), App::new(&gateway));
    let (first, second) = tokio::join!(one.begin(&factors), two.begin(&factors));
    let passed = [&first, &second]
        .iter()
        .filter(|answer| answer.status == 200)
        .count();
    assert_eq!(passed, 1, "{} {}", first.text, second.text);
    let (app, overtaken) = if first.status == 200 {
        (&two, second)
    } else {
        (&one, first)
    };
    assert_eq!(overtaken.json()["factors"], json!(["password", "otp"]));
    let again = app.go_on(&overtaken.member("auth_session"), &[RIGHT]).await;
    assert_eq!(again.refusal(), insufficient(), "the code was another's");
    let recorded = gateway
        .count("SELECT COUNT(*) FROM event WHERE body LIKE '%login-failed%'")
        .await;
    assert_eq!(recorded, 1);
    assert_eq!(App::new(&gateway).begin(&factors).await.refusal(), insufficient());
    gateway.wait(Duration::from_secs(30)).await;
    let code = gateway.code();
    let answer = App::new(&gateway)
        .begin(&[STRONG, ALICE, RIGHT, ("otp", &code)])
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[tokio::test]
async fn codes_of_ten_minutes_ago_or_ahead_are_wrong() {
    let gateway = Gateway::start().await;
    for moment in [
        START.minus(Duration::from_secs(600)),
        START.plus(Duration::from_secs(600)),
    ] {
        let code = gateway.totp.code(moment);
        let answer = App::new(&gateway)
            .begin(&[STRONG, ALICE, RIGHT, ("otp", &code)])
            .await;
        assert_eq!(answer.refusal(), insufficient());
    }
}

/// SCA-05: five failures block, alike for names that exist and names that do not.
#[tokio::test]
async fn five_wrong_passwords_block_strangers_for_a_time() {
    let gateway = Gateway::start().await;
    let first_block = ThrottleRule::default().first_block;
    let mut blocked = Vec::new();
    for username in ["alice", "nobody"] {
        let app = App::new(&gateway);
        for _ in 0..5 {
            assert_eq!(
                app.begin(&[("username", username), WRONG]).await.refusal(),
                insufficient()
            );
        }
        let answer = app.begin(&[("username", username), RIGHT]).await;
        assert_eq!(answer.status, 429);
        assert_eq!(answer.headers["retry-after"], first_block.as_secs().to_string());
        blocked.push(answer.appearance());
    }
    assert_eq!(blocked[0], blocked[1]);
    gateway.wait(first_block).await;
    let answer = App::new(&gateway).begin(&[ALICE, RIGHT]).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let recorded = gateway
        .count("SELECT COUNT(*) FROM event WHERE body LIKE '%factor-blocked%'")
        .await;
    assert_eq!(recorded, 1);
}

/// Guesses at once are attempts one by one: what waits for its turn was counted before.
#[tokio::test]
async fn guesses_at_once_are_counted_one_by_one() {
    let gateway = Gateway::start().await;
    let app = App::new(&gateway);
    let guess = || app.begin(&[ALICE, WRONG]);
    let answers = tokio::join!(
        guess(),
        guess(),
        guess(),
        guess(),
        guess(),
        guess(),
        guess(),
        guess()
    );
    let statuses: [u16; 8] = {
        let (a, b, c, d, e, f, g, h) = answers;
        [a, b, c, d, e, f, g, h].map(|answer| answer.status.as_u16())
    };
    let judged = statuses.iter().filter(|status| **status == 400).count();
    assert!((1..=5).contains(&judged), "{statuses:?}");
    assert!(
        statuses.iter().all(|status| matches!(status, 400 | 429)),
        "{statuses:?}"
    );
}

/// The second ledger: a device its owner has used before still gets in, and its own guesses are bounded too.
#[tokio::test]
async fn strangers_do_not_lock_out_a_known_device() {
    let gateway = Gateway::start().await;
    let known = App::new(&gateway);
    known.log_in_strongly().await;
    let stranger = App::new(&gateway);
    for _ in 0..5 {
        stranger.begin(&[ALICE, WRONG]).await;
    }
    assert_eq!(stranger.begin(&[ALICE, RIGHT]).await.status, 429);
    assert_eq!(known.begin(&[ALICE, RIGHT]).await.status, 200);
    for _ in 0..5 {
        assert_eq!(known.begin(&[ALICE, WRONG]).await.status, 400);
    }
    assert_eq!(known.begin(&[ALICE, RIGHT]).await.status, 429);
}

/// Promise 6: whoever begins logins without end keeps out strangers, and no device that its customer has used before.
#[tokio::test]
async fn logins_that_are_begun_and_left_keep_no_known_device_out() {
    let gateway = Gateway::start_with(Options {
        challenges: 1,
        ..Options::default()
    })
    .await;
    let known = App::new(&gateway);
    known.log_in_strongly().await;
    gateway.wait(Duration::from_secs(60)).await;
    let flood = App::new(&gateway);
    let mut refused = 0;
    while refused < 500 {
        refused += usize::from(flood.begin(&[STRONG]).await.status == 503);
    }
    let first = known.begin(&[STRONG, ALICE, RIGHT]).await;
    assert_eq!(first.refusal(), insufficient());
    let code = gateway.code();
    let second = known
        .go_on(&first.member("auth_session"), &[("otp", &code)])
        .await;
    assert_eq!(second.status, 200, "{}", second.text);
}

/// AAL-06: after a hundred failures the factor is off for strangers, however long they wait, and not for known devices.
#[tokio::test]
async fn a_factor_that_is_off_for_strangers_still_serves_known_devices() {
    let gateway = Gateway::start().await;
    let known = App::new(&gateway);
    known.log_in_strongly().await;
    let stranger = App::new(&gateway);
    stranger.begin(&[ALICE, WRONG]).await;
    gateway
        .change("UPDATE throttle SET failures = 100, blocked_until = 0")
        .await;
    gateway.wait(Duration::from_secs(1_000_000)).await;
    assert_eq!(stranger.begin(&[ALICE, RIGHT]).await.status, 429);
    assert_eq!(known.begin(&[ALICE, RIGHT]).await.status, 200);
}

/// A known device learns at once that the password is right; a wrong code then costs only the code.
#[tokio::test]
async fn a_known_device_is_judged_step_by_step() {
    let gateway = Gateway::start().await;
    let app = App::new(&gateway);
    app.log_in_strongly().await;
    gateway.wait(Duration::from_secs(30)).await;
    let wrong = app.begin(&[STRONG, ALICE, WRONG]).await;
    assert_eq!(wrong.json()["factors"], json!(["password", "otp"]));
    let right = app.go_on(&wrong.member("auth_session"), &[RIGHT]).await;
    assert_eq!(right.json()["factors"], json!(["otp"]));
    let typo = app
        .go_on(&right.member("auth_session"), &[("otp", "000000")])
        .await;
    assert_eq!(typo.json()["factors"], json!(["otp"]));
    let last = app
        .go_on(&typo.member("auth_session"), &[("otp", &gateway.code())])
        .await;
    assert_eq!(last.status, 200, "{}", last.text);
}

/// FIPA-05: an `auth_session` serves only the client, key, challenge, scope and name it began with.
#[tokio::test]
async fn a_session_is_pinned_to_what_it_began_with() {
    let gateway = Gateway::start().await;
    let app = App::new(&gateway);
    for changed in [
        ("scope", "accounts"),
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cX"),
        ("code_challenge_method", "plain"),
        ("username", "bob"),
        ("authorization_details", "[]"),
        ("response_type", "token"),
    ] {
        let session = app.begin(&[STRONG, ALICE]).await.member("auth_session");
        let answer = app.go_on(&session, &[changed, RIGHT]).await;
        assert_eq!(answer.refusal(), invalid_session(), "{changed:?}");
    }
    let session = app.begin(&[STRONG, ALICE]).await.member("auth_session");
    let thief = App::new(&gateway);
    assert_eq!(thief.go_on(&session, &[RIGHT]).await.refusal(), invalid_session());
    let session = app.begin(&[STRONG, ALICE]).await.member("auth_session");
    let App { key, .. } = app;
    let other = App {
        gateway: &gateway,
        key,
        client: "plain",
    };
    assert_eq!(other.go_on(&session, &[RIGHT]).await.refusal(), invalid_session());
}

#[tokio::test]
async fn a_session_ends_after_five_minutes_and_after_five_failures() {
    let gateway = Gateway::start().await;
    let app = App::new(&gateway);
    let session = app.begin(&[ALICE]).await.member("auth_session");
    gateway.wait(Duration::from_secs(299)).await;
    let session = app.go_on(&session, &[]).await.member("auth_session");
    gateway.wait(Duration::from_secs(1)).await;
    assert_eq!(app.go_on(&session, &[RIGHT]).await.refusal(), invalid_session());
    assert_eq!(app.go_on("invented", &[]).await.refusal(), invalid_session());

    let mut session = app.begin(&[("username", "nobody")]).await.member("auth_session");
    for _ in 0..4 {
        session = app.go_on(&session, &[WRONG]).await.member("auth_session");
    }
    assert_eq!(app.go_on(&session, &[WRONG]).await.refusal(), invalid_session());
}

#[tokio::test]
async fn a_malformed_step_takes_no_step() {
    let gateway = Gateway::start().await;
    let app = App::new(&gateway);
    let session = app.begin(&[STRONG, ALICE, RIGHT]).await.member("auth_session");
    for bad in ["12345", "1234567", "abcdef", "１２"] {
        let answer = app.go_on(&session, &[("otp", bad)]).await;
        assert_eq!(answer.refusal(), (400, "invalid_request".to_owned()), "{bad}");
    }
    assert_eq!(app.go_on(&session, &[("otp", &gateway.code())]).await.status, 200);
}

/// FIPA-04: decided before a credential is looked at, so nothing is counted.
#[tokio::test]
async fn other_clients_are_turned_away_before_a_credential_is_looked_at() {
    let gateway = Gateway::start().await;
    let key = jwk(&PrivateKey::generate(KeyKind::Ed25519).unwrap().key);
    let third_party = json!({
        "client_id": "third-party", "profile": "fapi2-security", "scope": "accounts", "jwks": {"keys": [key]},
    });
    gateway.register(third_party).await;
    let answer = App::of(&gateway, "third-party").begin(&[ALICE, WRONG]).await;
    assert_eq!(answer.refusal(), (400, "unauthorized_client".to_owned()));
    assert_eq!(gateway.count("SELECT COUNT(*) FROM throttle").await, 0);
    let unknown = App::of(&gateway, "nobody").begin(&[]).await;
    assert_eq!(unknown.refusal(), (401, "invalid_client".to_owned()));
    assert!(unknown.headers.contains_key("www-authenticate"));
}

/// STEP-02, FAPI-05, FAPI-15, PKCE-02
#[tokio::test]
async fn what_a_login_asks_for_is_judged_first() {
    let gateway = Gateway::start().await;
    let app = App::new(&gateway);
    let good = [
        ("response_type", "code"),
        ("scope", "accounts"),
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("code_challenge_method", "S256"),
    ];
    for (name, value, error) in [
        ("response_type", "token", "unsupported_response_type"),
        ("response_type", "", "invalid_request"),
        ("scope", "", "invalid_scope"),
        ("scope", "admin", "invalid_scope"),
        ("scope", "accounts  payments", "invalid_scope"),
        ("code_challenge", "", "invalid_request"),
        ("code_challenge", "short", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge_method", "", "invalid_request"),
    ] {
        let changed = good.map(|pair| if pair.0 == name { (name, value) } else { pair });
        let answer = app.post("/oauth/authorize-challenge", &changed).await;
        assert_eq!(answer.refusal(), (400, error.to_owned()), "{name}={value}");
    }
    for (name, value, error) in [
        (
            "acr_values",
            "urn:countersign:acr:3",
            "unmet_authentication_requirements",
        ),
        ("acr_values", "gold", "unmet_authentication_requirements"),
        ("authorization_details", "[]", "invalid_authorization_details"),
        ("username", &"x".repeat(257), "invalid_request"),
        ("username", "a\0b", "invalid_request"),
        ("password", &"x".repeat(1025), "invalid_request"),
    ] {
        let answer = app.begin(&[(name, value)]).await;
        assert_eq!(answer.refusal(), (400, error.to_owned()), "{name}");
    }
    let second_choice = app
        .begin(&[("acr_values", "urn:countersign:acr:3 urn:countersign:acr:2")])
        .await;
    assert_eq!(second_choice.json()["factors"], json!(["password", "otp"]));
}

/// PWD-07: without memory for a hash the answer is 503, and the attempt does not count.
#[tokio::test]
async fn too_little_memory_for_a_hash_is_503_and_costs_nothing() {
    let gateway = Gateway::start().await;
    // A hash made elsewhere that needs more than the whole budget.
    gateway
        .change(
            "UPDATE password SET phc = '$argon2id$v=19$m=65536,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$\
             PdSSpUTtWMGRjJ8xJsfRMqoZB1LDe4Kb1SSvYVtTvFs'",
        )
        .await;
    let answer = App::new(&gateway).begin(&[ALICE, RIGHT]).await;
    assert_eq!(answer.refusal(), (503, "temporarily_unavailable".to_owned()));
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(
        gateway
            .count("SELECT COALESCE(SUM(failures), 0) FROM throttle")
            .await,
        0
    );
}

/// PWD-06: a hash that is weaker than those made now is made anew by the next login.
#[tokio::test]
async fn a_weaker_hash_is_made_anew_at_login() {
    use argon2::{Algorithm, Argon2, Params, Version};
    const UNTOUCHED: &str = "SELECT COUNT(*) FROM password WHERE changed_at = 0";
    let gateway = Gateway::start().await;
    gateway.change("UPDATE password SET changed_at = 0").await;
    App::new(&gateway).log_in().await;
    assert_eq!(gateway.count(UNTOUCHED).await, 1, "it is strong enough");
    let mut hash = [0; 32];
    Argon2::new(
        Algorithm::Argon2id,
        Version::V0x13,
        Params::new(8, 1, 1, Some(32)).unwrap(),
    )
    .hash_password_into(PASSWORD.as_bytes(), b"somesaltsomesalt", &mut hash)
    .unwrap();
    let encode = |bytes: &[u8]| data_encoding::BASE64_NOPAD.encode(bytes);
    let weak = format!(
        "$argon2id$v=19$m=8,t=1,p=1${}${}",
        encode(b"somesaltsomesalt"),
        encode(&hash)
    );
    let mut batch = Batch::new();
    batch.run("UPDATE password SET phc = $1, pepper = NULL", vec![weak.into()]);
    gateway.db.commit(batch).await.unwrap();
    App::new(&gateway).log_in().await;
    assert_eq!(gateway.count(UNTOUCHED).await, 0);
    assert_eq!(
        gateway
            .count("SELECT COUNT(*) FROM password WHERE pepper IS NOT NULL")
            .await,
        1
    );
    App::new(&gateway).log_in().await;
}

#[tokio::test]
async fn with_nonces_everywhere_the_first_call_needs_one() {
    let gateway = Gateway::start_with(Options {
        nonce: NoncePolicy::Always,
        ..Options::default()
    })
    .await;
    let answer = App::new(&gateway).begin(&[ALICE]).await;
    assert_eq!(answer.refusal(), (400, "use_dpop_nonce".to_owned()));
    assert!(answer.headers.contains_key("dpop-nonce"));
}

/// Policies may ask a login for more than the client asked for, and change while the gateway runs.
#[tokio::test]
async fn a_policy_can_ask_for_a_second_factor() {
    let gateway = Gateway::start().await;
    gateway.add_policy(
        "@id(\"login-needs-two\") @reason(\"Two factors, please.\") @remedy(\"login:acr2\")\n\
         forbid (principal is Customer, action == Action::\"login\", resource) when { context.authn.acr < 2 };",
    );
    let app = App::new(&gateway);
    let first = app.begin(&[ALICE, RIGHT]).await;
    assert_eq!(first.refusal(), insufficient());
    assert_eq!(first.json()["factors"], json!(["otp"]));
    let second = app
        .go_on(&first.member("auth_session"), &[("otp", &gateway.code())])
        .await;
    assert_eq!(second.status, 200, "{}", second.text);
}

#[tokio::test]
async fn a_policy_can_refuse_a_login() {
    let gateway = Gateway::start().await;
    gateway.add_policy(
        "@id(\"closed\") @reason(\"Nobody logs in today.\")\n\
         forbid (principal is Customer, action == Action::\"login\", resource);",
    );
    let refused = App::new(&gateway).begin(&[ALICE, RIGHT]).await;
    assert_eq!(refused.refusal(), (400, "access_denied".to_owned()));
    assert!(refused.text.contains("Nobody logs in today."), "{}", refused.text);
}

#[tokio::test]
async fn a_policy_that_fails_refuses_the_login_and_raises_an_alarm() {
    let gateway = Gateway::start().await;
    gateway.add_policy(
        "@id(\"broken\") @reason(\"Counts too far.\")\n\
         forbid (principal is Customer, action == Action::\"login\", resource)\n\
         when { context.authn.acr + 9223372036854775807 > 0 };",
    );
    let refused = App::new(&gateway).begin(&[ALICE, RIGHT]).await;
    assert_eq!(refused.refusal(), (400, "access_denied".to_owned()));
    let alarm = "countersign_policy_decisions_total{action=\"login\",decision=\"error\"}";
    let metrics = gateway.metrics.render();
    assert!(metrics.contains(alarm), "{metrics}");
}

/// SCA-04 again: what a policy asks for is asked of right, wrong and unknown alike.
#[tokio::test]
async fn a_policy_that_asks_for_more_tells_a_stranger_nothing() {
    let gateway = Gateway::start().await;
    gateway.add_policy(
        "@id(\"more\") @reason(\"Two factors.\") @remedy(\"login:acr2\") \
         forbid (principal is Customer, action == Action::\"login\", resource) when { context.authn.acr < 2 };",
    );
    let mut appearances = Vec::new();
    for (username, password) in [("alice", PASSWORD), ("alice", "wrong"), ("nobody", PASSWORD)] {
        let answer = App::new(&gateway)
            .begin(&[("username", username), ("password", password)])
            .await;
        assert_eq!(answer.json()["factors"], json!(["otp"]));
        appearances.push(answer.appearance());
    }
    assert_eq!(appearances[0], appearances[1]);
    assert_eq!(appearances[0], appearances[2]);
    assert_eq!(
        gateway.count("SELECT COUNT(*) FROM throttle").await,
        0,
        "nothing was judged"
    );
}
