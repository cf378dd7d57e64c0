//! One request and its answer.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use countersign_framing::http1::Reason;
use http::header::{CONNECTION, EXPECT, HeaderName, SERVER};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use hyper::body::{Body as _, Incoming};
use tokio::sync::Semaphore;

use super::accept::{Edge, label};
use super::body::Timed;
use super::buffered::{Budget, Reservation};
use super::framing::{self, Finding};
use super::head;
use super::idle::Running;
use super::places::{Place, Share};
use super::standing::Standing;
use super::undelivered::{TooMuch, Undelivered};
use crate::answer::{self, Body, HangUp, NoRoom};
use crate::base::{Connection, RequestId, Timestamp};
use crate::telemetry::names;

const X_POWERED_BY: HeaderName = HeaderName::from_static("x-powered-by");

/// What stands behind a door.
pub trait Serve: Send + Sync + 'static {
    /// Answers one request. The future runs to its end even if the client hangs up; reading the body then fails.
    fn serve(
        &self,
        connection: Arc<Connection>,
        request: Request<Body>,
    ) -> Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

    /// Whether a connection from `source` is closed as soon as it is there, before anything is spent on it. Must not wait.
    fn turns_away(&self, _source: IpAddr, _now: Timestamp) -> bool {
        false
    }
}

/// The exchanges of one connection.
pub(super) struct Exchanges {
    edge: Arc<Edge>,
    connection: Arc<Connection>,
    /// Of the client's certificate, where it showed one.
    standing: Option<Standing>,
    serve: Arc<dyn Serve>,
    /// What the framing guard has refused.
    finding: Arc<Finding>,
    /// One permit a running request. A stream that its client has reset keeps its permit until its work is done, so
    /// resetting streams cannot start more work than streams may be open (H2-03).
    running: Arc<Semaphore>,
    budget: Arc<Budget>,
    undelivered: Arc<Undelivered>,
    /// What its source holds.
    share: Arc<Share>,
    /// Held by every request as well: whoever hangs up and comes back while their requests run is still there.
    place: Arc<Place>,
}

impl Exchanges {
    /// Of a connection that holds `place`.
    pub(super) fn new(
        edge: Arc<Edge>,
        connection: Connection,
        standing: Option<Standing>,
        serve: Arc<dyn Serve>,
        place: Place,
    ) -> Self {
        let running = Arc::new(Semaphore::new(edge.limits.streams as usize));
        let budget = Arc::clone(edge.budget(connection.door));
        let undelivered = Arc::clone(edge.undelivered(connection.door));
        Self {
            edge,
            connection: Arc::new(connection),
            standing,
            serve,
            finding: Arc::default(),
            running,
            budget,
            undelivered,
            share: place.share(),
            place: Arc::new(place),
        }
    }

    /// Where the guard of the connection puts down what it refuses.
    pub(super) fn finding(&self) -> Arc<Finding> {
        Arc::clone(&self.finding)
    }

    /// Answers one request, and says goodbye with the answer where it is the last.
    pub(super) async fn respond(&self, request: Request<Incoming>, running: &Running) -> Response<Body> {
        let version = request.version();
        let mut answer = self.answer(request).await;
        self.say_goodbye(version, answer.headers_mut());
        if answer.extensions().get::<HangUp>().is_some() {
            running.is_the_last();
        }
        answer
    }

    /// Whatever happens inside, there is an answer.
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        // In HTTP/1.1 hyper sees to it; a client of HTTP/2 would reset the stream and read nothing.
        let without_content = request.method() == Method::HEAD && request.version() == Version::HTTP_2;
        let response = self.answer_in_full(request).await;
        if without_content {
            head::without_content(response)
        } else {
            response
        }
    }

    async fn answer_in_full(&self, request: Request<Incoming>) -> Response<Body> {
        if let Err(refusal) = self.check(&request) {
            return self.refuse(&refusal, request.version());
        }
        let (longest, version) = (self.edge.limits.body, request.version());
        let is_read = request.method().is_safe();
        // Only a request with a body pays for one, and holds what it paid for until it is answered.
        let room = (!request.body().is_end_stream()).then(|| self.budget.reserve(&self.share));
        let paid = room.clone();
        let body = room.clone();
        let expecting = room.clone().filter(|_| request.headers().contains_key(EXPECT));
        let mut request = request.map(|body| match room {
            Some(room) => Body::new(Timed::new(body, longest).within(room)),
            None => Body::empty(),
        });
        if self.undelivered.is_full_for(&self.share) {
            // The gate refuses it, in the order of faults, and signs that where answers are signed.
            request.extensions_mut().insert(NoRoom);
        }
        let mut response = match self.serve(request, paid).await {
            Some(response) => response,
            None => self.failed(),
        };
        response = self.deliver(response, is_read, version);
        if body.is_some_and(|body| !body.is_whole()) {
            // hyper looks what is left of the body before it has the answer: too much, and the answer says that the connection
            // ends with it.
            tokio::task::yield_now().await;
        }
        // Nobody needs to know what runs here or behind (HDR-04). `Date` is hyper's.
        response.headers_mut().remove(SERVER);
        response.headers_mut().remove(X_POWERED_BY);
        let broken = self.finding.in_body();
        if let Some(reason) = broken {
            // Who read the body has refused and counted the request.
            self.tell(reason);
        }
        let hangs_up = version != Version::HTTP_2 && response.extensions().get::<HangUp>().is_some();
        // A client that was never told to go on may send its body or leave it out: what comes next could be either (RFC 9110,
        // section 10.1.1).
        let uncertain = version != Version::HTTP_2 && expecting.is_some_and(|room| room.is_unused());
        if hangs_up || uncertain || broken.is_some() {
            head::close(&mut response);
        }
        response
    }

    fn check(&self, request: &Request<Incoming>) -> Result<(), head::Refusal> {
        match self.finding.refusal(request) {
            Some(reason) => {
                self.tell(reason);
                Err(head::Refusal::Fault(framing::fault(reason)))
            }
            None => self.check_standing().and_then(|()| head::check(request)),
        }
    }

    /// The answer, counted until it is taken, or what is told in its place.
    fn deliver(&self, response: Response<Body>, is_read: bool, version: Version) -> Response<Body> {
        match self.undelivered.deliver(&self.share, is_read, response) {
            Ok(response) => response,
            Err(TooMuch::Read) => {
                self.tell_undelivered("replaced");
                self.refuse(&head::Refusal::Fault(NoRoom.fault()), version)
            }
            Err(TooMuch::Cut(response)) => {
                self.tell_undelivered("cut");
                response
            }
        }
    }

    fn tell_undelivered(&self, outcome: &'static str) {
        let labels = [label(self.connection.door).into(), outcome.into()];
        self.edge.metrics.count(&names::ANSWERS_UNDELIVERED, labels);
    }

    fn tell(&self, reason: Reason) {
        tracing::debug!(peer = %self.connection.peer, reason = reason.name(), "a request was not framed");
        self.edge
            .metrics
            .count(&names::FRAMING_REFUSED, [reason.name().into()]);
    }

    fn refuse(&self, refusal: &head::Refusal, version: Version) -> Response<Body> {
        tracing::debug!(peer = %self.connection.peer, ?refusal, "a request was refused");
        if let head::Refusal::Fault(fault) = refusal {
            let (source, now) = (self.connection.peer.ip(), self.edge.clock.now());
            self.edge.refusals.count(source, fault.code, now);
        }
        head::answer(refusal, version, self.request_id())
    }

    fn check_standing(&self) -> Result<(), head::Refusal> {
        let standing = self.standing.as_ref();
        standing
            .map_or(Ok(()), |standing| standing.check(self.edge.clock.now()))
            .map_err(head::Refusal::Fault)
    }

    /// When the gateway is going away, the answer is the last one on an HTTP/1 connection.
    fn say_goodbye(&self, version: Version, headers: &mut HeaderMap) {
        if version != Version::HTTP_2 && self.edge.drain.has_begun() {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }

    /// Runs the request so that a client that hangs up does not stop a payment half-way, and a panic ends one request, not its
    /// connection.
    async fn serve(&self, request: Request<Body>, paid: Option<Arc<Reservation>>) -> Option<Response<Body>> {
        let permit = Arc::clone(&self.running).acquire_owned().await.ok()?;
        let work = self.serve.serve(Arc::clone(&self.connection), request);
        let held = (permit, paid, Arc::clone(&self.place));
        self.edge.drain.complete(work, held).await
    }

    /// The answer when there is none: a defect of ours, or the deadline of a drain.
    fn failed(&self) -> Response<Body> {
        let request = self.request_id();
        tracing::error!(%request, door = ?self.connection.door, "a request ended without an answer");
        let mut response = head::bare(StatusCode::INTERNAL_SERVER_ERROR);
        answer::add_security_headers(response.headers_mut(), request);
        response
    }

    fn request_id(&self) -> RequestId {
        RequestId::new(self.edge.clock.now(), self.edge.entropy.as_ref())
    }
}
