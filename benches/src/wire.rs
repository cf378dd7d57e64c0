//! One TLS 1.3 connection that speaks HTTP/1.1 or HTTP/2 and is kept.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::client::Resumption;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::Outcome;

/// What is spoken over a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Protocol {
    /// HTTP/1.1: one request at a time on a connection.
    #[default]
    Http1,
    /// HTTP/2: [`STREAMS`] requests at a time on a connection.
    Http2,
}

/// Requests at a time on one HTTP/2 connection.
pub const STREAMS: usize = 8;

/// A client's certificate: its chain and key, as PEM files.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The chain.
    pub chain: PathBuf,
    /// The key.
    pub key: PathBuf,
}

/// How connections to one place are made.
#[derive(Clone)]
pub struct Wire {
    address: SocketAddr,
    tls: TlsConnector,
    /// What is spoken.
    pub protocol: Protocol,
}

impl Wire {
    /// Connections to a port of this machine, to a server that `ca` vouches for, over HTTP/1.1. Every handshake is a full one.
    ///
    /// # Errors
    /// The certificates cannot be read.
    pub fn new(port: u16, ca: &Path) -> Outcome<Self> {
        Self::open_with(port, ca, None)
    }

    /// As [`Wire::new`], by a client with a certificate, where the server asks for one.
    ///
    /// # Errors
    /// The certificates or the key cannot be read.
    pub fn with_certificate(port: u16, ca: &Path, certificate: &Certificate) -> Outcome<Self> {
        Self::open_with(port, ca, Some(certificate))
    }

    fn open_with(port: u16, ca: &Path, own: Option<&Certificate>) -> Outcome<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(ca)? {
            roots.add(certificate?)?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots);
        let mut config = match own {
            None => builder.with_no_client_auth(),
            Some(Certificate { chain, key }) => {
                let chain = CertificateDer::pem_file_iter(chain)?.collect::<Result<Vec<_>, _>>()?;
                builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(key)?)?
            }
        };
        config.resumption = Resumption::disabled();
        Ok(Self {
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            protocol: Protocol::Http1,
            tls: TlsConnector::from(Arc::new(config)),
        }
        .speaking(Protocol::Http1))
    }

    /// The same, speaking another protocol.
    #[must_use]
    pub fn speaking(self, protocol: Protocol) -> Self {
        let mut config = ClientConfig::clone(self.tls.config());
        config.alpn_protocols = vec![match protocol {
            Protocol::Http1 => b"http/1.1".to_vec(),
            Protocol::Http2 => b"h2".to_vec(),
        }];
        Self {
            protocol,
            tls: TlsConnector::from(Arc::new(config)),
            ..self
        }
    }

    /// Opens one.
    ///
    /// # Errors
    /// It does not come about, or the other side does not speak the protocol.
    pub async fn connect(&self) -> Outcome<Connection> {
        let stream = self.open().await?;
        // In both cases the connection's end shows at the next request.
        Ok(match self.protocol {
            Protocol::Http1 => {
                let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
                tokio::spawn(connection);
                Connection::Http1(sender)
            }
            Protocol::Http2 => {
                if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
                    return Err("the other side does not speak HTTP/2".into());
                }
                let (sender, connection) =
                    http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
                tokio::spawn(connection);
                Connection::Http2(sender)
            }
        })
    }

    /// Opens one, says goodbye, and waits until the other side has done so too: by then it has seen the handshake's end.
    ///
    /// # Errors
    /// It does not come about.
    pub async fn shake_hands(&self) -> Outcome<()> {
        let mut stream = self.open().await?;
        stream.shutdown().await?;
        // An end without a goodbye is one all the same.
        let _ = stream.read(&mut [0; 64]).await;
        Ok(())
    }

    async fn open(&self) -> Outcome<TlsStream<TcpStream>> {
        let socket = TcpStream::connect(self.address).await?;
        socket.set_nodelay(true)?;
        let name = ServerName::try_from("localhost")?;
        Ok(self.tls.connect(name, socket).await?)
    }
}

/// A connection, or one caller's share of it.
pub enum Connection {
    /// Of one caller alone.
    Http1(http1::SendRequest<Full<Bytes>>),
    /// Shared by as many as have a clone.
    Http2(http2::SendRequest<Full<Bytes>>),
}

impl Connection {
    /// Another caller's share of the same connection, where the protocol knows such.
    #[must_use]
    pub fn share(&self) -> Option<Self> {
        match self {
            Self::Http1(_) => None,
            Self::Http2(sender) => Some(Self::Http2(sender.clone())),
        }
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Outcome<(StatusCode, Bytes)> {
        let answer = match self {
            Self::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Self::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
        };
        let (head, body) = answer.into_parts();
        Ok((head.status, body.collect().await?.to_bytes()))
    }
}
