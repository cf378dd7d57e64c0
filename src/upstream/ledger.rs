//! Proof of whether any byte of a request has left: "unsent" is a promise to the customer (design 6), not a guess.
//!
//! Two counts are kept, above TLS and below it. What was never handed to TLS cannot have left, and if the socket took no
//! byte, nothing has; either alone proves it. The first is not touched by an alert that TLS sends when a connection ends,
//! the second not by plain text that TLS still held back.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The counts of one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    offered: Arc<AtomicU64>,
    written: Arc<AtomicU64>,
}

/// The counts at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    offered: u64,
    written: u64,
}

impl Ledger {
    /// The counts now, before a request is given to the connection.
    pub(super) fn mark(&self) -> Mark {
        Mark {
            offered: self.offered.load(Ordering::SeqCst),
            written: self.written.load(Ordering::SeqCst),
        }
    }

    /// Whether a byte may have left since `mark`. Holds for good only once the connection's driver has ended.
    pub(super) fn has_sent_since(&self, mark: Mark) -> bool {
        let now = self.mark();
        now.offered != mark.offered && now.written != mark.written
    }

    /// Counts what is offered to `stream`, even what it does not take.
    pub(super) fn above<S>(&self, stream: S) -> Counted<S> {
        Counted {
            stream,
            count: Arc::clone(&self.offered),
            counts: Counts::Attempts,
        }
    }

    /// Counts the bytes that `stream` takes.
    pub(super) fn below<S>(&self, stream: S) -> Counted<S> {
        Counted {
            stream,
            count: Arc::clone(&self.written),
            counts: Counts::Bytes,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Counts {
    Attempts,
    Bytes,
}

/// A stream whose writes are counted.
#[derive(Debug)]
pub(super) struct Counted<S> {
    stream: S,
    count: Arc<AtomicU64>,
    counts: Counts,
}

impl<S> Counted<S> {
    fn record(&self, outcome: &Poll<io::Result<usize>>) {
        let step = match (self.counts, outcome) {
            (Counts::Attempts, _) => 1,
            (Counts::Bytes, Poll::Ready(Ok(bytes))) => *bytes as u64,
            (Counts::Bytes, _) => 0,
        };
        self.count.fetch_add(step, Ordering::SeqCst);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.record(&outcome);
        outcome
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.record(&outcome);
        outcome
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
    use super::*;
    use tokio::io::AsyncWriteExt as _;

    #[tokio::test]
    async fn a_byte_that_passed_both_counts_was_sent() {
        let (near, _far) = tokio::io::duplex(64);
        let ledger = Ledger::default();
        let mut stream = ledger.above(ledger.below(near));
        let mark = ledger.mark();
        assert!(!ledger.has_sent_since(mark));
        stream.write_all(b"P").await.unwrap();
        assert!(ledger.has_sent_since(mark));
        assert!(!ledger.has_sent_since(ledger.mark()));
    }

    #[tokio::test]
    async fn what_the_socket_refused_was_not_sent() {
        let (near, far) = tokio::io::duplex(64);
        drop(far);
        let ledger = Ledger::default();
        let mut stream = ledger.above(ledger.below(near));
        let mark = ledger.mark();
        stream.write_all(b"POST").await.unwrap_err();
        assert!(!ledger.has_sent_since(mark));
    }

    #[tokio::test]
    async fn what_was_written_below_by_others_is_not_the_request() {
        let (near, _far) = tokio::io::duplex(64);
        let ledger = Ledger::default();
        let mut below = ledger.below(near);
        let mark = ledger.mark();
        below.write_all(b"an alert").await.unwrap();
        assert!(!ledger.has_sent_since(mark));
    }
}
