//! From a bound address to HTTP on every connection that comes in.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::ServiceExt as _;

use super::drain::Drain;
use super::exchange::{Exchanges, Serve};
use super::http::{Guarding, Limits, Protocol, converse};
use super::idle::Activity;
use super::listener::Listener;
use super::refusals::CountRefusals;
use super::report::Report;
use crate::answer::Body;
use crate::base::{ClientCertificate, Clock, Connection, Door, Entropy};
use crate::telemetry::{Metrics, names};

/// How long to wait when the operating system has no file descriptor left for a connection.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// What all doors of a gateway share.
pub struct Edge {
    pub(super) limits: Limits,
    pub(super) drain: Drain,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) metrics: Metrics,
    /// Refusals that no gate sees.
    pub(super) refusals: Arc<dyn CountRefusals>,
    /// One permit an open connection.
    room: Arc<Semaphore>,
}

impl std::fmt::Debug for Edge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Edge")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// A door with all it needs to be opened.
pub struct OpenDoor {
    /// Which one it is.
    pub door: Door,
    /// Where it is.
    pub listener: Listener,
    /// Its TLS ([`super::server_config`]).
    pub tls: Arc<ServerConfig>,
    /// What stands behind it.
    pub serve: Arc<dyn Serve>,
}

impl std::fmt::Debug for OpenDoor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenDoor")
            .field("door", &self.door)
            .field("listener", &self.listener)
            .finish_non_exhaustive()
    }
}

/// How connections of one listener are treated.
#[derive(Clone)]
enum Treatment {
    Gate {
        door: Door,
        tls: TlsAcceptor,
        serve: Arc<dyn Serve>,
    },
    Operations(axum::Router),
}

impl Edge {
    /// With these limits; `drain` ends every door.
    #[must_use]
    pub fn new(
        limits: Limits,
        drain: Drain,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        metrics: Metrics,
        refusals: Arc<dyn CountRefusals>,
    ) -> Arc<Self> {
        let room = Arc::new(Semaphore::new(limits.connections));
        Arc::new(Self {
            limits,
            drain,
            clock,
            entropy,
            metrics,
            refusals,
            room,
        })
    }

    /// Another edge with the same limits and an end of its own: the operations listener stays open while doors drain.
    #[must_use]
    pub fn beside(&self) -> Arc<Self> {
        Self::new(
            self.limits.clone(),
            Drain::default(),
            Arc::clone(&self.clock),
            Arc::clone(&self.entropy),
            self.metrics.clone(),
            Arc::clone(&self.refusals),
        )
    }

    /// What ends it.
    #[must_use]
    pub const fn drain(&self) -> &Drain {
        &self.drain
    }

    /// Opens a door: from now on its connections are accepted, on the runtime that calls.
    ///
    /// # Errors
    /// The runtime cannot take a socket.
    pub fn open(self: &Arc<Self>, door: OpenDoor) -> io::Result<()> {
        let treatment = Treatment::Gate {
            door: door.door,
            tls: TlsAcceptor::from(door.tls),
            serve: door.serve,
        };
        self.accept_all(door.listener, &treatment)
    }

    /// Opens the operations listener: plain HTTP, for loopback only.
    ///
    /// # Errors
    /// The runtime cannot take a socket.
    pub fn open_operations(self: &Arc<Self>, listener: Listener, router: axum::Router) -> io::Result<()> {
        self.accept_all(listener, &Treatment::Operations(router))
    }

    fn accept_all(self: &Arc<Self>, listener: Listener, treatment: &Treatment) -> io::Result<()> {
        for socket in listener.into_sockets()? {
            let (edge, treatment) = (Arc::clone(self), treatment.clone());
            self.drain
                .spawn(async move { edge.accept(socket, treatment).await });
        }
        Ok(())
    }

    /// Accepts until the gateway goes away; then the socket closes and new clients are refused.
    async fn accept(self: Arc<Self>, socket: TcpListener, treatment: Treatment) {
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.drain.begun() => return,
                accepted = socket.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.admit(stream, peer, &treatment),
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "no connection can be accepted now");
                    tokio::time::sleep(EXHAUSTED_PAUSE).await;
                }
            }
        }
    }

    /// Starts a connection's task, or closes it at once when there is no room.
    fn admit(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr, treatment: &Treatment) {
        let door = treatment.label();
        let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() else {
            self.metrics.count(&names::CONNECTIONS_REFUSED, [door.into()]);
            return;
        };
        // Answers are written whole; waiting to fill a segment only delays them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, %peer, "a connection ended before it began");
            return;
        }
        let (edge, treatment) = (Arc::clone(self), treatment.clone());
        let held = self.metrics.hold(&names::CONNECTIONS, [door.into()]);
        self.drain.spawn(async move {
            edge.connection(stream, peer, treatment, permit).await;
            drop(held);
        });
    }

    async fn connection(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        treatment: Treatment,
        _permit: OwnedSemaphorePermit,
    ) {
        let outcome = match treatment {
            Treatment::Operations(router) => self.operations(stream, router).await,
            Treatment::Gate { door, tls, serve } => {
                let Some(stream) = self.shake_hands(stream, peer, door, &tls).await else {
                    return;
                };
                self.gate(stream, peer, door, serve).await
            }
        };
        if let Err(error) = outcome {
            tracing::debug!(%error, %peer, "a connection ended early");
        }
    }

    /// The TLS handshake, within its deadline; a gateway that goes away does not wait for it.
    async fn shake_hands(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        door: Door,
        tls: &TlsAcceptor,
    ) -> Option<TlsStream<TcpStream>> {
        let handshake = tokio::time::timeout(self.limits.handshake, tls.accept(stream));
        let outcome = tokio::select! {
            outcome = handshake => outcome,
            () = self.drain.begun() => return None,
        };
        let (cause, text) = match outcome {
            Ok(Ok(stream)) => return Some(stream),
            Ok(Err(error)) => (handshake_cause(&error), error.to_string()),
            Err(_) => ("deadline", "the handshake took too long".to_owned()),
        };
        tracing::debug!(%peer, ?door, cause, text, "a TLS handshake failed");
        self.metrics
            .count(&names::HANDSHAKES_FAILED, [label(door).into(), cause.into()]);
        None
    }

    async fn gate(
        self: &Arc<Self>,
        stream: TlsStream<TcpStream>,
        peer: SocketAddr,
        door: Door,
        serve: Arc<dyn Serve>,
    ) -> hyper::Result<()> {
        let protocol = Protocol::negotiated(stream.get_ref().1.alpn_protocol());
        let facts = facts(door, peer, stream.get_ref().1);
        let exchanges = Arc::new(Exchanges::new(Arc::clone(self), facts, serve));
        let guarding = match protocol {
            Protocol::Http1 => Guarding::Http1(exchanges.finding()),
            Protocol::Http2 => Guarding::Http2(Report::new(Arc::clone(self), peer)),
        };
        let activity = Activity::new();
        let watched = activity.clone();
        let service = service_fn(move |request| {
            let (exchanges, running) = (Arc::clone(&exchanges), watched.begin());
            async move {
                let answer = exchanges.answer(request).await;
                drop(running);
                Ok::<_, Infallible>(answer)
            }
        });
        let (limits, drain) = (&self.limits, &self.drain);
        converse(stream, guarding, service, limits, drain, &activity).await
    }

    async fn operations(&self, stream: TcpStream, router: axum::Router) -> hyper::Result<()> {
        let activity = Activity::new();
        let watched = activity.clone();
        let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
            let (router, running) = (router.clone(), watched.begin());
            async move {
                let answer = router.oneshot(request.map(Body::new)).await;
                drop(running);
                answer
            }
        });
        converse(
            stream,
            Guarding::Unguarded,
            service,
            &self.limits,
            &self.drain,
            &activity,
        )
        .await
    }
}

impl Treatment {
    const fn label(&self) -> &'static str {
        match self {
            Self::Gate { door, .. } => label(*door),
            Self::Operations(_) => "operations",
        }
    }
}

const fn label(door: Door) -> &'static str {
    match door {
        Door::Public => "public",
        Door::MutualTls => "mutual-tls",
        Door::Admin => "admin",
    }
}

/// Whether an error of `accept` is about the connection that was to be accepted, and not about the socket.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

/// The cause of a failed handshake, as one of a few words.
fn handshake_cause(error: &io::Error) -> &'static str {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        None => "connection",
        Some(rustls::Error::NoCertificatesPresented | rustls::Error::InvalidCertificate(_)) => {
            "client-certificate"
        }
        Some(rustls::Error::PeerIncompatible(_) | rustls::Error::NoApplicationProtocol) => "incompatible",
        Some(rustls::Error::AlertReceived(_)) => "alert",
        Some(rustls::Error::General(_)) => "name-unknown",
        Some(_) => "malformed",
    }
}

fn facts(door: Door, peer: SocketAddr, tls: &rustls::ServerConnection) -> Connection {
    let own = tls.peer_certificates().and_then(<[_]>::first);
    Connection {
        door,
        peer,
        tls_version: tls
            .protocol_version()
            .and_then(|version| version.as_str())
            .unwrap_or("unknown"),
        group: tls
            .negotiated_key_exchange_group()
            .and_then(|group| group.name().as_str())
            .unwrap_or("unknown"),
        client_certificate: own.map(|certificate| Arc::new(ClientCertificate::new(certificate))),
    }
}
