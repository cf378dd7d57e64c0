//! A backend that does to its connections what a test says, and a request that may be sent to it.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use countersign::telemetry::Metrics;
use countersign::upstream::{Answer, Clusters, SendError, Sendable, UpstreamLimits, UpstreamSettings, send};
use http::Request;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A listening backend.
pub(super) struct Backend {
    pub(super) url: String,
    /// Connections accepted.
    pub(super) accepted: Arc<AtomicUsize>,
}

impl Backend {
    /// Runs `behave` on every connection.
    pub(super) async fn start<F, R>(behave: F) -> Self
    where
        F: Fn(TcpStream) -> R + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let accepted = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&accepted);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(behave(socket));
            }
        });
        Self {
            url: format!("http://127.0.0.1:{port}"),
            accepted,
        }
    }

    /// Answers every request with `answer`, as it stands, and keeps the connection open.
    pub(super) async fn answering(answer: &'static str) -> Self {
        Self::start(move |mut socket| async move {
            while read_request(&mut socket).await.is_some() {
                socket.write_all(answer.as_bytes()).await.unwrap();
            }
        })
        .await
    }

    /// Answers one request with `answer` and closes the connection.
    pub(super) async fn answering_once(answer: &'static [u8]) -> Self {
        Self::start(move |mut socket| async move {
            read_request(&mut socket).await.unwrap();
            // The gateway may have heard enough before all was written.
            let _ = socket.write_all(answer).await;
        })
        .await
    }
}

/// Reads one request with the body its `Content-Length` names; none at the end of the connection.
pub(super) async fn read_request<S: AsyncRead + Unpin>(stream: &mut S) -> Option<String> {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        read.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(read).unwrap().to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(head + std::str::from_utf8(&body).unwrap())
}

/// A request to an upstream, to `bank` unless the test says another.
pub(super) struct Payment {
    pub(super) upstream: &'static str,
    pub(super) request: Request<Bytes>,
    pub(super) deadline: Duration,
    pub(super) answer_limit: usize,
    pub(super) answer_must_be_signed: bool,
}

impl Default for Payment {
    fn default() -> Self {
        Self {
            upstream: "bank",
            request: Request::post("/payments")
                .body(Bytes::from_static(b"{}"))
                .unwrap(),
            deadline: Duration::from_secs(60),
            answer_limit: 1024,
            answer_must_be_signed: false,
        }
    }
}

impl Sendable for Payment {
    fn upstream(&self) -> &str {
        self.upstream
    }
    fn deadline(&self) -> Duration {
        self.deadline
    }
    fn answer_limit(&self) -> usize {
        self.answer_limit
    }
    fn answer_must_be_signed(&self) -> bool {
        self.answer_must_be_signed
    }
    fn into_request(self) -> Request<Bytes> {
        self.request
    }
}

/// The settings of `bank`.
pub(super) fn settings(urls: &[&str]) -> UpstreamSettings {
    UpstreamSettings {
        name: "bank".to_owned(),
        urls: urls.iter().map(|url| (*url).to_owned()).collect(),
        authorities: None,
        client: None,
        answer_keys: None,
        limits: UpstreamLimits::default(),
    }
}

/// The clusters with `bank` alone.
pub(super) fn clusters(urls: &[&str]) -> Clusters {
    Clusters::new(vec![settings(urls)], Metrics::default()).unwrap()
}

/// Sends one payment to `url`.
pub(super) async fn pay(url: &str) -> Result<Answer, SendError> {
    send(&clusters(&[url]), Payment::default()).await
}

/// A URL at which nobody listens.
pub(super) async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}
