//! What is in force, and reading it anew.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::api::Services;
use super::guard::{Caller, Refused};
use super::needs::{ReloadReport, action};
use super::order::Order;
use crate::base::{Code, Fault};

/// What `GET /admin/v1/status` says.
#[derive(Serialize)]
pub(super) struct Status {
    version: &'static str,
    started_at: String,
    now: String,
    policy_version: String,
    charter: String,
    development: bool,
    admin: String,
    roles: Vec<String>,
}

/// What `GET /admin/v1/policies` says.
#[derive(Serialize)]
pub(super) struct Policies {
    in_force: Version,
}

#[derive(Serialize)]
struct Version {
    version: String,
}

/// The body of a reload; empty in most cases.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReloadOrder {
    /// The charter that comes into force with it: SHA-256 in hexadecimal digits.
    #[serde(default)]
    accept_charter: Option<String>,
}

pub(super) async fn status(
    State(services): State<Arc<Services>>,
    Caller { admin }: Caller,
) -> Result<Json<Status>, Refused> {
    services.record(&admin.name, action::GATEWAY_INSPECT).await?;
    let in_force = services.running.in_force();
    Ok(Json(Status {
        version: env!("CARGO_PKG_VERSION"),
        started_at: services.started_at.to_string(),
        now: services.clock.now().to_string(),
        policy_version: in_force.policy_version,
        charter: in_force.charter,
        development: in_force.development,
        admin: admin.name.as_str().to_owned(),
        roles: admin.roles,
    }))
}

pub(super) async fn policies(
    State(services): State<Arc<Services>>,
    Caller { admin }: Caller,
) -> Result<Json<Policies>, Refused> {
    services.record(&admin.name, action::POLICY_LIST).await?;
    let version = services.running.in_force().policy_version;
    Ok(Json(Policies {
        in_force: Version { version },
    }))
}

/// Who asked for the reload is on record before it happens; what it changed is the gateway's own event.
pub(super) async fn reload(
    State(services): State<Arc<Services>>,
    Caller { admin }: Caller,
    Order(order): Order<ReloadOrder>,
) -> Result<Json<ReloadReport>, Refused> {
    services.record(&admin.name, action::GATEWAY_RELOAD).await?;
    match services.reload.reload(order.accept_charter).await {
        Ok(report) => Ok(Json(report)),
        Err(faults) => Err(Fault::new(Code::ConfigurationInvalid)
            .detail(format!("Nothing was changed. {}", faults.join(" · ")))
            .into()),
    }
}
