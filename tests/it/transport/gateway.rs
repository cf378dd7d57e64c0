//! Doors with nothing behind them but what a test puts there.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign::answer::{Body, Unread};
use countersign::base::{Connection, Door, SystemClock, SystemEntropy};
use countersign::config::TlsVersion;
use countersign::edge::{
    Certificates, ClientAuthentication, CountRefusals, DoorTls, Drain, Edge, Limits, Listener, NotCounted,
    OpenDoor, Serve, ServerCertificate, TlsInForce, TlsSettings, TrustAnchors, loopback,
};
use countersign::telemetry::Metrics;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use tokio::sync::{Notify, mpsc, watch};

use super::certificates::{Authority, Issued};
use crate::support::{in_the_end, in_time};

/// What stands behind the test's doors. `/hold` waits until it is let go, `/panic` panics, `/echo` answers the request's
/// body, `/read` how long it is or why it could not be read, `/large` answers 16 MiB, anything else answers its path.
pub(super) struct Behind {
    /// The facts of the connections that requests came over.
    pub(super) seen: Mutex<Vec<Arc<Connection>>>,
    /// Paths of requests that have begun.
    pub(super) begun: mpsc::UnboundedSender<String>,
    /// Paths of requests that have run to their end.
    pub(super) ended: mpsc::UnboundedSender<String>,
    /// Lets one held request go.
    pub(super) release: Arc<Notify>,
    /// Bytes of bodies that have come at `/read`.
    pub(super) read: watch::Sender<usize>,
}

impl Serve for Behind {
    fn serve(
        &self,
        connection: Arc<Connection>,
        request: Request<Body>,
    ) -> Pin<Box<dyn Future<Output = Response<Body>> + Send>> {
        self.seen.lock().unwrap().push(connection);
        let path = request.uri().path().to_owned();
        self.begun.send(path.clone()).unwrap();
        let (release, ended) = (Arc::clone(&self.release), self.ended.clone());
        let read = self.read.clone();
        Box::pin(async move {
            let mut answer = path.clone();
            match path.as_str() {
                "/echo" => {
                    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
                    answer = String::from_utf8(body.to_vec()).unwrap();
                }
                "/read" => {
                    let count = |bytes: bytes::Bytes| {
                        read.send_modify(|all| *all += bytes.len());
                        bytes
                    };
                    let body = request.into_body().map_frame(|frame| frame.map_data(count));
                    answer = body.collect().await.map_or_else(
                        |error| format!("{:?}", Unread::of(&error)),
                        |body| body.to_bytes().len().to_string(),
                    );
                }
                "/large" => answer = "a".repeat(16 << 20),
                "/hold" => release.notified().await,
                "/panic" => panic!("as asked"),
                _ => {}
            }
            ended.send(path).unwrap();
            Response::builder()
                .header("server", "secret/1.0")
                .header("x-powered-by", "secret")
                .body(Body::from(answer))
                .unwrap()
        })
    }
}

/// A door that is open.
pub(super) struct Opened {
    pub(super) address: SocketAddr,
    /// All of them.
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) authority: Authority,
    /// The TLS of the door, to be replaced.
    pub(super) tls: Arc<DoorTls>,
    pub(super) edge: Arc<Edge>,
    pub(super) metrics: Metrics,
    pub(super) behind: Arc<Behind>,
    begun: mpsc::UnboundedReceiver<String>,
    pub(super) ended: mpsc::UnboundedReceiver<String>,
}

impl Opened {
    /// The path of the next request that begins.
    pub(super) async fn begins(&mut self) -> String {
        in_time("a request begins", self.begun.recv()).await.unwrap()
    }

    /// The path of the next request that has run to its end.
    pub(super) async fn ends(&mut self) -> String {
        in_time("a request ends", self.ended.recv()).await.unwrap()
    }

    /// Waits until the metrics say `line`.
    pub(super) async fn until_metric(&self, line: &str) {
        in_the_end(line, async || self.metrics.render().contains(line)).await;
    }
}

/// A door that is bound, and what it shares with the test.
pub(super) fn prepare(
    door: Door,
    clients: &ClientAuthentication,
    limits: Limits,
    refusals: Arc<dyn CountRefusals>,
) -> (OpenDoor, Opened) {
    let authority = Authority::new("server authority");
    let issued = authority.issue(&["localhost", "127.0.0.1"], 1);
    let tls = Arc::new(DoorTls::new(setup(&[issued], clients, TlsVersion::Tls13)));
    let listener = Listener::bind("[server] listen", &loopback(0)).unwrap();
    let metrics = Metrics::default();
    let edge = Edge::new(
        limits,
        Drain::default(),
        Arc::new(SystemClock),
        Arc::new(SystemEntropy::default()),
        metrics.clone(),
        refusals,
    );
    let (begun_sender, begun) = mpsc::unbounded_channel();
    let (ended_sender, ended) = mpsc::unbounded_channel();
    let behind = Arc::new(Behind {
        seen: Mutex::default(),
        begun: begun_sender,
        ended: ended_sender,
        release: Arc::default(),
        read: watch::Sender::default(),
    });
    let opened = Opened {
        address: listener.addresses()[0],
        addresses: listener.addresses().to_vec(),
        authority,
        tls,
        edge,
        metrics,
        behind: Arc::clone(&behind),
        begun,
        ended,
    };
    let door = OpenDoor {
        door,
        listener,
        tls: Arc::clone(&opened.tls),
        serve: behind,
    };
    (door, opened)
}

/// The TLS of a door with these certificates.
pub(super) fn setup(issued: &[Issued], clients: &ClientAuthentication, oldest: TlsVersion) -> TlsInForce {
    let certificates = issued
        .iter()
        .map(|issued| ServerCertificate::from_pem(issued.chain.as_bytes(), issued.key.as_bytes()).unwrap());
    let certificates = Certificates::new(&certificates.collect::<Vec<_>>()).unwrap();
    let settings = TlsSettings {
        certificates: &certificates,
        clients,
        oldest,
        ticket_rotation: Duration::from_secs(3600),
    };
    TlsInForce::new(&settings, Arc::new(SystemClock)).unwrap()
}

/// A door that is open.
pub(super) fn open(door: Door, clients: &ClientAuthentication, limits: Limits) -> Opened {
    let (door, opened) = prepare(door, clients, limits, Arc::new(NotCounted));
    opened.edge.open(door).unwrap();
    opened
}

/// The public door.
pub(super) fn public() -> Opened {
    open(Door::Public, &ClientAuthentication::None, Limits::default())
}

/// Believes clients of `authority`, except those on the list.
pub(super) fn trust(authority: &Authority, revocation_list: Option<&str>) -> TrustAnchors {
    TrustAnchors::new(&[authority.der()], revocation_list.map(str::as_bytes)).unwrap()
}
