//! Whether a connection has anything to do.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// Counts the requests that run on a connection, and remembers since when there are none.
#[derive(Clone)]
pub(super) struct Activity(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// Told when no further request is wanted.
    enough: Notify,
}

struct State {
    running: usize,
    begun: u64,
    idle_since: Instant,
}

/// The requests of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Requests {
    /// Those that run.
    pub(super) running: usize,
    /// Those that have begun since the connection did.
    pub(super) begun: u64,
}

/// One running request; ends with the drop.
pub(super) struct Running(Activity);

impl Activity {
    /// Idle since now.
    pub(super) fn new() -> Self {
        Self(Arc::new(Shared {
            state: Mutex::new(State {
                running: 0,
                begun: 0,
                idle_since: Instant::now(),
            }),
            enough: Notify::new(),
        }))
    }

    /// A request begins.
    pub(super) fn begin(&self) -> Running {
        let mut state = self.state();
        state.running = state.running.saturating_add(1);
        state.begun = state.begun.wrapping_add(1);
        drop(state);
        Running(self.clone())
    }

    /// The requests until now.
    pub(super) fn requests(&self) -> Requests {
        let state = self.state();
        Requests {
            running: state.running,
            begun: state.begun,
        }
    }

    /// Ends when nothing has run for `longest`, or when no further request is wanted.
    pub(super) fn idle_for(&self, longest: Duration) -> impl Future<Output = ()> + use<> {
        let activity = self.clone();
        async move {
            loop {
                let now = Instant::now();
                let end = activity.ends(longest, now);
                if end <= now {
                    return;
                }
                tokio::select! {
                    () = tokio::time::sleep_until(end) => {}
                    () = activity.0.enough.notified() => return,
                }
            }
        }
    }

    /// When it will have been idle for `longest`, if nothing begins from `now` on.
    fn ends(&self, longest: Duration, now: Instant) -> Instant {
        let state = self.state();
        let since = if state.running == 0 { state.idle_since } else { now };
        since + longest
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    /// No request is wanted on the connection after this one.
    pub(super) fn is_the_last(&self) {
        self.0.0.enough.notify_one();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.running = state.running.saturating_sub(1);
        state.idle_since = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: Duration = Duration::from_secs(75);

    #[test]
    fn a_connection_is_idle_only_while_nothing_runs() {
        let later = Instant::now() + Duration::from_secs(600);
        let activity = Activity::new();
        assert!(activity.ends(LONGEST, later) < later);
        let (first, second) = (activity.begin(), activity.begin());
        assert_eq!(activity.requests(), Requests { running: 2, begun: 2 });
        assert_eq!(activity.ends(LONGEST, later), later + LONGEST);
        drop(first);
        assert_eq!(activity.ends(LONGEST, later), later + LONGEST, "one still runs");
        let before = Instant::now();
        drop(second);
        assert!(activity.ends(LONGEST, later) < later);
        assert!(
            activity.ends(LONGEST, later) >= before + LONGEST,
            "the time begins anew"
        );
        assert_eq!(activity.requests(), Requests { running: 0, begun: 2 });
    }
}
