//! A connection to a backend: how it comes about (TCP, TLS), and what it is while nothing runs on it.

use std::future::{Future as _, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::BytesMut;
use countersign_framing::http1::{Guard, Limits};
use rustls::ClientConfig;
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::task::coop::unconstrained;
use tokio_rustls::TlsConnector;

use super::alarm::Alarm;
use super::endpoint::Address;
use super::transport::{Counted, Transport};
use crate::base::limits::{HEADER_BYTES, HEADER_COUNT};

/// What a backend may send as the head of an answer: as much as we take from clients, and our own fields.
pub(super) const ANSWER_HEAD_BYTES: usize = 2 * HEADER_BYTES;

/// How long an address of a name is waited for before the next one is tried beside it (RFC 8305, section 5): one that swallows
/// what is sent to it must not use up the time of all.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// An open connection, with nothing running on it.
pub(super) struct Connected {
    pub(super) transport: Box<dyn Transport>,
    /// Judges what comes.
    pub(super) guard: Guard,
    /// What has come and has not passed yet; empty while nothing runs.
    pub(super) held: BytesMut,
    /// The deadline of what runs on it.
    pub(super) alarm: Alarm,
}

/// What a backend does on a connection on which nothing runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// It waits, as it should.
    Kept,
    /// It has closed the connection.
    Ended,
    /// It has said something that nobody asked for, which would be taken for the answer to the next request.
    Broken,
}

impl Connected {
    /// Over `transport`.
    pub(super) fn new(transport: Box<dyn Transport>) -> Self {
        let limits = Limits {
            header_bytes: ANSWER_HEAD_BYTES,
            header_count: HEADER_COUNT,
            ..Limits::default()
        };
        Self {
            transport,
            guard: Guard::for_answers(limits),
            held: BytesMut::new(),
            alarm: Alarm::default(),
        }
    }

    /// What the backend has done since the last answer. Does not wait.
    pub(super) fn silence(&mut self) -> Silence {
        let mut byte = [0];
        let mut byte = ReadBuf::new(&mut byte);
        let transport = &mut self.transport;
        let looking = poll_fn(|context| Poll::Ready(Pin::new(&mut *transport).poll_read(context, &mut byte)));
        // Silence must be the backend's, not that of a task whose turn is over.
        let looking = pin!(unconstrained(looking));
        match looking.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Poll::Pending) if self.held.is_empty() => Silence::Kept,
            Poll::Ready(Poll::Ready(Ok(()))) if byte.filled().is_empty() => Silence::Ended,
            Poll::Ready(Poll::Ready(Err(_))) => Silence::Ended,
            _ => Silence::Broken,
        }
    }

    /// Ends a connection on which nothing runs, with a goodbye where TLS has one and the socket takes it at once.
    pub(super) fn close(mut self) {
        let goodbye = Pin::new(&mut self.transport).poll_shutdown(&mut Context::from_waker(Waker::noop()));
        if let Poll::Ready(Err(error)) = goodbye {
            tracing::debug!(%error, "a connection to a backend ended before it was closed");
        }
    }
}

impl std::fmt::Debug for Connected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connected")
            .field("guard", &self.guard)
            .finish_non_exhaustive()
    }
}

/// Connects, within `limit`. Nothing of a request can have been sent when this fails.
///
/// # Errors
/// A sentence for the log.
pub(super) async fn connect(
    address: &Address,
    tls: Option<&Arc<ClientConfig>>,
    limit: Duration,
) -> Result<Connected, String> {
    let connecting = async {
        let socket = open_socket(address).await?;
        secure(socket, address, tls).await
    };
    match tokio::time::timeout(limit, connecting).await {
        Ok(Ok(connected)) => Ok(connected),
        Ok(Err(error)) => Err(format!("{}: {error}", address.authority)),
        Err(_) => Err(format!("{}: no connection within {limit:?}", address.authority)),
    }
}

async fn open_socket(address: &Address) -> io::Result<TcpStream> {
    let socket = first_of(address.resolve().await?, TcpStream::connect).await?;
    socket.set_nodelay(true)?;
    Ok(socket)
}

/// What is reached first of `places`, tried in their order: the next one when those before it have failed, or have not
/// answered for a while. Attempts that came too late are given up.
async fn first_of<T, F>(places: Vec<SocketAddr>, attempt: impl Fn(SocketAddr) -> F) -> io::Result<T>
where
    T: Send + 'static,
    F: Future<Output = io::Result<T>> + Send + 'static,
{
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    let mut attempts = JoinSet::new();
    for place in places {
        attempts.spawn(attempt(place));
        let succeeding = first_success(&mut attempts, &mut last);
        if let Ok(Some(reached)) = tokio::time::timeout(ATTEMPT_DELAY, succeeding).await {
            return Ok(reached);
        }
    }
    first_success(&mut attempts, &mut last).await.ok_or(last)
}

/// The first that succeeds of those under way; none when all have failed, of which the `last` remains.
async fn first_success<T: 'static>(attempts: &mut JoinSet<io::Result<T>>, last: &mut io::Error) -> Option<T> {
    while let Some(ended) = attempts.join_next().await {
        match ended.map_err(io::Error::from).flatten() {
            Ok(reached) => return Some(reached),
            Err(error) => *last = error,
        }
    }
    None
}

async fn secure(
    socket: TcpStream,
    address: &Address,
    tls: Option<&Arc<ClientConfig>>,
) -> io::Result<Connected> {
    let socket = Counted::over(socket);
    let Some(name) = address.server_name.clone() else {
        return Ok(Connected::new(Box::new(socket)));
    };
    let config = tls.ok_or_else(|| io::Error::other("TLS is not set up for this upstream"))?;
    let stream = TlsConnector::from(Arc::clone(config))
        .connect(name, socket)
        .await?;
    Ok(Connected::new(Box::new(stream)))
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    const SILENT: u16 = 1;
    const REFUSING: u16 = 2;
    const SLOW: u16 = 3;
    const GOOD: u16 = 4;

    /// Tries backends that behave by their port, as long as it may take.
    async fn reached(ports: &[u16]) -> io::Result<u16> {
        let places = ports.iter().map(|port| ([127, 0, 0, 1], *port).into());
        let attempt = async |place: SocketAddr| match place.port() {
            SILENT => pending().await,
            REFUSING => Err(io::ErrorKind::ConnectionRefused.into()),
            SLOW => {
                tokio::time::sleep(ATTEMPT_DELAY * 2).await;
                Ok(SLOW)
            }
            port => Ok(port),
        };
        first_of(places.collect(), attempt).await
    }

    #[tokio::test]
    async fn an_address_that_says_nothing_does_not_use_up_the_time_of_the_next() {
        for (ports, expected) in [
            (&[SILENT, GOOD][..], GOOD),
            (&[SILENT, REFUSING, GOOD], GOOD),
            (&[REFUSING, GOOD], GOOD),
            // Whoever was tried first may still come first.
            (&[SLOW, SILENT, SILENT], SLOW),
        ] {
            let reaching = tokio::time::timeout(Duration::from_secs(30), reached(ports));
            let first = reaching.await.expect("the first has used up all time");
            assert_eq!(first.unwrap(), expected, "{ports:?}");
        }
    }

    #[tokio::test]
    async fn when_no_address_is_reached_the_last_failure_is_told() {
        let none = reached(&[]).await.unwrap_err();
        assert_eq!(none.kind(), io::ErrorKind::NotFound);
        let refused = reached(&[REFUSING, REFUSING]).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    }
}
