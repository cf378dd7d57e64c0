//! The bytes of a connection to a backend, and proof of whether any of a request has left: "unsent" is a promise to the
//! customer, not a guess.
//!
//! What was never handed to a transport cannot have left, and if its socket took no byte, nothing has; either alone proves
//! it. The first is not touched by an alert that TLS sends when a connection ends, the second not by plain text that TLS
//! still holds back.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// A stream that knows how many bytes its socket has taken.
pub(super) trait Transport: AsyncRead + AsyncWrite + Send + Unpin {
    /// The bytes that the socket has taken since it was opened.
    fn written(&self) -> u64;

    /// Whether anything but silence has come to the socket that was not read, as the system knows it now; the runtime may hear
    /// of it later.
    fn is_disturbed(&self) -> bool;
}

/// A socket whose written bytes are counted.
#[derive(Debug)]
pub(super) struct Counted<S> {
    socket: S,
    written: u64,
    is_disturbed: fn(&S) -> bool,
}

impl Counted<TcpStream> {
    /// Counts what `socket` takes from now on.
    pub(super) fn over(socket: TcpStream) -> Self {
        Self {
            socket,
            written: 0,
            is_disturbed: has_something,
        }
    }
}

/// Asks the system; the end of the stream is something too.
fn has_something(socket: &TcpStream) -> bool {
    let mut byte = [MaybeUninit::uninit()];
    let nothing = |error: io::Error| error.kind() == io::ErrorKind::WouldBlock;
    !SockRef::from(socket).peek(&mut byte).is_err_and(nothing)
}

impl<S> Counted<S> {
    /// The same for what is no socket.
    #[cfg(test)]
    pub(super) fn new(socket: S) -> Self {
        Self {
            socket,
            written: 0,
            is_disturbed: |_| false,
        }
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

    fn is_disturbed(&self) -> bool {
        (self.is_disturbed)(&self.socket)
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Transport for TlsStream<Counted<S>> {
    fn written(&self) -> u64 {
        self.get_ref().0.written
    }

    fn is_disturbed(&self) -> bool {
        self.get_ref().0.is_disturbed()
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
        let mut pieces = slices.iter().filter(|slice| !slice.is_empty());
        let outcome = match (pieces.next(), pieces.next()) {
            // A record of TLS is one piece, for which the system has a shorter way.
            (Some(piece), None) => Pin::new(&mut self.socket).poll_write(context, piece),
            _ => Pin::new(&mut self.socket).poll_write_vectored(context, slices),
        };
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
    async fn what_has_come_is_known_before_the_runtime_hears_of_it() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut far, _) = listener.accept().await.unwrap();
        let mut socket = Counted::over(near);
        assert!(!socket.is_disturbed());
        far.write_all(b"HTTP/1.1 408 ").await.unwrap();
        // On loopback what was written is there.
        assert!(socket.is_disturbed());
        let mut read = [0; 13];
        tokio::io::AsyncReadExt::read_exact(&mut socket, &mut read)
            .await
            .unwrap();
        assert!(!socket.is_disturbed());
        drop(far);
        assert!(socket.is_disturbed(), "an end is no silence");
    }

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
