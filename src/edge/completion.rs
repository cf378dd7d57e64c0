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
pub(super) struct Completing<T: Send + 'static> {
    work: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
    drain: Drain,
    /// Counts it among the requests that a drain waits for.
    _counted: TaskTrackerToken,
}

impl<T: Send + 'static> Completing<T> {
    pub(super) fn new(
        work: Pin<Box<dyn Future<Output = T> + Send>>,
        drain: Drain,
        counted: TaskTrackerToken,
    ) -> Self {
        Self {
            work: Some(work),
            drain,
            _counted: counted,
        }
    }
}

impl<T: Send + 'static> Future for Completing<T> {
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
        Poll::Ready(outcome)
    }
}

impl<T: Send + 'static> Drop for Completing<T> {
    fn drop(&mut self) {
        // Without a runtime the process ends, and the request with it.
        if let Some(work) = self.work.take()
            && Handle::try_current().is_ok()
        {
            self.drain.continue_request(work);
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
    async fn begin<T: Send>(work: &mut Completing<T>) -> Option<Option<T>> {
        tokio::time::timeout(Duration::ZERO, work).await.ok()
    }

    #[tokio::test]
    async fn work_ends_where_it_is_waited_for() {
        let drain = Drain::default();
        let here = tokio::task::id;
        let work = tokio::spawn(async move { drain.complete(async move { here() }).await == Some(here()) });
        assert!(work.await.unwrap());
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_any_longer_runs_to_its_end() {
        let (drain, goes_on) = (Drain::default(), Arc::new(Notify::new()));
        let (done, is_done) = oneshot::channel();
        let waits = Arc::clone(&goes_on);
        let mut work = drain.complete(async move {
            waits.notified().await;
            done.send(()).unwrap();
        });
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
    async fn a_panic_ends_the_work_and_nothing_else() {
        let drain = Drain::default();
        let outcome: Option<()> = drain.complete(async { panic!("a defect") }).await;
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
        let mut work = drain.complete(async move {
            let _told = told;
            std::future::pending::<()>().await;
        });
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
