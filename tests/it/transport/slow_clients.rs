//! Clients that send or take a byte now and then: each has a deadline for the whole, not for the next byte.

use std::sync::Arc;
use std::time::Duration;

use countersign::base::{Code, Door, Timestamp};
use countersign::edge::{ClientAuthentication, CountRefusals, Limits};
use tokio::io::{AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::client::Client;
use super::gateway::{open, prepare};
use crate::support::in_the_end;

const SHORT: Duration = Duration::from_millis(150);

/// Sends a byte of `bytes` now and then, over and over, much faster than the deadline, until nobody takes them.
fn trickle(mut to: impl AsyncWrite + Unpin + Send + 'static, bytes: &'static [u8]) -> JoinHandle<()> {
    tokio::spawn(async move {
        for byte in bytes.iter().cycle() {
            if to.write_all(&[*byte]).await.is_err() || to.flush().await.is_err() {
                return;
            }
            tokio::time::sleep(SHORT / 20).await;
        }
    })
}

/// A TLS record of a handshake message that says it is longer than all that will ever come.
#[tokio::test]
async fn a_handshake_that_comes_byte_by_byte_ends_at_its_deadline() {
    let limits = Limits {
        handshake: SHORT,
        ..Limits::default()
    };
    let opened = open(Door::Public, &ClientAuthentication::None, limits);
    let (mut reader, writer) = TcpStream::connect(opened.address).await.unwrap().into_split();
    let sending = trickle(writer, &[0x16, 0x03, 0x01, 0x3f, 0xff, 0x01, 0x00, 0x3f, 0xfb]);
    let mut rest = Vec::new();
    let _ = reader.read_to_end(&mut rest).await;
    let line = r#"countersign_tls_handshakes_failed_total{door="public",cause="deadline"} 1"#;
    opened.until_metric(line).await;
    sending.await.unwrap();
}

/// What was counted as refused.
#[derive(Default)]
struct Counted(std::sync::Mutex<Vec<Code>>);

impl CountRefusals for Counted {
    fn count(&self, _: std::net::IpAddr, code: Code, _: Timestamp) {
        self.0.lock().unwrap().push(code);
    }
}

/// HTTP-11
#[tokio::test]
async fn a_head_that_comes_byte_by_byte_ends_at_its_deadline_and_is_counted() {
    let limits = Limits {
        head: SHORT,
        ..Limits::default()
    };
    let opened = open(Door::Public, &ClientAuthentication::None, limits);
    for (before, line) in [("", 1), ("GET /first HTTP/1.1\r\nhost: localhost\r\n\r\n", 2)] {
        let client = Client::new(&opened.authority, None, &["http/1.1"]);
        let mut stream = client.connect(opened.address, "localhost").await.unwrap();
        stream.write_all(before.as_bytes()).await.unwrap();
        if !before.is_empty() {
            let mut answer = vec![0; 12];
            stream.read_exact(&mut answer).await.unwrap();
            assert_eq!(answer, *b"HTTP/1.1 200");
        }
        let (mut reader, mut writer) = tokio::io::split(stream);
        writer.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        let sending = trickle(writer, b"x: y\r\n");
        let mut rest = Vec::new();
        let _ = reader.read_to_end(&mut rest).await;
        let line =
            format!(r#"countersign_connections_cut_total{{door="public",reason="head-deadline"}} {line}"#);
        opened.until_metric(&line).await;
        sending.await.unwrap();
    }
    let seen = opened.behind.seen.lock().unwrap().len();
    assert_eq!(seen, 1, "none of the slow heads arrived");
}

/// HTTP-11
#[tokio::test]
async fn a_body_that_comes_byte_by_byte_ends_at_its_deadline() {
    let limits = Limits {
        body: SHORT,
        ..Limits::default()
    };
    let opened = open(Door::Public, &ClientAuthentication::None, limits);
    for (framing, bytes) in [
        ("content-length: 100000", &b"x"[..]),
        ("transfer-encoding: chunked", b"1\r\nx\r\n"),
    ] {
        let client = Client::new(&opened.authority, None, &["http/1.1"]);
        let stream = client.connect(opened.address, "localhost").await.unwrap();
        let (mut reader, mut writer) = tokio::io::split(stream);
        let head = format!("POST /read HTTP/1.1\r\nhost: localhost\r\n{framing}\r\n\r\n");
        writer.write_all(head.as_bytes()).await.unwrap();
        let sending = trickle(writer, bytes);
        let mut answer = Vec::new();
        let _ = reader.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.ends_with("TooSlow"), "{framing}: {answer}");
        assert!(answer.contains("connection: close"), "{framing}: {answer}");
        sending.await.unwrap();
    }
}

/// The header deadline is not the time between two requests.
#[tokio::test]
async fn an_idle_connection_outlives_the_deadline_of_a_head() {
    let limits = Limits {
        head: SHORT,
        ..Limits::default()
    };
    let opened = open(Door::Public, &ClientAuthentication::None, limits);
    let client = Client::new(&opened.authority, None, &["http/1.1"]);
    let mut conversation = client.open(opened.address).await.unwrap();
    for path in ["/first", "/second"] {
        tokio::time::sleep(2 * SHORT).await;
        assert_eq!(conversation.get(path).await.unwrap().body, path);
    }
}

/// H2-07 for a connection as a whole.
#[tokio::test]
async fn a_client_that_does_not_read_its_answer_is_cut() {
    let limits = Limits {
        answer: SHORT,
        ..Limits::default()
    };
    for (protocol, line) in [
        (
            "http/1.1",
            r#"countersign_connections_cut_total{door="public",reason="answer-deadline"} 1"#,
        ),
        ("h2", r#"countersign_http2_refused_total{reason="stalled"} 1"#),
    ] {
        let opened = open(Door::Public, &ClientAuthentication::None, limits.clone());
        let client = Client::new(&opened.authority, None, &[protocol]);
        let mut stream = client.connect(opened.address, "localhost").await.unwrap();
        // Larger than what the sockets of both sides hold.
        let request: &[u8] = if protocol == "h2" {
            super::raw_http2::GET_LARGE
        } else {
            b"GET /large HTTP/1.1\r\nhost: localhost\r\n\r\n"
        };
        stream.write_all(request).await.unwrap();
        opened.until_metric(line).await;
    }
}

/// Refusals that no gate sees reach whoever counts them.
#[tokio::test]
async fn what_the_door_refuses_is_counted_by_its_code() {
    // The second connection must come while the first one may still be silent.
    let long = Duration::from_secs(1);
    let limits = Limits {
        handshake: long,
        head: long,
        connections: 1,
        ..Limits::default()
    };
    let counted = Arc::new(Counted::default());
    let (door, opened) = prepare(
        Door::Public,
        &ClientAuthentication::None,
        limits,
        Arc::clone(&counted) as Arc<_>,
    );
    opened.edge.open(door).unwrap();
    let last = || counted.0.lock().unwrap().last().copied();
    let silent = TcpStream::connect(opened.address).await.unwrap();
    let mut refused = TcpStream::connect(opened.address).await.unwrap();
    let mut rest = Vec::new();
    let _ = refused.read_to_end(&mut rest).await;
    assert_eq!(last(), Some(Code::Overloaded));
    let is_counted = async || last() == Some(Code::RequestMalformed);
    in_the_end("the silent connection is counted", is_counted).await;
    drop(silent);
}
