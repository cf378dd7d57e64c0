//! The framing guard between TLS and hyper on a connection of HTTP/1.1 (HTTP-01 to HTTP-06).
//!
//! hyper sees only bytes that the guard has passed, so never a part of a head that is refused. Who refuses a head must also
//! answer it, in its turn behind the answers of the requests before it; hyper alone knows when that is. So the guard puts a
//! request of its own in the place of the refused one, which says nothing but that it stands there, and
//! [`super::exchange`] answers it. Its method is one that the guard lets no client send.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use countersign_framing::http1::{Guard, Kind, Limits, Reason};
use http::Request;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::idle::Activity;
use crate::base::limits::{HEADER_BYTES, HEADER_COUNT, URI_BYTES};
use crate::base::{Code, Fault};

/// The method of the request that stands in for a refused one: a token (RFC 9110, section 5.6.2), so that hyper takes it,
/// and not of letters, so that the guard does not.
const STAND_IN_METHOD: &str = "!";
/// The request itself; after its answer the connection is closed.
const STAND_IN: &[u8] = b"! / HTTP/1.1\r\nconnection: close\r\n\r\n";
/// How long a client that is still sending gets to read why it was refused. Closing at once would reset the connection and
/// take the answer from it (RFC 9112, section 9.6).
const LINGER: Duration = Duration::from_secs(2);
/// How much it may send meanwhile.
const LINGER_BYTES: usize = 256 * 1024;
/// Bytes of that read at a time.
const LINGER_READ_BYTES: usize = 4 * 1024;

const LIMITS: Limits = Limits {
    target_bytes: URI_BYTES,
    header_bytes: HEADER_BYTES,
    header_count: HEADER_COUNT,
    // Requests have none.
    trailer_bytes: 0,
};

/// What the guard of a connection has refused, for who answers its requests.
#[derive(Debug, Default)]
pub(super) struct Finding(OnceLock<(Place, Reason)>);

/// Where the fault was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// No request began.
    Head,
    /// The request that runs gets an error instead of the rest of its body.
    Body,
}

impl Finding {
    /// Why the request that `request` stands in for was refused; nothing for a request that a client sent.
    pub(super) fn refusal<B>(&self, request: &Request<B>) -> Option<Reason> {
        match self.0.get() {
            Some((Place::Head, reason)) if request.method().as_str() == STAND_IN_METHOD => Some(*reason),
            _ => None,
        }
    }

    /// Why the body of the request that is answered now was refused; then no other follows.
    pub(super) fn in_body(&self) -> Option<Reason> {
        match self.0.get() {
            Some((Place::Body, reason)) => Some(*reason),
            _ => None,
        }
    }
}

/// What a client is told.
pub(super) fn fault(reason: Reason) -> Fault {
    match reason.kind() {
        Kind::Malformed => {
            let detail = format!("This cannot be read in one way only: {}.", reason.meaning());
            Fault::new(Code::RequestMalformed).detail(detail)
        }
        Kind::TargetTooLong => Code::UriTooLong.into(),
        Kind::HeadersTooLarge => Code::HeadersTooLarge.into(),
    }
}

/// A stream of which only what the guard passes can be read.
pub(super) struct Guarded<S> {
    inner: S,
    guard: Guard,
    /// Bytes that were read and not handed on: at most a head and what came with it.
    held: BytesMut,
    /// So many of them have passed.
    passed: usize,
    end: End,
    finding: Arc<Finding>,
    linger: Linger,
    /// Whether hyper waits for more, and has sent all it had to send.
    waits: bool,
    has_sent: bool,
    /// Is told when both hold and nothing is kept back here.
    activity: Activity,
}

/// How reading goes on behind what is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    NotYet,
    /// A head was refused; its place is to be taken.
    StandIn(Reason),
    /// That was done. Nothing more comes, and the end of the connection does not come either: it would cut the answers that
    /// are still to be written.
    Silence,
    /// A body was refused.
    Error(Reason),
}

/// How closing goes on.
enum Linger {
    NotYet,
    /// hyper has begun to close; the rest is being written.
    Closing,
    Reading {
        until: Pin<Box<Sleep>>,
        left: usize,
    },
}

impl<S> Guarded<S> {
    /// Guards what `inner` reads; what is refused stands in `finding`. `activity` is told whether the connection stands still.
    pub(super) fn new(inner: S, finding: Arc<Finding>, activity: Activity) -> Self {
        Self {
            inner,
            guard: Guard::for_requests(LIMITS),
            held: BytesMut::new(),
            passed: 0,
            end: End::NotYet,
            finding,
            linger: Linger::NotYet,
            waits: false,
            has_sent: true,
            activity,
        }
    }

    /// The stream alone, of a connection that stands still.
    pub(super) fn into_inner(self) -> S {
        self.inner
    }

    /// Whether the guard is between two messages and holds no byte, and hyper has read and written all there was: then
    /// hyper's own buffers are empty too, because it asks for more only when it has used up what it got.
    fn stands_still(&self) -> bool {
        self.waits
            && self.has_sent
            && self.held.is_empty()
            && !self.leaves_unread()
            && matches!(self.linger, Linger::NotYet)
    }

    fn tell(&self) {
        self.activity.stands_still(self.stands_still());
    }

    fn reads<T>(&mut self, outcome: Poll<T>) -> Poll<T> {
        self.waits = outcome.is_pending();
        self.tell();
        outcome
    }

    fn writes<T>(&mut self, outcome: T) -> T {
        self.has_sent = false;
        self.tell();
        outcome
    }

    /// Hands on what has passed, as much as there is room for.
    fn hand_on(&mut self, buffer: &mut ReadBuf<'_>) {
        let length = self.passed.min(buffer.remaining());
        if let Some(bytes) = self.held.get(..length) {
            buffer.put_slice(bytes);
            self.held.advance(length);
            self.passed -= length;
        }
        if self.held.is_empty() {
            // A head that came in pieces is rare; an idle connection does not keep its room.
            self.held = BytesMut::new();
        }
    }

    /// Judges what was read into `buffer` behind its first `before` bytes, and leaves there what may be read by hyper.
    fn judge(&mut self, buffer: &mut ReadBuf<'_>, before: usize) {
        let fresh = buffer.filled().get(before..).unwrap_or_default();
        if self.held.is_empty() {
            // Most requests come in one piece: nothing is copied.
            let verdict = self.guard.judge(fresh);
            match verdict.refused {
                Some(reason) => self.refuse(reason),
                None => self
                    .held
                    .extend_from_slice(fresh.get(verdict.passed..).unwrap_or_default()),
            }
            buffer.set_filled(before + verdict.passed);
            return;
        }
        self.held.extend_from_slice(fresh);
        buffer.set_filled(before);
        let verdict = self.guard.judge(&self.held);
        self.passed = verdict.passed;
        if let Some(reason) = verdict.refused {
            self.held.truncate(verdict.passed);
            self.refuse(reason);
        }
        self.hand_on(buffer);
    }

    fn refuse(&mut self, reason: Reason) {
        self.end = if self.guard.is_inside_body() {
            End::Error(reason)
        } else {
            End::StandIn(reason)
        };
    }

    /// Puts down what was refused. It is time when hyper has read all before it: until then it answers earlier requests.
    fn find(&self, place: Place, reason: Reason) {
        // A guard refuses once; the same error can be read again.
        let _ = self.finding.0.set((place, reason));
    }

    /// Whether the client may still be sending what nobody will read.
    fn leaves_unread(&self) -> bool {
        self.end != End::NotYet || self.guard.is_inside_body()
    }
}

impl<S: AsyncRead + Unpin> Guarded<S> {
    fn read(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        loop {
            self.hand_on(buffer);
            if buffer.filled().len() > before || buffer.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            match self.end {
                End::NotYet => {}
                End::StandIn(reason) => {
                    self.find(Place::Head, reason);
                    self.held.extend_from_slice(STAND_IN);
                    self.passed = STAND_IN.len();
                    self.end = End::Silence;
                    continue;
                }
                End::Silence => return Poll::Pending,
                End::Error(reason) => {
                    self.find(Place::Body, reason);
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, reason)));
                }
            }
            ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
            if buffer.filled().len() == before {
                return Poll::Ready(Ok(()));
            }
            self.judge(buffer, before);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = this.read(context, buffer);
        this.reads(outcome)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.inner).poll_write(context, bytes);
        this.writes(outcome)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.inner).poll_flush(context);
        this.has_sent = matches!(outcome, Poll::Ready(Ok(())));
        this.tell();
        outcome
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if matches!(this.linger, Linger::NotYet) {
            this.linger = Linger::Closing;
            this.tell();
        }
        if matches!(this.linger, Linger::Closing) {
            ready!(Pin::new(&mut this.inner).poll_shutdown(context))?;
            if !this.leaves_unread() {
                return Poll::Ready(Ok(()));
            }
            this.linger = Linger::Reading {
                until: Box::pin(tokio::time::sleep(LINGER)),
                left: LINGER_BYTES,
            };
        }
        let Linger::Reading { until, left } = &mut this.linger else {
            return Poll::Ready(Ok(()));
        };
        let mut space = [0; LINGER_READ_BYTES];
        while *left > 0 && until.as_mut().poll(context).is_pending() {
            let mut rest = ReadBuf::new(&mut space);
            match ready!(Pin::new(&mut this.inner).poll_read(context, &mut rest)) {
                Ok(()) if !rest.filled().is_empty() => *left = left.saturating_sub(rest.filled().len()),
                // The client has closed too, or is gone.
                _ => break,
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.inner).poll_write_vectored(context, slices);
        this.writes(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}
