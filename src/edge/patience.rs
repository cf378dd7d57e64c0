//! The bytes of a connection under two deadlines that HTTP does not know: a head that has begun must become whole, and a
//! client must take what it asked for.
//!
//! hyper has one timer for the head and for the time between two requests, so it cannot be used for either.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::idle::Activity;
use crate::base::Code;

/// So much of an answer must be taken in each period of the deadline. At the default of 30 s that is 17 kbit/s, slower than
/// any phone on the edge of its network; a client that takes a byte a second has its deadline.
const STEP_BYTES: usize = 64 * 1024;

/// A connection that is waited for only so long.
pub(super) struct Patient<I> {
    io: I,
    activity: Activity,
    head: Head,
    answer: Deadline,
    /// Since when the client makes us wait, and the bytes it has taken since.
    stalled: Option<Instant>,
    taken: usize,
    cut: Cut,
}

/// The head that is coming in.
struct Head {
    deadline: Deadline,
    /// When its first byte came, and how many requests had begun by then; absent while none is coming in.
    begun: Option<(Instant, u64)>,
}

/// Why a connection was cut, for whoever asks when it has ended.
#[derive(Clone, Debug, Default)]
pub(super) struct Cut(Arc<AtomicU8>);

const HEAD: u8 = 1;
const ANSWER: u8 = 2;

impl Cut {
    /// The label of the metric; `None` when it was not cut.
    pub(super) fn reason(&self) -> Option<&'static str> {
        match self.0.load(Ordering::Relaxed) {
            HEAD => Some("head-deadline"),
            ANSWER => Some("answer-deadline"),
            _ => None,
        }
    }

    /// What is counted for the log, where a request was refused by it.
    pub(super) fn code(&self) -> Option<Code> {
        (self.0.load(Ordering::Relaxed) == HEAD).then_some(Code::RequestMalformed)
    }
}

impl<I> Patient<I> {
    /// `head` is the longest time from the first byte of a head to its last, `answer` the longest time a client may take
    /// nothing to speak of. `activity` knows of the requests that run on the connection.
    pub(super) fn new(io: I, head: Duration, answer: Duration, activity: Activity) -> Self {
        let head = Head {
            deadline: Deadline::new(head),
            begun: None,
        };
        Self {
            io,
            activity,
            head,
            answer: Deadline::new(answer),
            stalled: None,
            taken: 0,
            cut: Cut::default(),
        }
    }

    /// The stream alone, of a connection that nothing is waited for on.
    pub(super) fn into_inner(self) -> I {
        self.io
    }

    /// Where it will stand why this connection was cut.
    pub(super) fn cut(&self) -> Cut {
        self.cut.clone()
    }

    /// Whether the head that is coming in takes too long. `came` says that bytes came just now, `waits` that there are none.
    fn head_is_late(&mut self, context: &mut Context<'_>, came: bool, waits: bool) -> bool {
        let head = &mut self.head;
        let requests = self.activity.requests();
        if requests.running > 0 || head.begun.is_some_and(|(_, before)| before != requests.begun) {
            // It was whole: its request runs, or has run.
            head.begun = None;
        }
        if requests.running == 0 && came && head.begun.is_none() {
            head.begun = Some((Instant::now(), requests.begun));
        }
        // Most heads are whole in one piece; only one that is waited for costs a timer.
        match head.begun {
            Some((since, _)) if waits => head.deadline.wait(since, context),
            Some((since, _)) => head.deadline.has_passed(since),
            None => false,
        }
    }

    /// The client does not take what is written.
    fn stalls<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        let since = *self.stalled.get_or_insert_with(Instant::now);
        if self.answer.wait(since, context) {
            return Poll::Ready(Err(self.end(ANSWER, "the client does not take its answer")));
        }
        Poll::Pending
    }

    fn takes(&mut self, bytes: usize) {
        if self.stalled.is_some() {
            self.taken = self.taken.saturating_add(bytes);
            if self.taken >= STEP_BYTES {
                self.takes_all();
            }
        }
    }

    fn takes_all(&mut self) {
        self.stalled = None;
        self.taken = 0;
    }

    fn end(&self, reason: u8, text: &'static str) -> io::Error {
        self.cut.0.store(reason, Ordering::Relaxed);
        io::Error::new(io::ErrorKind::TimedOut, text)
    }

    fn written<T>(
        &mut self,
        outcome: Poll<io::Result<T>>,
        context: &mut Context<'_>,
        bytes: impl FnOnce(&T) -> Option<usize>,
    ) -> Poll<io::Result<T>> {
        match outcome {
            Poll::Pending => self.stalls(context),
            Poll::Ready(Ok(value)) => {
                match bytes(&value) {
                    Some(bytes) => self.takes(bytes),
                    None => self.takes_all(),
                }
                Poll::Ready(Ok(value))
            }
            failed => failed,
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Patient<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut this.io).poll_read(context, buffer);
        let came = buffer.filled().len() > before;
        if this.head_is_late(context, came, outcome.is_pending()) {
            return Poll::Ready(Err(this.end(HEAD, "the head of the request came too slowly")));
        }
        outcome
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Patient<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.io).poll_write(context, bytes);
        self.written(outcome, context, |count| Some(*count))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.io).poll_write_vectored(context, bytes);
        self.written(outcome, context, |count| Some(*count))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.io).poll_flush(context);
        self.written(outcome, context, |()| None)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.io).poll_shutdown(context);
        self.written(outcome, context, |()| None)
    }
}

/// A time after which waiting ends; costs nothing until something is waited for.
struct Deadline {
    longest: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
    /// What the sleep is set for.
    set_for: Option<Instant>,
}

impl Deadline {
    const fn new(longest: Duration) -> Self {
        Self {
            longest,
            sleep: None,
            set_for: None,
        }
    }

    /// Whether it has passed for what began at `since`.
    fn has_passed(&self, since: Instant) -> bool {
        since.elapsed() >= self.longest
    }

    /// The same; if not, the task is woken when it does.
    fn wait(&mut self, since: Instant, context: &mut Context<'_>) -> bool {
        let end = since + self.longest;
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(end)));
        if self.set_for.replace(since) != Some(since) {
            sleep.as_mut().reset(end);
        }
        sleep.as_mut().poll(context).is_ready()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    use super::*;

    /// Passes while a test waits for it.
    const SHORT: Duration = Duration::from_millis(50);
    /// Passes in no test.
    const LONG: Duration = Duration::from_secs(3600);

    fn watched(head: Duration, answer: Duration) -> (Patient<DuplexStream>, DuplexStream, Activity) {
        let (ours, theirs) = duplex(1024);
        let activity = Activity::new();
        let patient = Patient::new(ours, head, answer, activity.clone());
        (patient, theirs, activity)
    }

    /// Looks once whether there is anything to read.
    async fn look(patient: &mut Patient<DuplexStream>) -> Option<io::Result<usize>> {
        let mut buffer = [0; 64];
        tokio::time::timeout(Duration::ZERO, patient.read(&mut buffer))
            .await
            .ok()
    }

    fn head_is_awaited(patient: &Patient<DuplexStream>) -> bool {
        patient.head.begun.is_some()
    }

    /// HTTP-11
    #[tokio::test]
    async fn a_head_that_trickles_ends_at_its_deadline() {
        let (mut patient, mut theirs, _) = watched(SHORT, LONG);
        let trickle = tokio::spawn(async move {
            while theirs.write_all(b"x").await.is_ok() {
                tokio::time::sleep(SHORT / 10).await;
            }
        });
        let began = Instant::now();
        let mut buffer = [0; 64];
        let error = loop {
            if let Err(error) = patient.read(&mut buffer).await {
                break error;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(began.elapsed() >= SHORT);
        assert_eq!(patient.cut().reason(), Some("head-deadline"));
        drop(patient);
        trickle.await.unwrap();
    }

    #[tokio::test]
    async fn a_head_that_stands_still_ends_too() {
        let (mut patient, mut theirs, _) = watched(SHORT, LONG);
        theirs.write_all(b"GET / HT").await.unwrap();
        let mut buffer = [0; 64];
        assert_eq!(patient.read(&mut buffer).await.unwrap(), 8);
        let late = patient.read(&mut buffer).await.unwrap_err();
        assert_eq!(late.kind(), io::ErrorKind::TimedOut);
    }

    /// The deadline is the head's alone: not of silence between two, not of a running request's body.
    #[tokio::test]
    async fn silence_bodies_and_the_next_request_have_nothing_to_do_with_a_head_that_was_whole() {
        let (mut patient, mut theirs, activity) = watched(SHORT, LONG);
        let mut buffer = [0; 64];
        let silent = async |patient: &mut Patient<DuplexStream>, what: &str| {
            let mut buffer = [0; 64];
            let waited = tokio::time::timeout(2 * SHORT, patient.read(&mut buffer)).await;
            assert!(waited.is_err(), "{what}: {waited:?}");
        };
        silent(&mut patient, "before the first").await;
        for _ in 0..2 {
            theirs.write_all(b"head").await.unwrap();
            patient.read_exact(&mut buffer[..4]).await.unwrap();
            let running = activity.begin();
            silent(&mut patient, "the body is not there yet").await;
            theirs.write_all(b"body").await.unwrap();
            patient.read_exact(&mut buffer[..4]).await.unwrap();
            silent(&mut patient, "the answer is not there yet").await;
            drop(running);
            silent(&mut patient, "between two requests").await;
        }
        assert_eq!(patient.cut().reason(), None);
    }

    /// A request that begins and ends before anything is read again.
    #[tokio::test]
    async fn a_request_that_is_over_at_once_ends_the_deadline_of_its_head() {
        let (mut patient, mut theirs, activity) = watched(LONG, LONG);
        for piece in [&b"he"[..], b"ad"] {
            theirs.write_all(piece).await.unwrap();
            assert_eq!(look(&mut patient).await.unwrap().unwrap(), 2);
            assert!(head_is_awaited(&patient));
        }
        drop(activity.begin());
        assert!(look(&mut patient).await.is_none());
        assert!(!head_is_awaited(&patient));
        theirs.write_all(b"next").await.unwrap();
        assert_eq!(look(&mut patient).await.unwrap().unwrap(), 4);
        assert!(head_is_awaited(&patient));
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_or_next_to_nothing_is_cut() {
        for bytes in [0, 1] {
            let (mut patient, mut theirs, _) = watched(LONG, SHORT);
            let reading = tokio::spawn(async move {
                let mut buffer = vec![0; bytes];
                while theirs.read(&mut buffer).await.is_ok() {
                    tokio::time::sleep(SHORT / 10).await;
                }
            });
            let error = patient.write_all(&[b'a'; STEP_BYTES]).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            assert_eq!(patient.cut().reason(), Some("answer-deadline"));
            reading.abort();
        }
    }

    #[tokio::test]
    async fn each_step_that_a_slow_client_takes_begins_its_time_anew() {
        let (mut patient, mut theirs, _) = watched(LONG, LONG);
        let mut write = async |bytes: usize| {
            let answer = vec![b'a'; bytes];
            let mut taken = vec![0; bytes - 1024];
            let (written, read) = tokio::join!(patient.write_all(&answer), theirs.read_exact(&mut taken));
            written.unwrap();
            read.unwrap();
            let mut rest = [0; 1024];
            theirs.read_exact(&mut rest).await.unwrap();
            patient.stalled.map(|_| patient.taken)
        };
        let taken = write(STEP_BYTES / 2).await.unwrap();
        assert!(taken > 0 && taken < STEP_BYTES, "{taken}");
        assert!(write(STEP_BYTES).await.is_none_or(|taken| taken < STEP_BYTES / 2));
        patient.flush().await.unwrap();
        assert_eq!(
            (patient.stalled, patient.taken),
            (None, 0),
            "nothing is left to take"
        );
    }
}
