//! HTTP/1.1 on a connection of a door (RFC 9112): hyper while there is something to do, next to nothing while there is not.
//!
//! Most connections wait most of the time, and hyper keeps two buffers of 8 KiB and a table of header fields for the next
//! request however long that is away. So a connection that rests is taken apart, down to its TLS stream; its first byte puts
//! it together again. The guard before hyper knows when that can be done ([`super::framing`]), and no byte is lost by it:
//! nothing has been read that was not used up, and nothing written that has not been sent.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1::Connection;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::drain::Drain;
use super::framing::{Finding, Guarded};
use super::http::{Limits, http1_builder};
use super::idle::{Activity, Pause, Running};
use super::patience::{Cut, Patient};
use crate::answer::Body;

/// How long nothing must come before a connection is taken apart. Busy clients ask again well within it; for the others it
/// costs a few microseconds to put it together again.
pub(super) const REST: Duration = Duration::from_millis(250);

/// What a connection is held to.
pub(super) struct Terms<'a> {
    pub(super) limits: &'a Limits,
    pub(super) drain: &'a Drain,
    /// Knows of the requests that run.
    pub(super) activity: &'a Activity,
    /// Where the guard puts down what it refuses.
    pub(super) finding: &'a Arc<Finding>,
    /// How long nothing comes before it is taken apart: [`REST`].
    pub(super) rest: Duration,
}

/// How a connection ended.
pub(super) struct Ended {
    /// An error when it ended early.
    pub(super) outcome: Result<(), Box<dyn Error + Send + Sync>>,
    /// Whether it was cut, and why.
    pub(super) cut: Cut,
}

/// A connection with hyper.
type Speaking<I, S> = Connection<TokioIo<Guarded<Patient<I>>>, S>;

/// What a stretch of requests came to.
enum Stretch<I, S> {
    /// The connection rests.
    Rests(I, S),
    Ended(Ended),
}

/// Answers the requests of one connection by `service`, until either end closes it, it has nothing to do for too long, or the
/// gateway is going away.
pub(super) async fn converse<I, S>(mut io: I, mut service: S, terms: Terms<'_>) -> Ended
where
    I: AsyncBufRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<Answer>, Error = Infallible> + Send + 'static,
    S::Future: Send + 'static,
{
    let mut leaving = pin!(terms.drain.lingered());
    loop {
        let speaks = tokio::select! {
            biased;
            speaks = speaks(&mut io) => speaks,
            () = leaving.as_mut() => Ok(false),
            () = terms.activity.idle_for(terms.limits.idle) => Ok(false),
        };
        match speaks {
            Ok(true) => {}
            Ok(false) => return close(io, terms.limits.idle).await,
            Err(error) => return Ended::of(Err(error.into())),
        }
        // In memory of its own, which is given back when the connection rests.
        (io, service) = match Box::pin(stretch(io, service, leaving.as_mut(), &terms)).await {
            Stretch::Rests(io, service) => (io, service),
            Stretch::Ended(ended) => return ended,
        };
    }
}

/// Waits for the first byte of a request, without taking it; `false` when none will come any more.
async fn speaks(io: &mut (impl AsyncBufRead + Unpin)) -> std::io::Result<bool> {
    Ok(!io.fill_buf().await?.is_empty())
}

/// The client reads that nothing more will come, if it takes it in time.
async fn close(mut io: impl AsyncWrite + Unpin, longest: Duration) -> Ended {
    let closed = tokio::time::timeout(longest, io.shutdown()).await;
    Ended::of(closed.unwrap_or(Ok(())).map_err(Into::into))
}

/// Requests and answers, until there is a pause. When the gateway is `leaving` it takes no further request and waits for those
/// it has; [`Drain::finish`] sets the deadline. One that has been idle is told the same, and cut when it does not end.
async fn stretch<I, S>(
    io: I,
    service: S,
    leaving: Pin<&mut impl Future<Output = ()>>,
    terms: &Terms<'_>,
) -> Stretch<I, S>
where
    I: AsyncBufRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<Answer>, Error = Infallible> + Send + 'static,
    S::Future: Send + 'static,
{
    let (limits, activity) = (terms.limits, terms.activity);
    let io = Patient::new(io, limits.head, limits.answer, activity.clone());
    let cut = io.cut();
    let io = Guarded::new(io, Arc::clone(terms.finding), activity.clone());
    let mut connection: Speaking<I, S> = http1_builder().serve_connection(TokioIo::new(io), service);
    let outcome = tokio::select! {
        biased;
        outcome = &mut connection => outcome,
        () = leaving => {
            Pin::new(&mut connection).graceful_shutdown();
            connection.await
        }
        pause = activity.pause(terms.rest, limits.idle) => match pause {
            Pause::Rest => return take_apart(connection),
            Pause::End => {
                Pin::new(&mut connection).graceful_shutdown();
                tokio::time::timeout(limits.idle, connection).await.unwrap_or(Ok(()))
            }
        },
    };
    Stretch::Ended(Ended {
        outcome: outcome.map_err(Into::into),
        cut,
    })
}

fn take_apart<I, S>(connection: Speaking<I, S>) -> Stretch<I, S>
where
    I: AsyncBufRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<Answer>, Error = Infallible> + Send + 'static,
{
    let parts = connection.into_parts();
    if !parts.read_buf.is_empty() {
        // It waited for more, so it had used up all; nothing could say what these bytes are.
        return Stretch::Ended(Ended::of(Err("bytes were left over at rest".into())));
    }
    let io = parts.io.into_inner().into_inner().into_inner();
    Stretch::Rests(io, parts.service)
}

impl Ended {
    fn of(outcome: Result<(), Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            outcome,
            cut: Cut::default(),
        }
    }
}

/// The body of an answer; while hyper has it, the answer is on its way.
pub(super) struct Answer {
    body: Body,
    _running: Running,
}

impl Answer {
    /// The body of the answer to a request that was running until now.
    pub(super) fn new(body: Body, mut running: Running) -> Self {
        running.is_answered();
        Self {
            body,
            _running: running,
        }
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
