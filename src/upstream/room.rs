//! How much one upstream may hold of the gateway: requests that run, requests that wait, and bytes of long answers. A
//! backend that stalls fills its own room and nobody else's.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use super::send::SendError;

/// Answers up to this size take no room of their own: payments, balances, errors. While they are read they hold this times the
/// requests that may run, at most; until their clients have taken them they are counted at the door, as all answers are.
pub(super) const SHORT_ANSWER_BYTES: usize = 64 * 1024;
/// Room for the long answers of one upstream that are being read or wait for their clients to read them: one of the longest
/// that a route can be configured to take, or very many of the usual ones. Of those that wait, no source holds more than a
/// quarter of it: the doors count them.
const LONG_ANSWERS_BYTES: usize = 64 * 1024 * 1024;
/// What is counted as one: a semaphore counts further than any size goes.
const UNIT_BYTES: usize = 1024;

/// The room of one upstream.
#[derive(Debug)]
pub(super) struct Room {
    /// Running and waiting.
    admitted: Semaphore,
    running: Semaphore,
    long_answers: Arc<Semaphore>,
}

/// A request's place among those that run, until it is dropped.
pub(super) struct Place<'a> {
    _admitted: SemaphorePermit<'a>,
    _running: SemaphorePermit<'a>,
}

impl Room {
    /// For `requests` that run at once while `waiting` more wait.
    pub(super) fn new(requests: usize, waiting: usize) -> Self {
        let most = Semaphore::MAX_PERMITS;
        Self {
            admitted: Semaphore::new(requests.saturating_add(waiting).min(most)),
            running: Semaphore::new(requests.min(most)),
            long_answers: Arc::new(Semaphore::new(LONG_ANSWERS_BYTES / UNIT_BYTES)),
        }
    }

    /// Waits for a place until `deadline`.
    ///
    /// # Errors
    /// [`SendError::Full`]: as many wait already as may. [`SendError::Timeout`]: none became free in time.
    pub(super) async fn enter(&self, deadline: Instant) -> Result<Place<'_>, SendError> {
        let admitted = self.admitted.try_acquire().map_err(|_| SendError::Full)?;
        let running = match self.running.try_acquire() {
            Ok(running) => running,
            Err(_) => match timeout_at(deadline, self.running.acquire()).await {
                Ok(Ok(running)) => running,
                Ok(Err(_)) | Err(_) => return Err(SendError::Timeout { sent: false }),
            },
        };
        Ok(Place {
            _admitted: admitted,
            _running: running,
        })
    }

    /// Room for an answer of up to `bytes`, once there is any. It is taken at one go when an answer turns out to be longer
    /// than a short one, so that answers which wait hold nothing that others wait for.
    ///
    /// # Errors
    /// [`SendError::NoRoom`]: not in time.
    pub(super) async fn for_answer(
        &self,
        bytes: usize,
        deadline: Instant,
    ) -> Result<OwnedSemaphorePermit, SendError> {
        let units = bytes.min(LONG_ANSWERS_BYTES).div_ceil(UNIT_BYTES);
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.long_answers).acquire_many_owned(units);
        match timeout_at(deadline, room).await {
            Ok(Ok(room)) => Ok(room),
            Ok(Err(_)) | Err(_) => Err(SendError::NoRoom),
        }
    }
}

/// An answer's bytes with the room they take. It is free again when the last copy of them is dropped, which is when their
/// client has them.
struct Held {
    bytes: BytesMut,
    _room: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The bytes of a whole answer. What was taken for them in advance and is not needed is free at once.
pub(super) fn hold(bytes: BytesMut, room: Option<OwnedSemaphorePermit>) -> Bytes {
    let Some(mut room) = room else {
        return bytes.freeze();
    };
    let unneeded = room
        .num_permits()
        .saturating_sub(bytes.len().div_ceil(UNIT_BYTES));
    drop(room.split(unneeded));
    Bytes::from_owner(Held { bytes, _room: room })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn no_more_wait_than_may() {
        let room = Room::new(1, 1);
        let first = room.enter(Instant::now()).await.ok().unwrap();
        let soon = Instant::now() + Duration::from_millis(20);
        let (second, third) = tokio::join!(room.enter(soon), room.enter(soon));
        assert!(matches!(second, Err(SendError::Timeout { sent: false })));
        assert!(matches!(third, Err(SendError::Full)));
        drop(first);
        assert!(room.enter(Instant::now()).await.is_ok());
    }

    #[tokio::test]
    async fn long_answers_wait_until_those_before_them_are_delivered() {
        let room = Room::new(1, 1);
        let now = Instant::now();
        let all = room.for_answer(usize::MAX, now).await.unwrap();
        let late = room.for_answer(1, now).await;
        assert!(matches!(late, Err(SendError::NoRoom)));
        let bytes = hold(BytesMut::from(&[7; LONG_ANSWERS_BYTES / 2][..]), Some(all));
        // What is not needed is free; the rest is when nobody has the bytes any more.
        let half = room.for_answer(LONG_ANSWERS_BYTES / 2, now).await.unwrap();
        let copy = bytes.slice(1..);
        drop(bytes);
        assert!(room.for_answer(1, now).await.is_err());
        drop(copy);
        assert!(room.for_answer(LONG_ANSWERS_BYTES / 2, now).await.is_ok());
        drop(half);
    }
}
