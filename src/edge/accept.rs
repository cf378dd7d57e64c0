//! From a bound address to HTTP on every connection that comes in.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio_rustls::server::TlsStream;
use tower::ServiceExt as _;

use super::buffered::Budget;
use super::carriers::Carriers;
use super::drain::Drain;
use super::exchange::{Exchanges, Serve};
use super::greet::{Arrival, Greeted};
use super::handshake::Turns;
use super::http::{Guarding, Limits, Protocol, converse};
use super::http1;
use super::idle::Activity;
use super::listener::Listener;
use super::patience::{Cut, Patient};
use super::places::{Full, Place, Places};
use super::refusals::CountRefusals;
use super::report::Report;
use super::rooms::Rooms;
use super::tls::DoorTls;
use super::undelivered::Undelivered;
use crate::answer::Body;
use crate::base::{ChannelBinding, ClientCertificate, Clock, Code, Connection, Door, Entropy};
use crate::telemetry::{Metrics, names};

/// How long to wait when the operating system has no file descriptor left for a connection.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// What all doors of a gateway share, and what each has for itself so that no other can take it.
pub struct Edge {
    pub(super) limits: Limits,
    pub(super) drain: Drain,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) metrics: Metrics,
    /// Refusals that no gate sees.
    pub(super) refusals: Arc<dyn CountRefusals>,
    rooms: Rooms,
    turns: Turns,
    admin_turns: Turns,
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
    /// Its TLS.
    pub tls: Arc<DoorTls>,
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
pub(super) enum Treatment {
    Gate {
        door: Door,
        tls: Arc<DoorTls>,
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
        Arc::new(Self {
            rooms: Rooms::new(&limits),
            turns: Turns::new(),
            admin_turns: Turns::of_admins(),
            limits,
            drain,
            clock,
            entropy,
            metrics,
            refusals,
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
        self.open_on(&Carriers::default(), door)
    }

    /// The same on the runtimes that carry connections.
    ///
    /// # Errors
    /// The first of them cannot take a socket.
    pub fn open_on(self: &Arc<Self>, carriers: &Carriers, door: OpenDoor) -> io::Result<()> {
        let treatment = Treatment::Gate {
            door: door.door,
            tls: door.tls,
            serve: door.serve,
        };
        self.accept_all(door.listener, &treatment, carriers)
    }

    /// Opens the operations listener: plain HTTP, for loopback only.
    ///
    /// # Errors
    /// The runtime cannot take a socket.
    pub fn open_operations(self: &Arc<Self>, listener: Listener, router: axum::Router) -> io::Result<()> {
        self.accept_all(listener, &Treatment::Operations(router), &Carriers::default())
    }

    fn accept_all(
        self: &Arc<Self>,
        listener: Listener,
        treatment: &Treatment,
        carriers: &Carriers,
    ) -> io::Result<()> {
        // Sockets and tasks belong to the runtime that is entered.
        let _entered = carriers.first().map(Handle::enter);
        for socket in listener.into_sockets()? {
            let (edge, treatment, carriers) = (Arc::clone(self), treatment.clone(), carriers.clone());
            self.drain
                .spawn_connection(async move { edge.accept(socket, treatment, carriers).await });
        }
        Ok(())
    }

    /// Accepts until the gateway goes away; then the socket closes and new clients are refused.
    async fn accept(self: Arc<Self>, socket: TcpListener, treatment: Treatment, carriers: Carriers) {
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.drain.begun() => return,
                accepted = socket.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.admit(stream, peer, &treatment, &carriers),
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "no connection can be accepted now");
                    tokio::time::sleep(EXHAUSTED_PAUSE).await;
                }
            }
        }
    }

    /// Starts a connection's task, or closes it at once when there is no room.
    fn admit(
        self: &Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        treatment: &Treatment,
        carriers: &Carriers,
    ) {
        let door = treatment.label();
        let from_proxy = self.is_proxy(peer.ip(), treatment);
        if let Treatment::Gate { door, serve, .. } = treatment
            && !from_proxy
            && self.turns_away(peer.ip(), *door, &**serve)
        {
            return;
        }
        let entered = self.places(treatment).enter();
        // Who sends through a proxy is not known yet; the proxy itself has no share.
        let place = match entered {
            Ok(place) if from_proxy => place,
            entered => match self.settle(entered, peer.ip(), door) {
                Some(place) => place,
                None => return,
            },
        };
        // Answers are written whole; waiting to fill a segment only delays them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, %peer, "a connection ended before it began");
            return;
        }
        let arrival = Arrival {
            stream,
            peer,
            place,
            from_proxy,
        };
        self.carry(arrival, treatment.clone(), carriers);
    }

    /// All of a connection, on the runtime that carries it.
    pub(super) async fn live(self: &Arc<Self>, arrival: Arrival, treatment: Treatment) {
        match treatment {
            Treatment::Operations(router) => Box::pin(self.operations(arrival.stream, router)).await,
            Treatment::Gate { door, tls, serve } => {
                // What only a handshake needs is given back after it.
                if let Some(greeted) = Box::pin(self.greet(arrival, door, &tls, &*serve)).await {
                    self.gate(greeted, door, serve).await;
                }
            }
        }
    }

    /// The place of a connection that comes from `source`, whatever stands between.
    pub(super) fn settle(
        &self,
        place: Result<Place, Full>,
        source: IpAddr,
        door: &'static str,
    ) -> Option<Place> {
        match place.and_then(|place| place.of(source)) {
            Ok(place) => Some(place),
            Err(full) => {
                self.refuse(source, door, full.reason(), full.code());
                None
            }
        }
    }

    /// Whether who stands behind the door takes no connection of `source`; then it has been counted.
    pub(super) fn turns_away(&self, source: IpAddr, door: Door, serve: &dyn Serve) -> bool {
        let turned_away = serve.turns_away(source, self.clock.now());
        if turned_away {
            let labels = [label(door).into(), "turned-away".into()];
            self.metrics.count(&names::CONNECTIONS_REFUSED, labels);
        }
        turned_away
    }

    /// Closes a connection that has not come to TLS.
    pub(super) fn refuse(&self, source: IpAddr, door: &'static str, reason: &'static str, code: Code) {
        tracing::debug!(%source, door, reason, "a connection was refused");
        self.metrics
            .count(&names::CONNECTIONS_REFUSED, [door.into(), reason.into()]);
        self.refusals.count(source, code, self.clock.now());
    }

    /// The operations listener has no proxies: what reads metrics and health stands beside the gateway.
    fn is_proxy(&self, peer: IpAddr, treatment: &Treatment) -> bool {
        matches!(treatment, Treatment::Gate { .. })
            && self.limits.proxies.iter().any(|network| network.contains(peer))
    }

    const fn places(&self, treatment: &Treatment) -> &Arc<Places> {
        match treatment {
            Treatment::Operations(_) => &self.rooms.operations,
            Treatment::Gate { door, .. } => self.rooms.places(*door),
        }
    }

    /// Where handshakes at a door wait for their turn.
    pub(super) const fn turns(&self, door: Door) -> &Turns {
        match door {
            Door::Public | Door::MutualTls => &self.turns,
            Door::Admin => &self.admin_turns,
        }
    }

    /// The budget of bodies of a door.
    pub(super) const fn budget(&self, door: Door) -> &Arc<Budget> {
        self.rooms.bodies(door)
    }

    /// The budget of answers of a door.
    pub(super) const fn undelivered(&self, door: Door) -> &Arc<Undelivered> {
        self.rooms.answers(door)
    }

    /// HTTP, until the connection ends.
    async fn gate(self: &Arc<Self>, greeted: Greeted, door: Door, serve: Arc<dyn Serve>) {
        let Greeted {
            stream,
            peer,
            standing,
            place,
        } = greeted;
        let protocol = Protocol::negotiated(stream.get_ref().1.alpn_protocol());
        let facts = facts(door, peer, stream.get_ref().1);
        let labels = [label(door).into(), facts.tls_version.into(), facts.group.into()];
        self.metrics.count(&names::HANDSHAKES, labels);
        let exchanges = Arc::new(Exchanges::new(Arc::clone(self), facts, standing, serve, place));
        match protocol {
            Protocol::Http1 => self.http1(stream, exchanges, peer, door).await,
            // A connection of HTTP/1.1 does not keep room for what only HTTP/2 needs.
            Protocol::Http2 => Box::pin(self.http2(stream, exchanges, peer)).await,
        }
    }

    async fn http1(
        &self,
        stream: Box<TlsStream<TcpStream>>,
        exchanges: Arc<Exchanges>,
        peer: SocketAddr,
        door: Door,
    ) {
        let (activity, finding) = (Activity::new(), exchanges.finding());
        let watched = activity.clone();
        let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
            let (exchanges, running) = (Arc::clone(&exchanges), watched.begin());
            async move {
                let answer = exchanges.respond(request, &running).await;
                Ok::<_, Infallible>(answer.map(|body| http1::Answer::new(body, running)))
            }
        });
        let terms = http1::Terms {
            limits: &self.limits,
            drain: &self.drain,
            activity: &activity,
            finding: &finding,
            rest: http1::REST,
        };
        let ended = http1::converse(stream, service, terms).await;
        self.tell(&ended.cut, peer, door);
        if let Err(error) = ended.outcome {
            tracing::debug!(error, %peer, "a connection ended early");
        }
    }

    async fn http2(
        self: &Arc<Self>,
        stream: Box<TlsStream<TcpStream>>,
        exchanges: Arc<Exchanges>,
        peer: SocketAddr,
    ) {
        let activity = Activity::new();
        let watched = activity.clone();
        let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
            let (exchanges, running) = (Arc::clone(&exchanges), watched.begin());
            // hyper moves it from place to place before it runs.
            Box::pin(async move { Ok::<_, Infallible>(exchanges.respond(request, &running).await) })
        });
        let guarding = Guarding::Http2(Report::new(Arc::clone(self), peer));
        let outcome = converse(stream, guarding, service, &self.limits, &self.drain, &activity).await;
        if let Err(error) = outcome {
            tracing::debug!(%error, %peer, "a connection ended early");
        }
    }

    /// Counts a connection that was cut.
    fn tell(&self, cut: &Cut, peer: SocketAddr, door: Door) {
        let Some(reason) = cut.reason() else { return };
        let labels = [label(door).into(), reason.into()];
        self.metrics.count(&names::CONNECTIONS_CUT, labels);
        if let Some(code) = cut.code() {
            self.refusals.count(peer.ip(), code, self.clock.now());
        }
        tracing::debug!(%peer, reason, "a connection was cut");
    }

    async fn operations(&self, stream: TcpStream, router: axum::Router) {
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
        let (limits, drain) = (&self.limits, &self.drain);
        let io = Patient::new(stream, limits.head, limits.answer, activity.clone());
        let outcome = converse(io, Guarding::Unguarded, service, limits, drain, &activity);
        if let Err(error) = outcome.await {
            tracing::debug!(%error, "a connection to the operations listener ended early");
        }
    }
}

impl Treatment {
    pub(super) const fn label(&self) -> &'static str {
        match self {
            Self::Gate { door, .. } => label(*door),
            Self::Operations(_) => "operations",
        }
    }
}

pub(super) const fn label(door: Door) -> &'static str {
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
        channel_binding: channel_binding(tls),
    }
}

/// RFC 9266, section 2; nothing where a handshake gives no exporter.
fn channel_binding(tls: &rustls::ServerConnection) -> Option<Arc<ChannelBinding>> {
    let exported = tls.export_keying_material(
        [0; ChannelBinding::BYTES],
        ChannelBinding::LABEL,
        Some(ChannelBinding::CONTEXT),
    );
    exported.ok().map(|bytes| Arc::new(ChannelBinding::new(bytes)))
}
