//! Single series of the metrics, for who counts in the same ones again and again: to find a series by its labels
//! costs several times what it costs to count in it.

use std::sync::OnceLock;
use std::time::Duration;

use super::metrics::Label;

/// One series of a counter, found once and counted often.
#[derive(Clone, Debug)]
pub struct Counter(pub(super) metrics::Counter);

impl Counter {
    /// Counts one more.
    pub fn count(&self) {
        self.0.increment(1);
    }
}

/// One series of times, found once and added to often.
#[derive(Clone, Debug)]
pub struct Timer(pub(super) metrics::Histogram);

impl Timer {
    /// Records how long something took.
    pub fn observe(&self, took: Duration) {
        self.0.record(took.as_secs_f64());
    }
}

/// The class of an HTTP status (RFC 9110, section 15), for who keeps one series for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusClass {
    /// 1xx.
    Informational,
    /// 2xx.
    Successful,
    /// 3xx.
    Redirection,
    /// 4xx.
    ClientError,
    /// Everything else.
    ServerError,
}

impl StatusClass {
    /// How many there are.
    pub const COUNT: usize = 5;

    /// That of `status`.
    #[must_use]
    pub fn of(status: http::StatusCode) -> Self {
        match status.as_u16() / 100 {
            1 => Self::Informational,
            2 => Self::Successful,
            3 => Self::Redirection,
            4 => Self::ClientError,
            _ => Self::ServerError,
        }
    }
}

impl From<StatusClass> for Label {
    fn from(class: StatusClass) -> Self {
        Self::from(match class {
            StatusClass::Informational => "1xx",
            StatusClass::Successful => "2xx",
            StatusClass::Redirection => "3xx",
            StatusClass::ClientError => "4xx",
            StatusClass::ServerError => "5xx",
        })
    }
}

/// One counter for each class of status, found when it is first needed.
#[derive(Debug, Default)]
pub struct ByStatusClass([OnceLock<Counter>; StatusClass::COUNT]);

impl ByStatusClass {
    /// Counts one more of `class`; `find` finds its counter.
    pub fn count(&self, class: StatusClass, find: impl FnOnce() -> Counter) {
        if let Some(counter) = self.0.get(class as usize) {
            counter.get_or_init(find).count();
        }
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::super::metrics::{Metrics, names};
    use super::*;

    #[test]
    fn each_class_has_a_series_of_its_own_that_is_found_once() {
        let (metrics, counters) = (Metrics::default(), ByStatusClass::default());
        let mut found = 0;
        for status in [100, 204, 302, 404, 404, 503, 999] {
            let class = StatusClass::of(StatusCode::from_u16(status).unwrap());
            counters.count(class, || {
                found += 1;
                metrics.counter(&names::UPSTREAM_REQUESTS, ["bank".into(), class.into()])
            });
        }
        assert_eq!(found, StatusClass::COUNT);
        let text = metrics.render();
        for (class, count) in [("1xx", 1), ("2xx", 1), ("3xx", 1), ("4xx", 2), ("5xx", 2)] {
            let line = format!(
                r#"countersign_upstream_requests_total{{upstream="bank",outcome="{class}"}} {count}"#
            );
            assert!(text.contains(&line), "{line} is not in\n{text}");
        }
    }
}
