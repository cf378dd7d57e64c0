//! Going away without cutting a request short.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

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
pub struct Drain {
    begun: CancellationToken,
    /// Nobody wants to wait any longer.
    hurried: CancellationToken,
    aborted: CancellationToken,
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
        self.begun.is_cancelled()
    }

    /// Waits for that.
    pub async fn begun(&self) {
        self.begun.cancelled().await;
    }

    /// Waits until it has begun and [`LINGER`] is over: for who was accepted just before and has not asked yet.
    pub(super) async fn lingered(&self) {
        self.begun().await;
        tokio::time::sleep(LINGER).await;
    }

    /// Begins it.
    pub fn begin(&self) {
        self.begun.cancel();
    }

    /// Ends the waiting: what still runs is dropped at once.
    pub fn hurry(&self) {
        self.hurried.cancel();
    }

    /// Begins it if it has not begun, waits at most `grace` for everything to finish, then drops what is left.
    pub async fn finish(&self, grace: Duration) -> Drained {
        self.begin();
        self.connections.close();
        self.requests.close();
        tokio::select! {
            () = self.all_done() => return Drained::default(),
            () = tokio::time::sleep(grace) => {}
            () = self.hurried.cancelled() => {}
        }
        let drained = Drained {
            requests: self.requests.len(),
            connections: self.connections.len(),
        };
        self.aborted.cancel();
        if tokio::time::timeout(ABORT_TIME, self.all_done()).await.is_err() {
            let left = self.connections.len() + self.requests.len();
            tracing::error!(left, "tasks did not stop when they were dropped");
        }
        drained
    }

    async fn all_done(&self) {
        tokio::join!(self.connections.wait(), self.requests.wait());
    }

    /// Runs `task` as a connection, or as what accepts them.
    pub(super) fn spawn_connection(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.spawn(&self.connections, task);
    }

    /// Runs `task` as a request; its output is `None` when it was dropped at the deadline.
    pub(super) fn spawn_request<T>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<Option<T>>
    where
        T: Send + 'static,
    {
        self.spawn(&self.requests, task)
    }

    fn spawn<T>(
        &self,
        work: &TaskTracker,
        task: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<Option<T>>
    where
        T: Send + 'static,
    {
        let aborted = self.aborted.clone();
        work.spawn(async move { aborted.run_until_cancelled(task).await })
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
        let task = drain.spawn_request(async move { inside.begun().await });
        let inside = drain.clone();
        drain.spawn_connection(async move { inside.begun().await });
        assert_eq!(drain.finish(LONG).await, Drained::default());
        assert_eq!(task.await.unwrap(), Some(()));
    }

    #[tokio::test]
    async fn work_that_does_not_end_is_dropped_at_the_deadline_and_counted_by_its_kind() {
        let drain = Drain::default();
        let task = drain.spawn_request(std::future::pending::<()>());
        drain.spawn_connection(std::future::pending());
        drain.spawn_connection(std::future::pending());
        assert_eq!(
            drain.finish(Duration::from_millis(1)).await,
            Drained {
                requests: 1,
                connections: 2
            }
        );
        assert_eq!(task.await.unwrap(), None);
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
