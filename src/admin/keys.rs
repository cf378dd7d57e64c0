//! Keys: list them, rotate a purpose, revoke one.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::api::Services;
use super::guard::{Caller, Refused};
use super::needs::action;
use super::order::Order;
use crate::base::{Code, Fault, Timestamp};
use crate::keys::{KeyError, KeyFacts, Purpose, Rotation};

/// What `GET /admin/v1/keys` says.
#[derive(Serialize)]
pub(super) struct KeyList {
    keys: Vec<Key>,
}

#[derive(Serialize)]
struct Key {
    kid: String,
    purpose: &'static str,
    state: &'static str,
    algorithm: Option<String>,
    created_at: String,
    active_at: String,
    retired_at: Option<String>,
    destroy_at: Option<String>,
}

/// The body of `POST /admin/v1/keys/rotate`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rotate {
    purpose: String,
    #[serde(default)]
    immediately: bool,
    #[serde(default)]
    dry_run: bool,
}

/// What it answers.
#[derive(Serialize)]
pub(super) struct Rotated {
    purpose: &'static str,
    dry_run: bool,
    active: Option<String>,
    next: Option<String>,
    active_at: String,
    old_verifies_until: String,
}

/// The body of `POST /admin/v1/keys/revoke`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Revoke {
    kid: String,
}

/// What it answers: the key that is gone, and the one that signs now where it was the signer.
#[derive(Serialize)]
pub(super) struct Revoked {
    revoked: String,
    purpose: &'static str,
    active: Option<String>,
}

pub(super) async fn list(
    State(services): State<Arc<Services>>,
    Caller { admin }: Caller,
) -> Result<Json<KeyList>, Refused> {
    services.record(&admin.name, action::KEYS_LIST).await?;
    let keys = services.keyring.list().await.map_err(fault)?;
    let keys = keys.into_iter().map(key).collect();
    Ok(Json(KeyList { keys }))
}

/// A dry run reads and changes nothing, so the record says that keys were looked at. The keyring records the rotation
/// itself, in the transaction that makes the key.
pub(super) async fn rotate(
    State(services): State<Arc<Services>>,
    Caller { admin }: Caller,
    Order(order): Order<Rotate>,
) -> Result<Json<Rotated>, Refused> {
    let purpose = purpose(&order.purpose)?;
    let rotation = if order.dry_run {
        services.record(&admin.name, action::KEYS_LIST).await?;
        services.keyring.preview(purpose, order.immediately).await
    } else {
        services
            .keyring
            .rotate(purpose, order.immediately, &admin.name)
            .await
    };
    Ok(Json(rotated(rotation.map_err(fault)?, order.dry_run)))
}

pub(super) async fn revoke(
    State(services): State<Arc<Services>>,
    Caller { admin }: Caller,
    Order(order): Order<Revoke>,
) -> Result<Json<Revoked>, Refused> {
    let purpose = services
        .keyring
        .revoke(&order.kid, &admin.name)
        .await
        .map_err(fault)?;
    let active = services
        .keyring
        .current()
        .signing(purpose)
        .map(|key| key.kid.clone());
    Ok(Json(Revoked {
        revoked: order.kid,
        purpose: purpose.name(),
        active,
    }))
}

fn purpose(name: &str) -> Result<Purpose, Fault> {
    Purpose::from_name(name).ok_or_else(|| {
        let known: Vec<_> = Purpose::ALL.iter().map(|purpose| purpose.name()).collect();
        Fault::new(Code::RequestMalformed)
            .detail(format!("The purpose must be one of: {}.", known.join(", ")))
    })
}

fn fault(error: KeyError) -> Fault {
    let told = |code| Fault::new(code).detail(sentence(&error));
    match error {
        KeyError::UnderWay(_) => told(Code::Conflict),
        KeyError::Unknown(_) => told(Code::RouteUnknown),
        KeyError::Store(error) => error.into(),
        KeyError::Unsealable(_) | KeyError::Generation => Fault::new(Code::StoreUnavailable).cause(error),
    }
}

/// An error's text as a sentence.
fn sentence(error: &KeyError) -> String {
    let text = error.to_string();
    let mut rest = text.chars();
    let first = rest.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), rest.as_str())
}

fn key(facts: KeyFacts) -> Key {
    let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
    Key {
        kid: facts.kid,
        purpose: facts.purpose.name(),
        state: facts.state.name(),
        algorithm: facts.algorithm,
        created_at: facts.created_at.to_string(),
        active_at: facts.active_at.to_string(),
        retired_at: text(facts.retired_at),
        destroy_at: text(facts.destroy_at),
    }
}

fn rotated(rotation: Rotation, dry_run: bool) -> Rotated {
    Rotated {
        purpose: rotation.purpose,
        dry_run,
        active: rotation.active,
        next: rotation.next,
        active_at: rotation.active_at.to_string(),
        old_verifies_until: rotation.old_verifies_until.to_string(),
    }
}
