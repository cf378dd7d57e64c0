//! HTTP at the doors: what is refused before anyone looks at it, and what a client cannot cause.

use std::sync::Arc;
use std::time::Duration;

use countersign::base::Door;
use countersign::base::limits::{HEADER_BYTES, URI_BYTES};
use countersign::edge::{ClientAuthentication, Limits, NotCounted};
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::client::{Client, Received, Sender};
use super::gateway::{Opened, open, prepare, public};
use crate::support::{in_the_end, in_time};

const NOBODY: &str = r#"countersign_connections{door="public"} 0"#;

fn code(received: &Received) -> String {
    let problem: serde_json::Value = serde_json::from_str(&received.body).unwrap_or_default();
    problem["type"].as_str().unwrap_or_default().to_owned()
}

/// HTTP-09, HTTP-11, HDR-05
#[tokio::test]
async fn bad_heads_get_problems_and_close_the_connection() {
    let opened = public();
    let client = Client::new(&opened.authority, None, &["http/1.1"]);
    let long = "a".repeat(URI_BYTES + 1);
    for (request, status, expected) in [
        (
            Request::get("/").method(Method::TRACE),
            405,
            "urn:countersign:problem:method-not-allowed",
        ),
        (
            Request::get("/").header("upgrade", "h2c"),
            400,
            "urn:countersign:problem:request-malformed",
        ),
        (Request::get("/").header("expect", "tea"), 417, ""),
        (
            Request::get(format!("/{long}")),
            414,
            "urn:countersign:problem:uri-too-long",
        ),
        (
            Request::get("/").header("x", "a".repeat(HEADER_BYTES)),
            431,
            "urn:countersign:problem:headers-too-large",
        ),
    ] {
        let received = client
            .open(opened.address)
            .await
            .unwrap()
            .send(request)
            .await
            .unwrap();
        assert_eq!(
            (received.status.as_u16(), code(&received).as_str()),
            (status, expected)
        );
        assert_eq!(received.headers["connection"], "close");
        assert!(received.headers.contains_key("request-id"));
    }
    assert!(opened.behind.seen.lock().unwrap().is_empty());
}

/// HTTP-11
#[tokio::test]
async fn a_head_without_end_is_refused_by_both_protocols() {
    let opened = public();
    for protocol in ["http/1.1", "h2"] {
        let client = Client::new(&opened.authority, None, &[protocol]);
        let mut conversation = client.open(opened.address).await.unwrap();
        let target = if protocol == "h2" {
            "https://localhost/"
        } else {
            "/"
        };
        let request = (0..90).fold(Request::get(target), |request, n| {
            request.header(format!("x-{n}"), "a".repeat(1024))
        });
        let outcome = conversation.send(request).await;
        let refused = outcome.as_ref().map_or(true, |received| {
            received.status == StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
        });
        assert!(refused, "{protocol}: {outcome:?}");
    }
    assert!(opened.behind.seen.lock().unwrap().is_empty());
}

/// HDR-04
#[tokio::test]
async fn an_answer_does_not_say_what_runs_here() {
    let opened = public();
    let client = Client::new(&opened.authority, None, &["h2"]);
    let received = client.open(opened.address).await.unwrap().get("/").await.unwrap();
    assert_eq!(received.status, StatusCode::OK);
    assert!(!received.headers.contains_key("server") && !received.headers.contains_key("x-powered-by"));
    assert!(received.headers.contains_key("date"));
}

#[tokio::test]
async fn a_panic_fails_one_request_and_not_its_connection() {
    let opened = public();
    for protocol in ["http/1.1", "h2"] {
        let client = Client::new(&opened.authority, None, &[protocol]);
        let mut conversation = client.open(opened.address).await.unwrap();
        let failed = conversation.get("/panic").await.unwrap();
        assert_eq!(
            (failed.status, failed.body.as_str()),
            (StatusCode::INTERNAL_SERVER_ERROR, "")
        );
        assert_eq!(conversation.get("/after").await.unwrap().body, "/after");
    }
}

/// A payment that has begun must not stop half-way because its client has gone.
#[tokio::test]
async fn a_client_that_hangs_up_does_not_stop_its_request() {
    for protocol in ["http/1.1", "h2"] {
        let mut opened = public();
        let client = Client::new(&opened.authority, None, &[protocol]);
        let mut conversation = client.open(opened.address).await.unwrap();
        let asking = tokio::spawn(async move { conversation.get("/hold").await });
        assert_eq!(opened.begins().await, "/hold");
        asking.abort();
        assert!(asking.await.unwrap_err().is_cancelled());
        // Over HTTP/1.1 the connection waits with it; only h2 drops the answer's future (`Completing::drop`).
        if protocol == "h2" {
            opened.until_metric(NOBODY).await;
        }
        opened.behind.release.notify_one();
        assert_eq!(opened.ends().await, "/hold", "{protocol}");
        opened.until_metric(NOBODY).await;
    }
}

/// H2-03
#[tokio::test]
async fn resetting_streams_does_not_start_more_work_than_may_run() {
    let limits = Limits {
        streams: 2,
        ..Limits::default()
    };
    let mut opened = open(Door::Public, &ClientAuthentication::None, limits);
    let client = Client::new(&opened.authority, None, &["h2"]);
    let conversation = client.open(opened.address).await.unwrap();
    let Sender::Two(sender) = conversation.sender else {
        panic!("HTTP/2 was negotiated");
    };
    let ask = |path: &'static str| {
        let mut sender = sender.clone();
        let request = Request::get(format!("https://localhost{path}"));
        tokio::spawn(async move { sender.send_request(request.body(Full::default()).unwrap()).await })
    };
    for _ in 0..2 {
        let asking = ask("/hold");
        assert_eq!(opened.begins().await, "/hold");
        asking.abort();
    }
    let third = ask("/third");
    for _ in 0..20_000 {
        tokio::task::yield_now().await;
    }
    opened.behind.release.notify_one();
    assert_eq!(opened.begins().await, "/third");
    assert_eq!(
        opened.ended.try_recv().unwrap(),
        "/hold",
        "the third began before one of the first two had ended"
    );
    assert_eq!(third.await.unwrap().unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_body_passes_whole_at_every_address() {
    let opened = public();
    let body = "0123456789abcdef".repeat(16 * 1024);
    for address in &opened.addresses {
        for (protocol, target) in [("http/1.1", "/echo"), ("h2", "https://localhost/echo")] {
            let client = Client::new(&opened.authority, None, &[protocol]);
            let mut conversation = client.open(*address).await.unwrap();
            let received = conversation
                .send_with(Request::post(target), body.clone().into())
                .await
                .unwrap();
            assert!(received.body == body, "{address} {protocol}");
        }
    }
}

#[tokio::test]
async fn a_connection_too_many_is_closed_at_once() {
    let limits = Limits {
        connections: 1,
        ..Limits::default()
    };
    let opened = open(Door::Public, &ClientAuthentication::None, limits);
    let client = Client::new(&opened.authority, None, &["h2"]);
    let mut first = client.open(opened.address).await.unwrap();
    first.get("/").await.unwrap();
    let mut second = TcpStream::connect(opened.address).await.unwrap();
    let mut rest = Vec::new();
    assert_eq!(second.read_to_end(&mut rest).await.unwrap_or(0), 0);
    assert!(
        opened
            .metrics
            .render()
            .contains(r#"countersign_connections_refused_total{door="public",reason="door-full"} 1"#)
    );
    first.get("/").await.unwrap();
}

/// A flood at one door is that door's alone.
#[tokio::test]
async fn a_full_door_leaves_the_others_open() {
    let limits = Limits {
        connections: 1,
        ..Limits::default()
    };
    let public = open(Door::Public, &ClientAuthentication::None, limits.clone());
    let _held = TcpStream::connect(public.address).await.unwrap();
    let mut refused = TcpStream::connect(public.address).await.unwrap();
    assert_eq!(refused.read_to_end(&mut Vec::new()).await.unwrap_or(0), 0);
    for other in [Door::MutualTls, Door::Admin] {
        let (door, opened) = prepare(
            other,
            &ClientAuthentication::None,
            limits.clone(),
            Arc::new(NotCounted),
        );
        public.edge.open(door).unwrap();
        let client = Client::new(&opened.authority, None, &["h2"]);
        let mut conversation = client.open(opened.address).await.unwrap();
        assert_eq!(conversation.get("/open").await.unwrap().body, "/open");
    }
}

#[tokio::test]
async fn a_source_that_has_its_share_of_connections_gets_no_more() {
    let limits = Limits {
        connections_per_source: 2,
        ..Limits::default()
    };
    let opened = open(Door::Public, &ClientAuthentication::None, limits);
    let client = Client::new(&opened.authority, None, &["h2"]);
    let mut first = client.open(opened.address).await.unwrap();
    let second = client.open(opened.address).await.unwrap();
    first.get("/").await.unwrap();
    assert!(client.open(opened.address).await.is_err());
    let line = r#"countersign_connections_refused_total{door="public",reason="source-full"} 1"#;
    assert!(opened.metrics.render().contains(line));
    // Another source: the IPv6 address of the same machine.
    if let Some(other) = opened.addresses.get(1) {
        client.open(*other).await.unwrap().get("/").await.unwrap();
    }
    drop(second);
    gets_in(&client, &opened).await;
}

/// Coming back while the requests before still run gives nobody a second share of work or of memory.
#[tokio::test]
async fn who_hangs_up_keeps_their_place_until_their_request_is_done() {
    let limits = Limits {
        connections_per_source: 1,
        ..Limits::default()
    };
    let mut opened = open(Door::Public, &ClientAuthentication::None, limits);
    let client = Client::new(&opened.authority, None, &["h2"]);
    let mut conversation = client.open(opened.address).await.unwrap();
    let asking = tokio::spawn(async move { conversation.get("/hold").await });
    assert_eq!(opened.begins().await, "/hold");
    asking.abort();
    assert!(asking.await.unwrap_err().is_cancelled());
    opened.until_metric(NOBODY).await;
    assert!(client.open(opened.address).await.is_err());
    opened.behind.release.notify_one();
    assert_eq!(opened.ends().await, "/hold");
    gets_in(&client, &opened).await;
}

/// Who reaches the admin door and has no certificate cannot shut out all admins by holding its places.
#[tokio::test]
async fn one_source_does_not_fill_the_admin_door() {
    let opened = open(Door::Admin, &ClientAuthentication::None, Limits::default());
    let mut held = Vec::new();
    for _ in 0..64 {
        held.push(TcpStream::connect(opened.address).await.unwrap());
    }
    let mut refused = TcpStream::connect(opened.address).await.unwrap();
    assert_eq!(refused.read_to_end(&mut Vec::new()).await.unwrap_or(0), 0);
    let line = r#"countersign_connections_refused_total{door="admin",reason="source-full"} 1"#;
    assert!(opened.metrics.render().contains(line));
    // Another source: the IPv6 address of the same machine.
    if let Some(other) = opened.addresses.get(1) {
        let client = Client::new(&opened.authority, None, &["h2"]);
        client.open(*other).await.unwrap().get("/").await.unwrap();
    }
}

/// One source cannot fill the memory that is kept for bodies, and what it filled is free again when it has gone.
#[tokio::test]
async fn bodies_in_memory_have_a_budget_of_which_one_source_gets_a_part() {
    let limits = Limits {
        buffered_bytes: 4 << 20,
        ..Limits::default()
    };
    for (protocol, uri) in [("http/1.1", "/read"), ("h2", "https://localhost/read")] {
        let opened = open(Door::Public, &ClientAuthentication::None, limits.clone());
        let client = Client::new(&opened.authority, None, &[protocol]);
        assert_eq!(
            post(&client, &opened, uri, 900 << 10).await,
            Ok((900 << 10).to_string()),
            "{protocol}"
        );
        // A client that has not sent all may see the connection close before it sees the answer.
        let refused = post(&client, &opened, uri, 1100 << 10).await;
        assert!(refused.is_ok_and(|answer| answer == "NoRoom") || protocol == "http/1.1");
        fits_in_the_end(&client, &opened, uri).await;
    }
}

/// A body that is not yet whole holds what has come of it, and gives it back when its client goes.
#[tokio::test]
async fn a_body_holds_what_has_come_of_it_until_its_client_goes() {
    let limits = Limits {
        buffered_bytes: 4 << 20,
        body: Duration::from_secs(600),
        ..Limits::default()
    };
    let opened = open(Door::Public, &ClientAuthentication::None, limits);
    let client = Client::new(&opened.authority, None, &["http/1.1"]);
    let mut held = client.connect(opened.address, "localhost").await.unwrap();
    let head = b"POST /read HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000\r\n\r\n";
    held.write_all(head).await.unwrap();
    held.write_all(&vec![b'x'; 900_000]).await.unwrap();
    held.flush().await.unwrap();
    // Asked for earlier, the other body could take the room that this one still needs.
    let mut read = opened.behind.read.subscribe();
    let come = in_time("the body comes", read.wait_for(|bytes| *bytes == 900_000)).await;
    drop(come.unwrap());
    let refused = post(&client, &opened, "/read", 200_000).await;
    assert!(
        refused.is_err() || refused == Ok("NoRoom".to_owned()),
        "{refused:?}"
    );
    drop(held);
    fits_in_the_end(&client, &opened, "/read").await;
}

/// What the door answers to a body of this many bytes.
async fn post(client: &Client, opened: &Opened, uri: &str, bytes: usize) -> Result<String, String> {
    let mut conversation = client.open(opened.address).await.unwrap();
    let body = vec![b'x'; bytes].into();
    let received = conversation.send_with(Request::post(uri), body).await;
    received.map(|received| received.body)
}

/// The room of requests before is given back when they are done, which may be after their clients heard of it.
async fn fits_in_the_end(client: &Client, opened: &Opened, uri: &str) {
    let fits = async || post(client, opened, uri, 900 << 10).await == Ok((900 << 10).to_string());
    in_the_end("a body fits", fits).await;
}

/// The place of a connection is free when the door has noticed its end.
async fn gets_in(client: &Client, opened: &Opened) {
    let is_open = async || client.open(opened.address).await.is_ok();
    in_the_end("a place at the door", is_open).await;
}
