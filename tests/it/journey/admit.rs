//! Arrived → Admitted: form, host, route and limits.

use crate::support::{Draft, PAYMENT, Protocol, TestGateway};

/// HTTP-12
#[tokio::test]
async fn a_header_that_may_stand_once_stands_once() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    for (name, value) in [
        ("authorization", "DPoP other"),
        ("dpop", "a.b.c"),
        ("content-type", "text/plain"),
        ("content-digest", "sha-256=:AAAA:"),
        ("idempotency-key", "\"other\""),
        (
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ),
    ] {
        let twice = alice.pay(PAYMENT).with_proof(&alice).afterwards(move |sent| {
            if name == "traceparent" {
                sent.headers.append(name, value.parse().unwrap());
            }
            sent.headers.append(name, value.parse().unwrap());
        });
        twice.expect_refusal("request-malformed").await;
    }
}

/// HTTP-10: no spelling of a path slips past its route.
#[tokio::test]
async fn a_path_that_a_backend_could_read_differently_is_malformed() {
    let gateway = TestGateway::start().await;
    for path in [
        "/rates/../payments",
        "/rates/%2e%2e/payments",
        "/rates//eur",
        "/rates/eur%2fpayments",
        "/rates/eur%00",
        "/rates/%zz",
        "/rates/..;/payments",
    ] {
        Draft::new(&gateway, "GET", path)
            .expect_refusal("request-malformed")
            .await;
    }
}

/// HTTP-04
#[tokio::test]
async fn another_host_is_misdirected() {
    let gateway = TestGateway::start().await;
    let mutual = gateway.mutual_authority();
    for host in [
        "evil.example",
        "localhost",
        "login.localhost",
        mutual.as_str(),
        "127.0.0.1",
    ] {
        Draft::new(&gateway, "GET", "/rates/eur")
            .then_header("host", host)
            .expect_refusal("misdirected")
            .await;
    }
    Draft::new(&gateway, "GET", "/rates/eur")
        .over(Protocol::Http2)
        .through(gateway.public(), "evil.example".to_owned())
        .expect_refusal("misdirected")
        .await;
    Draft::new(&gateway, "GET", "/rates/eur")
        .through(gateway.mutual(None), "evil.example".to_owned())
        .expect_refusal("misdirected")
        .await;
}

#[tokio::test]
async fn the_host_is_the_same_in_any_case() {
    let gateway = TestGateway::start().await;
    let host = gateway.authority().to_uppercase();
    Draft::new(&gateway, "GET", "/rates/eur")
        .then_header("host", host)
        .expect_answer()
        .await;
}

#[tokio::test]
async fn a_path_that_no_route_takes_is_unknown() {
    let gateway = TestGateway::start().await;
    for path in [
        "/",
        "/rate",
        "/payments/1",
        "/Payments",
        "/accounts/7",
        "/admin/v1/keys",
        "/metrics",
        "/oauth/nothing",
    ] {
        Draft::new(&gateway, "GET", path)
            .expect_refusal("route-unknown")
            .await;
    }
}

/// RFC 9110, section 15.5.6
#[tokio::test]
async fn another_method_is_told_which_ones_there_are() {
    let gateway = TestGateway::start().await;
    let answer = Draft::new(&gateway, "DELETE", "/payments")
        .expect_refusal("method-not-allowed")
        .await;
    assert_eq!(answer.header("allow"), "POST");
    let answer = Draft::new(&gateway, "DELETE", "/rates/eur")
        .expect_refusal("method-not-allowed")
        .await;
    assert_eq!(answer.header("allow"), "GET, HEAD, POST");
}

#[tokio::test]
async fn a_body_over_the_routes_limit_is_too_large() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let body = format!("\"{}\"", "x".repeat(1023));
    for protocol in [Protocol::Http1, Protocol::Http2] {
        alice
            .post("/consents", &body)
            .over(protocol)
            .expect_refusal("body-too-large")
            .await;
        Draft::new(&gateway, "POST", "/rates/eur")
            .with_body(&body)
            .over(protocol)
            .expect_refusal("body-too-large")
            .await;
    }
    alice.post("/consents", &"1".repeat(1024)).expect_answer().await;
}

/// The length is not believed when none is declared.
#[tokio::test]
async fn a_body_that_grows_over_the_limit_is_too_large() {
    let gateway = TestGateway::start().await;
    let chunk = format!("800\r\n{}\r\n0\r\n\r\n", "x".repeat(0x800));
    let head = format!(
        "POST /rates/eur HTTP/1.1\r\nhost: {}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n",
        gateway.authority()
    );
    let answer = gateway
        .public()
        .send_bytes(format!("{head}{chunk}").as_bytes())
        .await;
    assert!(
        answer.starts_with("HTTP/1.1 413 ") && answer.contains("problem:body-too-large"),
        "{answer}"
    );
    assert_eq!(gateway.backend.count(), 0);
}

/// HTTP-11
#[tokio::test]
async fn a_target_or_a_header_section_over_the_limits_is_refused() {
    let gateway = TestGateway::start().await;
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let long = format!("/rates/{}", "x".repeat(9 * 1024));
        Draft::new(&gateway, "GET", &long)
            .over(protocol)
            .expect_refusal("uri-too-long")
            .await;
        Draft::new(&gateway, "GET", "/rates/eur")
            .header("x-long", &"x".repeat(17 * 1024))
            .over(protocol)
            .expect_refusal("headers-too-large")
            .await;
        let mut many = Draft::new(&gateway, "GET", "/rates/eur").over(protocol);
        for _ in 0..101 {
            many = many.line("x-many", "1");
        }
        many.expect_refusal("headers-too-large").await;
    }
}

/// HTTP-02, HTTP-03, HTTP-04, HTTP-05, HTTP-09: what two parsers could frame differently gets no second request through.
#[tokio::test]
async fn a_framing_fault_ends_the_connection() {
    let gateway = TestGateway::start().await;
    let host = gateway.authority();
    let smuggled = format!("GET /rates/smuggled HTTP/1.1\r\nhost: {host}\r\n\r\n");
    for lines in [
        format!("host: {host}\r\ncontent-length: 4\r\ncontent-length: 5\r\n"),
        format!("host: {host}\r\ncontent-length: +4\r\n"),
        format!("host: {host}\r\ntransfer-encoding: gzip, chunked, identity\r\n"),
        format!("host: {host}\r\nhost: {host}\r\n"),
        format!("host: {host}\r\nupgrade: h2c\r\nconnection: upgrade\r\n"),
        "x-no-host: 1\r\n".to_owned(),
        format!("host: {host}\r\nbroken header\r\n"),
        format!("host : {host}\r\n"),
    ] {
        let bytes = format!("POST /rates/eur HTTP/1.1\r\n{lines}\r\n0\r\n\r\n{smuggled}{smuggled}");
        let answer = gateway.public().send_bytes(bytes.as_bytes()).await;
        let answers = answer.matches("HTTP/1.1 ").count();
        assert!(
            answers <= 1 && (answer.is_empty() || answer.starts_with("HTTP/1.1 4")),
            "{lines}: {answer}"
        );
        assert_eq!(gateway.backend.count(), 0, "{lines}");
    }
}

/// What is refused on one protocol is refused on the other, and what passes passes.
#[tokio::test]
async fn both_protocols_lead_to_the_same_gate() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    for protocol in [Protocol::Http1, Protocol::Http2] {
        Draft::new(&gateway, "GET", "/nothing")
            .over(protocol)
            .expect_refusal("route-unknown")
            .await;
        Draft::new(&gateway, "GET", "/orders")
            .over(protocol)
            .expect_refusal("token-missing")
            .await;
        alice.get("/orders").over(protocol).expect_answer().await;
        alice
            .pay(PAYMENT)
            .over(protocol)
            .expect_answer()
            .await
            .assert_signed();
    }
}
