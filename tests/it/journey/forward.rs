//! Sealed → Answered: backends that are down, slow, cut off in the middle, or answer garbage; and what of a good answer
//! goes back.

use crate::support::{Deed, Draft, PAYMENT, Setting, TestGateway, in_the_end};

/// Sends a read, and sees to it that it gets this code.
async fn read_gets(gateway: &TestGateway, code: &str) {
    let alice = gateway.alice().await;
    alice
        .get("/accounts/7/balances")
        .send()
        .await
        .assert_problem(code);
    Draft::new(gateway, "GET", "/rates/eur")
        .send()
        .await
        .assert_problem(code);
}

#[tokio::test]
async fn a_backend_that_is_down_is_unavailable_until_it_is_back() {
    let mut gateway = TestGateway::start().await;
    gateway.backend.stop().await;
    read_gets(&gateway, "upstream-unavailable").await;
    gateway
        .alice()
        .await
        .post("/consents", "{}")
        .expect_refusal("upstream-unavailable")
        .await;
    gateway.backend.restart().await;
    // After three failures the gateway waits a second before it tries again.
    let alice = gateway.alice().await;
    let is_back = async || alice.get("/orders").send().await.status() == 200;
    in_the_end("the backend is back", is_back).await;
}

/// A connection that was kept and has ended meanwhile costs no request.
#[tokio::test]
async fn a_backend_that_restarted_costs_no_request() {
    let mut gateway = TestGateway::start().await;
    gateway.alice().await.pay(PAYMENT).expect_answer().await;
    gateway.backend.stop().await;
    gateway.backend.restart().await;
    gateway.alice().await.pay(PAYMENT).expect_answer().await;
}

#[tokio::test]
async fn a_backend_that_is_slow_times_out() {
    let gateway = TestGateway::with(&[Setting("timeout = \"30s\"", "timeout = \"1s\"")]).await;
    let alice = gateway.alice().await;
    gateway.backend.next(Deed::Never);
    alice
        .get("/orders")
        .send()
        .await
        .assert_problem("upstream-timeout");
    gateway.backend.next(Deed::Never);
    alice
        .pay_under("k", PAYMENT)
        .send()
        .await
        .assert_problem("outcome-unknown");
    alice
        .pay_under("k", PAYMENT)
        .expect_refusal("outcome-unknown")
        .await;
    alice.get("/orders").expect_answer().await;
}

#[tokio::test]
async fn an_answer_that_is_cut_off_or_is_no_answer_is_not_passed_on() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    for bytes in [
        &b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this"[..],
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 O",
        b"\x16\x03\x01garbage\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 700000 Odd\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nhello",
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
    ] {
        gateway.backend.next(Deed::Write(bytes.to_vec()));
        let answer = alice.get("/accounts/7/balances").send().await;
        answer.assert_problem("answer-invalid");
        gateway.backend.next(Deed::Write(bytes.to_vec()));
        alice
            .post("/consents", "{}")
            .send()
            .await
            .assert_problem("answer-invalid");
    }
}

#[tokio::test]
async fn an_answer_over_the_routes_limit_is_too_large() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let large = "x".repeat(4097);
    gateway.backend.next(Deed::respond(200, "", &large));
    alice
        .get("/accounts/7/balances")
        .send()
        .await
        .assert_problem("answer-too-large");
    gateway.backend.next(Deed::respond(200, "", &large[1..]));
    alice.get("/accounts/7/balances").expect_answer().await;
    // The payment was answered all the same, and is not sent again.
    gateway.backend.next(Deed::respond(200, "", &large));
    for _ in 0..2 {
        alice
            .pay_under("k", PAYMENT)
            .send()
            .await
            .assert_problem("answer-too-large");
    }
    assert_eq!(gateway.backend.count(), 3);
}

#[tokio::test]
async fn an_answer_with_a_thousand_headers_is_too_large() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let thousand = (0..1000)
        .map(|number| format!("x-{number}: 1\r\n"))
        .collect::<String>();
    let one = format!("x-long: {}\r\n", "x".repeat(64 * 1024));
    for lines in [thousand, one] {
        gateway.backend.next(Deed::respond(200, &lines, "ok"));
        alice
            .get("/orders")
            .send()
            .await
            .assert_problem("answer-too-large");
    }
}

/// HDR-04: a backend cannot act on the gateway's origin in the customer's browser, nor tell what runs behind it.
#[tokio::test]
async fn headers_a_backend_may_not_set_stay_behind() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let lines = "set-cookie: session=evil\r\nclear-site-data: \"*\"\r\nservice-worker-allowed: /\r\n\
                 strict-transport-security: max-age=0\r\naccess-control-allow-origin: *\r\n\
                 access-control-allow-credentials: true\r\nserver: bank/1.0\r\nx-powered-by: cobol\r\n\
                 txn-token: forged\r\nrequest-id: forged\r\nidempotency-replayed: true\r\nx-bank: kept\r\n\
                 signature: evil=:AAAA:\r\nsignature-input: evil=();tag=\"fapi-2-response\"\r\n\
                 content-digest: sha-256=:AAAA:\r\n";
    gateway.backend.next(Deed::respond(200, lines, "{}"));
    let answer = alice.pay(PAYMENT).expect_answer().await;
    for name in [
        "set-cookie",
        "clear-site-data",
        "service-worker-allowed",
        "access-control-allow-origin",
        "access-control-allow-credentials",
        "server",
        "x-powered-by",
        "txn-token",
        "idempotency-replayed",
    ] {
        assert_eq!(answer.header(name), "", "{name}");
    }
    assert_eq!(answer.header("x-bank"), "kept");
    assert_ne!(answer.header("request-id"), "forged");
    assert_eq!(answer.header("strict-transport-security"), "max-age=63072000");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("cache-control"), "no-store");
    answer.assert_signed();
}

#[tokio::test]
async fn statuses_and_bodies_of_a_backend_pass_as_they_are() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    for (status, body) in [
        (200, "{}"),
        (204, ""),
        (302, "moved"),
        (404, "none"),
        (500, "oops"),
        (503, "later"),
    ] {
        gateway
            .backend
            .next(Deed::respond(status, "content-type: text/plain\r\n", body));
        let answer = alice.post("/consents", "{}").send().await;
        assert_eq!((answer.status(), answer.body()), (status, body.as_bytes()));
        answer.assert_signed();
    }
}

/// An answer to HEAD has no body, whatever length it names.
#[tokio::test]
async fn a_head_request_is_answered_without_a_body() {
    let gateway = TestGateway::start().await;
    gateway.backend.next(Deed::Write(
        b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n".to_vec(),
    ));
    let answer = Draft::new(&gateway, "HEAD", "/rates/eur").expect_answer().await;
    assert!(answer.body().is_empty());
}
