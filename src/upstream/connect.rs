//! A fresh connection to a backend: TCP, TLS, and an HTTP/1.1 driver.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use super::endpoint::Address;
use super::ledger::Ledger;
use super::watched::Watch;
use crate::base::limits::{HEADER_BYTES, HEADER_COUNT};

/// What a backend may send as the head of an answer: as much as we take from clients, and our own fields.
pub(super) const ANSWER_HEAD_BYTES: usize = 2 * HEADER_BYTES;

/// What is read ahead of an answer that nobody has taken yet: its head fits twice. A backend that sends faster than its
/// answer is taken waits.
const READ_AHEAD_BYTES: usize = 2 * ANSWER_HEAD_BYTES;

/// An open connection, with nothing running on it.
#[derive(Debug)]
pub(super) struct Connected {
    pub(super) sender: SendRequest<Full<Bytes>>,
    pub(super) ledger: Ledger,
    pub(super) watch: Watch,
    driver: JoinHandle<()>,
}

impl Connected {
    /// Ends the connection at once and waits until its driver has let go of the socket: from then on no byte can leave,
    /// and the word of ledger and watch is final.
    pub(super) async fn stop(self) -> (Ledger, Watch) {
        self.driver.abort();
        // It was cancelled or had ended by itself; either is the end of it.
        let _ = self.driver.await;
        (self.ledger, self.watch)
    }
}

/// Connects, within `limit`. Nothing of a request can have been sent when this fails.
///
/// # Errors
/// A sentence for the log.
pub(super) async fn connect(
    address: &Address,
    tls: Option<&Arc<ClientConfig>>,
    limit: Duration,
) -> Result<Connected, String> {
    let connecting = async {
        let socket = open_socket(address).await?;
        secure(socket, address, tls).await
    };
    match tokio::time::timeout(limit, connecting).await {
        Ok(Ok(connected)) => Ok(connected),
        Ok(Err(error)) => Err(format!("{}: {error}", address.authority)),
        Err(_) => Err(format!("{}: no connection within {limit:?}", address.authority)),
    }
}

async fn open_socket(address: &Address) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for place in address.resolve().await? {
        match TcpStream::connect(place).await {
            Ok(socket) => {
                socket.set_nodelay(true)?;
                return Ok(socket);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn secure(
    socket: TcpStream,
    address: &Address,
    tls: Option<&Arc<ClientConfig>>,
) -> io::Result<Connected> {
    let ledger = Ledger::default();
    let socket = ledger.below(socket);
    let Some(name) = address.server_name.clone() else {
        return start(ledger.above(socket), ledger).await;
    };
    let config = tls.ok_or_else(|| io::Error::other("TLS is not set up for this upstream"))?;
    let stream = TlsConnector::from(Arc::clone(config))
        .connect(name, socket)
        .await?;
    start(ledger.above(stream), ledger).await
}

async fn start<S>(stream: S, ledger: Ledger) -> io::Result<Connected>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let watch = Watch::default();
    let (sender, connection) = http1::Builder::new()
        .max_headers(HEADER_COUNT)
        .max_header_size(ANSWER_HEAD_BYTES)
        .max_buf_size(READ_AHEAD_BYTES)
        .handshake(TokioIo::new(watch.over(stream)))
        .await
        .map_err(io::Error::other)?;
    let driver = tokio::spawn(async move {
        // The exchange that runs on it hears of an error too, and says what it means.
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection to a backend ended");
        }
    });
    Ok(Connected {
        sender,
        ledger,
        watch,
        driver,
    })
}
