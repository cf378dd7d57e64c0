//! What is counted of the requests of one route.

use std::sync::OnceLock;
use std::time::Duration;

use super::forward::Answered;
use super::snapshot::GateRoute;
use crate::base::Code;
use crate::telemetry::{ByStatusClass, Label, Metrics, StatusClass, Timer, names};

/// The series that nearly every request of a route counts in. They are found when they are first needed, so that a
/// route that nobody asks for shows none.
#[derive(Debug, Default)]
pub(super) struct Tally {
    answered: ByStatusClass,
    seconds: OnceLock<Timer>,
}

/// Counts a request that was answered, and the time it took.
pub(super) fn count(answered: &Answered, took: Duration, metrics: &Metrics) {
    let class = StatusClass::of(answered.response.status());
    let Some(route) = &answered.route else {
        let code = answered.code.map_or("-", Code::name);
        metrics.count(
            &names::REQUESTS,
            ["own".into(), "own".into(), code.into(), class.into()],
        );
        return metrics.observe(&names::REQUEST_SECONDS, ["own".into(), "own".into()], took);
    };
    let found = |code: &'static str| {
        let [name, access] = labels(route);
        metrics.counter(&names::REQUESTS, [name, access, code.into(), class.into()])
    };
    match answered.code {
        None => route.tally.answered.count(class, || found("-")),
        Some(code) => found(code.name()).count(),
    }
    let seconds = || metrics.timer(&names::REQUEST_SECONDS, labels(route));
    route.tally.seconds.get_or_init(seconds).observe(took);
}

fn labels(route: &GateRoute) -> [Label; 2] {
    [Label::from(&route.name), Label::from(route.route.access.as_str())]
}
