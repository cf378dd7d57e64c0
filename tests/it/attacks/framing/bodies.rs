//! Bodies that break off the frame their head announced.

use super::{assert_refused, converse, hidden, written};
use crate::support::{PAYMENT, TestGateway};

/// What follows five bytes of a chunked body, and breaks its frame.
const FAULTS: [(&str, &str); 17] = [
    ("a size that is no number", "5\r\nmoney\r\nzz\r\n"),
    ("a size with a space", "5 \r\nmoney\r\n0\r\n\r\n"),
    ("a size with a sign", "+5\r\nmoney\r\n0\r\n\r\n"),
    ("a size with a prefix", "0x5\r\nmoney\r\n0\r\n\r\n"),
    ("a size of 32 bits and more", "100000005\r\nmoney\r\n0\r\n\r\n"),
    (
        "a size of 64 bits and more",
        "10000000000000005\r\nmoney\r\n0\r\n\r\n",
    ),
    ("a size with many zeros", "000000000000005\r\nmoney\r\n0\r\n\r\n"),
    ("an extension", "5;a=b\r\nmoney\r\n0\r\n\r\n"),
    ("an extension with a bare LF", "5;a\nmoney\r\n0\r\n\r\n"),
    ("a size that ends with LF", "5\nmoney\r\n0\r\n\r\n"),
    ("a size that ends with CR", "5\rmoney\r\n0\r\n\r\n"),
    ("data that end with LF", "5\r\nmoney\n0\r\n\r\n"),
    ("data that do not end", "5\r\nmoneymoney\r\n0\r\n\r\n"),
    ("a last chunk that ends with LF", "5\r\nmoney\r\n0\n\n"),
    ("a trailer", "5\r\nmoney\r\n0\r\nx: y\r\n\r\n"),
    (
        "a length behind the body",
        "5\r\nmoney\r\n0\r\ncontent-length: 5\r\n\r\n",
    ),
    (
        "credentials behind the body",
        "5\r\nmoney\r\n0\r\nauthorization: DPoP x\r\n\r\n",
    ),
];

/// HTTP-06
#[tokio::test]
async fn a_broken_chunk_fails_its_request_and_hides_none() {
    let gateway = TestGateway::start().await;
    let (host, hidden) = (gateway.authority(), hidden(&gateway));
    let head = format!("POST /rates/eur HTTP/1.1\r\nhost: {host}\r\ntransfer-encoding: chunked\r\n\r\n");
    for (what, fault) in FAULTS {
        println!("{what}");
        let bytes = format!("{head}{fault}{hidden}");
        assert_refused(&gateway, bytes.as_bytes(), "request-malformed").await;
    }
    let close = head.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");
    let bytes = format!("{close}3\r\nmon\r\n02\r\ney\r\n0\r\n\r\n");
    assert_eq!(converse(&gateway, bytes.as_bytes()).await[0].status, 200);
    let seen = gateway.backend.last();
    assert_eq!(
        (seen.header("content-length"), &seen.body[..]),
        ("5", &b"money"[..])
    );
}

/// HTTP-06: the digest and the signature are of the whole payment, and the whole payment comes; but not framed.
#[tokio::test]
async fn a_payment_whose_body_breaks_is_not_made() {
    let gateway = TestGateway::start().await;
    let (alice, hidden) = (gateway.alice().await, hidden(&gateway));
    let chunk = format!("{:x}\r\n{PAYMENT}\r\n", PAYMENT.len());
    for (what, end) in [
        ("a trailer", "0\r\nx: y\r\n\r\n"),
        ("an extension", "0;a\r\n\r\n"),
        ("a bare LF", "0\r\n\n"),
        ("a size that is none", "\r\n"),
        ("too many zeros", "000000000\r\n\r\n"),
    ] {
        println!("{what}");
        let bytes = written(
            alice.pay_under("the-key", PAYMENT),
            "transfer-encoding: chunked\r\n",
            &format!("{chunk}{end}{hidden}"),
        );
        assert_refused(&gateway, &bytes, "request-malformed").await;
    }
    // It occupied no key.
    let lines = "transfer-encoding: chunked\r\nconnection: close\r\n";
    let bytes = written(
        alice.pay_under("the-key", PAYMENT),
        lines,
        &format!("{chunk}0\r\n\r\n"),
    );
    assert_eq!(converse(&gateway, &bytes).await[0].status, 200);
    assert_eq!(gateway.backend.last().body, PAYMENT);
    assert_eq!(gateway.backend.count(), 1);
}

/// HTTP-02: what ends before its length is no payment.
#[tokio::test]
async fn a_body_that_ends_early_is_not_made_up_for() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    for (lines, body) in [
        (
            format!("content-length: {}\r\n", PAYMENT.len() + 1),
            PAYMENT.to_owned(),
        ),
        (
            "transfer-encoding: chunked\r\n".to_owned(),
            format!("{:x}\r\n{PAYMENT}\r\n", PAYMENT.len()),
        ),
        (
            "transfer-encoding: chunked\r\n".to_owned(),
            format!("{:x}\r\n{PAYMENT}\r\n0\r\n", PAYMENT.len()),
        ),
    ] {
        let bytes = written(alice.pay(PAYMENT), &lines, &body);
        let answer = gateway.public().send_and_hang_up(&bytes).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 400"),
            "{answer}"
        );
    }
    assert_eq!(gateway.backend.count(), 0);
}

/// RFC 9112, section 9.6: whoever has sent a whole request may stop sending, and reads the answer.
#[tokio::test]
async fn a_client_that_stops_sending_gets_its_answer() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let bytes = written(
        alice.pay(PAYMENT),
        &format!("content-length: {}\r\n", PAYMENT.len()),
        PAYMENT,
    );
    let answer = gateway.public().send_and_hang_up(&bytes).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(gateway.backend.count(), 1);
}

/// HTTP-08: what was not read of a body must not be taken for the next request.
#[tokio::test]
async fn an_unread_body_ends_the_connection() {
    let gateway = TestGateway::start().await;
    let (host, hidden) = (gateway.authority(), hidden(&gateway));
    let filler = "x".repeat(60_000 - hidden.len());
    for (target, status) in [
        ("/payments", 401),
        ("/nothing", 404),
        ("/accounts/7/balances", 405),
    ] {
        for rest in [hidden.clone(), format!("{hidden}{filler}")] {
            let bytes =
                format!("POST {target} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 60000\r\n\r\n{rest}");
            let replies = converse(&gateway, bytes.as_bytes()).await;
            // A body that had come whole is passed over; then the connection stays open and is closed by nobody: not here.
            let statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
            assert_eq!(statuses, [status], "{target}: {replies:?}");
            assert_eq!(replies[0].header("connection"), "close", "{target}");
        }
    }
    assert_eq!(gateway.backend.count(), 0);
}
