//! One connection against a backend that says what a test wants.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::Instant;

use super::connect::Connected;
use super::exchange::{Outgoing, exchange};
use super::request_head;
use super::room::Room;
use super::send::{Answer, SendError};
use super::transport::Counted;

const GOOD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const LONG: Duration = Duration::from_secs(60);

fn connected(bytes: usize) -> (Connected, DuplexStream) {
    let (near, far) = duplex(bytes);
    (Connected::new(Box::new(Counted::new(near))), far)
}

fn outgoing(method: Method, body: &'static [u8]) -> Outgoing {
    let target = "/payments".parse().unwrap();
    Outgoing {
        head: request_head::write(&method, &target, &HeaderMap::new(), body.len()),
        method,
        target,
        headers: HeaderMap::new(),
        spare: HeaderMap::new(),
        body: Bytes::from_static(body),
        deadline: Instant::now() + LONG,
        latest_start: None,
        answer_limit: 1024,
    }
}

type Outcome = (Result<Answer, SendError>, Option<Connected>);

async fn ask(connection: Connected, outgoing: &mut Outgoing) -> Outcome {
    exchange(connection, outgoing, &Room::new(1, 1)).await
}

/// Reads the request, then says `answer` in pieces of `cut` bytes.
async fn answer(far: &mut DuplexStream, answer: &[u8], cut: usize) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(far.read_u8().await.unwrap());
    }
    for piece in answer.chunks(cut) {
        // Who has heard enough hangs up.
        let _ = far.write_all(piece).await;
        tokio::task::yield_now().await;
    }
}

async fn rest(mut far: DuplexStream) -> Vec<u8> {
    let mut rest = Vec::new();
    far.read_to_end(&mut rest).await.unwrap();
    rest
}

/// HTTP-01
#[tokio::test]
async fn what_came_before_a_request_keeps_it_from_being_written() {
    let (connection, mut far) = connected(1024);
    far.write_all(GOOD).await.unwrap();
    let (outcome, connection) = ask(connection, &mut outgoing(Method::POST, b"{}")).await;
    assert!(matches!(outcome, Err(SendError::Unsent(_))), "{outcome:?}");
    assert!(connection.is_none());
    assert_eq!(rest(far).await, b"");
}

#[tokio::test]
async fn a_connection_that_has_ended_takes_no_request() {
    let (connection, far) = connected(1024);
    drop(far);
    let (outcome, connection) = ask(connection, &mut outgoing(Method::POST, b"{}")).await;
    assert!(matches!(outcome, Err(SendError::Unsent(_))), "{outcome:?}");
    assert!(connection.is_none());
}

/// One answer a request, however it is cut.
#[tokio::test]
async fn an_answer_is_read_and_the_connection_serves_again() {
    for cut in [1, 7, GOOD.len()] {
        let (mut connection, mut far) = connected(1024);
        for _ in 0..3 {
            let mut request = outgoing(Method::POST, b"");
            let ((outcome, kept), ()) =
                tokio::join!(ask(connection, &mut request), answer(&mut far, GOOD, cut));
            let received = outcome.unwrap();
            assert_eq!(
                (received.status, &received.body[..]),
                (StatusCode::OK, &b"ok"[..])
            );
            connection = kept.unwrap();
        }
    }
}

/// HTTP-01: what stands behind an answer is not the next one.
#[tokio::test]
async fn no_request_follows_on_a_connection_that_said_more_than_its_answer() {
    for (method, said) in [
        (Method::POST, [GOOD, b"HTTP/1.1 200 OK\r\n"].concat()),
        (Method::POST, [GOOD, b"x"].concat()),
        // The answer to HEAD has no body, whatever it says.
        (Method::HEAD, GOOD.to_vec()),
    ] {
        let (connection, mut far) = connected(1024);
        let mut request = outgoing(method, b"");
        let asking = ask(connection, &mut request);
        let ((outcome, kept), ()) = tokio::join!(asking, answer(&mut far, &said, said.len()));
        assert_eq!(outcome.unwrap().status, StatusCode::OK);
        assert!(kept.is_none(), "{}", String::from_utf8_lossy(&said));
    }
}

#[tokio::test]
async fn a_connection_that_the_backend_closes_is_not_kept() {
    for head in [
        "HTTP/1.1 200 OK\r\nconnection: x, Close",
        "HTTP/1.0 200 OK\r\nconnection: keep-alive",
    ] {
        let (connection, mut far) = connected(1024);
        let said = format!("{head}\r\ncontent-length: 0\r\n\r\n");
        let mut request = outgoing(Method::GET, b"");
        let asking = ask(connection, &mut request);
        let ((outcome, kept), ()) = tokio::join!(asking, answer(&mut far, said.as_bytes(), 9));
        assert_eq!(outcome.unwrap().status, StatusCode::OK);
        assert!(kept.is_none(), "{head}");
    }
}

/// A backend may refuse a body that it has not read.
#[tokio::test]
async fn an_answer_counts_before_the_request_is_whole_and_the_connection_does_not_go_on() {
    let (connection, mut far) = connected(256);
    let mut request = outgoing(Method::POST, &[b'a'; 4096]);
    let refusal = b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n";
    let asking = ask(connection, &mut request);
    let ((outcome, kept), ()) = tokio::join!(asking, answer(&mut far, refusal, 99));
    assert_eq!(outcome.unwrap().status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(kept.is_none());
    assert!(rest(far).await.len() < 4096, "the rest of the body did not leave");
}

/// HTTP-06: fields behind the body do not become fields of the head.
#[tokio::test]
async fn chunks_are_joined_and_trailers_left_out() {
    let said =
        b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 201 Created\r\nX-One:  1 \r\nx-one:2\r\n\
        transfer-encoding: chunked\r\n\r\n2\r\nok\r\n4\r\n now\r\n0\r\nx-late: 1\r\n\r\n";
    for cut in [1, 5, said.len()] {
        let (connection, mut far) = connected(1024);
        let mut request = outgoing(Method::POST, b"");
        let ((outcome, kept), ()) = tokio::join!(ask(connection, &mut request), answer(&mut far, said, cut));
        let received = outcome.unwrap();
        assert_eq!(
            (received.status, &received.body[..]),
            (StatusCode::CREATED, &b"ok now"[..])
        );
        let values: Vec<_> = received.headers.get_all("x-one").iter().collect();
        assert_eq!(values, ["1", "2"]);
        assert!(!received.headers.contains_key("x-late") && !received.headers.contains_key("link"));
        assert!(kept.is_some());
    }
}

/// The socket takes no byte: the deadline passes with nothing sent. One byte makes it sent.
#[tokio::test]
async fn whether_a_byte_has_left_is_known_at_the_deadline() {
    for (bytes, expected) in [(4, true), (0, false)] {
        let (near, _far) = duplex(4);
        let mut socket = Counted::new(near);
        socket.write_all(&[0; 4][bytes..]).await.unwrap();
        let connection = Connected::new(Box::new(socket));
        let mut request = Outgoing {
            deadline: Instant::now() + Duration::from_millis(5),
            ..outgoing(Method::POST, b"{}")
        };
        let (outcome, _) = ask(connection, &mut request).await;
        assert!(
            matches!(outcome, Err(SendError::Timeout { sent }) if sent == expected),
            "{outcome:?}"
        );
    }
}
