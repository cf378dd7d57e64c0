//! A changed configuration in force: read whole, checked whole, then swapped in for every request from now on.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::charter;
use super::doors::server_certificates;
use super::error::StartError;
use super::upstreams::clusters;
use crate::admin::{Reload, ReloadReport};
use crate::base::event::Digest;
use crate::base::{Clock, Entropy, Event};
use crate::config::{self, Config};
use crate::edge::Certificates;
use crate::gate::{Gate, Services, Snapshot};
use crate::policy::Bundle;
use crate::store::Batch;
use crate::telemetry::names;

/// Reads configuration, certificates and policies again.
pub struct Reloader {
    pub(super) path: PathBuf,
    pub(super) gate: Arc<Gate>,
    pub(super) services: Arc<Services>,
    pub(super) certificates: Arc<Certificates>,
    /// The policies that logins are judged by.
    pub(super) policies: Arc<ArcSwap<Bundle>>,
    /// Whether the store is one for development, on which the charter follows the file.
    pub(super) development: bool,
    /// One reload at a time: two that overlap could put an older state in force last.
    pub(super) one: tokio::sync::Mutex<()>,
}

impl Reloader {
    /// Puts what the files say now in force, or changes nothing.
    ///
    /// # Errors
    /// [`StartError`]: everything that is wrong, with file and line; what was in force stays.
    pub async fn reload(&self) -> Result<ReloadReport, StartError> {
        let _one = self.one.lock().await;
        let outcome = self.put_in_force().await;
        let label = if outcome.is_ok() { "done" } else { "refused" };
        self.services.metrics.count(&names::RELOADS, [label.into()]);
        match &outcome {
            Ok(report) => tracing::info!(changed = ?report.changed, "reloaded"),
            Err(error) => tracing::error!(%error, "the reload was refused; what was in force stays"),
        }
        outcome
    }

    async fn put_in_force(&self) -> Result<ReloadReport, StartError> {
        let old = self.gate.snapshot();
        let config = config::load(&self.path)?;
        let touched = old.config().restart_only_differences(&config);
        if !touched.is_empty() {
            return Err(StartError::RestartOnly(touched));
        }
        let mut batch = Batch::new();
        charter::follow(
            &old.config().charter(),
            &config.charter(),
            self.development,
            &mut batch,
        )?;
        let policy = Bundle::load(&config.policy.dir)?;
        let certificates = server_certificates(&config)?;
        let same_upstreams = old.config().upstreams == config.upstreams;
        let upstreams = match same_upstreams {
            true => Arc::clone(old.upstreams()),
            false => clusters(&config, &self.services.metrics)?,
        };
        let changed = changes(&old, &config, &policy, same_upstreams);
        let (config, policy) = (Arc::new(config), Arc::new(policy));
        let keys = self.services.keyring.current();
        let snapshot = Snapshot::new(Arc::clone(&config), Arc::clone(&policy), keys, upstreams)?;
        self.record(batch, &config, &policy).await?;
        // Nothing below can fail, so nothing can be half in force.
        self.certificates
            .replace(&certificates)
            .map_err(|cause| StartError::Tls {
                key: "tls.certificate".to_owned(),
                cause,
            })?;
        self.policies.store(Arc::clone(&policy));
        self.gate.put_in_force(snapshot);
        Ok(ReloadReport {
            policy_version: policy.version().to_owned(),
            changed,
        })
    }

    async fn record(&self, mut batch: Batch, config: &Config, policy: &Bundle) -> Result<(), StartError> {
        let event = Event::Reloaded {
            policy_version: policy.version().to_owned(),
            charter: Digest::new(&config.charter().sha256()),
        };
        let (clock, entropy): (&dyn Clock, &dyn Entropy) = (&*self.services.clock, &*self.services.entropy);
        batch.record(clock.now(), entropy, &event);
        Ok(self.services.db.commit(batch).await?)
    }
}

fn changes(old: &Snapshot, config: &Config, policy: &Bundle, same_upstreams: bool) -> Vec<String> {
    let before = old.config();
    let differs = [
        ("policies", old.policy().version() != policy.version()),
        ("route", before.routes != config.routes),
        ("upstream", !same_upstreams),
        ("defense", before.defense != config.defense),
        ("charter", before.charter() != config.charter()),
    ];
    differs
        .into_iter()
        .filter(|(_, differs)| *differs)
        .map(|(name, _)| name.to_owned())
        .collect()
}

impl Reload for Reloader {
    fn reload(&self) -> Pin<Box<dyn Future<Output = Result<ReloadReport, Vec<String>>> + Send + '_>> {
        Box::pin(async move {
            let outcome = Self::reload(self).await;
            outcome.map_err(|error| error.to_string().lines().map(str::to_owned).collect())
        })
    }
}
