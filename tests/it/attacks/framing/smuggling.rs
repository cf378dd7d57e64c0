//! Tricks of the published literature on request smuggling. Each hides a request for `/rates/hidden` in another; none of
//! them may bring it to the backend.

use super::{converse, hidden};
use crate::support::{Draft, Protocol, TestGateway};

/// Sends the trick and sees to it that one answer refuses it, or that it is one harmless request.
async fn assert_hides_nothing(gateway: &TestGateway, what: &str, bytes: String) {
    let before = gateway.backend.count();
    let replies = converse(gateway, bytes.as_bytes()).await;
    assert_eq!(replies.len(), 1, "{what}: {replies:?}");
    assert!((400..500).contains(&replies[0].status), "{what}: {replies:?}");
    assert_eq!(gateway.backend.count(), before, "{what}");
}

fn post(gateway: &TestGateway, lines: &str, body: &str) -> String {
    let host = gateway.authority();
    format!(
        "POST /rates/eur HTTP/1.1\r\nhost: {host}\r\n{lines}\r\n{body}{}",
        hidden(gateway)
    )
}

/// CL.TE and TE.CL (HTTP-01): one side counts, the other reads chunks.
#[tokio::test]
async fn length_against_coding() {
    let gateway = TestGateway::start().await;
    for (what, lines, body) in [
        (
            "CL.TE",
            "content-length: 5\r\ntransfer-encoding: chunked\r\n",
            "0\r\n\r\n",
        ),
        (
            "TE.CL",
            "transfer-encoding: chunked\r\ncontent-length: 3\r\n",
            "1\r\nA\r\n0\r\n\r\n",
        ),
        ("CL.CL", "content-length: 0\r\ncontent-length: 5\r\n", "0\r\n\r\n"),
        ("CL;CL", "content-length: 0;5\r\n", "0\r\n\r\n"),
    ] {
        assert_hides_nothing(&gateway, what, post(&gateway, lines, body)).await;
    }
}

/// TE.TE (HTTP-03, HTTP-05): a coding that one side does not recognise.
#[tokio::test]
async fn a_coding_in_disguise() {
    let gateway = TestGateway::start().await;
    for line in [
        "transfer-encoding: xchunked",
        "transfer-encoding: chunked\r\ntransfer-encoding: x",
        "transfer-encoding:\tchunked, identity",
        "transfer-encoding: \"chunked\"",
        "transfer-encoding: 'chunked'",
        "transfer-encoding: chunked\x0b",
        "transfer-encoding: \x0bchunked",
        "transfer-encoding: \x0cchunked",
        "transfer-encoding: chunk",
        "transfer-encoding: chunked;foo=bar",
        "transfer-encoding : chunked",
        "transfer-encoding\t:\tchunked",
        "transfer-encoding\0: chunked",
        "transfer-encoding:\r\n chunked",
        "transfer-encoding\r\n : chunked",
        "x: y\r\n transfer-encoding: chunked",
        " transfer-encoding: chunked",
        "x: y\ntransfer-encoding: chunked",
        "x: y\rtransfer-encoding: chunked",
        "transfer_encoding: chunked",
        "transfer encoding: chunked",
        "\u{212a}transfer-encoding: chunked",
    ] {
        let bytes = post(&gateway, &format!("content-length: 5\r\n{line}\r\n"), "0\r\n\r\n");
        assert_hides_nothing(&gateway, line, bytes).await;
        // TE.0 in disguise: no length beside it.
        assert_hides_nothing(
            &gateway,
            line,
            post(&gateway, &format!("{line}\r\n"), "0\r\n\r\n"),
        )
        .await;
    }
}

/// CL.0 and TE.0 (HTTP-08): a backend that does not read the content of such a request takes it for the next one.
#[tokio::test]
async fn content_where_a_backend_expects_none() {
    let gateway = TestGateway::start().await;
    let (host, hidden) = (gateway.authority(), hidden(&gateway));
    let chunk = format!("{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len());
    let length = hidden.len();
    for method in ["GET", "HEAD", "OPTIONS", "TRACE"] {
        for (framing, body) in [
            (format!("content-length: {length}"), &hidden),
            ("transfer-encoding: chunked".to_owned(), &chunk),
        ] {
            let bytes = format!(
                "{method} /rates/eur HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{framing}\r\n\r\n{body}"
            );
            let before = gateway.backend.count();
            let answer = gateway.public().send_bytes(bytes.as_bytes()).await;
            assert_eq!(
                answer.matches("HTTP/1.1 4").count(),
                1,
                "{method} {framing}: {answer}"
            );
            assert!(!answer.contains("HTTP/1.1 2"), "{method} {framing}: {answer}");
            assert_eq!(gateway.backend.count(), before, "{method} {framing}");
        }
    }
}

/// 0.CL (HTTP-02, HTTP-05): a length that the gateway would not see and the backend would.
#[tokio::test]
async fn a_length_in_disguise() {
    let gateway = TestGateway::start().await;
    for line in [
        "content-length : 5",
        " content-length: 5",
        "x: y\r\n content-length: 5",
        "content-length\r\n: 5",
        "content-length:\r\n 5",
        "content_length: 5",
        "content-length: \x0b5",
        "content-length: 5\0",
        "content-length: 0x5",
        "content-length: 5,",
        "content-length: 1e1",
        "x: y\rcontent-length: 5",
        "content-length: 4294967301",
        "content-length: 18446744073709551621",
    ] {
        let bytes = post(&gateway, &format!("{line}\r\n"), "0\r\n\r\n");
        assert_hides_nothing(&gateway, line, bytes).await;
    }
}

/// Chunk sizes that wrap, chunk ends that are not exact, extensions that hide a line (HTTP-06).
#[tokio::test]
async fn chunks_that_end_elsewhere() {
    let gateway = TestGateway::start().await;
    for body in [
        "10000000000000000\r\n\r\n",
        "100000000\r\n\r\n",
        "ffffffffffffffff1\r\nA\r\n0\r\n\r\n",
        "-1\r\n\r\n",
        "1\nA\n0\n\n",
        "1\r\nA\n0\r\n\r\n",
        "1\r\nAXX0\r\n\r\n",
        "1\rXA\r\n0\r\n\r\n",
        "1;\nA\r\n0\r\n\r\n",
        "1;a=\"\r\nA\"\r\n0\r\n\r\n",
        "1\n;\r\nA\r\n0\r\n\r\n",
        "1 ;a\r\nA\r\n0\r\n\r\n",
        "1\x0b\r\nA\r\n0\r\n\r\n",
        "1\r\nA\r\n0\r\n\n",
        "1\r\nA\r\n\r\n0\r\n\r\n",
    ] {
        let bytes = post(&gateway, "transfer-encoding: chunked\r\n", body);
        assert_hides_nothing(&gateway, body, bytes).await;
    }
}

/// Trailers that would frame or authorise (HTTP-06).
#[tokio::test]
async fn fields_behind_the_body() {
    let gateway = TestGateway::start().await;
    for trailer in [
        "content-length: 5",
        "transfer-encoding: chunked",
        "host: bank.internal",
        "authorization: x",
        "x: y",
    ] {
        let body = format!("1\r\nA\r\n0\r\n{trailer}\r\n\r\n");
        let bytes = post(&gateway, "trailer: x\r\ntransfer-encoding: chunked\r\n", &body);
        assert_hides_nothing(&gateway, trailer, bytes).await;
    }
}

/// Expectations (HTTP-09): the client says it will wait, and does not; or says what nobody understands.
#[tokio::test]
async fn content_behind_an_expectation() {
    let gateway = TestGateway::start().await;
    let (host, hidden) = (gateway.authority(), hidden(&gateway));
    for (what, target, expect) in [
        ("refused before its content", "/payments", "100-continue"),
        ("refused with its expectation", "/rates/eur", "y 100-continue"),
        ("refused with two", "/rates/eur", "100-continue, x"),
    ] {
        let bytes = format!(
            "POST {target} HTTP/1.1\r\nhost: {host}\r\nexpect: {expect}\r\ncontent-length: 60000\r\n\r\n{hidden}"
        );
        assert_hides_nothing(&gateway, what, bytes).await;
    }
}

/// A request is refused before its client was told to go on: what follows may be its content, or, for a client that left
/// the content out, the next request. A proxy in front that takes it one way while the gateway takes it the other would send
/// one caller's request as another's content, so nothing is read from there on (HTTP-09).
#[tokio::test]
async fn nothing_is_read_behind_content_that_was_not_asked_for() {
    let gateway = TestGateway::start().await;
    let (host, hidden) = (gateway.authority(), hidden(&gateway));
    let length = hidden.len();
    let bytes = format!(
        "POST /payments HTTP/1.1\r\nhost: {host}\r\nexpect: 100-continue\r\ncontent-length: {length}\r\n\r\n\
         {hidden}{hidden}"
    );
    let replies = converse(&gateway, bytes.as_bytes()).await;
    let [reply] = replies.as_slice() else {
        panic!("{replies:?}");
    };
    assert!((400..500).contains(&reply.status), "{reply:?}");
    assert_eq!(reply.headers["connection"], "close");
    assert_eq!(gateway.backend.count(), 0);
}

/// Another host in the target, on a connection where the first request was good (HTTP-04).
#[tokio::test]
async fn another_host_behind_a_good_request() {
    let gateway = TestGateway::start().await;
    let host = gateway.authority();
    let good = format!("GET /rates/eur HTTP/1.1\r\nhost: {host}\r\n\r\n");
    for second in [
        format!("GET https://bank.internal/rates/hidden HTTP/1.1\r\nhost: {host}\r\n\r\n"),
        format!("GET https://{host}@bank.internal/rates/hidden HTTP/1.1\r\nhost: {host}\r\n\r\n"),
        "GET /rates/hidden HTTP/1.1\r\nhost: bank.internal\r\nconnection: close\r\n\r\n".to_owned(),
        format!("GET /rates/hidden HTTP/1.1\r\nhost: {host}\r\nhost: bank.internal\r\n\r\n"),
    ] {
        let before = gateway.backend.count();
        let replies = converse(&gateway, format!("{good}{second}").as_bytes()).await;
        assert_eq!(replies.len(), 2, "{second}: {replies:?}");
        assert_eq!(replies[0].status, 200);
        assert!((400..500).contains(&replies[1].status), "{second}: {replies:?}");
        assert_eq!(gateway.backend.count(), before + 1, "{second}");
    }
}

/// `Connection` names the very fields that frame (HTTP-07): they are the gateway's business and are written anew.
#[tokio::test]
async fn framing_cannot_be_named_away() {
    let gateway = TestGateway::start().await;
    let (host, hidden) = (gateway.authority(), hidden(&gateway));
    let length = hidden.len();
    let bytes = format!(
        "POST /rates/eur HTTP/1.1\r\nhost: {host}\r\nconnection: close, content-length, host\r\n\
         content-length: {length}\r\n\r\n{hidden}"
    );
    let replies = converse(&gateway, bytes.as_bytes()).await;
    assert_eq!(
        replies.iter().map(|reply| reply.status).collect::<Vec<_>>(),
        [200]
    );
    let seen = gateway.backend.last();
    assert_eq!((seen.target.as_str(), seen.body.len()), ("/rates/eur", length));
    assert_eq!(seen.header("content-length"), length.to_string());
    assert_eq!(gateway.backend.count(), 1);
}

/// Old versions and other protocols on the same connection (HTTP-03).
#[tokio::test]
async fn another_version_behind_a_good_request() {
    let gateway = TestGateway::start().await;
    let host = gateway.authority();
    let good = format!("GET /rates/eur HTTP/1.1\r\nhost: {host}\r\n\r\n");
    for second in [
        format!(
            "POST /rates/hidden HTTP/1.0\r\nhost: {host}\r\nconnection: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
        "GET /rates/hidden\r\n".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        format!("GET /rates/hidden HTTP/1.1\rhost: {host}\r\n\r\n"),
        format!("GET /rates/hidden HTTP/1.1 HTTP/1.1\r\nhost: {host}\r\n\r\n"),
    ] {
        let before = gateway.backend.count();
        let replies = converse(&gateway, format!("{good}{second}").as_bytes()).await;
        let statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
        assert_eq!(statuses, [200, 400], "{second}");
        assert_eq!(gateway.backend.count(), before + 1, "{second}");
    }
}

/// CL.0 by way of HTTP/2 (HTTP-08): the backend speaks HTTP/1.1, and there the content would be framed by a length.
#[tokio::test]
async fn content_of_a_get_over_http2() {
    let gateway = TestGateway::start().await;
    let hidden = hidden(&gateway);
    for method in ["GET", "HEAD"] {
        let draft = Draft::new(&gateway, method, "/rates/eur").over(Protocol::Http2);
        let mut ready = draft.finish();
        ready.sent.body = hidden.clone().into();
        let answer = ready.send().await;
        assert_eq!(answer.status(), 400, "{answer:?}");
        assert_eq!(answer.body().is_empty(), method == "HEAD", "{answer:?}");
    }
    assert_eq!(gateway.backend.count(), 0);
}
