//! Behind a proxy that speaks the PROXY protocol: who it names is the peer, and nobody else can name anyone.

use std::net::SocketAddr;
use std::time::Duration;

use countersign::base::Door;
use countersign::edge::{ClientAuthentication, Limits};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::client::Client;
use super::gateway::{Opened, open};
use crate::support::in_the_end;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// A header of version 2 that names `source`.
fn header(source: &str) -> Vec<u8> {
    let SocketAddr::V4(source) = source.parse().unwrap() else {
        panic!("an IPv4 address");
    };
    let mut bytes = [SIGNATURE, &[0x21, 0x11, 0, 12]].concat();
    bytes.extend(source.ip().octets());
    bytes.extend([192, 0, 2, 1]);
    bytes.extend(source.port().to_be_bytes());
    bytes.extend(8443_u16.to_be_bytes());
    bytes
}

/// `LOCAL`: the proxy's own connection.
fn local() -> Vec<u8> {
    [SIGNATURE, &[0x20, 0, 0, 0]].concat()
}

fn behind(proxies: &str, limits: Limits) -> Opened {
    let limits = Limits {
        proxies: vec![proxies.parse().unwrap()],
        ..limits
    };
    open(Door::Public, &ClientAuthentication::None, limits)
}

fn trusted() -> Opened {
    behind("127.0.0.0/8", Limits::default())
}

async fn is_closed(mut socket: TcpStream) -> bool {
    let mut rest = Vec::new();
    socket.read_to_end(&mut rest).await.unwrap_or(0) == 0
}

/// Sends `header` in pieces of `piece` bytes, then a request; what the door's service learned of the peer.
async fn peer_of(opened: &Opened, header: &[u8], piece: usize) -> SocketAddr {
    let mut socket = TcpStream::connect(opened.address).await.unwrap();
    socket.set_nodelay(true).unwrap();
    for piece in header.chunks(piece) {
        socket.write_all(piece).await.unwrap();
        tokio::task::yield_now().await;
    }
    let client = Client::new(&opened.authority, None, &["http/1.1"]);
    let stream = client.secure(socket, "localhost").await.unwrap();
    let mut conversation = super::client::Conversation::start(stream).await.unwrap();
    assert_eq!(conversation.get("/").await.unwrap().body, "/");
    opened.behind.seen.lock().unwrap().last().unwrap().peer
}

#[tokio::test]
async fn the_client_a_trusted_proxy_names_is_the_peer() {
    let opened = trusted();
    let client = header("203.0.113.7:54321");
    for piece in [1, 13, 28] {
        let peer = peer_of(&opened, &client, piece).await;
        assert_eq!(peer, "203.0.113.7:54321".parse().unwrap(), "{piece}");
    }
    let own = peer_of(&opened, &local(), 16).await;
    assert_eq!(own.ip(), opened.address.ip());
}

#[tokio::test]
async fn a_trusted_proxy_that_names_nobody_is_closed() {
    let opened = trusted();
    let client = Client::new(&opened.authority, None, &["http/1.1"]);
    assert!(
        client.connect(opened.address, "localhost").await.is_err(),
        "TLS at once"
    );
    for wrong in [
        &b"PROXY TCP4 203.0.113.7 192.0.2.1 54321 8443\r\n"[..],
        b"GET / HTTP/1.1\r\n",
        &[SIGNATURE, &[0x21, 0x00, 0, 0]].concat(),
        &[SIGNATURE, &[0x21, 0x11, 0, 11]].concat(),
    ] {
        let mut socket = TcpStream::connect(opened.address).await.unwrap();
        socket.write_all(wrong).await.unwrap();
        assert!(is_closed(socket).await);
    }
    let line = r#"countersign_connections_refused_total{door="public",reason="proxy-header"} 5"#;
    opened.until_metric(line).await;
    assert!(opened.behind.seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_header_that_does_not_come_has_the_deadline_of_the_handshake() {
    let limits = Limits {
        handshake: Duration::from_millis(50),
        ..Limits::default()
    };
    let opened = behind("127.0.0.0/8", limits);
    let mut socket = TcpStream::connect(opened.address).await.unwrap();
    socket.write_all(&SIGNATURE[..7]).await.unwrap();
    assert!(is_closed(socket).await);
    let line = r#"countersign_connections_refused_total{door="public",reason="proxy-deadline"} 1"#;
    opened.until_metric(line).await;
}

/// To anybody else a header is no TLS.
#[tokio::test]
async fn nobody_but_a_trusted_proxy_names_anyone() {
    let opened = behind("192.0.2.0/24", Limits::default());
    let mut socket = TcpStream::connect(opened.address).await.unwrap();
    socket.write_all(&header("203.0.113.7:54321")).await.unwrap();
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer).await;
    // A fatal alert, and nothing was taken for a name.
    assert!(answer.is_empty() || answer.first() == Some(&0x15), "{answer:?}");
    let line = r#"countersign_tls_handshakes_failed_total{door="public",cause="malformed"} 1"#;
    opened.until_metric(line).await;
    assert!(opened.behind.seen.lock().unwrap().is_empty());
}

/// The proxy is no source: its clients are.
#[tokio::test]
async fn each_client_of_a_proxy_has_its_own_share_of_connections() {
    let limits = Limits {
        connections_per_source: 1,
        ..Limits::default()
    };
    let opened = behind("127.0.0.0/8", limits);
    let connect = async |source: &str| {
        let mut socket = TcpStream::connect(opened.address).await.unwrap();
        socket.write_all(&header(source)).await.unwrap();
        let client = Client::new(&opened.authority, None, &["http/1.1"]);
        client.secure(socket, "localhost").await
    };
    let first = connect("203.0.113.7:1").await.unwrap();
    let _other = connect("203.0.113.8:1").await.unwrap();
    assert!(connect("203.0.113.7:2").await.is_err());
    let line = r#"countersign_connections_refused_total{door="public",reason="source-full"} 1"#;
    opened.until_metric(line).await;
    drop(first);
    let is_open = async || connect("203.0.113.7:3").await.is_ok();
    in_the_end("a place at the door", is_open).await;
}
