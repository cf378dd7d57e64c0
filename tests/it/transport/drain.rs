//! Going away: nothing that has begun is cut short, nothing new begins.

use std::sync::Arc;
use std::time::Duration;

use countersign::base::Door;
use countersign::edge::{Carriers, ClientAuthentication, Drained, Limits, Listener, NotCounted, loopback};
use countersign::server::jobs::Jobs;
use countersign::server::{Gateway, Hangups, Shutdown};
use countersign::telemetry::{Health, operations};
use http::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::client::Client;
use super::gateway::{prepare, public};
use crate::support::in_the_end;

const LONG: Duration = Duration::from_secs(60);

/// Waits until nobody listens there. (A process that another test is just starting holds a copy of every socket until it
/// runs its own program, so this may take a moment longer than our own closing.)
async fn until_refused(address: std::net::SocketAddr) {
    let is_refused = async || TcpStream::connect(address).await.is_err();
    in_the_end("nobody listens", is_refused).await;
}

/// H2-08
#[tokio::test]
async fn a_running_request_is_finished_and_new_connections_are_refused() {
    for protocol in ["http/1.1", "h2"] {
        let mut opened = public();
        let client = Client::new(&opened.authority, None, &[protocol]);
        let mut conversation = client.open(opened.address).await.unwrap();
        let driver = std::mem::replace(&mut conversation.driver, tokio::spawn(async { Ok(()) }));
        let asking = tokio::spawn(async move { conversation.get("/hold").await });
        opened.begins().await;

        let edge = Arc::clone(&opened.edge);
        let drained = tokio::spawn(async move { edge.drain().finish(LONG).await });
        opened.edge.drain().begun().await;
        until_refused(opened.address).await;
        opened.behind.release.notify_one();

        let received = asking.await.unwrap().unwrap();
        assert_eq!(
            (received.status, received.body.as_str()),
            (StatusCode::OK, "/hold"),
            "{protocol}"
        );
        if protocol == "http/1.1" {
            assert_eq!(received.headers["connection"], "close");
        }
        assert_eq!(
            driver.await.unwrap(),
            Ok(()),
            "{protocol}: the connection ends in good order"
        );
        assert_eq!(drained.await.unwrap(), Drained::default());
    }
}

#[tokio::test]
async fn idle_connections_do_not_hold_it_up() {
    let opened = public();
    let mut conversations = Vec::new();
    for protocol in ["http/1.1", "h2"] {
        let client = Client::new(&opened.authority, None, &[protocol]);
        let mut used = client.open(opened.address).await.unwrap();
        used.get("/").await.unwrap();
        conversations.push(used);
        conversations.push(client.open(opened.address).await.unwrap());
    }
    let _silent = TcpStream::connect(opened.address).await.unwrap();
    assert_eq!(opened.edge.drain().finish(LONG).await, Drained::default());
}

#[tokio::test]
async fn what_does_not_end_is_dropped_at_the_deadline() {
    let mut opened = public();
    let client = Client::new(&opened.authority, None, &["h2"]);
    let mut conversation = client.open(opened.address).await.unwrap();
    let asking = tokio::spawn(async move { conversation.get("/hold").await });
    opened.begins().await;
    let drained = opened.edge.drain().finish(Duration::from_millis(10)).await;
    assert_eq!((drained.requests, drained.connections), (1, 1));
    assert!(asking.await.unwrap().is_err());
}

/// Status line of a plain request to the operations listener.
async fn ask_operations(address: std::net::SocketAddr, path: &str) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn the_operations_listener_watches_the_whole_end() {
    let (door, mut opened) = prepare(
        Door::Public,
        &ClientAuthentication::None,
        Limits::default(),
        Arc::new(NotCounted),
    );
    let health = Arc::new(Health::new(Vec::new(), true));
    let listener = Listener::bind("[server] ops_listen", &loopback(0)).unwrap();
    let operations_address = listener.addresses()[0];
    let routes = operations(opened.metrics.clone(), Arc::clone(&health));
    let gateway = Gateway {
        doors: vec![door],
        carriers: Carriers::default(),
        operations: Some((listener, routes)),
        edge: Arc::clone(&opened.edge),
        jobs: Jobs::new(opened.metrics.clone()),
        health,
        grace: LONG,
    };
    let shutdown = Arc::new(Notify::new());
    let waiting = Arc::clone(&shutdown);
    let running = tokio::spawn(async move { gateway.run(waiting.notified()).await });

    let client = Client::new(&opened.authority, None, &["h2"]);
    let mut conversation = client.open(opened.address).await.unwrap();
    let asking = tokio::spawn(async move { conversation.get("/hold").await });
    opened.begins().await;
    let ready = ask_operations(operations_address, "/readyz").await;
    assert!(
        ready.starts_with("HTTP/1.1 200") && ready.contains("DEVELOPMENT STORE"),
        "{ready}"
    );

    shutdown.notify_one();
    opened.edge.drain().begun().await;
    let draining = ask_operations(operations_address, "/readyz").await;
    assert!(
        draining.starts_with("HTTP/1.1 503") && draining.contains("draining"),
        "{draining}"
    );
    assert!(
        ask_operations(operations_address, "/livez")
            .await
            .starts_with("HTTP/1.1 200")
    );
    let metrics = ask_operations(operations_address, "/metrics").await;
    assert!(
        metrics.contains(r#"countersign_connections{door="public"} 1"#),
        "{metrics}"
    );

    opened.behind.release.notify_one();
    assert_eq!(asking.await.unwrap().unwrap().status, StatusCode::OK);
    assert_eq!(running.await.unwrap().unwrap(), Drained::default());
    until_refused(operations_address).await;
}

async fn raise(signal: &str) {
    let process = std::process::id().to_string();
    let status = tokio::process::Command::new("kill")
        .args([signal, &process])
        .status()
        .await;
    assert!(status.unwrap().success());
}

/// Each signal is heard from the moment its listener is made, also before anyone waits for it.
#[tokio::test]
async fn signals_are_heard_and_told_apart() {
    let mut hangups = Hangups::listen().unwrap();
    raise("-HUP").await;
    hangups.next().await;
    for signal in ["-TERM", "-INT"] {
        let mut shutdown = Shutdown::listen().unwrap();
        raise(signal).await;
        shutdown.wait().await;
    }
}
