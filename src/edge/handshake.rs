//! What comes before HTTP: the word of a proxy where one is trusted, and TLS.

use std::io;
use std::net::SocketAddr;

use rustls::server::Acceptor;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::proxy_protocol::{Header, Origin, Refusal};
use super::tls::TlsInForce;
use crate::base::{Code, RuntimeNumber};

/// Runtimes whose handshakes take turns of their own; where there are more, some share.
const RUNTIMES: usize = 65;

/// Where handshakes wait for their turn to compute, first come, first served. Who waits is bounded by the places of its
/// source and its door, how long by the deadline of the handshake.
///
/// A full one costs a core about 300 microseconds of key exchange and signature; if thousands were ready to run they would stand
/// before every request of every open connection. So one of a runtime's computes, then everything that is ready goes first, and
/// then the next; the rest waits outside the scheduler.
#[derive(Debug)]
pub(super) struct Turns(Box<[Semaphore]>);

impl Turns {
    /// For the admin door: one at a time, so that who storms it takes little of what customers need, and the other way round.
    pub(super) fn of_admins() -> Self {
        Self(Box::new([Semaphore::new(1)]))
    }

    /// For customers: one at a time on each runtime.
    pub(super) fn new() -> Self {
        Self((0..RUNTIMES).map(|_| Semaphore::new(1)).collect())
    }

    /// Those of the runtime that asks.
    fn here(&self) -> Option<&Semaphore> {
        self.0.get(RuntimeNumber::current().0 % self.0.len().max(1))
    }
}

/// Reads the header a trusted proxy begins with, and not one byte more. `None` is the proxy itself.
///
/// # Errors
/// It does not begin with one, or the connection ended. The error holds a [`Refusal`] in the first case.
pub(super) async fn client_behind(stream: &mut TcpStream) -> io::Result<Option<SocketAddr>> {
    let refused = |refusal: Refusal| io::Error::new(io::ErrorKind::InvalidData, refusal);
    let mut header = Header::default();
    let mut piece = [0; 256];
    loop {
        let missing = header.missing().map_err(refused)?;
        if missing == 0 {
            break;
        }
        let room = missing.min(piece.len());
        let count = stream.read(piece.get_mut(..room).unwrap_or_default()).await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        header.push(piece.get(..count).unwrap_or_default());
    }
    match header.origin().map_err(refused)? {
        Origin::Client(address) => Ok(Some(address)),
        Origin::Proxy => Ok(None),
    }
}

/// The TLS handshake. The first flight is read before a turn is asked for: whoever says nothing takes nobody's.
pub(super) async fn shake_hands(
    stream: TcpStream,
    setup: &TlsInForce,
    turns: &Turns,
) -> io::Result<TlsStream<TcpStream>> {
    let hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
    let tls = setup.config_for(&hello.client_hello());
    let turn = match turns.here() {
        Some(turns) => turns.acquire().await.ok(),
        None => None,
    };
    // Key exchange and signature happen in this call, not in what it returns.
    let rest = hello.into_stream(tls);
    tokio::task::yield_now().await;
    drop(turn);
    rest.await
}

/// Why a handshake did not come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The connection ended.
    Connection,
    /// It took too long.
    Deadline,
    /// A client certificate is missing or not good.
    ClientCertificate,
    /// No version, group, suite or protocol in common.
    Incompatible,
    /// The client refused us.
    Alert,
    /// A name that stands in no certificate.
    NameUnknown,
    /// Not TLS, or broken TLS.
    Malformed,
}

impl Failure {
    pub(super) fn of(error: &io::Error) -> Self {
        let inner = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match inner {
            None => Self::Connection,
            Some(rustls::Error::NoCertificatesPresented | rustls::Error::InvalidCertificate(_)) => {
                Self::ClientCertificate
            }
            Some(rustls::Error::PeerIncompatible(_) | rustls::Error::NoApplicationProtocol) => {
                Self::Incompatible
            }
            Some(rustls::Error::AlertReceived(_)) => Self::Alert,
            Some(rustls::Error::General(_)) => Self::NameUnknown,
            Some(_) => Self::Malformed,
        }
    }

    /// The label of the metric.
    pub(super) const fn cause(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Deadline => "deadline",
            Self::ClientCertificate => "client-certificate",
            Self::Incompatible => "incompatible",
            Self::Alert => "alert",
            Self::NameUnknown => "name-unknown",
            Self::Malformed => "malformed",
        }
    }

    /// What is counted for the log, where it was us who refused. The client reads a TLS alert or nothing.
    pub(super) const fn code(self) -> Option<Code> {
        match self {
            Self::Connection | Self::Alert => None,
            Self::ClientCertificate => Some(Code::ProofInvalid),
            Self::NameUnknown => Some(Code::Misdirected),
            Self::Deadline | Self::Incompatible | Self::Malformed => Some(Code::RequestMalformed),
        }
    }
}
