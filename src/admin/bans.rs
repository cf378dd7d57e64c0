//! Bans: seeing them, and ending one before its time.
//!
//! Only here does the network that is banned stand in the clear: someone on the telephone says which address they have, and an
//! operator has to find it. Logs and metrics hold a pseudonym.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;

use super::api::Services;
use super::guard::{Caller, Refused};
use super::needs::action;
use crate::base::{Code, Fault};
use crate::defense;

/// What `GET /admin/v1/bans` says.
#[derive(Serialize)]
pub(super) struct Bans {
    bans: Vec<Ban>,
}

/// One ban.
#[derive(Serialize)]
pub(super) struct Ban {
    id: String,
    source: String,
    cause: &'static str,
    since: String,
    until: String,
    times: u32,
}

impl From<defense::Ban> for Ban {
    fn from(ban: defense::Ban) -> Self {
        Self {
            id: ban.id,
            source: ban.network.to_string(),
            cause: ban.cause.name(),
            since: ban.since.to_string(),
            until: ban.until.to_string(),
            times: ban.times,
        }
    }
}

pub(super) async fn list(
    State(services): State<Arc<Services>>,
    Caller { admin }: Caller,
) -> Result<Json<Bans>, Refused> {
    services.record(&admin.name, action::BAN_LIST).await?;
    let bans = services.defense.bans(services.clock.now());
    Ok(Json(Bans {
        bans: bans.into_iter().map(Ban::from).collect(),
    }))
}

/// Answers with the ban that was lifted.
pub(super) async fn lift(
    State(services): State<Arc<Services>>,
    Caller { admin }: Caller,
    Path(id): Path<String>,
) -> Result<Json<Ban>, Refused> {
    services.record(&admin.name, action::BAN_LIFT).await?;
    let lifted = services.defense.lift(&id, services.clock.now());
    let ban = lifted.ok_or_else(|| {
        Fault::new(Code::RouteUnknown).detail("No ban of this name is in force; it may have ended by itself.")
    })?;
    Ok(Json(ban.into()))
}
