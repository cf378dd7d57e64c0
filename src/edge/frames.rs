//! The guard of HTTP/2 frames between TLS and hyper (H2-03 to H2-08).
//!
//! hyper gets no byte that the guard has not judged, and the guard sees what hyper sends. When a client is refused it is
//! told so by GOAWAY, as far as that can be done without waiting, and the connection ends. Requests that have begun run to
//! their end all the same ([`super::completion`]).

use std::future::Future as _;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use countersign_framing::http2::{Guard, Refusal, Refused, Sent};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::http::Limits;
use super::report::Report;
use super::untaken::Untaken;
use crate::base::Code;

/// The error code by which hyper says that a client should be calmer (RFC 9113, section 7).
const ENHANCE_YOUR_CALM: u32 = 0xb;

/// A connection whose frames are watched.
pub(super) struct Guarded<I> {
    io: I,
    guard: Guard,
    began: Instant,
    /// Answers that are on their way.
    untaken: Untaken,
    /// Time for a frame or a header block to be whole.
    head: Duration,
    /// Time for an answer to be taken, and for anything to be written.
    answer: Duration,
    /// Since when the client has taken no byte although there are some.
    blocked_since: Option<Instant>,
    /// Wakes the connection when one of these times may be over.
    alarm: Pin<Box<Sleep>>,
    has_ended: bool,
    report: Report,
}

impl<I: AsyncRead + AsyncWrite + Unpin> Guarded<I> {
    /// Watches `io` from its first byte on.
    pub(super) fn new(io: I, limits: &Limits, untaken: Untaken, report: Report) -> Self {
        let began = Instant::now();
        Self {
            io,
            guard: Guard::default(),
            began,
            untaken,
            head: limits.head,
            answer: limits.answer,
            blocked_since: None,
            alarm: Box::pin(tokio::time::sleep_until(began + limits.head)),
            has_ended: false,
            report,
        }
    }

    fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Ends the connection if the client is refused, for its bytes or for its slowness.
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.guard.refused() {
            Some(refusal) => Err(self.end(refusal, context)),
            None => Ok(()),
        }
    }

    /// Called whenever there is nothing to do but to wait: refuses a client that has been waited for too long, and sees to
    /// it that the connection is woken when it will have been.
    fn wait(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        loop {
            let now = Instant::now();
            let (end, refusal) = self.earliest_end(now);
            if end <= now {
                self.guard.refuse(refusal);
                return Err(self.end(refusal, context));
            }
            // An alarm that rings early looks again; setting it anew for every read would cost more.
            if end < self.alarm.deadline() {
                self.alarm.as_mut().reset(end);
            }
            if self.alarm.as_mut().poll(context).is_pending() {
                return Ok(());
            }
            self.alarm.as_mut().reset(end);
        }
    }

    /// The end of the time that is over first.
    fn earliest_end(&self, now: Instant) -> (Instant, Refusal) {
        let taken = self.untaken.ends(self.answer, now);
        let written = self
            .blocked_since
            .map_or(taken, |since| taken.min(since + self.answer));
        match self.guard.unfinished_since() {
            Some(since) if self.began + since + self.head <= written => {
                (self.began + since + self.head, Refusal::Slow)
            }
            _ => (written, Refusal::Stalled),
        }
    }

    /// Says goodbye, as far as it can be done without waiting.
    fn end(&mut self, refusal: Refusal, context: &mut Context<'_>) -> io::Error {
        if !self.has_ended {
            self.has_ended = true;
            let code = if refusal.is_flood() {
                Code::RateLimited
            } else {
                Code::RequestMalformed
            };
            self.report.refused(refusal.reason(), code);
            let farewell = self.guard.farewell(refusal);
            let mut rest = farewell.as_ref().map_or(&[][..], |frame| frame.as_slice());
            while !rest.is_empty() {
                match Pin::new(&mut self.io).poll_write(context, rest) {
                    Poll::Ready(Ok(written)) if written > 0 => rest = rest.get(written..).unwrap_or_default(),
                    _ => break,
                }
            }
            let _ = Pin::new(&mut self.io).poll_flush(context);
            let _ = Pin::new(&mut self.io).poll_shutdown(context);
        }
        io::Error::new(io::ErrorKind::InvalidData, refusal)
    }

    /// What hyper has sent tells what it refused by itself.
    fn note(&self, sent: Sent) {
        for _ in 0..sent.malformed {
            self.report.refused("stream-malformed", Code::RequestMalformed);
        }
        for _ in 0..sent.refused {
            self.report.refused("stream-refused", Code::RateLimited);
        }
        match sent.ended {
            Some(ENHANCE_YOUR_CALM) => self.report.refused("parser-flood", Code::RateLimited),
            Some(_) => self.report.refused("parser", Code::RequestMalformed),
            None => {}
        }
    }

    /// What is the same for all ways to write.
    fn written(
        &mut self,
        context: &mut Context<'_>,
        outcome: Poll<io::Result<usize>>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Poll::Ready(written) = outcome else {
            self.blocked_since.get_or_insert_with(Instant::now);
            self.wait(context)?;
            return Poll::Pending;
        };
        self.blocked_since = None;
        let mut rest = *written.as_ref().unwrap_or(&0);
        for slice in slices {
            let sent = slice.get(..rest.min(slice.len())).unwrap_or_default();
            let sent_now = self.guard.sent(sent, self.elapsed());
            self.note(sent_now);
            rest = rest.saturating_sub(slice.len());
        }
        // The next read ends the connection; it may not come by itself.
        if self.guard.refused().is_some() {
            context.waker().wake_by_ref();
        }
        Poll::Ready(written)
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncRead for Guarded<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.check(context)?;
        let before = buffer.filled().len();
        let Poll::Ready(read) = Pin::new(&mut this.io).poll_read(context, buffer) else {
            this.wait(context)?;
            return Poll::Pending;
        };
        read?;
        let now = this.elapsed();
        let bytes = buffer.filled().get(before..).unwrap_or_default();
        if let Err(Refused { passed, refusal }) = this.guard.judge(bytes, now) {
            buffer.set_filled(before + passed);
            // Whole frames before the one that is refused are the client's word; the next read ends the connection.
            if passed == 0 {
                return Poll::Ready(Err(this.end(refusal, context)));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guarded<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.has_ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let outcome = Pin::new(&mut this.io).poll_write(context, bytes);
        this.written(context, outcome, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.has_ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let outcome = Pin::new(&mut this.io).poll_write_vectored(context, slices);
        this.written(context, outcome, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let Poll::Ready(flushed) = Pin::new(&mut this.io).poll_flush(context) else {
            this.blocked_since.get_or_insert_with(Instant::now);
            this.wait(context)?;
            return Poll::Pending;
        };
        this.blocked_since = None;
        Poll::Ready(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.has_ended {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}
