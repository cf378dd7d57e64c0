//! The body of a request, which must be whole within its time and fit into the memory that is kept for bodies: a peer that
//! sends it drop by drop holds memory and a place.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};

use super::buffered::Reservation;

/// A piece of a body is a part of the buffer that was read, and keeps all of it in memory, with whatever else the peer has
/// sent around it; nothing pays for that. Fewer bytes than these are copied. h2 and hyper read about twice as much at once.
const SHARED_BYTES: usize = 8 * 1024;

/// A body with a deadline; after it, reading fails with [`io::ErrorKind::TimedOut`]. Where there is no room for what has
/// come, it fails with [`crate::answer::NoRoom`].
pub(super) struct Timed<B = Incoming> {
    inner: B,
    /// When it must be whole; absent where nothing is left to wait for.
    deadline: Option<Instant>,
    /// Wakes who waits for it then; most bodies come with their heads and need no timer.
    alarm: Option<Pin<Box<Sleep>>>,
    /// What pays for its bytes; its owner keeps it until nobody needs them any more.
    room: Option<Arc<Reservation>>,
}

impl<B: Body> Timed<B> {
    /// `body`, to be whole after `longest`, counted from now.
    pub(super) fn new(body: B, longest: Duration) -> Self {
        Self {
            deadline: (!body.is_end_stream()).then(|| Instant::now() + longest),
            inner: body,
            alarm: None,
            room: None,
        }
    }

    /// The same body, paid for by `room`.
    pub(super) fn within(mut self, room: Arc<Reservation>) -> Self {
        self.room = Some(room);
        self
    }
}

impl<B> Body for Timed<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(context) else {
            let Some(deadline) = this.deadline else {
                return Poll::Pending;
            };
            let alarm = this.alarm.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
            ready!(alarm.as_mut().poll(context));
            return Poll::Ready(Some(Err(too_slow())));
        };
        // Bytes that come one by one without end are always ready.
        if this.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Poll::Ready(Some(Err(too_slow())));
        }
        if let (Some(room), true) = (&this.room, frame.is_none() || this.inner.is_end_stream()) {
            room.note_end();
        }
        Poll::Ready(frame.map(|frame| {
            let frame = frame.map_err(Into::into)?.map_data(alone);
            if let (Some(room), Some(data)) = (&this.room, frame.data_ref()) {
                room.grow(data.len() as u64)?;
            }
            Ok(frame)
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// The same bytes, in memory of their own if they are few.
fn alone(data: Bytes) -> Bytes {
    if data.len() < SHARED_BYTES {
        Bytes::copy_from_slice(&data)
    } else {
        data
    }
}

fn too_slow() -> Box<dyn std::error::Error + Send + Sync> {
    io::Error::new(io::ErrorKind::TimedOut, "the body came too slowly").into()
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, Full};

    use super::super::buffered::Budget;
    use super::*;
    use crate::answer::NoRoom;

    /// Bytes that are always ready and never end.
    struct Trickle;

    impl Body for Trickle {
        type Data = Bytes;
        type Error = io::Error;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
        }
    }

    /// Nothing comes, and no end either.
    struct Silence;

    impl Body for Silence {
        type Data = Bytes;
        type Error = io::Error;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
            Poll::Pending
        }
    }

    fn is_late(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
        let error = error.downcast_ref::<io::Error>();
        error.is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
    }

    #[tokio::test]
    async fn a_body_that_is_not_whole_in_time_fails_whether_it_stands_still_or_trickles() {
        let longest = Duration::from_millis(20);
        let still = Timed::new(Silence, longest).collect().await;
        assert!(is_late(&*still.unwrap_err()));
        let mut trickle = Timed::new(Trickle, longest);
        let error = loop {
            match trickle.frame().await.unwrap() {
                Ok(_) => tokio::task::yield_now().await,
                Err(error) => break error,
            }
        };
        assert!(is_late(&*error));
    }

    #[tokio::test]
    async fn a_body_for_which_there_is_no_room_fails_and_its_bytes_are_paid_for_until_the_request_is_done() {
        let (budget, share) = (Budget::new(4 * 64 * 1024), Arc::default());
        let read = async |bytes: usize| {
            let room = budget.reserve(&share);
            let body = Full::new(Bytes::from(vec![b'x'; bytes]));
            let body = Timed::new(body, Duration::from_secs(60)).within(Arc::clone(&room));
            body.collect().await.map(|body| (body.to_bytes(), room))
        };
        let (_, held) = read(48 * 1024).await.unwrap();
        assert!(held.is_whole());
        let error = read(48 * 1024).await.unwrap_err();
        assert!(error.is::<NoRoom>(), "{error}");
        read(16 * 1024).await.unwrap();
        drop(held);
        read(48 * 1024).await.unwrap();
    }

    /// What pays for a body pays for all the memory it keeps.
    #[tokio::test]
    async fn a_few_bytes_do_not_keep_the_buffer_they_were_read_into() {
        let buffer = Bytes::from(vec![b'x'; 64 * 1024]);
        for (length, alone) in [(1, true), (SHARED_BYTES - 1, true), (SHARED_BYTES, false)] {
            let piece = Full::new(buffer.slice(..length));
            let mut body = Timed::new(piece, Duration::from_secs(60));
            let data = body.frame().await.unwrap().unwrap().into_data().unwrap();
            assert_eq!(data, buffer[..length]);
            assert_eq!(data.is_unique(), alone, "{length}");
        }
    }

    #[tokio::test]
    async fn a_body_that_is_whole_in_time_passes_unchanged() {
        let body = Timed::new(Full::new(Bytes::from_static(b"pay")), Duration::from_secs(60));
        assert_eq!(body.collect().await.unwrap().to_bytes(), "pay");
        let none = Timed::new(http_body_util::Empty::<Bytes>::new(), Duration::ZERO);
        assert!(none.collect().await.unwrap().to_bytes().is_empty());
    }
}
