//! What `check` says about the store, without touching it.

use super::Findings;
use crate::config::{Config, Deployment, Faults, StoreUrl};
use crate::server::DEVELOPMENT;
use crate::store::{self, Inspection, StoreError};

/// Looks at the store that the configuration names. One that is missing is made at the first start.
pub fn store_check(config: &Config, findings: &mut Findings) {
    let StoreUrl::Sqlite(path) = &config.store.url;
    match store::inspect(path) {
        Ok(Inspection::Absent) => {}
        Ok(Inspection::Usable {
            schema,
            known,
            in_use,
        }) => {
            if in_use {
                findings.warning(
                    "store.url",
                    format!("{} is in use, most likely by a running gateway", path.display()),
                );
            }
            if 0 < schema && schema < known {
                let message = format!(
                    "{} has schema {schema} and is brought to {known} at the next start; keep a copy",
                    path.display()
                );
                findings.warning("store.url", message);
            }
            match store::fact(path, DEVELOPMENT) {
                Ok(mark) => fitness(config, Deployment::of(mark.is_some()), findings),
                Err(error) => findings.fault("store.url", error.to_string()),
            }
        }
        Err(error @ StoreError::Newer { .. }) => {
            findings.fault("store.url", format!("{}: {error}", path.display()));
        }
        Err(error) => findings.fault("store.url", error.to_string()),
    }
}

/// What the start refuses with a store of this kind. One that is not there yet may become either.
fn fitness(config: &Config, deployment: Deployment, findings: &mut Findings) {
    for fault in config.unfit_for(deployment).iter().flat_map(Faults::iter) {
        findings.fault(&fault.key, format!("{}; {}", fault.problem, fault.remedy));
    }
}
