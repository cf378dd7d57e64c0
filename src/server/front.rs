//! From the doors to what stands behind them: the gate, our own resources, the admin API.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body::Body as _;
use tower::ServiceExt as _;

use crate::answer::{Body, add_security_headers, problem};
use crate::api::receipts;
use crate::base::{Clock, Code, Connection, Entropy, Fault, RequestId, SourcePrefix, Timestamp};
use crate::defense::Cause;
use crate::edge::{CountRefusals, Serve};
use crate::gate::{Gate, OwnPaths, Services};
use crate::telemetry::{AccessLine, AccessLog, StatusClass, names};

/// Behind the public door and its mutual-TLS twin.
pub(super) struct PublicFront {
    pub(super) gate: Arc<Gate>,
    pub(super) refusals: EdgeRefusals,
}

impl Serve for PublicFront {
    fn serve(
        &self,
        connection: Arc<Connection>,
        request: Request<Body>,
    ) -> Pin<Box<dyn Future<Output = Response<Body>> + Send>> {
        let gate = Arc::clone(&self.gate);
        Box::pin(async move { gate.handle(request, connection).await })
    }

    fn turns_away(&self, source: IpAddr, now: Timestamp) -> bool {
        let snapshot = self.gate.snapshot();
        let defense = &self.refusals.services.defense;
        match defense.connection(&snapshot.config().defense, source, now) {
            Ok(()) => false,
            Err(code) => {
                self.refusals.record(source, code, now);
                true
            }
        }
    }
}

/// Refusals at the doors, counted and on record like those of the gate before it knows a caller.
#[derive(Clone)]
pub(super) struct EdgeRefusals {
    pub(super) services: Arc<Services>,
    pub(super) gate: Arc<Gate>,
}

impl CountRefusals for EdgeRefusals {
    fn count(&self, source: IpAddr, code: Code, now: Timestamp) {
        self.record(source, code, now);
        self.tell(code, now);
        let cause = match code {
            // Its own doing is in the rates already, or not its fault.
            Code::Banned | Code::Overloaded => return,
            Code::RateLimited => Cause::Connections,
            _ => Cause::Framing,
        };
        let snapshot = self.gate.snapshot();
        let rules = &snapshot.config().defense;
        self.services.defense.flooded(rules, source, cause, now);
    }
}

impl EdgeRefusals {
    /// What the doors refuse by themselves has come to no name, route or method yet. Connections that are turned away in a
    /// flood were no requests, and are in the metrics.
    fn tell(&self, code: Code, now: Timestamp) {
        let log = &self.services.access_log;
        if !log.is_on() || matches!(code, Code::Banned | Code::Overloaded | Code::RateLimited) {
            return;
        }
        log.add(&AccessLine {
            at: now,
            took: Duration::ZERO,
            request: None,
            connection: None,
            route: None,
            method: None,
            status: StatusCode::from_u16(code.status()).unwrap_or(StatusCode::BAD_REQUEST),
            refusal: Some(code),
            received: None,
            sent: None,
            client: None,
        });
    }

    fn record(&self, source: IpAddr, code: Code, now: Timestamp) {
        let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::BAD_REQUEST);
        let labels = [
            "-".into(),
            "-".into(),
            code.name().into(),
            StatusClass::of(status).into(),
        ];
        self.services.metrics.count(&names::REQUESTS, labels);
        self.services
            .refusals
            .count(SourcePrefix::of(source), code, None, now);
    }
}

/// The gateway's own resources on the public doors. What none of them serves is `route-unknown`.
pub(super) struct OwnResources {
    router: Router,
}

impl OwnResources {
    pub(super) fn new(router: Router) -> Self {
        let unknown =
            |id: axum::Extension<RequestId>| async move { problem(&Fault::new(Code::RouteUnknown), id.0) };
        Self {
            router: router.fallback(unknown),
        }
    }
}

impl OwnPaths for OwnResources {
    fn about_a_customer(&self, head: &Parts) -> Option<&'static str> {
        receipts::resource(head)
    }

    fn answer(&self, request: Request<Body>) -> Pin<Box<dyn Future<Output = Response<Body>> + Send + '_>> {
        let router = self.router.clone();
        Box::pin(async move {
            match router.oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        })
    }
}

/// Behind the admin door.
pub(super) struct AdminFront {
    pub(super) router: Router,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) access_log: AccessLog,
}

impl Serve for AdminFront {
    fn serve(
        &self,
        connection: Arc<Connection>,
        mut request: Request<Body>,
    ) -> Pin<Box<dyn Future<Output = Response<Body>> + Send>> {
        let at = self.clock.now();
        let id = RequestId::new(at, &*self.entropy);
        let (log, clock, method) = (
            self.access_log.clone(),
            Arc::clone(&self.clock),
            request.method().clone(),
        );
        let over = Arc::clone(&connection);
        request.extensions_mut().insert(connection);
        request.extensions_mut().insert(id);
        let router = self.router.clone();
        Box::pin(async move {
            let mut response = match router.oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            add_security_headers(response.headers_mut(), id);
            // Who the admin is stands in the audit log.
            log.add(&AccessLine {
                at,
                took: clock.now().since(at),
                request: Some(id),
                connection: Some(&over),
                route: Some(("admin", "admin")),
                method: Some(&method),
                status: response.status(),
                refusal: None,
                received: None,
                sent: response.body().size_hint().exact(),
                client: None,
            });
            response
        })
    }
}
