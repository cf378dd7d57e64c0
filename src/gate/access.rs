//! The access log's line about a request, when it has been answered.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request};
use http_body::Body as _;

use super::forward::Answered;
use crate::answer::Body;
use crate::base::{Connection, RequestId, Timestamp};
use crate::telemetry::{AccessLine, AccessLog};

/// What a line says of a request, noted before it goes on its way.
pub(super) struct Noted {
    connection: Arc<Connection>,
    method: Method,
    received: Option<u64>,
}

impl Noted {
    /// Of `request`, where lines are kept.
    pub(super) fn of(request: &Request<Body>, connection: &Arc<Connection>, log: &AccessLog) -> Option<Self> {
        log.is_on().then(|| Self {
            connection: Arc::clone(connection),
            method: request.method().clone(),
            received: request.body().size_hint().exact(),
        })
    }

    /// Adds the line of what was answered.
    pub(super) fn tell(
        &self,
        answered: &Answered,
        (id, at, took): (RequestId, Timestamp, Duration),
        log: &AccessLog,
    ) {
        let route = answered.route.as_ref();
        log.add(&AccessLine {
            at,
            took,
            request: Some(id),
            connection: Some(&self.connection),
            route: route.map(|route| (route.name.as_str(), route.route.access.as_str())),
            method: Some(&self.method),
            status: answered.response.status(),
            refusal: answered.code,
            received: self.received,
            sent: answered.response.body().size_hint().exact(),
            client: answered.client.as_ref(),
        });
    }
}
