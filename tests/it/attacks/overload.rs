//! More work than can be done: strangers wait, customers who are in go on.

use std::sync::Arc;
use std::time::Duration;

use countersign::base::Clock as _;
use countersign::defense::{INTERVAL, Queue};
use countersign::identity::TotpSecret;
use countersign_client::{Client, ClientKey, Factor, LoginRequest, Secret};
use countersign_jose::KeyKind;

use crate::support::{Draft, PAYMENT, Setting, Shared, TestGateway};

/// Lets a wait stand in a queue. No time passes between the looks but on the gateway's clock, so its own looks at the idle
/// queues of this test do not come in between; and as that clock then stands still, the picture stays.
async fn stand(gateway: &TestGateway, queue: Queue, millis: u64) {
    let clock = &gateway.home.clock;
    for _ in 0..2 {
        clock.advance(INTERVAL);
        for _ in 0..4 {
            let wait = Duration::from_millis(millis);
            gateway.services.defense.shed().look(queue, wait, clock.now());
        }
    }
    let stands = gateway.services.defense.shed().wait(queue);
    assert_eq!(stands, Duration::from_millis(millis));
    // On this clock the news of revocations have grown old.
    gateway.services.sessions.refresh().await.unwrap();
}

async fn gateway() -> TestGateway {
    TestGateway::with(&[Setting("queue_target = \"1m\"", "queue_target = \"200ms\"")]).await
}

/// Design 11: 503 with `Retry-After`, strangers first and payments of live sessions last; also for trusted sources.
#[tokio::test]
async fn under_load_strangers_are_shed_first_and_payments_last() {
    let gateway = gateway().await;
    let mut alice = gateway.alice().await;
    let public = || Draft::new(&gateway, "GET", "/rates/eur");
    let keys = || Draft::new(&gateway, "GET", "/oauth/jwks");
    let login = || Draft::new(&gateway, "POST", "/oauth/token");
    stand(&gateway, Queue::Runtime, 200).await;
    public().expect_answer().await;

    stand(&gateway, Queue::Runtime, 300).await;
    let refused = public().expect_refusal("overloaded").await;
    assert_eq!(refused.header("retry-after"), "1");
    Draft::new(&gateway, "GET", "/log/checkpoint")
        .expect_refusal("overloaded")
        .await;
    assert_eq!(keys().send().await.status(), 200);
    assert_eq!(login().send().await.status(), 400);
    alice.renew();
    alice.get("/orders").expect_answer().await;

    stand(&gateway, Queue::Runtime, 500).await;
    let refused = login().send().await;
    assert_eq!((refused.status(), refused.header("retry-after")), (503, "1"));
    assert_eq!(refused.json()["error"], "temporarily_unavailable");
    alice.get("/orders").expect_answer().await;
    alice.pay(PAYMENT).expect_answer().await;

    stand(&gateway, Queue::Runtime, 1500).await;
    alice.get("/orders").expect_refusal("overloaded").await;
    alice.pay(PAYMENT).expect_answer().await;

    stand(&gateway, Queue::Runtime, 1700).await;
    alice.pay(PAYMENT).expect_refusal("overloaded").await;

    stand(&gateway, Queue::Runtime, 0).await;
    public().expect_answer().await;
    alice.pay(PAYMENT).expect_answer().await;
    let metrics = gateway.services.metrics.render();
    let counted = "route=\"rates\",access=\"public\",code=\"overloaded\",status=\"5xx\"} 1";
    assert!(metrics.contains(counted), "{metrics}");
}

/// A slow disk holds off those who write, not those who read.
#[tokio::test]
async fn behind_a_slow_disk_reads_go_on() {
    let gateway = gateway().await;
    let alice = gateway.alice().await;
    stand(&gateway, Queue::Store, 1000).await;
    assert_eq!(
        Draft::new(&gateway, "POST", "/oauth/token").send().await.status(),
        503
    );
    alice.pay(PAYMENT).expect_refusal("overloaded").await;
    alice.get("/orders").expect_answer().await;
    Draft::new(&gateway, "GET", "/rates/eur").expect_answer().await;
}

/// Where load comes in the order of faults: after route and rates, before size and token.
#[tokio::test]
async fn load_is_named_after_the_rates_and_before_the_token() {
    let gateway = TestGateway::with(&[
        Setting("queue_target = \"1m\"", "queue_target = \"200ms\""),
        Setting("[defense]", "[defense]\nsource_rate = \"1/h burst 1\""),
    ])
    .await;
    stand(&gateway, Queue::Runtime, 60_000).await;
    let get = |target: &str| Draft::new(&gateway, "GET", target);
    get("/nothing").expect_refusal("route-unknown").await;
    get("/orders").expect_refusal("overloaded").await;
    let large = Draft::new(&gateway, "POST", "/rates/eur").with_body(&"x".repeat(2000));
    large.expect_refusal("overloaded").await;
    let stranger = [127, 0, 0, 2];
    get("/orders").from(stranger).expect_refusal("overloaded").await;
    get("/orders").from(stranger).expect_refusal("rate-limited").await;
}

const SEED: &str = r#"
[[customer]]
username = "carol"
password = "quite unlike the others"
totp_secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
"#;

/// Promise 6: an attacker who floods pays for it; a device that its customer has used before still gets in.
#[tokio::test]
async fn a_known_device_logs_in_during_a_flood_of_strangers() {
    let gateway = TestGateway::with(&[
        Setting("trusted_sources = [\"127.0.0.1\"]", "trusted_sources = []"),
        Setting(
            "[defense]",
            "[defense]\noauth_rate = \"1/s burst 30\"\nban_after = \"1/s burst 20\"",
        ),
    ])
    .await;
    gateway.seed(SEED).await;
    let app = Client::builder(gateway.public_url())
        .ca_pem(std::fs::read(gateway.home.ca.root_path()).unwrap())
        .client_id("app")
        .key(ClientKey::generate(KeyKind::P256).unwrap())
        .clock(Shared(Arc::clone(&gateway.home.clock)))
        .connect()
        .await
        .unwrap();
    let login = LoginRequest {
        scope: "accounts".to_owned(),
        acr_values: Some("urn:countersign:acr:2".to_owned()),
        factors: vec![Factor::Password {
            username: "carol".to_owned(),
            password: Secret::new("quite unlike the others"),
        }],
    };
    let secret = TotpSecret::from_base32("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap();
    let code = || Secret::new(secret.code(gateway.home.clock.now()));
    app.login(&login, Some(&code())).await.unwrap();
    gateway.home.clock.advance(Duration::from_secs(60));
    let mut statuses = Vec::new();
    for source in 2..6 {
        for _ in 0..60 {
            let guess = Draft::new(&gateway, "POST", "/oauth/authorize-challenge");
            let guess = guess.header("content-type", "application/x-www-form-urlencoded");
            let guess = guess.from([127, 0, 0, source]).finish();
            // Once it is banned there is no connection.
            statuses.extend(guess.try_send().await.map(|answer| answer.status()));
        }
    }
    let count = |status| statuses.iter().filter(|other| **other == status).count();
    assert_eq!((count(429), statuses.len()), (4 * 21, 4 * 51), "{statuses:?}");
    app.login(&login, Some(&code())).await.unwrap();
}
