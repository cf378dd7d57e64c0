//! `/log/…`: the checkpoint and the hash tiles of the audit log, for everyone (C2SP `tlog-tiles`; TLOG-06, TLOG-08). Bundles
//! of entries are for auditors, on the admin listener.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Extension, Router};
use countersign_tlog::Resource;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response};

use crate::answer::{Body, problem};
use crate::audit::{Log, LogError};
use crate::base::fault::Cure;
use crate::base::{Code, Fault, RequestId};

/// When to ask again for a checkpoint that could not be published.
const SOON: Duration = Duration::from_secs(1);
/// A checkpoint is news for as long as it takes to sign the next.
const SHORT: HeaderValue = HeaderValue::from_static("public, max-age=1");
/// What never changes may be kept for a year.
const FOR_LONG: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// The public resources of `log`.
pub fn router(log: Arc<Log>) -> Router {
    Router::new()
        .route("/log/{*path}", get(read).fallback(not_get))
        .with_state(log)
}

async fn read(
    State(log): State<Arc<Log>>,
    Path(path): Path<String>,
    Extension(id): Extension<RequestId>,
) -> Response<Body> {
    let nothing = || problem(&Fault::new(Code::RouteUnknown), id);
    let Ok(resource) = path.parse::<Resource>() else {
        return nothing();
    };
    match bytes(&log, resource).await {
        Ok(Some(bytes)) => serve(resource, bytes),
        // There is a log from the first start on; that it has no checkpoint is a fault that will be mended.
        Ok(None) if matches!(resource, Resource::Checkpoint) => {
            problem(&Fault::new(Code::StoreUnavailable).retry_after(SOON), id)
        }
        Ok(None) => nothing(),
        Err(error) => {
            tracing::error!(%error, "a part of the log could not be read");
            problem(&error.into(), id)
        }
    }
}

async fn bytes(log: &Log, resource: Resource) -> Result<Option<Vec<u8>>, LogError> {
    match resource {
        Resource::Checkpoint => Ok(log
            .checkpoint()
            .map(|latest| latest.note.to_string().into_bytes())),
        Resource::Tile(id) => log.tile(id).await,
        Resource::Entries(_) => Ok(None),
    }
}

fn serve(resource: Resource, bytes: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(resource.content_type()));
    let cache = if resource.is_immutable() { FOR_LONG } else { SHORT };
    headers.insert(CACHE_CONTROL, cache);
    // Monitors may run in a browser; there is nothing here that a cookie would unlock.
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

async fn not_get(Extension(id): Extension<RequestId>) -> Response<Body> {
    let fault = Fault::new(Code::MethodNotAllowed).cure(Cure::Allow("GET, HEAD".to_owned()));
    problem(&fault, id)
}
