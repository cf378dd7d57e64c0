//! What is in force while a request travels: configuration, policies and keys, taken once at Arrived.

use std::collections::HashMap;
use std::sync::Arc;

use countersign_intent::Mapping;

use super::tally::Tally;
use crate::base::{Door, RouteName};
use crate::config::{Config, Route};
use crate::keys::KeySet;
use crate::policy::Bundle;
use crate::transaction::extract;
use crate::upstream::Clusters;

/// A route with what is derived from it once.
#[derive(Debug)]
pub(super) struct GateRoute {
    pub(super) name: RouteName,
    pub(super) route: Route,
    /// Where the intent stands in the body; present on routes that move money.
    pub(super) mapping: Option<Mapping>,
    /// What is counted of its requests.
    pub(super) tally: Tally,
}

/// A route whose transaction cannot be mapped.
#[derive(Clone, Debug, thiserror::Error)]
#[error("route '{route}': {cause}")]
pub struct SnapshotError {
    /// Which route.
    pub route: String,
    /// What is wrong with it.
    pub cause: String,
}

/// Configuration, policies and keys at one moment. Immutable: a reload makes a new one.
#[derive(Debug)]
pub struct Snapshot {
    pub(super) config: Arc<Config>,
    pub(super) policy: Arc<Bundle>,
    pub(super) keys: Arc<KeySet>,
    pub(super) upstreams: Arc<Clusters>,
    routes: Arc<HashMap<String, Arc<GateRoute>>>,
}

impl Snapshot {
    /// Derives from `config` what the gate needs of it.
    ///
    /// # Errors
    /// [`SnapshotError`] for a transaction that cannot be mapped.
    pub fn new(
        config: Arc<Config>,
        policy: Arc<Bundle>,
        keys: Arc<KeySet>,
        upstreams: Arc<Clusters>,
    ) -> Result<Self, SnapshotError> {
        let routes = config.routes.iter().map(gate_route).collect::<Result<_, _>>()?;
        Ok(Self {
            config,
            policy,
            keys,
            upstreams,
            routes: Arc::new(routes),
        })
    }

    /// The configuration, shared.
    #[must_use]
    pub fn shared_config(&self) -> Arc<Config> {
        Arc::clone(&self.config)
    }

    /// The same configuration with the keys as they stand now.
    #[must_use]
    pub fn with_keys(&self, keys: Arc<KeySet>) -> Self {
        Self {
            config: Arc::clone(&self.config),
            policy: Arc::clone(&self.policy),
            keys,
            upstreams: Arc::clone(&self.upstreams),
            routes: Arc::clone(&self.routes),
        }
    }

    /// The same with the policies of `other`.
    #[must_use]
    pub(super) fn with_policies_of(&self, other: &Self) -> Self {
        Self {
            config: Arc::clone(&self.config),
            policy: Arc::clone(&other.policy),
            keys: Arc::clone(&self.keys),
            upstreams: Arc::clone(&self.upstreams),
            routes: Arc::clone(&self.routes),
        }
    }

    /// The configuration in force.
    #[must_use]
    pub const fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// The policies in force.
    #[must_use]
    pub const fn policy(&self) -> &Arc<Bundle> {
        &self.policy
    }

    /// The backends in force.
    #[must_use]
    pub const fn upstreams(&self) -> &Arc<Clusters> {
        &self.upstreams
    }

    pub(super) fn route(&self, name: &str) -> Option<Arc<GateRoute>> {
        self.routes.get(name).cloned()
    }

    /// The authority whose routes a request for `authority` on `door` may use; `None` when we do not serve it there. The
    /// mutual-TLS twin serves the same routes under its own port.
    pub(super) fn route_host<'a>(&'a self, door: Door, authority: &'a str) -> Option<&'a str> {
        let server = &self.config.server;
        let ours = match door {
            Door::MutualTls if authority == server.mtls_url.authority() => {
                return Some(server.public_url.authority());
            }
            Door::MutualTls => self.config.routes.has_host(authority),
            Door::Public => {
                authority == server.public_url.authority() || self.config.routes.has_host(authority)
            }
            Door::Admin => false,
        };
        ours.then_some(authority)
    }
}

fn gate_route(route: &Route) -> Result<(String, Arc<GateRoute>), SnapshotError> {
    let mapping = route
        .transaction
        .as_ref()
        .map(extract::mapping)
        .transpose()
        .map_err(|faults| SnapshotError {
            route: route.name.clone(),
            cause: faults
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("; "),
        })?;
    let name = RouteName::new(&route.name);
    Ok((
        route.name.clone(),
        Arc::new(GateRoute {
            name,
            route: route.clone(),
            mapping,
            tally: Tally::default(),
        }),
    ))
}
