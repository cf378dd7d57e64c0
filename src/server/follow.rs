//! Following the files of certificates, trust and revocation: what their owners renew takes effect by itself.

use std::path::PathBuf;
use std::sync::Arc;

use super::error::StartError;
use super::material::{Stamp, files, stamps};
use super::reload::Reloader;
use crate::telemetry::{Metrics, names};

/// One look a second. A change counts when two looks in a row see the same, so that a file is not read while it is written;
/// what cannot be used is looked at again at every turn, until it can.
pub(super) struct Follow {
    reloader: Arc<Reloader>,
    metrics: Metrics,
    last: Look,
    /// What was looked at when it came into force.
    in_force: Look,
}

type Look = Option<(Vec<PathBuf>, Vec<Stamp>)>;

impl Follow {
    pub(super) fn new(reloader: Arc<Reloader>, metrics: Metrics) -> Self {
        metrics.set(&names::CERTIFICATE_FILES, [], 1);
        Self {
            reloader,
            metrics,
            last: None,
            in_force: None,
        }
    }

    /// One look.
    ///
    /// # Errors
    /// What is wrong with the files; what was in force stays.
    pub(super) async fn look(&mut self) -> Result<(), StartError> {
        let files = files(&self.reloader.config());
        let now = Some((files.clone(), stamps(&files)));
        let is_settled = self.last == now;
        self.last.clone_from(&now);
        if !is_settled || self.in_force == now {
            return Ok(());
        }
        let outcome = self.reloader.reload_files().await;
        let label = u32::from(outcome.is_ok());
        self.metrics.set(&names::CERTIFICATE_FILES, [], label);
        outcome.map(|_| self.in_force = now)
    }
}
