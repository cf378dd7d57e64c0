//! Speaking HTTP/2 on one connection, or what the operations listener speaks, under limits, until it ends or the gateway goes
//! away. HTTP/1.1 at a door is spoken in [`super::http1`].

use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::time::Duration;

use countersign_framing::http2::bounds::FRAME_BYTES;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use super::drain::{Drain, LINGER};
use super::frames;
use super::idle::Activity;
use super::report::Report;
use super::untaken::Untaken;
use crate::answer::Body;
use crate::base::limits::{HEADER_BYTES, URI_BYTES};
use crate::config::Network;

/// hyper refuses a head of twice our bytes by itself, without a problem document; below that we do, with one. Of
/// fields it reads as many as we allow; the guard has refused more before.
const HEAD_BYTES: usize = 2 * (HEADER_BYTES + URI_BYTES);
/// Streams that the peer makes us reset in the whole life of a connection (H2-05): hyper's bound is for the whole life, so it
/// stands where only a connection that is always wrong reaches it. The guard counts them by time, and comes first.
const LOCAL_RESETS: usize = 1024;
/// Streams the peer has reset before we accepted them, at one moment (H2-03). We accept as soon as hyper is polled.
const PENDING_RESETS: usize = 20;
/// Bytes of an answer that hyper takes before the client has room for them (H2-07).
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// Bytes in flight of one request body, and of all bodies of a connection together: what a client may make us hold.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
/// The table by which a client shortens its fields (RFC 7541, section 4.2): the standard's size. It is memory of each
/// connection, and what a small index in it can stand for (H2-07).
const HEADER_TABLE_BYTES: u32 = 4 * 1024;

/// Bounds of a door that an operator may want to move.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections open at once at the public door, and as many at its twin.
    pub connections: usize,
    /// Connections of one source open at once at one door; an IPv6 network of 64 bits is one source, and the /48
    /// around it has 16 times as many, at most half of all.
    pub connections_per_source: usize,
    /// Bytes of request bodies in memory at once, of the public door and its twin together; four times as much for answers
    /// that were not taken.
    pub buffered_bytes: u64,
    /// Networks whose connections begin with a PROXY header (version 2), and no others.
    pub proxies: Vec<Network>,
    /// Time for the TLS handshake.
    pub handshake: Duration,
    /// Time for the head of an HTTP/1 request, from its first byte to its last.
    pub head: Duration,
    /// Time for the whole body of a request.
    pub body: Duration,
    /// Time a client may take nothing, or next to nothing, of what it has been sent.
    pub answer: Duration,
    /// Time a connection may stand open without a request, and again to take what it has been sent.
    pub idle: Duration,
    /// Requests running at once on one connection (RFC 9113, section 6.5.2).
    pub streams: u32,
    /// How often a silent HTTP/2 peer is asked whether it lives, and how long it may take to say so.
    pub ping: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            connections_per_source: 10_000,
            buffered_bytes: 256 << 20,
            proxies: Vec::new(),
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(30),
            body: Duration::from_secs(30),
            answer: Duration::from_secs(30),
            idle: Duration::from_secs(75),
            streams: 100,
            ping: Duration::from_secs(20),
        }
    }
}

/// Which HTTP a connection speaks; with TLS it is what ALPN has chosen, never guessed from the first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

impl Protocol {
    pub(super) fn negotiated(alpn: Option<&[u8]>) -> Self {
        if alpn == Some(b"h2") {
            Self::Http2
        } else {
            Self::Http1
        }
    }
}

/// Which guard stands before hyper.
pub(super) enum Guarding {
    /// That of HTTP/2; what it refuses is reported.
    Http2(Report),
    /// None: the operations listener is for loopback, has no backend behind it, and probes of old load balancers speak
    /// HTTP/1.0.
    Unguarded,
}

/// Answers the requests of one connection by `service`, until either end closes it, it has nothing to do for too long, or
/// the gateway is going away. `activity` knows of the requests that run.
///
/// # Errors
/// What ended the connection early.
pub(super) async fn converse<I, S>(
    io: I,
    guarding: Guarding,
    service: S,
    limits: &Limits,
    drain: &Drain,
    activity: &Activity,
) -> hyper::Result<()>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible> + Send + 'static,
    S::Future: Send + 'static,
{
    let ends = Ends {
        drain,
        activity,
        idle: limits.idle,
        says_goodbye: matches!(guarding, Guarding::Http2(_)),
    };
    match guarding {
        Guarding::Unguarded => {
            let connection = http1_builder().serve_connection(TokioIo::new(io), service);
            until_done(connection, http1::Connection::graceful_shutdown, ends).await
        }
        Guarding::Http2(report) => {
            let untaken = Untaken::default();
            let io = frames::Guarded::new(io, limits, untaken.clone(), report);
            let service = service_fn(move |request| {
                let (untaken, answer) = (untaken.clone(), service.call(request));
                async move { Ok::<_, Infallible>(answer.await?.map(|body| untaken.watch(body))) }
            });
            let connection = http2_builder(limits).serve_connection(TokioIo::new(io), service);
            until_done(connection, http2::Connection::graceful_shutdown, ends).await
        }
    }
}

pub(super) fn http1_builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // `Patient` bounds the head from its first byte; hyper would bound the time between two requests with it.
        .header_read_timeout(None)
        // Whoever has sent a whole request may stop sending (RFC 9112, section 9.6), and reads the answer. To look
        // for the end meanwhile, hyper would set aside a buffer for every request.
        .half_close(true)
        // hyper's own bound on fields, 100, is ours ([`crate::base::limits::HEADER_COUNT`]); setting it would cost
        // memory for every request.
        .max_header_size(HEAD_BYTES)
        .max_buf_size(HEAD_BYTES);
    builder
}

/// What a connection can hold at once: bodies within its window, 1 MiB; header lists of the streams that are open, 48 KiB
/// each and 100 of them at most until their heads are checked, a moment later; answers that are not taken, for the time of
/// [`Limits::answer`]: one a stream, at most the route's `answer_limit` where answers are buffered (1 MiB by default),
/// [`SEND_BUFFER_BYTES`] where they are not, and all together a source's part ([`super::undelivered`]). No CONNECT protocol
/// (RFC 8441) and no push: neither is switched on.
fn http2_builder(limits: &Limits) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_frame_size(FRAME_BYTES)
        .header_table_size(HEADER_TABLE_BYTES)
        .max_header_list_size(u32::try_from(HEAD_BYTES).unwrap_or(u32::MAX))
        .max_local_error_reset_streams(LOCAL_RESETS)
        .max_pending_accept_reset_streams(PENDING_RESETS)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .keep_alive_interval(limits.ping)
        .keep_alive_timeout(limits.ping);
    builder
}

/// What ends a connection besides its peer.
struct Ends<'a> {
    drain: &'a Drain,
    activity: &'a Activity,
    idle: Duration,
    /// Whether the protocol has a goodbye of its own (GOAWAY) after which it still answers what crosses it.
    says_goodbye: bool,
}

impl Ends<'_> {
    /// How long it stays as it was when the gateway begins to go away.
    fn linger(&self) -> Duration {
        if self.says_goodbye && self.activity.requests().begun > 0 {
            Duration::ZERO
        } else {
            LINGER
        }
    }
}

/// Runs `connection`; when the gateway begins to go away, tells it to take no further request, at once or when it has
/// lingered, and waits for those it has; [`Drain::finish`] sets the deadline. One that has been idle is told the same, and cut
/// when it does not end.
async fn until_done<C>(connection: C, wind_down: fn(Pin<&mut C>), ends: Ends<'_>) -> hyper::Result<()>
where
    C: Future<Output = hyper::Result<()>>,
{
    let mut connection = pin!(connection);
    tokio::select! {
        outcome = connection.as_mut() => return outcome,
        () = ends.drain.begun() => {
            if let Ok(outcome) = tokio::time::timeout(ends.linger(), connection.as_mut()).await {
                return outcome;
            }
            wind_down(connection.as_mut());
        }
        () = ends.activity.idle_for(ends.idle) => {
            wind_down(connection.as_mut());
            let rest = tokio::time::timeout(ends.idle, connection.as_mut());
            return rest.await.unwrap_or(Ok(()));
        }
    }
    connection.await
}
