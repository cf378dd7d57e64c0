//! What would pile up if nobody put it away: idle connections to backends, and durations not yet in their buckets.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use super::Jobs;
use crate::telemetry::Metrics;
use crate::upstream::Clusters;

/// Short against the time a connection may stand idle.
const SWEEP: Duration = Duration::from_secs(1);
/// As often as the recorder's authors advise.
const UPKEEP: Duration = Duration::from_secs(5);

/// Starts both jobs.
pub fn keep_house(jobs: &Jobs, clusters: &Arc<Clusters>, metrics: &Metrics) {
    let clusters = Arc::clone(clusters);
    jobs.every("upstream-sweep", SWEEP, move || {
        clusters.sweep();
        std::future::ready(Ok::<_, Infallible>(()))
    });
    let metrics = metrics.clone();
    jobs.every("metrics-upkeep", UPKEEP, move || {
        metrics.upkeep();
        std::future::ready(Ok::<_, Infallible>(()))
    });
}
