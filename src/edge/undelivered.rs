//! The bytes of answers that clients have asked for and do not take: one budget for a door, of which one source, and one IPv6
//! site, gets a part. With its windows at zero a client could otherwise hold what the gateway has for everybody's answers.
//!
//! An answer is counted from where it is handed to its connection until its last byte has gone. A source that has its part
//! already is refused at the gate before anything is done for it, so nothing that was executed goes unheard. Of the answers to
//! what ran meanwhile, those to reads are replaced by a refusal, and the short ones to all else, payments among them, go out all
//! the same: they are no more than the requests that upstreams let run and wait.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use http_body::{Body as _, Frame, SizeHint};

use super::buffered::take;
use super::places::Share;
use crate::answer::{Body, NoRoom};
use crate::config::SOURCE_PART;

/// Up to this size a body is not counted: the head and the state of its stream are as much.
const FREE_BYTES: u64 = 1024;
/// Answers up to this size are those of payments and errors.
const SHORT_BYTES: u64 = 64 * 1024;
/// What is held at once of an answer that does not say how long it will be.
const STREAMED_BYTES: u64 = 64 * 1024;
/// How many times the bytes for the bodies of requests there are for answers: they are longer, and it takes more sources that
/// work together to fill them.
const BODIES_SHARE: u64 = 4;
/// One source gets no more than this: a quarter of the room that an upstream has for its long answers.
const SOURCE_MOST_BYTES: u64 = 16 * 1024 * 1024;
/// How many times the part of a source an IPv6 site has.
const SITE_SHARE: u64 = 2;

/// The budget.
#[derive(Debug)]
pub(super) struct Undelivered {
    most: u64,
    per_source: u64,
    held: AtomicU64,
}

/// An answer that its source has no room for.
#[derive(Debug)]
pub(super) enum TooMuch {
    /// To a read: it can be asked for again.
    Read,
    /// To what may have been executed, and long: its status is told, its body is not.
    Cut(Response<Body>),
}

impl Undelivered {
    /// At a door that has so many bytes for the bodies of requests.
    pub(super) fn beside(bodies: u64) -> Arc<Self> {
        Arc::new(Self {
            most: bodies.saturating_mul(BODIES_SHARE),
            per_source: (bodies / SOURCE_PART).min(SOURCE_MOST_BYTES),
            held: AtomicU64::new(0),
        })
    }

    /// Whether the source, or its site, holds as much as it may.
    pub(super) fn is_full_for(&self, share: &Share) -> bool {
        let mut counters = self.counters(share);
        // That all sources together hold much is no fault of this one.
        counters.next();
        counters.any(|(held, most)| held.load(Ordering::Relaxed) >= most)
    }

    /// The same answer, counted until its last byte has gone. `is_read`: nothing is changed by asking for it again.
    pub(super) fn deliver(
        self: &Arc<Self>,
        share: &Arc<Share>,
        is_read: bool,
        response: Response<Body>,
    ) -> Result<Response<Body>, TooMuch> {
        let hint = response.body().size_hint();
        let bytes = hint.exact().unwrap_or(STREAMED_BYTES);
        if bytes <= FREE_BYTES {
            return Ok(response);
        }
        let charge = match self.charge(share, bytes) {
            Ok(charge) => charge,
            Err(NoRoom) if is_read => return Err(TooMuch::Read),
            Err(NoRoom) if bytes > SHORT_BYTES => return Err(TooMuch::Cut(response.map(|_| Body::new(Cut)))),
            Err(NoRoom) => self.charge_beyond(share, bytes),
        };
        let charge = Arc::new(charge);
        Ok(response.map(|body| Body::new(Charged { body, charge })))
    }

    /// What is longer than the part of a source counts as all of it, or it could never be answered.
    fn charge(self: &Arc<Self>, share: &Arc<Share>, bytes: u64) -> Result<Charge, NoRoom> {
        let bytes = bytes.min(self.per_source);
        for (done, (held, most)) in self.counters(share).enumerate() {
            if let Err(full) = take(held, bytes, most) {
                for (held, _) in self.counters(share).take(done) {
                    held.fetch_sub(bytes, Ordering::Relaxed);
                }
                return Err(full);
            }
        }
        Ok(self.charged(share, bytes))
    }

    /// There are only so many: nothing more is begun for who has their part.
    fn charge_beyond(self: &Arc<Self>, share: &Arc<Share>, bytes: u64) -> Charge {
        for (held, _) in self.counters(share) {
            held.fetch_add(bytes, Ordering::Relaxed);
        }
        self.charged(share, bytes)
    }

    fn charged(self: &Arc<Self>, share: &Arc<Share>, bytes: u64) -> Charge {
        Charge {
            budget: Arc::clone(self),
            share: Arc::clone(share),
            bytes,
        }
    }

    /// What is counted, and its bound: of all, of the source, of its site.
    fn counters<'a>(&'a self, share: &'a Share) -> impl Iterator<Item = (&'a AtomicU64, u64)> {
        let site = share.site.as_ref();
        let site = site.map(|site| (&site.untaken, self.per_source.saturating_mul(SITE_SHARE)));
        [(&self.held, self.most), (&share.untaken, self.per_source)]
            .into_iter()
            .chain(site)
    }
}

/// What one answer holds; given back with the drop.
#[derive(Debug)]
struct Charge {
    budget: Arc<Undelivered>,
    share: Arc<Share>,
    bytes: u64,
}

impl Drop for Charge {
    fn drop(&mut self) {
        for (held, _) in self.budget.counters(&self.share) {
            held.fetch_sub(self.bytes, Ordering::Relaxed);
        }
    }
}

/// A body whose pieces are counted until they have gone.
struct Charged {
    body: Body,
    charge: Arc<Charge>,
}

/// Bytes of an answer on their way to the client.
struct Piece {
    bytes: Bytes,
    _charge: Arc<Charge>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl http_body::Body for Charged {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        let frame = ready!(Pin::new(&mut this.body).poll_frame(context));
        let counted = |bytes| {
            Bytes::from_owner(Piece {
                bytes,
                _charge: Arc::clone(&this.charge),
            })
        };
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(counted))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of an answer of which no more than the head is told: its stream, or its connection, ends.
struct Cut;

impl http_body::Body for Cut {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Poll::Ready(Some(Err(axum::Error::new(NoRoom))))
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    const BODIES: u64 = 32 * 1024 * 1024;

    /// What hyper holds of an answer whose client takes nothing.
    async fn untaken(response: Response<Body>) -> Bytes {
        let frame = response.into_body().frame().await;
        frame.unwrap().unwrap().into_data().unwrap()
    }

    fn answer(bytes: u64) -> Response<Body> {
        let bytes = usize::try_from(bytes).unwrap();
        Response::new(Body::from(Bytes::from_static(&[b'x'; 1 << 20]).slice(..bytes)))
    }

    /// Reads for which `share` finds room, of 1 MiB each.
    async fn fill(budget: &Arc<Undelivered>, share: &Arc<Share>) -> Vec<Bytes> {
        let mut on_their_way = Vec::new();
        for _ in 0..100 {
            match budget.deliver(share, true, answer(1 << 20)) {
                Ok(response) => on_their_way.push(untaken(response).await),
                Err(_) => break,
            }
        }
        on_their_way
    }

    fn held(budget: &Undelivered) -> u64 {
        budget.held.load(Ordering::Relaxed)
    }

    #[tokio::test]
    async fn many_answers_below_what_an_upstream_counts_stay_within_the_part_of_their_source() {
        let (budget, share) = (Undelivered::beside(BODIES), Arc::default());
        let (mut on_their_way, mut refused) = (Vec::new(), 0);
        for _ in 0..1000 {
            match budget.deliver(&share, true, answer(60 * 1024)) {
                Ok(response) => on_their_way.push(untaken(response).await),
                Err(TooMuch::Read) => refused += 1,
                Err(TooMuch::Cut(_)) => unreachable!("a read is not cut"),
            }
        }
        assert_eq!((on_their_way.len(), refused), (136, 864));
        assert!(held(&budget) <= BODIES / SOURCE_PART, "{}", held(&budget));
        let other = Arc::default();
        assert!(budget.deliver(&other, true, answer(1 << 20)).is_ok());
        // A slice keeps all of it, as a window that opens a little does.
        let slice = on_their_way[0].slice(..1);
        drop(on_their_way);
        assert_eq!(held(&budget), 60 * 1024);
        drop(slice);
        assert_eq!(held(&budget), 0);
    }

    #[tokio::test]
    async fn what_may_have_been_executed_is_heard_of() {
        let (budget, share) = (Undelivered::beside(BODIES), Arc::default());
        let mut reads = fill(&budget, &share).await;
        assert!(budget.is_full_for(&share));
        let payment = budget.deliver(&share, false, answer(SHORT_BYTES)).unwrap();
        assert_eq!(untaken(payment).await.len(), 64 * 1024);
        let Err(TooMuch::Cut(long)) = budget.deliver(&share, false, answer(SHORT_BYTES + 1)) else {
            panic!("a long answer went out")
        };
        assert!(long.into_body().collect().await.is_err());
        assert!(budget.deliver(&share, true, answer(FREE_BYTES)).is_ok());
        reads.pop();
        assert!(!budget.is_full_for(&share));
    }

    #[tokio::test]
    async fn an_answer_longer_than_a_part_is_delivered_alone() {
        let (budget, share) = (Undelivered::beside(1 << 20), Arc::default());
        let long = budget.deliver(&share, true, answer(1 << 20)).unwrap();
        assert!(matches!(
            budget.deliver(&share, true, answer(2048)),
            Err(TooMuch::Read)
        ));
        let all = long.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(all.len(), 1 << 20);
        drop(all);
        assert!(budget.deliver(&share, true, answer(2048)).is_ok());
    }

    #[tokio::test]
    async fn a_site_and_all_sources_together_have_their_bounds() {
        let budget = Undelivered::beside(BODIES);
        let site: Arc<Share> = Arc::default();
        let mut all = Vec::new();
        for expected in [8, 8, 0] {
            let network = Arc::new(Share::within(Arc::clone(&site)));
            let on_their_way = fill(&budget, &network).await;
            assert_eq!(on_their_way.len(), expected);
            assert!(budget.is_full_for(&network));
            all.push(on_their_way);
        }
        for _ in 0..20 {
            all.push(fill(&budget, &Arc::default()).await);
        }
        assert_eq!(held(&budget), 4 * BODIES);
        let late = Arc::default();
        assert!(
            !budget.is_full_for(&late),
            "it is asked for, and short answers go out"
        );
        assert!(budget.deliver(&late, false, answer(2048)).is_ok());
        drop(all);
        assert_eq!(held(&budget), 0);
        assert_eq!(site.untaken.load(Ordering::Relaxed), 0);
    }
}
