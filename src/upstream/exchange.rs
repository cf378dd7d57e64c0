//! One request and its answer on one connection: HTTP/1.1 (RFC 9112), written and read by the task that waits for it.
//!
//! Every byte of an answer is judged before it is read (HTTP-01, HTTP-02, HTTP-03, HTTP-05 and HTTP-06, read for answers),
//! and one answer passes for one request. A connection that stands idle has nothing to say: bytes that nobody asked for
//! would be taken for the answer to the next request, so a connection on which they came is never used again, whether they
//! came in one piece with the answer before or later.

use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, ready};

use bytes::buf::Chain;
use bytes::{Buf as _, Bytes};
use countersign_framing::http1::{Asked, Kind, Reason};
use http::uri::PathAndQuery;
use http::{HeaderMap, Method};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::collect::Collected;
use super::connect::{Connected, Silence};
use super::latest_start::LatestStart;
use super::room::{Room, SHORT_ANSWER_BYTES, hold};
use super::send::{Answer, SendError};

/// How much is read at once: the longest record of TLS (RFC 8446, section 5.1).
const READ_BYTES: usize = 16 * 1024;

/// A request as it goes on the wire, and the bounds of its exchange.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) method: Method,
    /// Path and query, as authorised.
    pub(super) target: PathAndQuery,
    /// For who checks the answer against what was sent; empty where nobody does.
    pub(super) headers: HeaderMap,
    /// The head as it is written, the fields and the body's length in it.
    pub(super) head: Bytes,
    /// A map without fields, for those of the answer.
    pub(super) spare: HeaderMap,
    pub(super) body: Bytes,
    pub(super) deadline: Instant,
    /// When it is too old to begin; `None` where nothing dates it.
    pub(super) latest_start: Option<LatestStart>,
    pub(super) answer_limit: usize,
}

impl Outgoing {
    /// Whether a backend would find it too old by now.
    pub(super) fn is_stale(&self) -> bool {
        self.latest_start.as_ref().is_some_and(LatestStart::has_passed)
    }

    /// How long to wait until it begins.
    pub(super) fn waits_until(&self) -> Instant {
        let latest = self.latest_start.as_ref().map(LatestStart::instant);
        latest.map_or(self.deadline, |latest| latest.min(self.deadline))
    }
}

/// Sends the request on `connection` and reads the whole answer. The connection comes back when it can be used again.
pub(super) async fn exchange(
    mut connection: Connected,
    outgoing: &mut Outgoing,
    room: &Room,
) -> (Result<Answer, SendError>, Option<Connected>) {
    let mut alarm = std::mem::take(&mut connection.alarm);
    let mut exchange = Exchange::new(connection, outgoing);
    let ended = alarm.within(outgoing.deadline, exchange.run(outgoing, room));
    match ended.await {
        Some(Ok(())) => {
            exchange.connection.alarm = alarm;
            exchange.finish()
        }
        Some(Err(failure)) => (Err(exchange.judge(failure)), None),
        None => (Err(exchange.judge(Failure::TooLate)), None),
    }
}

struct Exchange {
    connection: Connected,
    unwritten: Chain<Bytes, Bytes>,
    is_flushed: bool,
    /// Nothing more can be written; an answer may stand there all the same.
    write_error: Option<io::Error>,
    /// Whether a byte of the request was handed to the transport.
    is_offered: bool,
    /// What the socket had taken before that.
    written_before: u64,
    /// Whether the answer began before the whole request was written. What the backend has not read of it by then, it may read
    /// as the next request.
    is_early: bool,
    answer: Collected,
    long: Option<OwnedSemaphorePermit>,
}

/// How an exchange that failed has ended.
enum Failure {
    /// The connection did.
    Broken(io::Error),
    /// What came is not to be read.
    Refused(Reason),
    /// It cannot be passed on.
    Unfit(&'static str),
    /// The deadline passed.
    TooLate,
    /// There was no room for it in time.
    NoRoom,
}

impl Exchange {
    fn new(connection: Connected, outgoing: &mut Outgoing) -> Self {
        Self {
            unwritten: outgoing.head.clone().chain(outgoing.body.clone()),
            is_flushed: false,
            write_error: None,
            is_offered: false,
            written_before: connection.transport.written(),
            is_early: false,
            answer: Collected::new(outgoing.answer_limit, std::mem::take(&mut outgoing.spare)),
            long: None,
            connection,
        }
    }

    async fn run(&mut self, outgoing: &Outgoing, room: &Room) -> Result<(), Failure> {
        self.begin(&outgoing.method)?;
        while !self.answer.is_whole() {
            poll_fn(|context| self.poll_progress(context))
                .await
                .map_err(Failure::Broken)?;
            self.read_on()?;
            if self.answer.kept_bytes() > SHORT_ANSWER_BYTES && self.long.is_none() {
                let bytes = self.answer.most_bytes();
                let taken = room.for_answer(bytes, outgoing.deadline).await;
                self.long = Some(taken.map_err(|_| Failure::NoRoom)?);
            }
        }
        Ok(())
    }

    /// With the first byte of a request, its answer may come; not before, and not if anything else has come meanwhile.
    fn begin(&mut self, method: &Method) -> Result<(), Failure> {
        match self.connection.silence() {
            Silence::Kept => {}
            Silence::Ended => return Err(Failure::Broken(io::ErrorKind::ConnectionReset.into())),
            Silence::Broken => return Err(Failure::Refused(Reason::Unasked)),
        }
        // TLS may have answered an alert or a change of keys while it was looked at.
        self.written_before = self.connection.transport.written();
        let asked = if *method == Method::HEAD {
            Asked::Head
        } else {
            Asked::Other
        };
        self.connection.guard.expect_answer(asked);
        Ok(())
    }

    /// Writes what can be written, and waits until something was read: a backend may answer before it has the whole
    /// request, and may take no more of it then.
    fn poll_progress(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.write_error.is_none()
            && let Poll::Ready(Err(error)) = self.poll_send(context)
        {
            self.write_error = Some(error);
        }
        let Connected { transport, held, .. } = &mut self.connection;
        held.reserve(READ_BYTES);
        let reading = pin!(transport.read_buf(held));
        match (reading.poll(context), &mut self.write_error) {
            (Poll::Ready(Ok(1..)), _) => {
                self.is_early |= !self.is_flushed;
                Poll::Ready(Ok(()))
            }
            // A socket that was reset can be read, and says so at last; until then there may be an answer in it.
            (Poll::Pending, Some(error)) if is_reset(error) => Poll::Pending,
            (_, error @ Some(_)) => Poll::Ready(Err(error.take().unwrap_or_else(ended))),
            (Poll::Ready(Ok(_)), None) => Poll::Ready(Err(ended())),
            (Poll::Ready(Err(error)), None) => Poll::Ready(Err(error)),
            (Poll::Pending, None) => Poll::Pending,
        }
    }

    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let transport = &mut self.connection.transport;
        while self.unwritten.has_remaining() {
            self.is_offered = true;
            let taken = ready!(pin!(transport.write_buf(&mut self.unwritten)).poll(context))?;
            if taken == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
        }
        if !self.is_flushed {
            ready!(pin!(transport.flush()).poll(context))?;
            self.is_flushed = true;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads what has come, as far as it may pass.
    fn read_on(&mut self) -> Result<(), Failure> {
        // An answer to a request of which nothing has left is none.
        if !self.has_left() {
            return Err(Failure::Refused(Reason::Unasked));
        }
        let Connected { guard, held, .. } = &mut self.connection;
        let verdict = guard.judge_before(held, &mut self.answer);
        held.advance(verdict.passed);
        match (verdict.refused, self.answer.fault()) {
            // It stands behind the answer, which is whole.
            (Some(_), None) if self.answer.is_whole() => Ok(()),
            (Some(reason), _) => Err(Failure::Refused(reason)),
            (None, Some(fault)) => Err(Failure::Unfit(fault)),
            (None, None) if self.answer.is_endless() => Err(Failure::TooLate),
            (None, None) => Ok(()),
        }
    }

    /// The whole answer; the connection with it when the backend has said nothing else and keeps it open.
    fn finish(mut self) -> (Result<Answer, SendError>, Option<Connected>) {
        if let Some((status, digest)) = self.answer.too_large() {
            return (Err(SendError::TooLarge { status, digest }), None);
        }
        let is_sent = self.is_flushed && self.write_error.is_none() && !self.is_early;
        let is_quiet = self.connection.held.is_empty();
        if !is_quiet {
            tracing::warn!("a backend sent more than its answer; the connection is not used again");
        }
        let Some((head, body)) = self.answer.into_parts() else {
            return (Err(SendError::Cut("the answer is not whole".to_owned())), None);
        };
        let connection = Some(self.connection).filter(|_| is_sent && is_quiet && !head.closes);
        let answer = Answer {
            status: head.status,
            headers: head.headers,
            body: hold(body, self.long),
        };
        (Ok(answer), connection)
    }

    /// Whether a byte of the request may have left.
    fn has_left(&self) -> bool {
        self.is_offered && self.connection.transport.written() != self.written_before
    }

    /// What `failure` means. The connection is dropped with the exchange: nothing more of the request can leave.
    fn judge(mut self, failure: Failure) -> SendError {
        // Its status was read and its body is longer than may be; how that ends makes no difference.
        if let Some((status, digest)) = self.answer.too_large() {
            return SendError::TooLarge { status, digest };
        }
        let sent = self.has_left();
        match failure {
            Failure::TooLate => SendError::Timeout { sent },
            Failure::Broken(error) if !sent => SendError::Unsent(error.to_string()),
            Failure::Refused(reason) if !sent => {
                tracing::warn!(%reason, "a backend spoke on an idle connection; it is not used again");
                SendError::Unsent(reason.to_string())
            }
            Failure::Refused(reason) if reason.kind() == Kind::HeadersTooLarge => SendError::HeadersTooLarge,
            Failure::Refused(reason) => SendError::Garbage(reason.to_string()),
            Failure::Unfit(fault) => SendError::Garbage(fault.to_owned()),
            Failure::Broken(error) => SendError::Cut(error.to_string()),
            Failure::NoRoom => SendError::NoRoom,
        }
    }
}

fn is_reset(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
    )
}

fn ended() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the backend closed the connection")
}
