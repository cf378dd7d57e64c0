//! Heads that are not framed, on routes of every kind.

use super::{assert_refused, converse, hidden, written};
use crate::support::{PAYMENT, TestGateway};

/// Header lines that make any request unreadable, whatever stands beside them.
const LINES: [(&str, &str); 32] = [
    // HTTP-01
    (
        "length and coding",
        "content-length: 4\r\ntransfer-encoding: chunked\r\n",
    ),
    (
        "coding and length",
        "transfer-encoding: chunked\r\ncontent-length: 4\r\n",
    ),
    // HTTP-02
    ("two lengths", "content-length: 4\r\ncontent-length: 5\r\n"),
    ("one length twice", "content-length: 4\r\ncontent-length: 4\r\n"),
    ("a list", "content-length: 4, 4\r\n"),
    ("a sign", "content-length: +4\r\n"),
    ("no digits", "content-length:\r\n"),
    ("more than 64 bits", "content-length: 18446744073709551620\r\n"),
    ("a space inside", "content-length: 4 4\r\n"),
    ("octal", "content-length: 04\r\n"),
    // HTTP-03
    ("chunked not last", "transfer-encoding: chunked, identity\r\n"),
    ("chunked not alone", "transfer-encoding: gzip, chunked\r\n"),
    (
        "chunked twice",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
    ),
    ("another coding", "transfer-encoding: xchunked\r\n"),
    ("no coding", "transfer-encoding:\r\n"),
    // HTTP-04
    ("a second host", "host: bank.internal\r\n"),
    ("a host of old", "Host: localhost\r\n"),
    // HTTP-05
    ("a space before the colon", "transfer-encoding : chunked\r\n"),
    ("a tab before the colon", "content-length\t: 4\r\n"),
    ("a folded line", "x: y\r\n z\r\n"),
    ("a line folded with a tab", "x: y\r\n\tcontent-length: 4\r\n"),
    ("a line that begins with a space", " content-length: 4\r\n"),
    ("a bare LF", "x: y\ncontent-length: 4\r\n"),
    ("a bare CR", "x: y\rcontent-length: 4\r\n"),
    ("a CR before the CRLF", "x: y\r\r\n"),
    ("a NUL", "x: y\0\r\n"),
    ("a control character", "x: y\x08\r\n"),
    ("a name with a space", "x y: z\r\n"),
    ("a name with a control character", "x\x01: z\r\n"),
    ("no name", ": y\r\n"),
    ("no colon", "nonsense\r\n"),
    ("a lookalike", "content_length: 4\r\n"),
];

/// HTTP-01, HTTP-02, HTTP-03, HTTP-04, HTTP-05
#[tokio::test]
async fn an_unreadable_head_is_refused_on_a_public_route() {
    let gateway = TestGateway::start().await;
    let (host, hidden) = (gateway.authority(), hidden(&gateway));
    for (what, lines) in LINES {
        let bytes = format!("POST /rates/eur HTTP/1.1\r\nhost: {host}\r\n{lines}\r\n0\r\n\r\n{hidden}");
        println!("{what}");
        assert_refused(&gateway, bytes.as_bytes(), "request-malformed").await;
    }
    let rendered = gateway.services.metrics.render();
    let counted = rendered
        .lines()
        .find(|line| line.starts_with("countersign_requests_total") && line.contains("request-malformed"));
    assert!(
        counted.unwrap().ends_with(&format!(" {}", LINES.len())),
        "{counted:?}"
    );
}

/// HTTP-01 to HTTP-05. The token, the proof and the signature are good: only the framing is not.
#[tokio::test]
async fn good_credentials_do_not_help_an_unreadable_head() {
    let gateway = TestGateway::start().await;
    let (alice, hidden) = (gateway.alice().await, hidden(&gateway));
    for (what, lines) in LINES {
        println!("{what}");
        let bytes = written(alice.get("/accounts/7/balances"), lines, &hidden);
        assert_refused(&gateway, &bytes, "request-malformed").await;
        let bytes = written(alice.pay(PAYMENT), lines, &format!("{PAYMENT}{hidden}"));
        assert_refused(&gateway, &bytes, "request-malformed").await;
    }
    // The same two without the faulty lines.
    for (draft, lines, body) in [
        (alice.get("/accounts/7/balances"), String::new(), ""),
        (
            alice.pay(PAYMENT),
            format!("content-length: {}\r\n", PAYMENT.len()),
            PAYMENT,
        ),
    ] {
        let bytes = written(draft, &format!("{lines}connection: close\r\n"), body);
        let replies = converse(&gateway, &bytes).await;
        assert_eq!(
            replies.iter().map(|reply| reply.status).collect::<Vec<_>>(),
            [200],
            "{replies:?}"
        );
    }
    assert_eq!(gateway.backend.count(), 2);
}

/// HTTP-04: the host that is judged is the host that was meant.
#[tokio::test]
async fn a_host_that_is_none_is_refused() {
    let gateway = TestGateway::start().await;
    let host = gateway.authority();
    for lines in [
        String::new(),
        "host:\r\n".to_owned(),
        format!("host: {host}, {host}\r\n"),
        format!("host: user@{host}\r\n"),
        format!("host: {host}/path\r\n"),
        format!("host: https://{host}\r\n"),
        format!("host: {host}:443\r\n"),
        "host: localhost:\r\n".to_owned(),
        "host: local host\r\n".to_owned(),
    ] {
        let bytes = format!("GET /rates/eur HTTP/1.1\r\n{lines}\r\n");
        assert_refused(&gateway, bytes.as_bytes(), "request-malformed").await;
    }
    for target in [
        "https://bank.internal/rates/eur",
        "https://localhost:1/rates/eur",
        "https://user@localhost/",
    ] {
        let bytes = format!("GET {target} HTTP/1.1\r\nhost: {host}\r\n\r\n");
        assert_refused(&gateway, bytes.as_bytes(), "request-malformed").await;
    }
    let bytes =
        format!("GET https://{host}/rates/eur?a=b HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    assert_eq!(converse(&gateway, bytes.as_bytes()).await[0].status, 200);
    // RFC 9112, section 3.2.2: written anew for the backend, with the backend's host.
    let seen = gateway.backend.last();
    assert_eq!(seen.target, "/rates/eur?a=b");
    assert_eq!(seen.header("host"), format!("localhost:{}", gateway.backend.port));
}

/// HTTP-03, HTTP-05
#[tokio::test]
async fn an_unreadable_request_line_is_refused() {
    let gateway = TestGateway::start().await;
    let host = gateway.authority();
    for line in [
        "get /rates/eur HTTP/1.1",
        "GET\t/rates/eur HTTP/1.1",
        "GET  /rates/eur HTTP/1.1",
        " GET /rates/eur HTTP/1.1",
        "GET /rates/eur HTTP/1.1 ",
        "GET /rates/eur HTTP/1.1 HTTP/1.1",
        "GET /rates/e ur HTTP/1.1",
        "GET /rates/eur",
        "GET /rates/eur HTTP/1.0",
        "GET /rates/eur HTTP/0.9",
        "GET /rates/eur HTTP/2.0",
        "GET /rates/eur HTTP/1.10",
        "GET rates/eur HTTP/1.1",
        "GET http://localhost/rates/eur HTTP/1.1",
        "GET * HTTP/1.1",
        "PRI * HTTP/2.0",
        "! /rates/eur HTTP/1.1",
        "\r\n\r\nGET /rates/eur HTTP/1.1",
        "\nGET /rates/eur HTTP/1.1",
        "GET /rates/eur HTTP/1.1\r",
    ] {
        let bytes = format!("{line}\r\nhost: {host}\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n");
        assert_refused(&gateway, bytes.as_bytes(), "request-malformed").await;
    }
    assert_refused(&gateway, b"\x16\x03\x01\x02\x00\x01\n", "request-malformed").await;
}

/// HTTP-07: hop-by-hop fields stay here, and `Connection` takes nothing away that the gate relies on.
#[tokio::test]
async fn what_is_for_one_hop_goes_no_further() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let lines = "connection: close, authorization, dpop, x-secret\r\nx-secret: 1\r\nkeep-alive: timeout=5\r\n\
        proxy-connection: keep-alive\r\nte: trailers\r\n";
    let bytes = written(alice.get("/accounts/7/balances"), lines, "");
    assert_eq!(converse(&gateway, &bytes).await[0].status, 200);
    let seen = gateway.backend.last();
    for name in [
        "x-secret",
        "keep-alive",
        "proxy-connection",
        "te",
        "transfer-encoding",
        "authorization",
        "dpop",
    ] {
        assert!(!seen.headers.contains_key(name), "{name}: {seen:?}");
    }
    assert!(seen.headers.contains_key("txn-token"));
}

/// HTTP-09
#[tokio::test]
async fn the_protocol_cannot_be_changed() {
    let gateway = TestGateway::start().await;
    let (host, hidden) = (gateway.authority(), hidden(&gateway));
    for (line, lines, code) in [
        (format!("CONNECT {host} HTTP/1.1"), "", "method-not-allowed"),
        ("TRACE /rates/eur HTTP/1.1".to_owned(), "", "method-not-allowed"),
        ("CONNECT / HTTP/1.1".to_owned(), "", "request-malformed"),
        (
            "GET /rates/eur HTTP/1.1".to_owned(),
            "upgrade: h2c\r\nconnection: upgrade\r\n",
            "request-malformed",
        ),
        (
            "GET /rates/eur HTTP/1.1".to_owned(),
            "upgrade: websocket\r\n",
            "request-malformed",
        ),
    ] {
        let bytes = format!("{line}\r\nhost: {host}\r\n{lines}\r\n{hidden}");
        assert_refused(&gateway, bytes.as_bytes(), code).await;
    }
    let bytes = format!(
        "POST /rates/eur HTTP/1.1\r\nhost: {host}\r\nexpect: tea\r\ncontent-length: 4\r\n\r\n{hidden}"
    );
    let replies = converse(&gateway, bytes.as_bytes()).await;
    assert_eq!(
        replies.iter().map(|reply| reply.status).collect::<Vec<_>>(),
        [417],
        "{replies:?}"
    );
    assert_eq!(gateway.backend.count(), 0);
}

/// HTTP-12
#[tokio::test]
async fn what_may_stand_once_stands_once() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    for name in ["authorization", "dpop", "traceparent"] {
        let lines = format!("{name}: a\r\n{name}: a\r\nconnection: close\r\n");
        assert_refused(
            &gateway,
            &written(alice.get("/accounts/7/balances"), &lines, ""),
            "request-malformed",
        )
        .await;
    }
    for name in [
        "content-type",
        "idempotency-key",
        "content-digest",
        "content-encoding",
    ] {
        let length = PAYMENT.len();
        let lines = format!("{name}: a\r\n{name}: a\r\ncontent-length: {length}\r\nconnection: close\r\n");
        assert_refused(
            &gateway,
            &written(alice.pay(PAYMENT), &lines, PAYMENT),
            "request-malformed",
        )
        .await;
    }
}
