//! One TLS 1.3 connection that speaks HTTP/1.1 and is kept.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::client::Resumption;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::Outcome;

/// How connections to one place are made.
#[derive(Clone)]
pub struct Wire {
    address: SocketAddr,
    tls: TlsConnector,
}

impl Wire {
    /// Connections to a port of this machine, to a server that `ca` vouches for. Every handshake is a full one.
    ///
    /// # Errors
    /// The certificates cannot be read.
    pub fn new(port: u16, ca: &Path) -> Outcome<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(ca)? {
            roots.add(certificate?)?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.resumption = Resumption::disabled();
        Ok(Self {
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            tls: TlsConnector::from(Arc::new(config)),
        })
    }

    /// Opens one.
    ///
    /// # Errors
    /// It does not come about.
    pub async fn connect(&self) -> Outcome<Connection> {
        let stream = self.open().await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Its end shows at the next request.
        tokio::spawn(connection);
        Ok(Connection { sender })
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

/// A connection.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Outcome<(StatusCode, Bytes)> {
        self.sender.ready().await?;
        let (head, body) = self.sender.send_request(request).await?.into_parts();
        Ok((head.status, body.collect().await?.to_bytes()))
    }
}
