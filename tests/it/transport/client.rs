//! A client that shows what happens below HTTP.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::certificates::{Authority, Issued};

/// How a client connects.
#[derive(Clone)]
pub(super) struct Client {
    config: ClientConfig,
}

/// An answer, whole.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Client {
    /// Believes `authority`, shows `certificate`, offers `protocols`, with TLS 1.3 and the groups of ring.
    pub(super) fn new(authority: &Authority, certificate: Option<&Issued>, protocols: &[&str]) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        Self::with_tls(
            authority,
            certificate,
            protocols,
            provider,
            &[&rustls::version::TLS13],
        )
    }

    /// The same with other groups or versions.
    pub(super) fn with_tls(
        authority: &Authority,
        certificate: Option<&Issued>,
        protocols: &[&str],
        provider: Arc<CryptoProvider>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap())
            .unwrap();
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match certificate {
            None => builder.with_no_client_auth(),
            Some(issued) => builder
                .with_client_auth_cert(vec![issued.der()], issued.key_der())
                .unwrap(),
        };
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Self { config }
    }

    /// What was asked for, to be changed.
    pub(super) const fn config(&mut self) -> &mut ClientConfig {
        &mut self.config
    }

    /// Shakes hands, asking for `name`.
    pub(super) async fn connect(
        &self,
        address: SocketAddr,
        name: &str,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        self.secure(TcpStream::connect(address).await?, name).await
    }

    /// The same over a connection that is there.
    pub(super) async fn secure(
        &self,
        socket: TcpStream,
        name: &str,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        TlsConnector::from(Arc::new(self.config.clone()))
            .connect(name, socket)
            .await
    }

    /// Connects and speaks what was negotiated.
    pub(super) async fn open(&self, address: SocketAddr) -> Result<Conversation, String> {
        let stream = self
            .connect(address, "localhost")
            .await
            .map_err(|error| error.to_string())?;
        self.speak(stream).await
    }

    /// Speaks what was negotiated.
    pub(super) async fn speak(&self, stream: TlsStream<TcpStream>) -> Result<Conversation, String> {
        Conversation::start(stream).await
    }
}

/// Where requests are put in.
pub(super) enum Sender {
    One(http1::SendRequest<Full<Bytes>>),
    Two(http2::SendRequest<Full<Bytes>>),
}

/// HTTP on one connection.
pub(super) struct Conversation {
    pub(super) sender: Sender,
    /// Ends when the connection does.
    pub(super) driver: JoinHandle<Result<(), String>>,
}

impl Conversation {
    pub(super) async fn start(stream: TlsStream<TcpStream>) -> Result<Self, String> {
        let is_two = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let io = TokioIo::new(stream);
        if is_two {
            let executor = TokioExecutor::new();
            let (sender, connection) = http2::handshake(executor, io).await.map_err(describe)?;
            let driver = tokio::spawn(async move { connection.await.map_err(describe) });
            return Ok(Self {
                sender: Sender::Two(sender),
                driver,
            });
        }
        let (sender, connection) = http1::handshake(io).await.map_err(describe)?;
        let driver = tokio::spawn(async move { connection.await.map_err(describe) });
        Ok(Self {
            sender: Sender::One(sender),
            driver,
        })
    }

    /// Sends a request without a body and reads the answer.
    pub(super) async fn get(&mut self, path: &str) -> Result<Received, String> {
        let uri = match &self.sender {
            Sender::One(_) => path.to_owned(),
            Sender::Two(_) => format!("https://localhost{path}"),
        };
        self.send(Request::get(uri)).await
    }

    /// The same for any head; HTTP/1 gets its `Host`.
    pub(super) async fn send(&mut self, request: http::request::Builder) -> Result<Received, String> {
        self.send_with(request, Bytes::new()).await
    }

    /// The same with a body.
    pub(super) async fn send_with(
        &mut self,
        request: http::request::Builder,
        body: Bytes,
    ) -> Result<Received, String> {
        let mut request = request.body(Full::new(body)).unwrap();
        let response = match &mut self.sender {
            Sender::One(sender) => {
                request.headers_mut().insert("host", "localhost".parse().unwrap());
                sender.ready().await.map_err(describe)?;
                sender.send_request(request).await
            }
            Sender::Two(sender) => {
                sender.ready().await.map_err(describe)?;
                sender.send_request(request).await
            }
        };
        let (head, body) = response.map_err(describe)?.into_parts();
        let body = body.collect().await.map_err(describe)?.to_bytes();
        Ok(Received {
            status: head.status,
            headers: head.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        })
    }
}

fn describe(error: hyper::Error) -> String {
    format!("{error:?}")
}
