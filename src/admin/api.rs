//! The table of paths. Each line is a path, the action the policies are asked about, and what answers.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, delete, get, post};

use super::audit::Readers;
use super::guard::{guard, nothing_here};
use super::needs::{Authorize, Reload, Running, action};
use super::records::Admins;
use super::{audit, bans, gateway, keys};
use crate::audit::Log;
use crate::base::{AdminName, Clock, Entropy, Event, Fault, Timestamp};
use crate::defense::Defense;
use crate::keys::Keyring;
use crate::store::{Batch, Db};

/// What the admin API works with; built once at start.
pub struct Services {
    /// The store: admins are read from it, events written to it.
    pub db: Db,
    /// The register of admins.
    pub admins: Admins,
    /// The keys.
    pub keyring: Arc<Keyring>,
    /// Who is banned.
    pub defense: Arc<Defense>,
    /// The audit log.
    pub log: Arc<Log>,
    /// Who was recorded as reading it.
    pub readers: Readers,
    /// Who decides what an admin may do.
    pub authorize: Arc<dyn Authorize>,
    /// Who knows what is in force.
    pub running: Arc<dyn Running>,
    /// Who can read it anew.
    pub reload: Arc<dyn Reload>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// When the gateway started.
    pub started_at: Timestamp,
}

/// The routes of the admin listener. A request must bear an `Arc<Connection>` extension; a `RequestId` extension is
/// kept when there is one.
pub fn router(services: Services) -> Router {
    let services = Arc::new(services);
    let route = |action, method: MethodRouter<Arc<Services>>| {
        method.layer(from_fn_with_state((Arc::clone(&services), action), guard))
    };
    Router::new()
        .route(
            "/admin/v1/status",
            route(action::GATEWAY_INSPECT, get(gateway::status)),
        )
        .route(
            "/admin/v1/reload",
            route(action::GATEWAY_RELOAD, post(gateway::reload)),
        )
        .route(
            "/admin/v1/policies",
            route(action::POLICY_LIST, get(gateway::policies)),
        )
        .route("/admin/v1/bans", route(action::BAN_LIST, get(bans::list)))
        .route("/admin/v1/bans/{id}", route(action::BAN_LIFT, delete(bans::lift)))
        .route("/admin/v1/keys", route(action::KEYS_LIST, get(keys::list)))
        .route(
            "/admin/v1/keys/rotate",
            route(action::KEYS_ROTATE, post(keys::rotate)),
        )
        .route(
            "/admin/v1/keys/revoke",
            route(action::KEYS_REVOKE, post(keys::revoke)),
        )
        .route(
            "/admin/v1/audit/events",
            route(action::AUDIT_READ, get(audit::events)),
        )
        .route(
            "/admin/v1/audit/status",
            route(action::AUDIT_READ, get(audit::status)),
        )
        .route(
            "/admin/v1/audit/proof",
            route(action::AUDIT_READ, get(audit::proof)),
        )
        .route(
            "/admin/v1/log/{*path}",
            route(action::AUDIT_READ, get(audit::resource)),
        )
        .fallback(nothing_here)
        .with_state(services)
}

impl Services {
    /// Writes down that `admin` did `action`. What does not change the store is answered only after this.
    pub(super) async fn record(&self, admin: &AdminName, action: &'static str) -> Result<(), Fault> {
        let mut batch = Batch::new();
        let event = Event::AdminActed {
            admin: admin.clone(),
            action,
        };
        batch.record(self.clock.now(), &*self.entropy, &event);
        Ok(self.db.commit(batch).await?)
    }
}
