//! A backend behind mutual TLS that writes down every request and then does what the test told it to.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::patience::in_time;
use super::ports;

/// What happens to a request.
#[derive(Clone, Debug)]
pub(crate) enum Deed {
    /// 200 with a small JSON document.
    Answer,
    /// These bytes, then the end of the connection.
    Write(Vec<u8>),
    /// Nothing until [`Backend::release`], then as `Answer`.
    Hold,
    /// Nothing, ever; the connection stays open.
    Never,
    /// The connection ends without a byte.
    Cut,
}

impl Deed {
    /// An answer with these header lines and this body.
    pub(crate) fn respond(status: u16, lines: &str, body: &str) -> Self {
        let length = body.len();
        let text = format!(
            "HTTP/1.1 {status} As-Asked\r\n{lines}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
        Self::Write(text.into_bytes())
    }
}

/// A request as the backend got it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Seen {
    /// The value of a header that stands once.
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().unwrap_or_else(|| panic!("no {name}: {self:?}"));
        assert!(values.next().is_none(), "{name} stands twice");
        value.to_str().unwrap()
    }

    /// The labels of its signatures, in the order they stand.
    pub(crate) fn labels(&self) -> Vec<String> {
        let signatures = countersign_signatures::Signatures::parse(&self.headers).unwrap();
        signatures.iter().map(|entry| entry.label().to_owned()).collect()
    }

    /// The payload of its Txn-Token, unverified.
    pub(crate) fn txn_claims(&self) -> serde_json::Value {
        let payload = self.header("txn-token").split('.').nth(1).unwrap().to_owned();
        serde_json::from_slice(&countersign_jose::from_base64url(&payload).unwrap()).unwrap()
    }

    /// The request as `http` has it, for the verifier that backends use.
    pub(crate) fn parts(&self) -> http::request::Parts {
        let mut request = http::Request::builder()
            .method(self.method.as_str())
            .uri(&self.target)
            .body(())
            .unwrap();
        *request.headers_mut() = self.headers.clone();
        request.into_parts().0
    }
}

struct Shared {
    tls: TlsAcceptor,
    seen: watch::Sender<Vec<Seen>>,
    /// Each with the key of the request it is for, or for whichever comes.
    next: Mutex<VecDeque<(Option<String>, Deed)>>,
    release: Notify,
}

impl Shared {
    fn deed_for(&self, seen: &Seen) -> Deed {
        let mut next = self.next.lock().unwrap();
        let under = seen.headers.get("idempotency-key");
        let is_meant = |key: &Option<String>| match key {
            Some(key) => under.is_some_and(|under| under == key.as_str()),
            None => true,
        };
        let place = next.iter().position(|(key, _)| is_meant(key));
        let deed = place.and_then(|place| next.remove(place));
        deed.map_or(Deed::Answer, |(_, deed)| deed)
    }
}

/// A backend.
pub(crate) struct Backend {
    pub(crate) port: u16,
    shared: Arc<Shared>,
    open: JoinSet<()>,
}

impl Backend {
    /// Shows `identity` (chain and key), asks for a certificate of `clients`.
    pub(crate) async fn start(identity: (&Path, &Path), clients: &Path) -> Self {
        let listener = ports::listen();
        listener.set_nonblocking(true).unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            tls: TlsAcceptor::from(Arc::new(server_tls(identity, clients))),
            seen: watch::Sender::default(),
            next: Mutex::default(),
            release: Notify::new(),
        });
        let mut backend = Self {
            port,
            shared,
            open: JoinSet::new(),
        };
        backend.listen(listener);
        backend
    }

    fn listen(&mut self, listener: TcpListener) {
        let shared = Arc::clone(&self.shared);
        self.open.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                connections.spawn(serve(socket, Arc::clone(&shared)));
            }
        });
    }

    /// Goes down: nobody listens, and every connection ends.
    pub(crate) async fn stop(&mut self) {
        self.open.shutdown().await;
    }

    /// Comes back at the same port.
    pub(crate) async fn restart(&mut self) {
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        let listener = TcpListener::bind(address).await.unwrap();
        self.listen(listener);
    }

    /// What happens to the next request for which nothing was said yet.
    pub(crate) fn next(&self, deed: Deed) {
        self.shared.next.lock().unwrap().push_back((None, deed));
    }

    /// What happens to the next request with this idempotency key, whatever else comes before it.
    pub(crate) fn next_under(&self, key: &str, deed: Deed) {
        let key = Some(format!("\"{key}\""));
        self.shared.next.lock().unwrap().push_back((key, deed));
    }

    /// What was said and has not happened yet does not happen.
    pub(crate) fn forget(&self) {
        self.shared.next.lock().unwrap().clear();
    }

    /// Lets one held request go.
    pub(crate) fn release(&self) {
        self.shared.release.notify_one();
    }

    /// Every request so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.borrow().clone()
    }

    /// How many requests there were.
    pub(crate) fn count(&self) -> usize {
        self.shared.seen.borrow().len()
    }

    /// How many of them were payments.
    pub(crate) fn payments(&self) -> usize {
        let seen = self.shared.seen.borrow();
        seen.iter().filter(|seen| seen.target == "/payments").count()
    }

    /// The newest request.
    pub(crate) fn last(&self) -> Seen {
        self.shared
            .seen
            .borrow()
            .last()
            .cloned()
            .expect("the backend got a request")
    }

    /// Waits until there were `count` requests.
    pub(crate) async fn wait_for(&self, count: usize) {
        let mut seen = self.shared.seen.subscribe();
        let what = format!("{count} requests reach the backend");
        let reached = in_time(&what, seen.wait_for(|seen| seen.len() >= count)).await;
        drop(reached.unwrap());
    }
}

/// A server that shows this certificate and asks for one of `clients`.
pub(crate) fn server_tls((chain, key): (&Path, &Path), clients: &Path) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(clients).unwrap() {
        roots.add(certificate.unwrap()).unwrap();
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .build()
        .unwrap();
    let chain = CertificateDer::pem_file_iter(chain).unwrap();
    ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            chain.map(Result::unwrap).collect(),
            PrivateKeyDer::from_pem_file(key).unwrap(),
        )
        .unwrap()
}

async fn serve(socket: TcpStream, shared: Arc<Shared>) {
    let Ok(mut stream) = shared.tls.accept(socket).await else {
        return;
    };
    while let Some(seen) = read(&mut stream).await {
        let deed = shared.deed_for(&seen);
        shared.seen.send_modify(|all| all.push(seen));
        let written = match deed {
            Deed::Answer => stream.write_all(ANSWER).await,
            Deed::Hold => {
                shared.release.notified().await;
                stream.write_all(ANSWER).await
            }
            Deed::Never => std::future::pending().await,
            Deed::Cut => return,
            Deed::Write(bytes) => {
                // The gateway may have heard enough before all is written.
                let _ = stream.write_all(&bytes).await;
                let _ = stream.shutdown().await;
                return;
            }
        };
        if written.is_err() || stream.flush().await.is_err() {
            return;
        }
    }
}

const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 13\r\n\r\n{\"done\":true}";

async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> Option<Seen> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.trim_end().split("\r\n");
    let mut first = lines.next().unwrap().split(' ');
    let (method, target) = (first.next().unwrap().to_owned(), first.next().unwrap().to_owned());
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':').unwrap();
        headers.append(
            HeaderName::try_from(name).unwrap(),
            HeaderValue::from_str(value.trim()).unwrap(),
        );
    }
    let length = headers
        .get("content-length")
        .map_or(0, |length| length.to_str().unwrap().parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Seen {
        method,
        target,
        headers,
        body: body.into(),
    })
}
