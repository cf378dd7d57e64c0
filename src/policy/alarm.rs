//! Tells the operator of decisions that failed.

use super::action::Action;
use super::decision::Denial;
use crate::telemetry::{Metrics, names};

impl Denial {
    /// Counts and logs what went wrong while it was decided about `action`, if anything did.
    pub fn raise_alarms(&self, action: Action, metrics: &Metrics) {
        if !self.alarm() {
            return;
        }
        let action = action.as_str();
        metrics.count(&names::POLICY_DECISIONS, [action.into(), "error".into()]);
        for alarm in &self.alarms {
            let policy = alarm.policy.as_ref().map_or("-", |policy| policy.as_str());
            tracing::error!(
                action,
                policy,
                cause = alarm.cause,
                "a policy could not be evaluated; it was denied"
            );
        }
    }
}
