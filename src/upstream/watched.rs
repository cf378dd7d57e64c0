//! What a backend sends, judged before an HTTP parser reads it: framed in one way only, and asked for (HTTP-01,
//! HTTP-02, HTTP-03, HTTP-05 and HTTP-06, read for answers).
//!
//! A connection that stands idle has nothing to say. Bytes that nobody asked for would be taken for the answer to the next
//! request, so a connection on which they came is never used again, whether they came in one piece with the answer before
//! or later.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BytesMut};
use countersign_framing::http1::{Asked, Guard, Limits, Reason};
use http::Method;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connect::ANSWER_HEAD_BYTES;
use crate::base::limits::HEADER_COUNT;

/// How much is read at once while a head has come in part.
const PIECE_BYTES: usize = 4096;

/// No request is about to be written.
const NOTHING: u8 = 0;
/// HEAD is; its answer has no body.
const HEAD: u8 = 1;
/// Another is.
const OTHER: u8 = 2;

/// What an exchange and its connection tell each other.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// The request about to be written; the connection takes it with the first byte.
    asked: AtomicU8,
    /// The connection is inside an answer, or has refused something.
    is_busy: AtomicBool,
    refused: OnceLock<Reason>,
}

impl Watch {
    /// A request with this method is about to be written.
    pub(super) fn ask(&self, method: &Method) {
        let asked = if *method == Method::HEAD { HEAD } else { OTHER };
        self.0.asked.store(asked, Ordering::SeqCst);
    }

    /// What was refused of what the backend sent.
    pub(super) fn refused(&self) -> Option<Reason> {
        self.0.refused.get().copied()
    }

    /// Whether the backend has said what it was asked for, whole, and nothing else.
    pub(super) fn is_at_rest(&self) -> bool {
        !self.0.is_busy.load(Ordering::SeqCst)
    }

    /// Judges what comes over `stream`.
    pub(super) fn over<S>(&self, stream: S) -> Watched<S> {
        let limits = Limits {
            header_bytes: ANSWER_HEAD_BYTES,
            header_count: HEADER_COUNT,
            ..Limits::default()
        };
        Watched {
            stream,
            guard: Guard::for_answers(limits),
            held: BytesMut::new(),
            passed: 0,
            shared: Arc::clone(&self.0),
        }
    }
}

/// A stream of which only judged bytes are read.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    guard: Guard,
    /// What was read and is not delivered: what has passed, then the beginning of a head.
    held: BytesMut,
    /// So many bytes of `held` have passed.
    passed: usize,
    shared: Arc<Shared>,
}

impl<S: AsyncRead + Unpin> Watched<S> {
    /// Reads straight into the reader's buffer: nothing is held, and mostly all of it passes. Whether the reader has
    /// something now, or the stream has ended.
    fn poll_straight(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<bool>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let new = buffer.filled().get(before..).unwrap_or_default();
        if new.is_empty() {
            return Poll::Ready(Ok(true));
        }
        let verdict = self.guard.judge(new);
        self.held
            .extend_from_slice(new.get(verdict.passed..).unwrap_or_default());
        buffer.set_filled(before + verdict.passed);
        self.note(verdict.refused);
        Poll::Ready(Ok(verdict.passed > 0))
    }

    /// Reads on behind a head that has come in part. Whether the stream has ended.
    fn poll_held(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut piece = [0; PIECE_BYTES];
        let mut buffer = ReadBuf::new(&mut piece);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
        if buffer.filled().is_empty() {
            return Poll::Ready(Ok(true));
        }
        self.held.extend_from_slice(buffer.filled());
        let verdict = self.guard.judge(&self.held);
        self.passed = verdict.passed;
        self.note(verdict.refused);
        Poll::Ready(Ok(false))
    }

    fn note(&self, refused: Option<Reason>) {
        if let Some(reason) = refused {
            // Only the first counts: nothing passes after it.
            let _ = self.shared.refused.set(reason);
        }
        let is_busy =
            self.shared.refused.get().is_some() || self.guard.is_inside_body() || !self.held.is_empty();
        self.shared.is_busy.store(is_busy, Ordering::SeqCst);
    }

    fn deliver(&mut self, buffer: &mut ReadBuf<'_>) {
        let length = self.passed.min(buffer.remaining());
        buffer.put_slice(self.held.get(..length).unwrap_or_default());
        self.held.advance(length);
        self.passed -= length;
        self.note(None);
    }

    fn refusal(&self) -> Option<io::Error> {
        let reason = self.shared.refused.get()?;
        Some(io::Error::new(io::ErrorKind::InvalidData, *reason))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.passed > 0 {
                this.deliver(buffer);
                return Poll::Ready(Ok(()));
            }
            if let Some(refusal) = this.refusal() {
                return Poll::Ready(Err(refusal));
            }
            let is_done = if this.held.is_empty() {
                ready!(this.poll_straight(context, buffer))?
            } else {
                ready!(this.poll_held(context))?
            };
            if is_done {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncRead + Unpin> Watched<S> {
    /// With the first byte of a request, its answer may come; not before, and not if anything else has come meanwhile.
    fn poll_begin(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let asked = match self.shared.asked.swap(NOTHING, Ordering::SeqCst) {
            NOTHING => return Poll::Ready(Ok(())),
            HEAD => Asked::Head,
            _ => Asked::Other,
        };
        let mut probe = [0];
        let mut probe = ReadBuf::new(&mut probe);
        match Pin::new(&mut self.stream).poll_read(context, &mut probe) {
            Poll::Pending if self.refusal().is_none() && self.held.is_empty() => {
                self.guard.expect_answer(asked);
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) if probe.filled().is_empty() => {
                Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
            }
            _ => {
                self.note(Some(Reason::Unasked));
                Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, Reason::Unasked)))
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_begin(context))?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_begin(context))?;
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    use super::*;

    const GOOD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

    fn watched() -> (Watch, Watched<DuplexStream>, DuplexStream) {
        let (near, far) = duplex(64 * 1024);
        let watch = Watch::default();
        let stream = watch.over(near);
        (watch, stream, far)
    }

    #[tokio::test]
    async fn what_came_before_a_request_keeps_it_from_being_written() {
        let (watch, mut stream, mut far) = watched();
        far.write_all(GOOD).await.unwrap();
        watch.ask(&Method::POST);
        let error = stream.write_all(b"POST").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert_eq!(watch.refused(), Some(Reason::Unasked));
        drop(stream);
        let mut written = Vec::new();
        far.read_to_end(&mut written).await.unwrap();
        assert!(written.is_empty());
    }

    #[tokio::test]
    async fn a_connection_that_has_ended_takes_no_request() {
        let (watch, mut stream, far) = watched();
        drop(far);
        watch.ask(&Method::POST);
        let error = stream.write_all(b"POST").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        assert!(watch.refused().is_none());
    }

    #[tokio::test]
    async fn nothing_is_read_that_nobody_asked_for() {
        let (watch, mut stream, mut far) = watched();
        far.write_all(GOOD).await.unwrap();
        let mut read = [0; 64];
        let error = stream.read(&mut read).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(!watch.is_at_rest());
    }

    /// One answer a request, however it is cut; what stands behind it is not read, and no request follows it.
    #[tokio::test]
    async fn an_answer_is_read_and_nothing_behind_it() {
        for cut in [1, 7, GOOD.len(), GOOD.len() + 3] {
            let (watch, mut stream, mut far) = watched();
            for _ in 0..2 {
                watch.ask(&Method::POST);
                stream.write_all(b"POST").await.unwrap();
                let sending = async {
                    for piece in GOOD.chunks(cut) {
                        far.write_all(piece).await.unwrap();
                        tokio::task::yield_now().await;
                    }
                };
                let mut read = vec![0; GOOD.len()];
                let (answer, ()) = tokio::join!(stream.read_exact(&mut read), sending);
                answer.unwrap();
                assert_eq!(read, GOOD);
                assert!(watch.is_at_rest());
            }
            watch.ask(&Method::HEAD);
            stream.write_all(b"HEAD").await.unwrap();
            far.write_all(GOOD).await.unwrap();
            let mut read = vec![0; GOOD.len() - 2];
            stream.read_exact(&mut read).await.unwrap();
            // It has no body, whatever it says.
            stream.read_u8().await.unwrap_err();
            assert!(!watch.is_at_rest());
            watch.ask(&Method::POST);
            stream.write_all(b"POST").await.unwrap_err();
        }
    }
}
