//! Floods of HTTP/1.1 and of what comes before it: under each an honest client has its answer, and memory stays where it was
//! (issue 4). The gateway is a process of its own; the clients come from many addresses of the loopback network.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{Mutex, MutexGuard};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::client::TlsStream;

use crate::support::{Besieged, Protocol, Setting, Wire};

/// Connections of a flood; those of one test alone stay below the usual limit of 1024 open files.
const CONNECTIONS: usize = 400;
/// So many addresses they come from.
const SOURCES: usize = 8;
/// How long what stays open stays open: several deadlines of the gateway under test.
const LASTING: Duration = Duration::from_secs(3);

/// Short deadlines, so that a test sees them pass.
const DEFENSE: Setting = Setting(
    "[defense]\n",
    "[defense]\nhandshake_timeout = \"1s\"\nheader_timeout = \"1s\"\nbody_timeout = \"1s\"\nanswer_timeout = \"1s\"\n\
     idle_timeout = \"2s\"\nbuffered_bytes = \"16MiB\"\n",
);
/// A route that takes large bodies of anybody.
const LARGE: Setting = Setting(
    "body_limit = \"1KiB\"\nanswer_limit = \"4KiB\"",
    "body_limit = \"2MiB\"\nanswer_limit = \"4KiB\"",
);

/// One flood at a time: together they would have too many files open, and each would be the other's flood.
static ONE: Mutex<()> = Mutex::const_new(());

async fn besieged() -> (MutexGuard<'static, ()>, Besieged) {
    let one = ONE.lock().await;
    (one, Besieged::start(&[DEFENSE, LARGE]).await)
}

/// Where a flood comes from.
#[derive(Clone)]
struct Flooder {
    wire: Wire,
    address: SocketAddr,
}

impl Flooder {
    fn of(besieged: &Besieged) -> Self {
        Self {
            wire: besieged.public(),
            address: ([127, 0, 0, 1], besieged.home.public_port()).into(),
        }
    }

    /// A connection from one of the addresses.
    async fn tcp(&self, place: usize) -> std::io::Result<TcpStream> {
        self.tcp_with(place, None).await
    }

    /// The same, with room for so many bytes that were not read.
    async fn tcp_with(&self, place: usize, room: Option<u32>) -> std::io::Result<TcpStream> {
        let source = Ipv4Addr::new(127, 0, 7, 1 + (place % SOURCES) as u8);
        let socket = TcpSocket::new_v4()?;
        if let Some(room) = room {
            socket.set_recv_buffer_size(room)?;
        }
        socket.bind(SocketAddr::new(IpAddr::V4(source), 0))?;
        socket.connect(self.address).await
    }

    async fn tls(&self, place: usize) -> std::io::Result<TlsStream<TcpStream>> {
        self.wire.secure(self.tcp(place).await?, Protocol::Http1).await
    }

    /// Each of many clients does this, all at once; those that are refused have had their turn.
    async fn all<F: Future<Output = ()> + Send + 'static>(self, client: impl Fn(Self, usize) -> F) {
        let mut clients = JoinSet::new();
        for place in 0..CONNECTIONS {
            clients.spawn(client(self.clone(), place));
        }
        clients.join_all().await;
    }
}

/// The value of a line of the metrics.
fn count(metrics: &str, line: &str) -> u64 {
    let value = metrics.lines().find_map(|found| found.strip_prefix(line));
    value.map_or(0, |value| value.trim().parse().unwrap())
}

/// Sends a byte now and then until the gateway has enough of it, or the flood is over.
async fn trickle(mut stream: TlsStream<TcpStream>, begin: &[u8], bytes: &[u8]) {
    let end = Instant::now() + LASTING;
    if stream.write_all(begin).await.is_err() {
        return;
    }
    for byte in bytes.iter().cycle() {
        if Instant::now() > end || stream.write_all(&[*byte]).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// HTTP-11
#[tokio::test(flavor = "multi_thread")]
async fn heads_byte_by_byte() {
    let (_one, besieged) = besieged().await;
    let flood = Flooder::of(&besieged).all(async |flooder: Flooder, place| {
        if let Ok(stream) = flooder.tls(place).await {
            trickle(stream, b"GET / HTTP/1.1\r\nhost: localhost\r\n", b"a: b\r\n").await;
        }
    });
    besieged.endures(flood).await;
    let cut = r#"countersign_connections_cut_total{door="public",reason="head-deadline"}"#;
    assert!(count(&besieged.metrics().await, cut) > 0);
}

/// HTTP-11
#[tokio::test(flavor = "multi_thread")]
async fn bodies_byte_by_byte() {
    let (_one, besieged) = besieged().await;
    let head = format!(
        "POST /rates/x HTTP/1.1\r\nhost: localhost:{}\r\ncontent-length: 100000\r\n\r\n",
        besieged.home.public_port()
    );
    let flood = Flooder::of(&besieged).all(move |flooder, place| {
        let head = head.clone();
        async move {
            if let Ok(stream) = flooder.tls(place).await {
                trickle(stream, head.as_bytes(), b"x").await;
            }
        }
    });
    besieged.endures(flood).await;
    let refused =
        r#"countersign_requests_total{route="rates",access="public",code="request-malformed",status="4xx"}"#;
    assert!(count(&besieged.metrics().await, refused) > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_ask_nothing() {
    let (_one, besieged) = besieged().await;
    let flood = Flooder::of(&besieged).all(async |flooder: Flooder, place| {
        if let Ok(mut stream) = flooder.tls(place).await {
            // Until the gateway closes it.
            let _ = tokio::time::timeout(2 * LASTING, stream.read(&mut [0])).await;
        }
    });
    besieged.endures(flood).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn handshakes_that_never_end() {
    let (_one, besieged) = besieged().await;
    let flood = Flooder::of(&besieged).all(async |flooder: Flooder, place| {
        let Ok(mut stream) = flooder.tcp(place).await else {
            return;
        };
        // The beginning of a ClientHello that is longer than all that comes.
        let _ = stream
            .write_all(&[0x16, 0x03, 0x01, 0x20, 0x00, 0x01, 0x00, 0x1f, 0xfc])
            .await;
        let _ = tokio::time::timeout(2 * LASTING, stream.read(&mut [0])).await;
    });
    besieged.endures(flood).await;
    let failed = r#"countersign_tls_handshakes_failed_total{door="public",cause="deadline"}"#;
    assert!(count(&besieged.metrics().await, failed) > 0);
}

/// Each costs the gateway a key exchange and a signature.
#[tokio::test(flavor = "multi_thread")]
async fn handshakes_without_end() {
    let (_one, besieged) = besieged().await;
    let flooder = Flooder::of(&besieged);
    let flood = async move {
        let end = Instant::now() + LASTING;
        let mut clients = JoinSet::new();
        for place in 0..32 {
            let flooder = flooder.clone();
            clients.spawn(async move {
                while Instant::now() < end {
                    drop(flooder.tls(place).await);
                }
            });
        }
        clients.join_all().await;
    };
    besieged.endures(flood).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_close_at_once() {
    let (_one, besieged) = besieged().await;
    let flood = Flooder::of(&besieged).all(async |flooder: Flooder, place| {
        for _ in 0..10 {
            drop(flooder.tcp(place).await);
        }
    });
    besieged.endures(flood).await;
}

/// Bodies that would be many times the budget: some are taken, the others are told to wait, and all of it is free afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_that_never_become_whole() {
    let (_one, besieged) = besieged().await;
    let head = format!(
        "POST /rates/x HTTP/1.1\r\nhost: localhost:{}\r\ncontent-length: 1048577\r\n\r\n",
        besieged.home.public_port()
    );
    let flooder = Flooder::of(&besieged);
    let flood = async move {
        let mut clients = JoinSet::new();
        for place in 0..64 {
            let (flooder, head) = (flooder.clone(), head.clone());
            clients.spawn(async move {
                let Ok(mut stream) = flooder.tls(place).await else {
                    return;
                };
                let body = vec![b'x'; 1 << 20];
                if stream.write_all(head.as_bytes()).await.is_ok() && stream.write_all(&body).await.is_ok() {
                    let _ = tokio::time::timeout(2 * LASTING, stream.read(&mut [0])).await;
                }
            });
        }
        clients.join_all().await;
    };
    besieged.endures(flood).await;
    let metrics = besieged.metrics().await;
    let overloaded =
        r#"countersign_requests_total{route="rates",access="public",code="overloaded",status="5xx"}"#;
    assert!(count(&metrics, overloaded) > 0, "{metrics}");
    let port = besieged.home.public_port();
    let small = format!(
        "POST /rates/x HTTP/1.1\r\nhost: localhost:{port}\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello"
    );
    let answer = besieged.public().send_bytes(small.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// They ask and ask, and take nothing: their side has room for next to nothing, so the gateway's fills up soon.
#[tokio::test(flavor = "multi_thread")]
async fn clients_that_never_read() {
    // Bans and rates would end them before they have asked for enough; here they are those of a trusted network.
    let trusted = Setting(
        "trusted_sources = [\"127.0.0.1\"]",
        "trusted_sources = [\"127.0.0.0/8\"]",
    );
    let _one = ONE.lock().await;
    let besieged = Besieged::start(&[DEFENSE, LARGE, trusted]).await;
    let request = format!(
        "GET /.well-known/openid-configuration HTTP/1.1\r\nhost: localhost:{}\r\n\r\n",
        besieged.home.public_port()
    );
    let requests = request.repeat(32);
    let flooder = Flooder::of(&besieged);
    let flood = async move {
        let mut clients = JoinSet::new();
        // Each has megabytes of answers in the sockets between before the gateway waits for it.
        for place in 0..8 {
            let (flooder, requests) = (flooder.clone(), requests.clone());
            clients.spawn(async move { ask_and_take_nothing(&flooder, place, requests.as_bytes()).await });
        }
        clients.join_all().await;
    };
    besieged.endures(flood).await;
    let cut = r#"countersign_connections_cut_total{door="public",reason="answer-deadline"}"#;
    assert!(count(&besieged.metrics().await, cut) > 0);
}

async fn ask_and_take_nothing(flooder: &Flooder, place: usize, requests: &[u8]) {
    let Ok(stream) = flooder.tcp_with(place, Some(4096)).await else {
        return;
    };
    let Ok(mut stream) = flooder.wire.secure(stream, Protocol::Http1).await else {
        return;
    };
    let end = Instant::now() + 2 * LASTING;
    while Instant::now() < end {
        let written = tokio::time::timeout(2 * LASTING, stream.write_all(requests)).await;
        if !written.is_ok_and(|written| written.is_ok()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Whatever is left to be taken is left.
    tokio::time::sleep(LASTING).await;
}

/// One address cannot take the door from the others: it has its share, and the rest of the door is theirs.
#[tokio::test(flavor = "multi_thread")]
async fn one_source_that_takes_all_it_gets() {
    let few = Setting(
        "[defense]\n",
        "[defense]\nconnections_per_source = 50\nconnections = 100\n",
    );
    let one = ONE.lock().await;
    let besieged = Besieged::start(&[DEFENSE, few]).await;
    let flooder = Flooder::of(&besieged);
    let flood = async move {
        let mut held = Vec::new();
        for _ in 0..CONNECTIONS {
            held.extend(flooder.tcp(0).await);
        }
        tokio::time::sleep(LASTING / 3).await;
    };
    besieged.endures(flood).await;
    let metrics = besieged.metrics().await;
    let refused = r#"countersign_connections_refused_total{door="public",reason="source-full"}"#;
    assert!(count(&metrics, refused) > 0, "{metrics}");
    let full = r#"countersign_connections_refused_total{door="public",reason="door-full"}"#;
    assert_eq!(count(&metrics, full), 0, "{metrics}");
    drop(one);
}
