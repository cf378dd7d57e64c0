//! The bytes of a connection to a backend, and proof of whether any of a request has left: "unsent" is a promise to the
//! customer (design 6), not a guess.
//!
//! What was never handed to a transport cannot have left, and if its socket took no byte, nothing has; either alone proves
//! it. The first is not touched by an alert that TLS sends when a connection ends, the second not by plain text that TLS
//! still holds back.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

/// A stream that knows how many bytes its socket has taken.
pub(super) trait Transport: AsyncRead + AsyncWrite + Send + Unpin {
    /// The bytes that the socket has taken since it was opened.
    fn written(&self) -> u64;
}

/// A socket whose written bytes are counted.
#[derive(Debug)]
pub(super) struct Counted<S> {
    socket: S,
    written: u64,
}

impl<S> Counted<S> {
    /// Counts what `socket` takes from now on.
    pub(super) const fn new(socket: S) -> Self {
        Self { socket, written: 0 }
    }

    fn count(&mut self, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = outcome {
            self.written = self.written.saturating_add(bytes as u64);
        }
        outcome
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Transport for Counted<S> {
    fn written(&self) -> u64 {
        self.written
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Transport for TlsStream<Counted<S>> {
    fn written(&self) -> u64 {
        self.get_ref().0.written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.socket).poll_write(context, bytes);
        self.count(outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.socket).poll_write_vectored(context, slices);
        self.count(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    #[tokio::test]
    async fn bytes_count_when_the_socket_has_taken_them() {
        let (near, far) = tokio::io::duplex(4);
        let mut socket = Counted::new(near);
        assert_eq!(socket.written(), 0);
        socket.write_all(b"POS").await.unwrap();
        let slices = [IoSlice::new(b"T"), IoSlice::new(b" /")];
        let taken = socket.write_vectored(&slices).await.unwrap();
        assert_eq!(socket.written(), 3 + taken as u64);
        drop(far);
        socket.write_all(b"payments").await.unwrap_err();
        assert_eq!(
            socket.written(),
            3 + taken as u64,
            "what was refused has not left"
        );
    }
}
