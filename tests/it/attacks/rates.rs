//! Floods: whoever sends too much is slowed down, then shut out, and nobody else feels it.

use std::time::Duration;

use countersign::base::Clock as _;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};

use crate::support::{Draft, Login, PAYMENT, Protocol, Setting, TestGateway, in_the_end};

const FLOODER: [u8; 4] = [127, 0, 0, 2];
const HONEST: [u8; 4] = [127, 0, 0, 3];

const DEFENSE: &str = "[defense]";

fn rates(gateway: &TestGateway) -> Draft<'_> {
    Draft::new(gateway, "GET", "/rates/eur")
}

/// What becomes of so many requests, one behind the other on one connection of the flooder.
async fn flood(gateway: &TestGateway, count: usize) -> Vec<String> {
    let host = gateway.authority();
    let request = |rest: &str| format!("GET /rates/eur HTTP/1.1\r\nHost: {host}\r\n{rest}\r\n");
    let requests = request("").repeat(count - 1) + &request("Connection: close\r\n");
    let wire = gateway.public().from(FLOODER);
    let answers = wire.send_bytes(requests.as_bytes()).await;
    let answers = answers.split("HTTP/1.1 ").skip(1);
    let codes = answers.map(|answer| match answer.split_once("urn:countersign:problem:") {
        Some((_, code)) => code.split('"').next().unwrap().to_owned(),
        None => answer[..3].to_owned(),
    });
    codes.collect()
}

/// Waits for an event that says all of this.
async fn event(gateway: &TestGateway, words: &[&str]) {
    let is_on_record = async || {
        let rows = gateway.services.db.query("SELECT body FROM event", Vec::new());
        let rows = rows.await.unwrap();
        let says = |text: &str| words.iter().all(|word| text.contains(word));
        rows.iter().any(|row| says(row.text(0).unwrap()))
    };
    in_the_end(&format!("an event says {words:?}"), is_on_record).await;
}

fn assert_counted(gateway: &TestGateway, line: &str) {
    let metrics = gateway.services.metrics.render();
    assert!(metrics.contains(line), "{line} is not in\n{metrics}");
}

/// Design 4.3 and 11: 429, then 403 with the end of the connection, then not even a handshake; and all of it on record.
#[tokio::test]
async fn a_flood_is_limited_and_then_banned_and_nobody_else_feels_it() {
    let few = Setting(
        DEFENSE,
        "[defense]\nsource_rate = \"1/s burst 20\"\nban_after = \"1/s burst 10\"\nban = \"1m\"",
    );
    let gateway = TestGateway::with(&[few]).await;
    let alice = gateway.alice().await;
    let expected = [["200"; 20].as_slice(), &["rate-limited"; 11], &["banned"]].concat();
    assert_eq!(
        flood(&gateway, 60).await,
        expected,
        "what it had sent beyond that is not read"
    );
    alice.pay(PAYMENT).from(HONEST).expect_answer().await;
    rates(&gateway).from(HONEST).expect_answer().await;
    let closed = gateway.public().from(FLOODER).connect(Protocol::Http1).await;
    assert!(closed.is_err(), "a banned source was given a handshake");
    for line in [
        "route=\"rates\",access=\"public\",code=\"rate-limited\",status=\"4xx\"} 11",
        "route=\"rates\",access=\"public\",code=\"banned\",status=\"4xx\"} 1",
        "route=\"-\",access=\"-\",code=\"banned\",status=\"4xx\"} 1",
        "countersign_connections_refused_total{door=\"public\",reason=\"turned-away\"} 1",
    ] {
        assert_counted(&gateway, line);
    }
    event(
        &gateway,
        &[
            "\"banned\"",
            "\"cause\":\"rate\"",
            "\"seconds\":60",
            "\"times\":1",
        ],
    )
    .await;
    gateway.home.clock.advance(Duration::from_secs(2));
    event(
        &gateway,
        &["refusals-counted", "\"code\":\"rate-limited\"", "\"count\":11"],
    )
    .await;
    event(&gateway, &["refusals-counted", "\"code\":\"banned\""]).await;
    gateway.home.clock.advance(Duration::from_secs(58));
    rates(&gateway).from(FLOODER).expect_answer().await;
}

/// A client that is told to wait is told the truth, to the second.
#[tokio::test]
async fn who_waits_as_long_as_told_is_served() {
    let gateway = TestGateway::with(&[Setting(DEFENSE, "[defense]\nsource_rate = \"2/m burst 3\"")]).await;
    for _ in 0..3 {
        rates(&gateway).from(FLOODER).expect_answer().await;
    }
    let refused = rates(&gateway).from(FLOODER).expect_refusal("rate-limited").await;
    assert_eq!(refused.header("retry-after"), "30");
    gateway.home.clock.advance(Duration::from_millis(28_500));
    let refused = rates(&gateway).from(FLOODER).expect_refusal("rate-limited").await;
    assert_eq!(refused.header("retry-after"), "2");
    gateway.home.clock.advance(Duration::from_secs(2));
    rates(&gateway).from(FLOODER).expect_answer().await;
}

/// One bad request is never a flood, and neither are a few; a flood of them is.
#[tokio::test]
async fn bad_requests_ban_only_in_floods() {
    let gateway = TestGateway::with(&[Setting(DEFENSE, "[defense]\nban_after = \"1/h burst 8\"")]).await;
    let alice = gateway.alice().await;
    let wire = gateway.public().from(FLOODER);
    let malformed = b"GET /rates/eur HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n";
    for round in 0..4 {
        assert!(
            wire.send_bytes(malformed).await.starts_with("HTTP/1.1 400"),
            "{round}"
        );
        // The gate's own: a path that could be read in two ways.
        let odd = Draft::new(&gateway, "GET", "/rates//eur").from(FLOODER);
        odd.expect_refusal("request-malformed").await;
        // Neither a bad token nor a bad signature counts.
        for _ in 0..5 {
            let forged = alice.get("/orders").then_header("authorization", "DPoP a.b.c");
            forged.from(FLOODER).expect_refusal("token-invalid").await;
            let unsigned = alice.pay(PAYMENT).then_header("signature", "sig=:AAAA:");
            unsigned.from(FLOODER).expect_refusal("signature-invalid").await;
        }
    }
    rates(&gateway).from(FLOODER).expect_answer().await;
    assert!(wire.send_bytes(malformed).await.starts_with("HTTP/1.1 400"));
    assert!(
        wire.connect(Protocol::Http1).await.is_err(),
        "the ninth was one too many"
    );
    event(&gateway, &["\"banned\"", "\"cause\":\"framing\""]).await;
    rates(&gateway).from(HONEST).expect_answer().await;
}

/// Handshakes cost the gateway more than the client, so connections without a request are a flood too.
#[tokio::test]
async fn connections_that_ask_for_nothing_are_a_flood() {
    let few = "[defense]\nsource_rate = \"1/h burst 5\"\nban_after = \"1/h burst 3\"";
    let gateway = TestGateway::with(&[Setting(DEFENSE, few)]).await;
    let wire = gateway.public().from(FLOODER);
    let mut shaken = 0;
    for _ in 0..30 {
        shaken += usize::from(wire.connect(Protocol::Http1).await.is_ok());
    }
    assert_eq!(shaken, 10, "twice as many as requests");
    event(&gateway, &["\"banned\"", "\"cause\":\"connections\""]).await;
    assert_counted(&gateway, "code=\"rate-limited\",status=\"4xx\"} 4");
    rates(&gateway).from(HONEST).expect_answer().await;
}

/// Over HTTP/2 a ban ends the connection as well: no stream after the one that was told.
#[tokio::test]
async fn a_ban_ends_the_connection_over_http2() {
    let few = "[defense]\nsource_rate = \"1/h burst 2\"\nban_after = \"1/h burst 1\"";
    let gateway = TestGateway::with(&[Setting(DEFENSE, few)]).await;
    let stream = gateway
        .public()
        .from(FLOODER)
        .connect(Protocol::Http2)
        .await
        .unwrap();
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    let uri = format!("{}/rates/eur", gateway.public_url());
    let mut statuses = Vec::new();
    while statuses.last() != Some(&403) {
        let request = Request::get(uri.as_str())
            .body(Full::<bytes::Bytes>::default())
            .unwrap();
        let answer = sender.send_request(request).await.unwrap();
        statuses.push(answer.status().as_u16());
        answer.into_body().collect().await.unwrap();
    }
    assert_eq!(statuses, [200, 200, 429, 429, 403]);
    let ended = tokio::time::timeout(Duration::from_secs(30), connection).await;
    ended.expect("the connection goes on").unwrap().unwrap();
}

/// Design 4.3: trusted sources are exempt from bans and source rates, and from nothing else.
#[tokio::test]
async fn a_trusted_source_is_exempt_from_bans_and_source_rates_only() {
    let gateway = TestGateway::with(&[
        Setting(
            DEFENSE,
            "[defense]\nsource_rate = \"1/h burst 1\"\noauth_rate = \"1/h burst 1\"\nban_after = \"1/h burst 1\"",
        ),
        Setting("customer_rate = \"off\"", "customer_rate = \"1/h burst 4\""),
        Setting("path = \"/rates/{rest...}\"", "path = \"/rates/{rest...}\"\nrate = \"2/h burst 25\""),
    ])
    .await;
    for _ in 0..25 {
        rates(&gateway).expect_answer().await;
        Draft::new(&gateway, "GET", "/rates//eur")
            .expect_refusal("request-malformed")
            .await;
        assert_eq!(
            Draft::new(&gateway, "POST", "/oauth/token").send().await.status(),
            400
        );
    }
    rates(&gateway).expect_refusal("rate-limited").await;
    let alice = gateway.alice().await;
    for _ in 0..2 {
        alice.get("/orders").expect_answer().await;
        alice.post("/consents", "{}").expect_answer().await;
    }
    alice.get("/orders").expect_refusal("rate-limited").await;
    alice.post("/consents", "{}").expect_refusal("rate-limited").await;
    alice
        .pay(PAYMENT)
        .with_proof(&alice)
        .expect_refusal("rate-limited")
        .await;
    // A payment that was refused for its rate is not on record as decided, and its key is free.
    let bob = gateway
        .login(Login {
            customer: "bob",
            ..Login::default()
        })
        .await;
    bob.get("/orders").expect_answer().await;
}

/// Design 4.3: form, host and route come before the limits, the limits before the token.
#[tokio::test]
async fn the_first_fault_in_the_order_of_the_journey_is_named() {
    let gateway = TestGateway::with(&[Setting(DEFENSE, "[defense]\nsource_rate = \"1/h burst 8\"")]).await;
    let alice = gateway.alice().await;
    let get = |target: &str| Draft::new(&gateway, "GET", target).from(FLOODER);
    for _ in 0..8 {
        get("/nothing").expect_refusal("route-unknown").await;
    }
    get("/rates/eur").expect_refusal("rate-limited").await;
    get("/nothing").expect_refusal("route-unknown").await;
    get("/payments").expect_refusal("method-not-allowed").await;
    let elsewhere = get("/rates/eur").afterwards(|sent| sent.authority = "evil.example".to_owned());
    elsewhere.expect_refusal("misdirected").await;
    get("/rates//eur").expect_refusal("request-malformed").await;
    get("/orders").expect_refusal("rate-limited").await;
    alice
        .pay(PAYMENT)
        .without("signature")
        .from(FLOODER)
        .expect_refusal("rate-limited")
        .await;
    let large = Draft::new(&gateway, "POST", "/rates/eur").with_body(&"x".repeat(2000));
    large.from(FLOODER).expect_refusal("rate-limited").await;
}

/// The authorization server has a rate of its own, and says so as its clients read it (RFC 6749, section 5.2).
#[tokio::test]
async fn guessing_at_the_entrance_is_limited_sooner() {
    let gateway = TestGateway::with(&[Setting(DEFENSE, "[defense]\noauth_rate = \"1/m burst 2\"")]).await;
    let post = |target: &str| Draft::new(&gateway, "POST", target).from(FLOODER);
    assert_eq!(post("/oauth/token").send().await.status(), 400);
    assert_eq!(post("/oauth/authorize-challenge").send().await.status(), 400);
    for endpoint in [
        "/oauth/token",
        "/oauth/authorize-challenge",
        "/oauth/introspect",
        "/oauth/revoke",
    ] {
        let refused = post(endpoint).send().await;
        assert_eq!(refused.status(), 429, "{refused:?}");
        assert_eq!(refused.json()["error"], "temporarily_unavailable");
        assert_eq!(refused.header("retry-after"), "60");
        assert_eq!(refused.header("cache-control"), "no-store");
    }
    assert_counted(
        &gateway,
        "route=\"own\",access=\"own\",code=\"rate-limited\",status=\"4xx\"} 4",
    );
    let keys = Draft::new(&gateway, "GET", "/oauth/jwks").from(FLOODER);
    assert_eq!(keys.send().await.status(), 200);
    rates(&gateway).from(FLOODER).expect_answer().await;
    assert_eq!(
        Draft::new(&gateway, "POST", "/oauth/token")
            .from(HONEST)
            .send()
            .await
            .status(),
        400
    );
}

/// A reload changes a rate at once, lets nobody off what they owe, and locks nobody out for longer than the new rate does.
#[tokio::test]
async fn a_reload_changes_the_rates() {
    let source_rate = |rate: &'static str| [Setting(DEFENSE, rate)];
    let gateway = TestGateway::with(&source_rate("[defense]\nsource_rate = \"1/m burst 5\"")).await;
    let reload = async |rate| {
        gateway.home.configure(&gateway.backend, &source_rate(rate));
        gateway.reloader.reload().await.unwrap()
    };
    for _ in 0..5 {
        rates(&gateway).from(FLOODER).expect_answer().await;
    }
    rates(&gateway).from(FLOODER).expect_refusal("rate-limited").await;
    let report = reload("[defense]\nsource_rate = \"60/m burst 5\"").await;
    assert!(report.changed.contains(&"defense".to_owned()), "{report:?}");
    // From the first look on, five minutes of debt are five seconds; half a second is what a connection costs.
    let early = gateway.public().from(FLOODER).connect(Protocol::Http1).await;
    assert!(early.is_err(), "the debt is not forgotten");
    gateway.home.clock.advance(Duration::from_millis(500));
    let refused = rates(&gateway).from(FLOODER).expect_refusal("rate-limited").await;
    assert_eq!(refused.header("retry-after"), "1");
    gateway.home.clock.advance(Duration::from_secs(1));
    rates(&gateway).from(FLOODER).expect_answer().await;
    reload("[defense]\nsource_rate = \"off\"").await;
    for _ in 0..10 {
        rates(&gateway).from(FLOODER).expect_answer().await;
    }
}

/// Every line that a stranger can cause is one of a few; the flood itself is in the counts.
#[tokio::test]
async fn a_flood_does_not_fill_the_log() {
    let gateway = TestGateway::start().await;
    let lines = gateway.services.defense.lines();
    let now = gateway.home.clock.now();
    while lines.one_more(now).is_some() {}
    Draft::new(&gateway, "GET", "/nothing")
        .expect_refusal("route-unknown")
        .await;
    gateway.home.clock.advance(Duration::from_secs(1));
    assert_eq!(lines.one_more(gateway.home.clock.now()), Some(2));
}
