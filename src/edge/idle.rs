//! Whether a connection has anything to do.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
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
    /// Whether all that has come was handed on and all that was answered has been sent.
    stands_still: AtomicBool,
}

struct State {
    running: usize,
    /// Answers whose bodies have not been given whole.
    on_their_way: usize,
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
pub(super) struct Running {
    activity: Activity,
    is_answered: bool,
}

/// What a connection comes to that has nothing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pause {
    /// It rests: nothing has begun and nothing is on its way, neither here nor there.
    Rest,
    /// Nobody waits for it any longer.
    End,
}

impl Activity {
    /// Idle since now.
    pub(super) fn new() -> Self {
        Self(Arc::new(Shared {
            state: Mutex::new(State {
                running: 0,
                on_their_way: 0,
                begun: 0,
                idle_since: Instant::now(),
            }),
            enough: Notify::new(),
            stands_still: AtomicBool::new(false),
        }))
    }

    /// A request begins.
    pub(super) fn begin(&self) -> Running {
        let mut state = self.state();
        state.running = state.running.saturating_add(1);
        state.begun = state.begun.wrapping_add(1);
        drop(state);
        Running {
            activity: self.clone(),
            is_answered: false,
        }
    }

    /// Told by who sees every byte of the connection. Only the task of the connection tells it and asks for it.
    pub(super) fn stands_still(&self, whether: bool) {
        self.0.stands_still.store(whether, Ordering::Relaxed);
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

    /// Ends when the connection has rested for `rest`, or when [`Activity::idle_for`] would. It looks once in `rest`, whatever
    /// happens meanwhile, so that a busy connection does not set a timer for every request.
    pub(super) async fn pause(&self, rest: Duration, longest: Duration) -> Pause {
        loop {
            let now = Instant::now();
            let end = self.ends(longest, now);
            if end <= now {
                return Pause::End;
            }
            let rests_at = self.ends(rest, now);
            if rests_at <= now && self.is_whole() {
                return Pause::Rest;
            }
            let next = if rests_at > now { rests_at } else { now + rest };
            tokio::select! {
                () = tokio::time::sleep_until(next.min(end)) => {}
                () = self.0.enough.notified() => return Pause::End,
            }
        }
    }

    /// Whether every answer has gone and nothing of a next request has come.
    fn is_whole(&self) -> bool {
        self.state().on_their_way == 0 && self.0.stands_still.load(Ordering::Relaxed)
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
        self.activity.0.enough.notify_one();
    }

    /// There is an answer; from now until the drop it is on its way.
    pub(super) fn is_answered(&mut self) {
        let mut state = self.activity.state();
        state.end();
        state.on_their_way = state.on_their_way.saturating_add(1);
        drop(state);
        self.is_answered = true;
    }
}

impl State {
    fn end(&mut self) {
        self.running = self.running.saturating_sub(1);
        self.idle_since = Instant::now();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut state = self.activity.state();
        if self.is_answered {
            state.on_their_way = state.on_their_way.saturating_sub(1);
        } else {
            state.end();
        }
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

    #[tokio::test]
    async fn a_connection_rests_when_nothing_is_on_its_way_in_either_direction() {
        let rest = Duration::from_millis(5);
        let activity = Activity::new();
        let pauses = async || {
            tokio::time::timeout(rest * 4, activity.pause(rest, LONGEST))
                .await
                .ok()
        };
        assert_eq!(pauses().await, None, "bytes may be on their way");
        activity.stands_still(true);
        let rests = async || activity.pause(rest, LONGEST).await == Pause::Rest;
        assert!(rests().await);
        let mut request = activity.begin();
        assert_eq!(pauses().await, None, "a request runs");
        request.is_answered();
        assert_eq!(activity.requests().running, 0);
        assert_eq!(pauses().await, None, "its answer is on its way");
        drop(request);
        assert!(rests().await);
    }

    #[tokio::test]
    async fn a_connection_that_never_rests_ends_all_the_same() {
        let (rest, longest) = (Duration::from_millis(5), Duration::from_millis(50));
        let activity = Activity::new();
        let began = Instant::now();
        assert_eq!(activity.pause(rest, longest).await, Pause::End);
        assert!(began.elapsed() >= longest);
        activity.begin().is_the_last();
        assert_eq!(activity.pause(rest, LONGEST).await, Pause::End);
    }
}
