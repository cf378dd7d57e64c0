//! Work that runs to its end even if nobody waits for it any longer.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::drain::Drain;

/// Runs a request where its answer is waited for: in the task of its connection or stream, so that it needs none of its own.
/// If that goes away first, because the client hung up or reset the stream, what is left of the request becomes a task and
/// runs to its end. Ends with `None` when the request panicked: that ends the request, not its connection.
pub(super) struct Completing<T: Send + 'static, H: Send + Unpin + 'static> {
    work: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
    /// What the request holds until it is done.
    held: Option<H>,
    drain: Drain,
    /// Counts it among the requests that a drain waits for.
    _counted: TaskTrackerToken,
}

impl<T: Send + 'static, H: Send + Unpin + 'static> Completing<T, H> {
    pub(super) fn new(
        work: Pin<Box<dyn Future<Output = T> + Send>>,
        held: H,
        drain: Drain,
        counted: TaskTrackerToken,
    ) -> Self {
        Self {
            work: Some(work),
            held: Some(held),
            drain,
            _counted: counted,
        }
    }
}

impl<T: Send + 'static, H: Send + Unpin + 'static> Future for Completing<T, H> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let Some(work) = &mut self.work else {
            return Poll::Ready(None);
        };
        // What a panic leaves half done is dropped here and seen by nobody.
        let outcome = match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Some(output),
            Err(_) => None,
        };
        self.work = None;
        self.held = None;
        Poll::Ready(outcome)
    }
}

impl<T: Send + 'static, H: Send + Unpin + 'static> Drop for Completing<T, H> {
    fn drop(&mut self) {
        // Without a runtime the process ends, and the request with it.
        if let Some(work) = self.work.take()
            && Handle::try_current().is_ok()
        {
            let held = self.held.take();
            self.drain.continue_request(async move {
                work.await;
                drop(held);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use tokio::sync::{Notify, oneshot};

    use super::super::drain::Drained;
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    /// Polls it once.
    async fn begin<T: Send>(work: &mut Completing<T, ()>) -> Option<Option<T>> {
        tokio::time::timeout(Duration::ZERO, work).await.ok()
    }

    #[tokio::test]
    async fn work_ends_where_it_is_waited_for() {
        let drain = Drain::default();
        let here = tokio::task::id;
        let work =
            tokio::spawn(
                async move { drain.complete(Box::pin(async move { here() }), ()).await == Some(here()) },
            );
        assert!(work.await.unwrap());
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_any_longer_runs_to_its_end() {
        let (drain, goes_on) = (Drain::default(), Arc::new(Notify::new()));
        let (done, is_done) = oneshot::channel();
        let waits = Arc::clone(&goes_on);
        let work = async move {
            waits.notified().await;
            done.send(()).unwrap();
        };
        let mut work = drain.complete(Box::pin(work), ());
        assert_eq!(begin(&mut work).await, None);
        drop(work);
        let draining = tokio::spawn({
            let drain = drain.clone();
            async move { drain.finish(LONG).await }
        });
        drain.begun().await;
        goes_on.notify_one();
        is_done.await.unwrap();
        assert_eq!(draining.await.unwrap(), Drained::default(), "it was waited for");
    }

    #[tokio::test]
    async fn what_is_held_is_held_until_the_work_is_done() {
        for is_waited_for in [true, false] {
            let (drain, goes_on, held) = (Drain::default(), Arc::new(Notify::new()), Arc::new(()));
            let waits = Arc::clone(&goes_on);
            let work = Box::pin(async move { waits.notified().await });
            let mut work = drain.complete(work, Arc::clone(&held));
            assert!(tokio::time::timeout(Duration::ZERO, &mut work).await.is_err());
            let waiting = is_waited_for.then(|| tokio::spawn(work));
            tokio::task::yield_now().await;
            assert_eq!(Arc::strong_count(&held), 2, "{is_waited_for}");
            goes_on.notify_one();
            if let Some(waiting) = waiting {
                waiting.await.unwrap();
            }
            assert_eq!(drain.finish(LONG).await, Drained::default());
            assert_eq!(Arc::strong_count(&held), 1, "{is_waited_for}");
        }
    }

    #[tokio::test]
    async fn a_panic_ends_the_work_and_nothing_else() {
        let drain = Drain::default();
        let outcome: Option<()> = drain.complete(Box::pin(async { panic!("a defect") }), ()).await;
        assert_eq!(outcome, None);
        assert_eq!(drain.finish(LONG).await, Drained::default());
    }

    #[tokio::test]
    async fn work_that_was_dropped_at_the_deadline_is_not_taken_up_again() {
        struct Told(Arc<AtomicBool>);
        impl Drop for Told {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let (drain, is_gone) = (Drain::default(), Arc::new(AtomicBool::new(false)));
        let told = Told(Arc::clone(&is_gone));
        let work = async move {
            let _told = told;
            std::future::pending::<()>().await;
        };
        let mut work = drain.complete(Box::pin(work), ());
        assert_eq!(begin(&mut work).await, None);
        let connection = drain.clone();
        drain.spawn_connection(async move {
            drop(connection);
            work.await;
        });
        let drained = drain.finish(Duration::from_millis(1)).await;
        assert_eq!((drained.requests, drained.connections), (1, 1));
        assert!(is_gone.load(Ordering::Relaxed));
    }
}
