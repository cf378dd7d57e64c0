//! A connection that sends exactly what it is told.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Which HTTP is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// An answer as it came.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// How one door is reached.
#[derive(Clone)]
pub(crate) struct Wire {
    address: SocketAddr,
    /// Where it comes from, when that matters.
    source: Option<IpAddr>,
    config: ClientConfig,
}

/// A connection that is kept.
pub(crate) enum Kept {
    One(http1::SendRequest<Full<Bytes>>),
    Two(http2::SendRequest<Full<Bytes>>),
}

impl Kept {
    /// Sends one request and reads its answer.
    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Received, String> {
        let response = match self {
            Self::One(sender) => {
                sender.ready().await.map_err(describe)?;
                sender.send_request(request).await
            }
            Self::Two(sender) => {
                sender.ready().await.map_err(describe)?;
                sender.send_request(request).await
            }
        };
        let (head, body) = response.map_err(describe)?.into_parts();
        Ok(Received {
            status: head.status,
            headers: head.headers,
            body: body.collect().await.map_err(describe)?.to_bytes(),
        })
    }
}

fn describe(error: hyper::Error) -> String {
    format!("{error:?}")
}

impl Wire {
    /// Believes the certificates in `ca`, shows the certificate in `identity` (chain and key).
    pub(crate) fn new(address: SocketAddr, ca: &Path, identity: Option<(&Path, &Path)>) -> Self {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(ca).unwrap() {
            roots.add(certificate.unwrap()).unwrap();
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots);
        let config = match identity {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let chain = CertificateDer::pem_file_iter(chain).unwrap();
                let key = PrivateKeyDer::from_pem_file(key).unwrap();
                builder
                    .with_client_auth_cert(chain.map(Result::unwrap).collect(), key)
                    .unwrap()
            }
        };
        Self {
            address,
            source: None,
            config,
        }
    }

    /// From another address; all of 127.0.0.0/8 is this machine.
    pub(crate) fn from(mut self, source: impl Into<IpAddr>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Shakes hands and says nothing yet.
    pub(crate) async fn connect(&self, protocol: Protocol) -> std::io::Result<TlsStream<TcpStream>> {
        let socket = match self.source {
            None => TcpStream::connect(self.address).await?,
            Some(source) => {
                let socket = TcpSocket::new_v4()?;
                socket.bind(SocketAddr::new(source, 0))?;
                socket.connect(self.address).await?
            }
        };
        self.secure(socket, protocol).await
    }

    /// The same over a connection that is there.
    pub(crate) async fn secure(
        &self,
        socket: TcpStream,
        protocol: Protocol,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut config = self.config.clone();
        config.alpn_protocols = vec![match protocol {
            Protocol::Http1 => b"http/1.1".to_vec(),
            Protocol::Http2 => b"h2".to_vec(),
        }];
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, socket).await
    }

    /// A connection of HTTP/1.1 that requests are written to as text.
    pub(crate) async fn open_line(&self) -> OpenConnection {
        OpenConnection(self.connect(Protocol::Http1).await.unwrap())
    }

    /// Sends one request on a connection of its own. In HTTP/2 the authority comes from the URI of the request, in HTTP/1
    /// from its `Host`.
    pub(crate) async fn send(
        &self,
        protocol: Protocol,
        request: Request<Full<Bytes>>,
    ) -> Result<Received, String> {
        self.open(protocol).await?.send(request).await
    }

    /// A connection for one request after the other.
    pub(crate) async fn open(&self, protocol: Protocol) -> Result<Kept, String> {
        let stream = self.connect(protocol).await.map_err(|error| error.to_string())?;
        let io = TokioIo::new(stream);
        Ok(match protocol {
            Protocol::Http1 => {
                let (sender, connection) = http1::handshake(io).await.map_err(describe)?;
                tokio::spawn(connection);
                Kept::One(sender)
            }
            Protocol::Http2 => {
                let (sender, connection) = http2::handshake(TokioExecutor::new(), io)
                    .await
                    .map_err(describe)?;
                tokio::spawn(connection);
                Kept::Two(sender)
            }
        })
    }

    /// Sends bytes, says that no more will come, and returns everything that comes back.
    pub(crate) async fn send_and_hang_up(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect(Protocol::Http1).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        // As below.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Sends bytes one by one, each in a TLS record of its own, and returns everything that comes back.
    pub(crate) async fn send_by_bytes(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect(Protocol::Http1).await.unwrap();
        for byte in bytes {
            stream.write_all(&[*byte]).await.unwrap();
            stream.flush().await.unwrap();
        }
        let mut answer = Vec::new();
        // As below.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Sends bytes and returns everything that comes back until the connection ends.
    pub(crate) async fn send_bytes(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect(Protocol::Http1).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        // A peer that ends without a TLS goodbye has said all the same what it had to say.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// An HTTP/1.1 connection that one request after the other is sent on.
pub(crate) struct OpenConnection(TlsStream<TcpStream>);

impl OpenConnection {
    /// The certificate that the gateway showed.
    pub(crate) fn certificate(&self) -> CertificateDer<'static> {
        self.0.get_ref().1.peer_certificates().unwrap()[0].clone()
    }

    /// The answer to a request, head and body by its `Content-Length`; none when the connection has ended.
    pub(crate) async fn answer_to(&mut self, request: &str) -> Option<String> {
        self.0.write_all(request.as_bytes()).await.ok()?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(self.0.read_u8().await.ok()?);
        }
        let head = String::from_utf8(answer).unwrap();
        let lines = head.to_ascii_lowercase();
        let length = lines
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        self.0.read_exact(&mut body).await.ok()?;
        Some(head + std::str::from_utf8(&body).unwrap())
    }

    /// The status of the answer to a request; none when the connection has ended.
    pub(crate) async fn status_of(&mut self, request: &str) -> Option<u16> {
        let answer = self.answer_to(request).await?;
        answer.split(' ').nth(1)?.parse().ok()
    }
}
