//! Metrics: every name and label in one table, kept in memory and rendered for Prometheus when asked.

use std::sync::Arc;
use std::time::Duration;

use metrics::{Key, KeyName, Level, Metadata, Recorder as _};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use super::series::{Counter, Timer};
use crate::base::Timestamp;

/// A metric of the table, with the names of its `N` labels.
#[derive(Debug)]
pub struct Name<const N: usize> {
    name: &'static str,
    labels: [&'static str; N],
}

/// One row of the table, for describing it to the recorder.
struct Row {
    kind: Kind,
    name: &'static str,
    help: &'static str,
}

#[derive(Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

macro_rules! table {
    ($($constant:ident $kind:ident $name:literal [$($label:literal),*] $help:literal;)+) => {
        /// The table of metrics: what is counted, and by which labels. A label's values are few and known beforehand.
        pub mod names {
            use super::Name;
            $(
                #[doc = $help]
                pub const $constant: Name<{ <[&str]>::len(&[$($label),*]) }> = Name { name: $name, labels: [$($label),*] };
            )+
        }

        const TABLE: &[Row] = &[$(Row { kind: Kind::$kind, name: $name, help: $help },)+];
    };
}

table! {
    BUILD Gauge "countersign_build" ["version"] "Always 1; the version that runs.";
    CONNECTIONS Gauge "countersign_connections" ["door"] "Connections that are open.";
    CONNECTIONS_REFUSED Counter "countersign_connections_refused_total" ["door", "reason"] "Connections closed before TLS: `door-full`, `source-full`, `turned-away` (banned, or too many in a short time), `proxy-header`, `proxy-deadline`.";
    CONNECTIONS_CUT Counter "countersign_connections_cut_total" ["door", "reason"] "Connections cut because their client was too slow: `head-deadline`, `answer-deadline`.";
    ANSWERS_UNDELIVERED Counter "countersign_answers_undelivered_total" ["door", "outcome"] "Answers for which there was no room because others were not taken: `replaced` by a refusal (reads), `cut` after the head.";
    HANDSHAKES Counter "countersign_tls_handshakes_total" ["door", "version", "group"] "TLS handshakes that succeeded, by version and key exchange group.";
    HANDSHAKES_FAILED Counter "countersign_tls_handshakes_failed_total" ["door", "cause"] "TLS handshakes that failed.";
    FRAMING_REFUSED Counter "countersign_http1_refused_total" ["reason"] "Requests of HTTP/1.1 that are not framed in one way only, by the guard's word (docs/framing.md).";
    FRAMES_REFUSED Counter "countersign_http2_refused_total" ["reason"] "Refusals for the frames of HTTP/2: connections by the guard's word, streams and connections that the parser refused (`stream-`, `parser`).";
    REQUESTS Counter "countersign_requests_total" ["route", "access", "code", "status"] "Requests answered, by status class and code of refusal.";
    REQUEST_SECONDS Histogram "countersign_request_seconds" ["route", "access"] "Time from the head of a request to its answer.";
    ACCESS_LOG_LOST Counter "countersign_access_log_lost_total" ["reason"] "Lines of the access log that were lost: `full` (the output does not keep up), `failed` (it cannot be written).";
    LOGINS Counter "countersign_logins_total" ["outcome"] "Judged logins: `proven`, `refused`, `throttled`; `not-judged` when hashing or the store had no room.";
    POLICY_DECISIONS Counter "countersign_policy_decisions_total" ["action", "decision"] "Decisions of the policies that failed (`error`): what was asked is denied, and somebody must look.";
    STORE_COMMIT_SECONDS Histogram "countersign_store_commit_seconds" [] "Time of one commit of the store.";
    STORE_BATCHES Counter "countersign_store_batches_total" ["outcome"] "Batches written to the store.";
    UPSTREAM_REQUESTS Counter "countersign_upstream_requests_total" ["upstream", "outcome"] "Exchanges with backends.";
    UPSTREAM_SECONDS Histogram "countersign_upstream_seconds" ["upstream"] "Time of one exchange with a backend.";
    UPSTREAM_CONNECTIONS Counter "countersign_upstream_connections_total" ["upstream", "origin"] "Connections to backends taken, fresh or from the pool.";
    JOB_RUNS Counter "countersign_job_runs_total" ["job", "outcome"] "Runs of periodic jobs.";
    PAYMENTS_UNKNOWN Gauge "countersign_payments_unknown" ["upstream"] "Payments whose outcome is unknown.";
    PAYMENTS_SETTLED Counter "countersign_payments_settled_total" ["upstream", "outcome"] "Unknown outcomes that became known.";
    BANS Gauge "countersign_bans" [] "Sources that are banned.";
    QUEUE_WAIT Gauge "countersign_queue_wait_milliseconds" ["queue"] "Standing wait for a turn on the runtime, and for the store's writer.";
    RELOADS Counter "countersign_reloads_total" ["outcome"] "Reloads of the configuration.";
    CERTIFICATE_END Gauge "countersign_certificate_end_timestamp_seconds" ["of"] "When certificates and revocation lists end, in seconds since 1970: the first of those under a key of the configuration.";
    CERTIFICATE_FILES Gauge "countersign_certificate_files_in_force" [] "1 while what the certificate files say is in force; 0 while they cannot be used and what was in force before stays.";
}

/// Buckets of all histograms, in seconds: from a cached verification to a backend at its deadline.
const SECONDS: &[f64] = &[
    0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
    30.0,
];

const METADATA: Metadata<'static> = Metadata::new("countersign", Level::INFO, None);

/// The value of a label. It can be made from text of the program and from names of the configuration, not from what a peer
/// has sent, so the number of series stays small.
#[derive(Clone, Debug)]
pub struct Label(metrics::SharedString);

impl From<&'static str> for Label {
    fn from(text: &'static str) -> Self {
        Self(metrics::SharedString::const_str(text))
    }
}

impl From<&crate::base::RouteName> for Label {
    fn from(name: &crate::base::RouteName) -> Self {
        Self::configured(&Arc::from(name.as_str()))
    }
}

impl Label {
    /// A name that stands in the configuration, such as an upstream's.
    #[must_use]
    pub fn configured(name: &Arc<str>) -> Self {
        Self(metrics::SharedString::from_shared(Arc::clone(name)))
    }
}

/// The metrics of one gateway. Cloning is cheap and shares them.
#[derive(Clone)]
pub struct Metrics {
    recorder: Arc<PrometheusRecorder>,
    handle: PrometheusHandle,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let builder = PrometheusBuilder::new();
        // Fails only for an empty list of buckets.
        let builder = builder
            .set_buckets(SECONDS)
            .unwrap_or_else(|_| PrometheusBuilder::new());
        let recorder = builder.build_recorder();
        for row in TABLE {
            describe(&recorder, row);
        }
        recorder
            .register_gauge(&key(&names::BUILD, [env!("CARGO_PKG_VERSION").into()]), &METADATA)
            .set(1.0);
        let handle = recorder.handle();
        Self {
            recorder: Arc::new(recorder),
            handle,
        }
    }
}

fn describe(recorder: &PrometheusRecorder, row: &Row) {
    let name = KeyName::from_const_str(row.name);
    match row.kind {
        Kind::Counter => recorder.describe_counter(name, None, row.help.into()),
        Kind::Gauge => recorder.describe_gauge(name, None, row.help.into()),
        Kind::Histogram => recorder.describe_histogram(name, None, row.help.into()),
    }
}

impl Metrics {
    /// Counts one more of `name`; the labels stand in the order of the table.
    pub fn count<const N: usize>(&self, name: &Name<N>, labels: [Label; N]) {
        self.counter(name, labels).count();
    }

    /// The series itself, for who counts in it again and again: to find it costs more than to count. It is shown from
    /// now on.
    #[must_use]
    pub fn counter<const N: usize>(&self, name: &Name<N>, labels: [Label; N]) -> Counter {
        Counter(self.recorder.register_counter(&key(name, labels), &METADATA))
    }

    /// The same for times.
    #[must_use]
    pub fn timer<const N: usize>(&self, name: &Name<N>, labels: [Label; N]) -> Timer {
        Timer(self.recorder.register_histogram(&key(name, labels), &METADATA))
    }

    /// Counts `more` of `name`; the labels stand in the order of the table.
    pub fn add<const N: usize>(&self, name: &Name<N>, labels: [Label; N], more: u64) {
        self.recorder
            .register_counter(&key(name, labels), &METADATA)
            .increment(more);
    }

    /// Records how long something took.
    pub fn observe<const N: usize>(&self, name: &Name<N>, labels: [Label; N], took: Duration) {
        self.timer(name, labels).observe(took);
    }

    /// Says how many of something there are now.
    pub fn set<const N: usize>(&self, name: &Name<N>, labels: [Label; N], count: u32) {
        let gauge = self.recorder.register_gauge(&key(name, labels), &METADATA);
        gauge.set(f64::from(count));
    }

    /// Says when something is, in seconds since 1970; none for something that is no more: a series cannot be taken back, but
    /// a time that is no number raises no alarm.
    pub fn set_time<const N: usize>(&self, name: &Name<N>, labels: [Label; N], at: Option<Timestamp>) {
        let gauge = self.recorder.register_gauge(&key(name, labels), &METADATA);
        gauge.set(at.map_or(f64::NAN, |at| at.seconds() as f64));
    }

    /// One more of what is open now, until the returned value is dropped.
    #[must_use]
    pub fn hold<const N: usize>(&self, name: &Name<N>, labels: [Label; N]) -> Held {
        let gauge = self.recorder.register_gauge(&key(name, labels), &METADATA);
        gauge.increment(1.0);
        Held(gauge)
    }

    /// All metrics in the text format of Prometheus.
    #[must_use]
    pub fn render(&self) -> String {
        self.handle.render()
    }

    /// Moves recorded durations into their buckets; to be called every few seconds, or they pile up until the next
    /// rendering.
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }
}

/// Something counted as open while this lives.
#[derive(Debug)]
pub struct Held(metrics::Gauge);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

fn key<const N: usize>(name: &Name<N>, labels: [Label; N]) -> Key {
    let labels: Vec<_> = name
        .labels
        .into_iter()
        .zip(labels)
        .map(|(label, value)| metrics::Label::new(label, value.0))
        .collect();
    Key::from_parts(name.name, labels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_stand_once_and_say_what_they_are() {
        let names: HashSet<_> = TABLE.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), TABLE.len());
        for row in TABLE {
            assert!(row.name.starts_with("countersign_"), "{}", row.name);
            match row.kind {
                Kind::Counter => assert!(row.name.ends_with("_total"), "{}", row.name),
                Kind::Histogram => assert!(row.name.ends_with("_seconds"), "{}", row.name),
                Kind::Gauge => assert!(!row.name.ends_with("_total"), "{}", row.name),
            }
        }
    }

    #[test]
    fn what_was_recorded_is_rendered() {
        let metrics = Metrics::default();
        metrics.count(&names::HANDSHAKES_FAILED, ["public".into(), "deadline".into()]);
        metrics.observe(&names::STORE_COMMIT_SECONDS, [], Duration::from_millis(3));
        let held = metrics.hold(&names::CONNECTIONS, ["public".into()]);
        let text = metrics.render();
        for line in [
            r#"countersign_tls_handshakes_failed_total{door="public",cause="deadline"} 1"#,
            r#"countersign_store_commit_seconds_bucket{le="0.005"} 1"#,
            r#"countersign_store_commit_seconds_bucket{le="0.0025"} 0"#,
            r#"countersign_connections{door="public"} 1"#,
            "# HELP countersign_connections Connections that are open.",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        drop(held);
        assert!(
            metrics
                .render()
                .contains(r#"countersign_connections{door="public"} 0"#)
        );
    }

    #[test]
    fn two_gateways_in_one_process_do_not_mix() {
        let (one, other) = (Metrics::default(), Metrics::default());
        one.count(&names::LOGINS, ["proven".into()]);
        assert!(!other.render().contains("countersign_logins_total{"));
    }
}
