//! Answers that a client has asked for and does not take (H2-07): with its windows at zero, a tiny request holds a whole
//! answer in memory. hyper reads the next piece of a body only when the piece before has gone, and the piece before is
//! dropped when its last byte has been written; so what has been given and not dropped is what the client does not take.

use std::collections::HashMap;
use std::io::IoSlice;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http_body::{Frame, SizeHint};
use tokio::time::Instant;

use crate::answer::Body;

/// A client that takes fewer bytes a second than this, after its time is over, is slower than any line that can carry a
/// payment.
const LEAST_BYTES_PER_SECOND: u64 = 16 * 1024;

/// The answers of one connection.
#[derive(Clone, Default)]
pub(super) struct Untaken(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    next: u64,
    /// As many as streams may be open, at most.
    answers: HashMap<u64, Answer>,
}

/// How far one answer has come.
struct Answer {
    /// Bytes given to hyper so far.
    given: u64,
    /// Pieces of it that have not gone yet.
    pieces: usize,
    /// Since when there have been any.
    since: Instant,
    /// How long the client has been waited for before that. Waiting for a backend does not count.
    waited: Duration,
    /// Whether more may come.
    goes_on: bool,
}

impl Untaken {
    /// The body, watched from its first piece on.
    pub(super) fn watch(&self, body: Body) -> Watched {
        Watched {
            body,
            untaken: self.clone(),
            answer: None,
        }
    }

    /// When the first client's patience of ours ends: each answer may wait for its client for `patience`, and for as long
    /// as its bytes take at the slowest rate. With none waiting, the earliest time that could come.
    pub(super) fn ends(&self, patience: Duration, now: Instant) -> Instant {
        self.state().ends(patience, now)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn ends(&self, patience: Duration, now: Instant) -> Instant {
        let waiting = self.answers.values().filter(|answer| answer.pieces > 0);
        let first = waiting.map(|answer| answer.ends(patience)).min();
        first.unwrap_or(now + patience)
    }

    /// A piece is given to hyper. The first of an answer gives the answer its number.
    fn give(&mut self, answer: Option<u64>, bytes: usize, now: Instant) -> u64 {
        let answer = answer.unwrap_or_else(|| {
            self.next += 1;
            self.next
        });
        let entry = self.answers.entry(answer).or_insert(Answer {
            given: 0,
            pieces: 0,
            since: now,
            waited: Duration::ZERO,
            goes_on: true,
        });
        if entry.pieces == 0 {
            entry.since = now;
        }
        entry.pieces += 1;
        entry.given = entry
            .given
            .saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        answer
    }

    /// A piece has gone.
    fn gone(&mut self, answer: u64, now: Instant) {
        self.change(answer, |entry| {
            entry.pieces = entry.pieces.saturating_sub(1);
            if entry.pieces == 0 {
                entry.waited = entry.waited.saturating_add(now.duration_since(entry.since));
            }
        });
    }

    /// No piece will come any more.
    fn ended(&mut self, answer: u64) {
        self.change(answer, |entry| entry.goes_on = false);
    }

    fn change(&mut self, answer: u64, change: impl FnOnce(&mut Answer)) {
        if let Some(entry) = self.answers.get_mut(&answer) {
            change(entry);
            if entry.pieces == 0 && !entry.goes_on {
                self.answers.remove(&answer);
            }
        }
    }
}

impl Answer {
    fn ends(&self, patience: Duration) -> Instant {
        let transfer = Duration::from_secs(self.given / LEAST_BYTES_PER_SECOND);
        self.since + (patience + transfer).saturating_sub(self.waited)
    }
}

/// A body whose pieces are watched until they have gone.
pub(super) struct Watched {
    body: Body,
    untaken: Untaken,
    /// Its number, once a piece has been given.
    answer: Option<u64>,
}

impl http_body::Body for Watched {
    type Data = Piece;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, axum::Error>>> {
        let this = &mut *self;
        let Some(frame) = ready!(Pin::new(&mut this.body).poll_frame(context)) else {
            return Poll::Ready(None);
        };
        Poll::Ready(Some(frame.map(|frame| {
            frame.map_data(|bytes| {
                let answer = this
                    .untaken
                    .state()
                    .give(this.answer, bytes.len(), Instant::now());
                this.answer = Some(answer);
                Piece {
                    bytes,
                    untaken: this.untaken.clone(),
                    answer,
                }
            })
        })))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(answer) = self.answer {
            self.untaken.state().ended(answer);
        }
    }
}

/// Bytes of an answer on their way to the client; gone with the drop.
pub(super) struct Piece {
    bytes: Bytes,
    untaken: Untaken,
    answer: u64,
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        self.bytes.chunks_vectored(slices)
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
    }

    fn copy_to_bytes(&mut self, count: usize) -> Bytes {
        self.bytes.copy_to_bytes(count)
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.untaken.state().gone(self.answer, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use http_body::Body as _;
    use http_body_util::BodyExt as _;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    /// H2-07
    #[test]
    fn the_time_of_an_answer_runs_while_its_client_does_not_take_it() {
        let (mut state, begin) = (State::default(), Instant::now());
        assert_eq!(
            state.ends(PATIENCE, begin),
            begin + PATIENCE,
            "nothing was given yet"
        );
        let answer = state.give(None, 100, begin);
        state.ended(answer);
        assert_eq!(
            state.ends(PATIENCE, begin + seconds(29)),
            begin + PATIENCE,
            "the end of the body is not the end of the answer"
        );
        state.gone(answer, begin + seconds(29));
        assert!(state.answers.is_empty());
    }

    /// H2-07
    #[test]
    fn taking_it_drop_by_drop_does_not_stretch_the_time() {
        let (mut state, mut now) = (State::default(), Instant::now());
        let mut answer = None;
        for n in 0..3 {
            answer = Some(state.give(answer, 10, now));
            assert_eq!(state.ends(PATIENCE, now), now + PATIENCE - seconds(9 * n));
            state.gone(answer.unwrap(), now + seconds(9));
            // The backend's time is not the client's.
            now += seconds(100);
            assert_eq!(state.ends(PATIENCE, now), now + PATIENCE);
        }
    }

    /// H2-07
    #[test]
    fn the_answer_that_waits_longest_counts_and_a_large_one_has_more_time() {
        let (mut state, begin) = (State::default(), Instant::now());
        state.give(None, 1 << 20, begin);
        assert_eq!(state.ends(PATIENCE, begin), begin + PATIENCE + seconds(64));
        let small = state.give(None, 1, begin + seconds(5));
        assert_eq!(state.ends(PATIENCE, begin), begin + seconds(5) + PATIENCE);
        state.gone(small, begin + seconds(6));
        assert_eq!(state.ends(PATIENCE, begin), begin + PATIENCE + seconds(64));
    }

    #[tokio::test]
    async fn pieces_are_watched_from_the_body_to_the_last_byte() {
        let untaken = Untaken::default();
        let mut body = untaken.watch(Body::from("paid"));
        assert_eq!(body.size_hint().exact(), Some(4));
        let mut piece = body.frame().await.unwrap().unwrap().into_data().ok().unwrap();
        assert!(body.frame().await.is_none());
        drop(body);
        assert_eq!(untaken.state().answers.len(), 1);
        assert_eq!(piece.copy_to_bytes(3), "pai");
        assert_eq!((piece.remaining(), piece.chunk()), (1, &b"d"[..]));
        drop(piece);
        assert!(untaken.state().answers.is_empty());
    }
}
