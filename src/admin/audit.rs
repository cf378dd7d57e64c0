//! Reading the audit log: entries, bundles, proofs. Who reads is on record, once in a minute (PCI DSS 10.2.1.3).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::IntoResponse as _;
use countersign_tlog::{LogProof, Resource};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response};
use serde::{Deserialize, Serialize};

use super::api::Services;
use super::guard::{Caller, Refused};
use super::needs::action;
use crate::answer::Body;
use crate::audit::{Leaf, Log, Search};
use crate::base::{AdminName, Code, Fault, Timestamp, TransactionId};

/// A reader is recorded again after this time: page after page of one reading is one access.
const ONE_READING: Duration = Duration::from_secs(60);

/// Who was recorded as a reader, and when. Holds registered admins only, so it is as small as their list.
#[derive(Default)]
pub struct Readers(Mutex<HashMap<AdminName, Timestamp>>);

/// The query of `GET /admin/v1/audit/events`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    after: Option<i64>,
    limit: Option<u32>,
    kind: Option<String>,
    customer: Option<String>,
    transaction: Option<String>,
    contains: Option<String>,
    since: Option<i64>,
    until: Option<i64>,
}

/// What it answers.
#[derive(Serialize)]
pub(super) struct Events {
    events: Vec<Event>,
    /// Where to go on; absent when everything was looked at.
    next: Option<i64>,
    /// The sequence of the last event there is.
    last: i64,
}

#[derive(Serialize)]
struct Event {
    sequence: i64,
    at: String,
    event: serde_json::Value,
}

/// What `GET /admin/v1/audit/status` says.
#[derive(Serialize)]
pub(super) struct Status {
    origin: String,
    vkeys: Vec<String>,
    entries: u64,
    published: u64,
    root: Option<String>,
    anchored: bool,
    witnesses: u32,
}

/// The query of `GET /admin/v1/audit/proof`: one of the two.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    sequence: Option<i64>,
    transaction: Option<String>,
}

/// What it answers: a C2SP `tlog-proof` for each entry, the entry itself in its extra line.
#[derive(Serialize)]
pub(super) struct Proofs {
    proofs: Vec<String>,
}

pub(super) async fn events(
    State(services): State<Arc<Services>>,
    Caller { admin }: Caller,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Events>, Refused> {
    let wanted = understood(wanted)?;
    record_reading(&services, &admin.name).await?;
    let last = services.log.last_sequence();
    let limit = wanted.limit.unwrap_or(100).clamp(1, Search::MOST);
    // Without a place to begin, the newest are wanted.
    let after = wanted
        .after
        .unwrap_or_else(|| last.saturating_sub(i64::from(limit)));
    let found = services
        .log
        .search(&Search {
            after,
            limit,
            kind: wanted.kind,
            customer: wanted.customer,
            transaction: wanted.transaction,
            contains: wanted.contains,
            since: wanted.since.map(Timestamp::from_seconds),
            until: wanted.until.map(Timestamp::from_seconds),
        })
        .await
        .map_err(Fault::from)?;
    Ok(Json(Events {
        events: found.leaves.into_iter().map(event).collect(),
        next: found.next,
        last,
    }))
}

pub(super) async fn status(
    State(services): State<Arc<Services>>,
    Caller { admin }: Caller,
) -> Result<Json<Status>, Refused> {
    record_reading(&services, &admin.name).await?;
    let log = &services.log;
    let published = log.checkpoint();
    let keys = crate::audit::log_keys(log.origin(), &services.keyring.current());
    Ok(Json(Status {
        origin: log.origin().to_owned(),
        vkeys: keys.iter().map(ToString::to_string).collect(),
        entries: u64::try_from(log.last_sequence()).unwrap_or(0),
        published: published.as_ref().map_or(0, |latest| latest.checkpoint.size()),
        root: published.map(|latest| latest.checkpoint.root().to_string()),
        anchored: log.is_anchored(),
        witnesses: 0,
    }))
}

pub(super) async fn proof(
    State(services): State<Arc<Services>>,
    Caller { admin }: Caller,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Json<Proofs>, Refused> {
    let which = understood(which)?;
    record_reading(&services, &admin.name).await?;
    let log = &services.log;
    let leaves = match (which.sequence, which.transaction) {
        (Some(sequence), None) => log.leaf_of(sequence).await.map(|leaf| leaf.into_iter().collect()),
        (None, Some(transaction)) => log.find_by_transaction(&TransactionId::new(transaction)).await,
        _ => {
            let fault = Fault::new(Code::RequestMalformed).detail("Name a sequence or a transaction.");
            return Err(fault.into());
        }
    };
    let leaves: Vec<Leaf> = leaves.map_err(Fault::from)?;
    if leaves.is_empty() {
        return Err(Fault::new(Code::RouteUnknown)
            .detail("The log has no such entry.")
            .into());
    }
    let mut proofs = Vec::with_capacity(leaves.len());
    for leaf in leaves {
        proofs.push(prove(log, leaf).await?);
    }
    Ok(Json(Proofs { proofs }))
}

/// `/admin/v1/log/…`: what the public can read, and the bundles of entries (C2SP `tlog-tiles`).
pub(super) async fn resource(
    State(services): State<Arc<Services>>,
    Caller { admin }: Caller,
    Path(path): Path<String>,
) -> Result<Response<Body>, Refused> {
    record_reading(&services, &admin.name).await?;
    let nothing = || Fault::new(Code::RouteUnknown);
    let resource: Resource = path.parse().map_err(|_| nothing())?;
    let log = &services.log;
    let bytes = match resource {
        Resource::Checkpoint => log
            .checkpoint()
            .map(|latest| latest.note.to_string().into_bytes()),
        Resource::Tile(id) => log.tile(id).await.map_err(Fault::from)?,
        Resource::Entries(id) => log.bundle(id).await.map_err(Fault::from)?,
    };
    let mut response = bytes.ok_or_else(nothing)?.into_response();
    let kind = HeaderValue::from_static(resource.content_type());
    response.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(response)
}

fn understood<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Fault> {
    let malformed = |error: QueryRejection| {
        Fault::new(Code::RequestMalformed).detail(format!("The query cannot be read: {}.", error.body_text()))
    };
    query.map(|Query(wanted)| wanted).map_err(malformed)
}

async fn prove(log: &Log, leaf: Leaf) -> Result<String, Fault> {
    let pending = || Fault::new(Code::Conflict).detail("The entry is in no checkpoint yet; ask again.");
    let published = log.checkpoint().ok_or_else(pending)?;
    if leaf.index >= published.checkpoint.size() {
        return Err(pending());
    }
    let proof = LogProof {
        extra: Some(leaf.bytes),
        index: leaf.index,
        hashes: log.inclusion(leaf.index, &published.checkpoint).await?,
        checkpoint: published.note.clone(),
    };
    Ok(proof.to_string())
}

fn event(leaf: Leaf) -> Event {
    Event {
        sequence: leaf.entry.sequence,
        at: leaf.entry.at.to_string(),
        event: serde_json::from_str(&leaf.entry.event).unwrap_or_default(),
    }
}

/// Writes down that `admin` reads the log, unless that stands there since less than a minute.
async fn record_reading(services: &Services, admin: &AdminName) -> Result<(), Fault> {
    let now = services.clock.now();
    let known = {
        let readers = services.readers.0.lock().unwrap_or_else(PoisonError::into_inner);
        readers
            .get(admin)
            .is_some_and(|then| *then <= now && now.since(*then) < ONE_READING)
    };
    if known {
        return Ok(());
    }
    services.record(admin, action::AUDIT_READ).await?;
    let mut readers = services.readers.0.lock().unwrap_or_else(PoisonError::into_inner);
    readers.insert(admin.clone(), now);
    Ok(())
}
