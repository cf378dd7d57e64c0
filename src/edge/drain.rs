//! Going away without cutting a request short.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tokio_util::task::TaskTracker;

use super::completion::Completing;

/// Longest time that work which was told to stop may take to notice.
const ABORT_TIME: Duration = Duration::from_secs(1);

/// How long a connection that has asked nothing, or an idle one of HTTP/1, stays when the gateway begins to go away: a request that is on its way then, or is
/// sent before the client knows, is answered with `Connection: close` instead of meeting a closed socket (RFC 9112,
/// section 9.6, knows no other way to say goodbye). A busy client sends its next request well within it.
pub(super) const LINGER: Duration = Duration::from_secs(1);

/// The end of a gateway's life, shared by all that must hear of it. First no new connection is accepted, and those that
/// are open finish the requests they carry (HTTP/2 by GOAWAY, HTTP/1.1 by `Connection: close`); after a while what is
/// still running is dropped.
#[derive(Clone, Debug, Default)]
pub struct Drain(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    begun: Signal,
    /// Nobody wants to wait any longer.
    hurried: Signal,
    aborted: Signal,
    connections: TaskTracker,
    requests: TaskTracker,
}

/// How it ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Requests that were still running at the deadline and were dropped.
    pub requests: usize,
    /// Connections that were; without requests of their own, they were clients that did not go.
    pub connections: usize,
}

impl Drain {
    /// Whether the gateway is going away.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.0.begun.is_given()
    }

    /// Waits for that.
    pub async fn begun(&self) {
        self.0.begun.heard().await;
    }

    /// Waits until it has begun and [`LINGER`] is over: for who was accepted just before and has not asked yet.
    pub(super) async fn lingered(&self) {
        self.begun().await;
        tokio::time::sleep(LINGER).await;
    }

    /// Begins it.
    pub fn begin(&self) {
        self.0.begun.give();
    }

    /// Ends the waiting: what still runs is dropped at once.
    pub fn hurry(&self) {
        self.0.hurried.give();
    }

    /// Begins it if it has not begun, waits at most `grace` for everything to finish, then drops what is left.
    pub async fn finish(&self, grace: Duration) -> Drained {
        self.begin();
        self.0.connections.close();
        self.0.requests.close();
        tokio::select! {
            () = self.all_done() => return Drained::default(),
            () = tokio::time::sleep(grace) => {}
            () = self.0.hurried.heard() => {}
        }
        let drained = Drained {
            requests: self.0.requests.len(),
            connections: self.0.connections.len(),
        };
        self.0.aborted.give();
        if tokio::time::timeout(ABORT_TIME, self.all_done()).await.is_err() {
            let left = self.0.connections.len() + self.0.requests.len();
            tracing::error!(left, "tasks did not stop when they were dropped");
        }
        drained
    }

    /// Requests come from connections, so when those are gone no other comes.
    async fn all_done(&self) {
        self.0.connections.wait().await;
        self.0.requests.wait().await;
    }

    /// Runs `task` as a connection, or as what accepts them.
    pub(super) fn spawn_connection(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.spawn(&self.0.connections, task);
    }

    /// The same on `runtime`.
    pub(super) fn spawn_connection_on(
        &self,
        runtime: &tokio::runtime::Handle,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let _entered = runtime.enter();
        self.spawn_connection(task);
    }

    /// Runs `work` as a request where it is waited for, and to its end if it is not; `held` is kept until then.
    pub(super) fn complete<T: Send + 'static, H: Send + Unpin + 'static>(
        &self,
        work: Pin<Box<dyn Future<Output = T> + Send>>,
        held: H,
    ) -> Completing<T, H> {
        Completing::new(work, held, self.clone(), self.0.requests.token())
    }

    /// Runs the rest of a request as a task of its own, unless it was dropped at the deadline.
    pub(super) fn continue_request(&self, work: impl Future<Output: Send> + Send + 'static) {
        if !self.0.aborted.is_given() {
            self.spawn(&self.0.requests, work);
        }
    }

    fn spawn<T>(
        &self,
        work: &TaskTracker,
        task: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<Option<T>>
    where
        T: Send + 'static,
    {
        let aborted = self.0.aborted.heard();
        work.spawn(async move {
            tokio::select! {
                biased;
                () = aborted => None,
                output = task => Some(output),
            }
        })
    }
}

/// Given once and heard by all.
#[derive(Debug, Default)]
struct Signal {
    /// Set just before the token is cancelled.
    is_given: Arc<AtomicBool>,
    token: CancellationToken,
}

impl Signal {
    fn give(&self) {
        self.is_given.store(true, Ordering::Release);
        self.token.cancel();
    }

    fn is_given(&self) -> bool {
        self.is_given.load(Ordering::Acquire)
    }

    fn heard(&self) -> Hearing {
        Hearing {
            is_given: Arc::clone(&self.is_given),
            token: Box::pin(self.token.clone().cancelled_owned()),
            waker: None,
        }
    }
}

/// Waits for a signal, beside something else that is polled often: every poll of a token takes a lock that all connections
/// share, so it is polled only when there is news.
struct Hearing {
    is_given: Arc<AtomicBool>,
    token: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Whom the token wakes.
    waker: Option<Waker>,
}

impl Future for Hearing {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let knows = |waker: &Waker| waker.will_wake(context.waker());
        if !self.is_given.load(Ordering::Acquire) && self.waker.as_ref().is_some_and(knows) {
            return Poll::Pending;
        }
        let outcome = self.token.as_mut().poll(context);
        self.waker = Some(context.waker().clone());
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn work_that_ends_is_waited_for() {
        let drain = Drain::default();
        let inside = drain.clone();
        let task = tokio::spawn(drain.complete(Box::pin(async move { inside.begun().await }), ()));
        let inside = drain.clone();
        drain.spawn_connection(async move { inside.begun().await });
        assert_eq!(drain.finish(LONG).await, Drained::default());
        assert_eq!(task.await.unwrap(), Some(()));
    }

    #[tokio::test]
    async fn work_that_does_not_end_is_dropped_at_the_deadline_and_counted_by_its_kind() {
        let drain = Drain::default();
        drop(drain.complete(Box::pin(std::future::pending::<()>()), ()));
        drain.spawn_connection(std::future::pending());
        drain.spawn_connection(std::future::pending());
        assert_eq!(
            drain.finish(Duration::from_millis(1)).await,
            Drained {
                requests: 1,
                connections: 2
            }
        );
    }

    #[tokio::test]
    async fn a_signal_is_heard_however_seldom_its_lock_is_taken() {
        let signal = Signal::default();
        let mut hearing = signal.heard();
        for _ in 0..3 {
            assert!(tokio::time::timeout(Duration::ZERO, &mut hearing).await.is_err());
        }
        // Another task waits for it from now on.
        let waiting = tokio::spawn(hearing);
        tokio::task::yield_now().await;
        assert!(!signal.is_given() && !waiting.is_finished());
        signal.give();
        waiting.await.unwrap();
        signal.heard().await;
        assert!(signal.is_given());
    }

    #[tokio::test]
    async fn who_does_not_want_to_wait_need_not() {
        let drain = Drain::default();
        drain.spawn_connection(std::future::pending());
        let hurrying = drain.clone();
        let (drained, ()) = tokio::join!(drain.finish(LONG * 60), async move {
            hurrying.begun().await;
            hurrying.hurry();
        });
        assert_eq!(drained.connections, 1);
    }
}
