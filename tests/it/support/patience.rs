//! Waiting for what happens sooner or later: patient with a machine that is slow or a disk that takes its time, and with a word
//! about what was waited for when it does not happen.

use std::future::Future;
use std::time::Duration;

/// What has not happened by then does not happen: much longer than the slowest machine needs, so that only a fault waits for it.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks.
const AGAIN: Duration = Duration::from_millis(50);

/// What comes of `future`; `what` says what it is.
pub(crate) async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    let outcome = tokio::time::timeout(PATIENCE, future).await;
    outcome.unwrap_or_else(|_| panic!("waited {} s in vain: {what}", PATIENCE.as_secs()))
}

/// Looks again and again until there is something.
pub(crate) async fn found<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(AGAIN).await;
        }
    };
    in_time(what, looking).await
}

/// Looks again and again until it is so.
pub(crate) async fn in_the_end(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    found(what, async || is_so().await.then_some(())).await;
}
