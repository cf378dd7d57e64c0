//! What is counted of one upstream.

use std::sync::{Arc, OnceLock};

use tokio::time::Instant;

use super::send::{Answer, SendError};
use crate::telemetry::{ByStatusClass, Counter, Label, Metrics, StatusClass, Timer, names};

/// Where the connection of an exchange came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// It was opened for it.
    Fresh,
    /// It stood idle.
    Pool,
}

/// The series that nearly every exchange with an upstream counts in, found when they are first needed.
#[derive(Debug)]
pub(super) struct Tally {
    upstream: Arc<str>,
    metrics: Metrics,
    fresh: OnceLock<Counter>,
    pool: OnceLock<Counter>,
    answered: ByStatusClass,
    seconds: OnceLock<Timer>,
}

impl Tally {
    /// Of `upstream`; nothing yet.
    pub(super) fn new(upstream: Arc<str>, metrics: Metrics) -> Self {
        Self {
            upstream,
            metrics,
            fresh: OnceLock::new(),
            pool: OnceLock::new(),
            answered: ByStatusClass::default(),
            seconds: OnceLock::new(),
        }
    }

    /// A connection was taken.
    pub(super) fn taken(&self, origin: Origin) {
        let (counter, label) = match origin {
            Origin::Fresh => (&self.fresh, "fresh"),
            Origin::Pool => (&self.pool, "pool"),
        };
        let find = || {
            let labels = [self.label(), label.into()];
            self.metrics.counter(&names::UPSTREAM_CONNECTIONS, labels)
        };
        counter.get_or_init(find).count();
    }

    /// An exchange that `began` then has ended.
    pub(super) fn ended(&self, outcome: &Result<Answer, SendError>, began: Instant) {
        let found = |outcome: Label| {
            let labels = [self.label(), outcome];
            self.metrics.counter(&names::UPSTREAM_REQUESTS, labels)
        };
        match outcome {
            Ok(answer) => {
                let class = StatusClass::of(answer.status);
                self.answered.count(class, || found(class.into()));
            }
            Err(error) => {
                tracing::warn!(upstream = %self.upstream, %error, "an exchange with a backend failed");
                found(error.outcome().into()).count();
            }
        }
        let find = || self.metrics.timer(&names::UPSTREAM_SECONDS, [self.label()]);
        self.seconds.get_or_init(find).observe(began.elapsed());
    }

    fn label(&self) -> Label {
        Label::configured(&self.upstream)
    }
}
