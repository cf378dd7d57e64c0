//! A changed configuration in force: read whole, checked whole, then swapped in for every request from now on.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::Mutex;

use super::charter::{self, Admitted};
use super::doors::{Doors, Setup};
use super::error::StartError;
use super::expiry::Expiry;
use super::material::{Fingerprint, Material};
use super::upstreams::clusters;
use crate::admin::{Reload, ReloadReport, Reloading};
use crate::base::event::Digest;
use crate::base::{Clock, Entropy, Event};
use crate::config::{self, Config, Deployment};
use crate::gate::{Gate, Services, Snapshot};
use crate::policy::Bundle;
use crate::store::Batch;
use crate::telemetry::names;

/// Reads configuration, certificates and policies again.
pub struct Reloader {
    pub(super) path: PathBuf,
    pub(super) gate: Arc<Gate>,
    pub(super) services: Arc<Services>,
    pub(super) doors: Doors,
    /// The policies that logins are judged by.
    pub(super) policies: Arc<ArcSwap<Bundle>>,
    /// Whether the store is one for development, on which the charter follows the file.
    pub(super) development: bool,
    /// When the certificates in force end.
    pub(super) expiry: Arc<Expiry>,
    /// What the files held that are in force. One reload at a time: two that overlap could put an older state in force
    /// last.
    pub(super) files: Mutex<Fingerprint>,
}

/// What is to come into force.
struct Next {
    config: Config,
    policy: Arc<Bundle>,
    material: Material,
}

impl Reloader {
    /// Puts what the files say now in force, or changes nothing.
    ///
    /// # Errors
    /// [`StartError`]: everything that is wrong, with file and line; what was in force stays.
    pub async fn reload(&self) -> Result<ReloadReport, StartError> {
        self.reload_accepting(None).await
    }

    /// The same for an operator who has read the charter of the configuration and names it, as for
    /// [`super::Given::accepted_charter`].
    ///
    /// # Errors
    /// As [`Self::reload`].
    pub async fn reload_accepting(&self, charter: Option<&str>) -> Result<ReloadReport, StartError> {
        // Also where the configuration is refused: whoever moved the file away waits for the new one.
        self.services.access_log.reopen();
        let mut files = self.files.lock().await;
        let outcome = match self.read() {
            Ok(next) => self.put_in_force(next, charter, &mut files).await,
            Err(error) => Err(error),
        };
        let label = if outcome.is_ok() { "done" } else { "refused" };
        self.services.metrics.count(&names::RELOADS, [label.into()]);
        match &outcome {
            Ok(report) => tracing::info!(changed = ?report.changed, "reloaded"),
            Err(error) => tracing::error!(%error, "the reload was refused; what was in force stays"),
        }
        outcome
    }

    /// Puts what the files of certificates, trust and revocation hold now in force, under the configuration and the
    /// policies that are in force. None when they hold what they held before. Whom to believe is of the charter: outside
    /// development other authorities wait until they are accepted, and hold up nothing else.
    ///
    /// # Errors
    /// [`StartError`]; what was in force stays, but for [`StartError::Charter`], when only the authorities do.
    pub async fn reload_files(&self) -> Result<Option<ReloadReport>, StartError> {
        let mut files = self.files.lock().await;
        let old = self.gate.snapshot();
        let read = old.config().with_anchors_read_again()?;
        let (was, is) = (old.config().charter(), read.charter());
        let waiting = charter::follow(&was, &is, self.development, None).err();
        let config = match waiting {
            Some(_) => Config::clone(old.config()),
            None => read,
        };
        let next = Next {
            material: Material::read(&config)?,
            policy: Arc::clone(old.policy()),
            config,
        };
        let unchanged = next.material.fingerprint() == *files && was == next.config.charter();
        let report = if unchanged {
            None
        } else {
            let report = self.put_in_force(next, None, &mut files).await?;
            self.services.metrics.count(&names::RELOADS, ["done".into()]);
            tracing::info!(changed = ?report.changed, "certificate files have changed and are in force");
            Some(report)
        };
        waiting.map_or(Ok(report), |error| Err(error.into()))
    }

    /// The configuration that is in force.
    pub(super) fn config(&self) -> Arc<Config> {
        self.gate.snapshot().shared_config()
    }

    fn read(&self) -> Result<Next, StartError> {
        let config = config::load(&self.path)?;
        let touched = self.gate.snapshot().config().restart_only_differences(&config);
        if !touched.is_empty() {
            return Err(StartError::RestartOnly(touched));
        }
        // What the next start would refuse must not run until then.
        if let Some(faults) = config.unfit_for(Deployment::of(self.development)) {
            return Err(faults.into());
        }
        Ok(Next {
            policy: Arc::new(Bundle::load(&config.policy.dir)?),
            material: Material::read(&config)?,
            config,
        })
    }

    async fn put_in_force(
        &self,
        next: Next,
        accepted: Option<&str>,
        files: &mut Fingerprint,
    ) -> Result<ReloadReport, StartError> {
        let old = self.gate.snapshot();
        let (before, after) = (old.config().charter(), next.config.charter());
        let admitted = charter::follow(&before, &after, self.development, accepted)?;
        let differs = Differences::between(&old, &next, files);
        let doors = differs
            .doors
            .then(|| Setup::new(&next.config, &next.material, &self.services.clock))
            .transpose()?;
        let upstreams = match differs.upstreams {
            false => Arc::clone(old.upstreams()),
            true => clusters(&next.config, &next.material, &self.services.metrics)?,
        };
        let ends = Expiry::of(&next.config, &next.material);
        let fingerprint = next.material.fingerprint();
        let (config, policy) = (Arc::new(next.config), next.policy);
        let keys = self.services.keyring.current();
        let snapshot = Snapshot::new(Arc::clone(&config), Arc::clone(&policy), keys, upstreams)?;
        self.record(admitted, &config, &policy).await?;
        // Nothing below can fail, so nothing can be half in force.
        if let Some(doors) = doors {
            self.doors.put_in_force(doors);
        }
        self.policies.store(Arc::clone(&policy));
        self.gate.put_in_force(snapshot);
        *files = fingerprint;
        self.expiry.replace(ends, self.services.clock.now());
        Ok(ReloadReport {
            policy_version: policy.version().to_owned(),
            changed: differs.names(),
        })
    }

    async fn record(&self, charter: Admitted, config: &Config, policy: &Bundle) -> Result<(), StartError> {
        let event = Event::Reloaded {
            policy_version: policy.version().to_owned(),
            charter: Digest::new(&config.charter().sha256()),
        };
        let (clock, entropy): (&dyn Clock, &dyn Entropy) = (&*self.services.clock, &*self.services.entropy);
        let (mut batch, now) = (Batch::new(), clock.now());
        charter.record(&mut batch, now, entropy);
        batch.record(now, entropy, &event);
        Ok(self.services.db.commit(batch).await?)
    }
}

/// What is to come into force and is not yet.
struct Differences {
    policies: bool,
    routes: bool,
    upstreams: bool,
    /// Certificates, keys, trust anchors, revocation lists or the policy of the doors.
    doors: bool,
    defense: bool,
    charter: bool,
}

impl Differences {
    fn between(old: &Snapshot, next: &Next, files: &Fingerprint) -> Self {
        let (before, after, now) = (old.config(), &next.config, next.material.fingerprint());
        let trust = |config: &Config| (config.admin.client_ca.clone(), config.admin.client_crl.clone());
        Self {
            policies: old.policy().version() != next.policy.version(),
            routes: before.routes != after.routes,
            upstreams: before.upstreams != after.upstreams || files.upstreams != now.upstreams,
            doors: before.tls != after.tls || trust(before) != trust(after) || files.doors != now.doors,
            defense: before.defense != after.defense,
            charter: before.charter() != after.charter(),
        }
    }

    /// As a report names them.
    fn names(&self) -> Vec<String> {
        let all = [
            ("policies", self.policies),
            ("route", self.routes),
            ("upstream", self.upstreams),
            ("tls", self.doors),
            ("defense", self.defense),
            ("charter", self.charter),
        ];
        let differing = all.into_iter().filter(|(_, differs)| *differs);
        differing.map(|(name, _)| name.to_owned()).collect()
    }
}

impl Reload for Reloader {
    fn reload(&self, accepted_charter: Option<String>) -> Reloading<'_> {
        Box::pin(async move {
            let outcome = self.reload_accepting(accepted_charter.as_deref()).await;
            outcome.map_err(|error| error.to_string().lines().map(str::to_owned).collect())
        })
    }
}
