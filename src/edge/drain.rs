//! Going away without cutting a request short.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Longest time that work which was told to stop may take to notice.
const ABORT_TIME: Duration = Duration::from_secs(1);

/// The end of a gateway's life, shared by all that must hear of it. First no new connection is accepted, and those that
/// are open finish the requests they carry (HTTP/2 by GOAWAY, HTTP/1.1 by `Connection: close`); after a while what is
/// still running is dropped.
#[derive(Clone, Debug, Default)]
pub struct Drain {
    begun: CancellationToken,
    aborted: CancellationToken,
    work: TaskTracker,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections and requests that were still running at the deadline and were dropped.
    pub aborted: usize,
}

impl Drain {
    /// Whether the gateway is going away.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.begun.is_cancelled()
    }

    /// Waits for that.
    pub async fn begun(&self) {
        self.begun.cancelled().await;
    }

    /// Begins it.
    pub fn begin(&self) {
        self.begun.cancel();
    }

    /// Begins it if it has not begun, waits at most `grace` for everything to finish, then drops what is left.
    pub async fn finish(&self, grace: Duration) -> Drained {
        self.begin();
        self.work.close();
        if tokio::time::timeout(grace, self.work.wait()).await.is_ok() {
            return Drained { aborted: 0 };
        }
        let aborted = self.work.len();
        self.aborted.cancel();
        if tokio::time::timeout(ABORT_TIME, self.work.wait()).await.is_err() {
            tracing::error!(
                left = self.work.len(),
                "tasks did not stop when they were dropped"
            );
        }
        Drained { aborted }
    }

    /// Runs `task` as work that a drain waits for, and drops it at the deadline; then its output is `None`.
    pub(super) fn spawn<T>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<Option<T>>
    where
        T: Send + 'static,
    {
        let aborted = self.aborted.clone();
        self.work
            .spawn(async move { aborted.run_until_cancelled(task).await })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_ends_is_waited_for() {
        let drain = Drain::default();
        let inside = drain.clone();
        let task = drain.spawn(async move { inside.begun().await });
        assert_eq!(
            drain.finish(Duration::from_secs(60)).await,
            Drained { aborted: 0 }
        );
        assert_eq!(task.await.unwrap(), Some(()));
    }

    #[tokio::test]
    async fn work_that_does_not_end_is_dropped_at_the_deadline() {
        let drain = Drain::default();
        let task = drain.spawn(std::future::pending::<()>());
        assert_eq!(
            drain.finish(Duration::from_millis(1)).await,
            Drained { aborted: 1 }
        );
        assert_eq!(task.await.unwrap(), None);
    }
}
