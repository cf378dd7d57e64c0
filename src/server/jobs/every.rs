//! Repeating a job.

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::telemetry::{Metrics, names};

/// The periodic jobs of one gateway.
#[derive(Clone, Debug)]
pub struct Jobs {
    stop: CancellationToken,
    running: TaskTracker,
    metrics: Metrics,
}

impl Jobs {
    /// None yet.
    #[must_use]
    pub fn new(metrics: Metrics) -> Self {
        Self {
            stop: CancellationToken::new(),
            running: TaskTracker::new(),
            metrics,
        }
    }

    /// Runs `job` now and then every `interval`, one run at a time: when a run takes longer, the ticks it missed are
    /// left out. A fault is logged when it appears, when it changes, and when it is gone, not at every run.
    pub fn every<F, R, E>(&self, name: &'static str, interval: Duration, job: F)
    where
        F: FnMut() -> R + Send + 'static,
        R: Future<Output = Result<(), E>> + Send + 'static,
        E: Display + Send + 'static,
    {
        let (stop, metrics) = (self.stop.clone(), self.metrics.clone());
        self.running.spawn(repeat(name, interval, job, stop, metrics));
    }

    /// Runs `job` once when the jobs are told to stop: after the last request, before the gateway is gone.
    pub fn at_the_end<F, R, E>(&self, name: &'static str, job: F)
    where
        F: FnOnce() -> R + Send + 'static,
        R: Future<Output = Result<(), E>> + Send + 'static,
        E: Display + Send + 'static,
    {
        let stop = self.stop.clone();
        self.running.spawn(async move {
            stop.cancelled().await;
            if let Err(cause) = run_once(job()).await {
                tracing::error!(job = name, cause, "the last run of a job failed");
            }
        });
    }

    /// Waits at most `grace` for runs that have begun to end, and begins no other.
    pub async fn stop(&self, grace: Duration) {
        self.stop.cancel();
        self.running.close();
        if tokio::time::timeout(grace, self.running.wait()).await.is_err() {
            tracing::error!(left = self.running.len(), "jobs did not end in time");
        }
    }
}

async fn repeat<F, R, E>(
    name: &'static str,
    interval: Duration,
    mut job: F,
    stop: CancellationToken,
    metrics: Metrics,
) where
    F: FnMut() -> R + Send + 'static,
    R: Future<Output = Result<(), E>> + Send + 'static,
    E: Display + Send + 'static,
{
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut fault = LastFault::default();
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let outcome = run_once(job()).await;
        let label = if outcome.is_ok() { "done" } else { "failed" };
        metrics.count(&names::JOB_RUNS, [name.into(), label.into()]);
        match fault.change(outcome.err()) {
            Change::None => {}
            Change::New(cause) => tracing::error!(job = name, cause, "a job failed"),
            Change::Gone => tracing::info!(job = name, "a job that failed works again"),
        }
    }
}

/// One run, as a task of its own: a panic fails this run, not the ones after it.
async fn run_once<E: Display + Send + 'static>(
    run: impl Future<Output = Result<(), E>> + Send + 'static,
) -> Result<(), String> {
    match tokio::spawn(run).await {
        Ok(outcome) => outcome.map_err(|error| error.to_string()),
        Err(_) => Err("it panicked".to_owned()),
    }
}

/// The fault of the last run.
#[derive(Debug, Default)]
struct LastFault(Option<String>);

/// What became of it.
#[derive(Debug, PartialEq, Eq)]
enum Change {
    None,
    New(String),
    Gone,
}

impl LastFault {
    fn change(&mut self, now: Option<String>) -> Change {
        if self.0 == now {
            return Change::None;
        }
        self.0.clone_from(&now);
        now.map_or(Change::Gone, Change::New)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;
    use tokio::sync::mpsc;

    const SOON: Duration = Duration::from_millis(1);
    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_fault_is_said_once_until_it_changes() {
        let mut fault = LastFault::default();
        let failed = |text: &str| Some(text.to_owned());
        assert_eq!(fault.change(None), Change::None);
        assert_eq!(
            fault.change(failed("disk full")),
            Change::New("disk full".to_owned())
        );
        assert_eq!(fault.change(failed("disk full")), Change::None);
        assert_eq!(fault.change(failed("no disk")), Change::New("no disk".to_owned()));
        assert_eq!(fault.change(None), Change::Gone);
        assert_eq!(fault.change(None), Change::None);
    }

    #[tokio::test]
    async fn a_job_goes_on_after_a_panic_and_ends_when_told() {
        let (sender, mut runs) = mpsc::channel(1);
        let jobs = Jobs::new(Metrics::default());
        let mut first = true;
        jobs.every("test", SOON, move || {
            let (sender, panics) = (sender.clone(), std::mem::take(&mut first));
            async move {
                assert!(!panics, "the first run fails");
                let _ = sender.send(()).await;
                Ok::<_, Infallible>(())
            }
        });
        runs.recv().await.unwrap();
        runs.recv().await.unwrap();
        // The job may be waiting to say that it ran again.
        runs.close();
        jobs.stop(LONG).await;
        assert!(jobs.running.is_empty());
        assert!(
            jobs.metrics
                .render()
                .contains(r#"countersign_job_runs_total{job="test",outcome="failed"} 1"#)
        );
    }

    #[tokio::test]
    async fn what_is_to_be_done_at_the_end_is_done_then_and_waited_for() {
        let (sender, mut done) = mpsc::channel(1);
        let jobs = Jobs::new(Metrics::default());
        jobs.at_the_end("test", move || async move {
            let _ = sender.send(()).await;
            Ok::<_, Infallible>(())
        });
        tokio::task::yield_now().await;
        assert!(done.try_recv().is_err());
        jobs.stop(LONG).await;
        assert!(done.try_recv().is_ok());
    }

    #[tokio::test]
    async fn a_run_that_has_begun_is_waited_for() {
        let (began, mut begun) = mpsc::channel(1);
        let finish = CancellationToken::new();
        let (jobs, wait) = (Jobs::new(Metrics::default()), finish.clone());
        jobs.every("test", LONG, move || {
            let (began, wait) = (began.clone(), wait.clone());
            async move {
                let _ = began.send(()).await;
                wait.cancelled().await;
                Ok::<_, Infallible>(())
            }
        });
        begun.recv().await.unwrap();
        jobs.stop(SOON).await;
        assert!(!jobs.running.is_empty());
        finish.cancel();
        jobs.stop(LONG).await;
        assert!(jobs.running.is_empty());
    }
}
