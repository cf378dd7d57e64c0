//! In front of every path: who is it, may they, and what is written down about it.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::IntoResponse;
use http::request::Parts;
use http::{HeaderMap, Response, StatusCode};

use super::api::Services;
use super::needs::AdminFacts;
use crate::answer::{Body, add_security_headers, problem};
use crate::base::{AdminName, Code, Connection, Door, Event, Fault, RequestId};
use crate::store::Batch;

/// An admin whom the policies allowed what this path does. Only the guard makes one, and every handler takes one.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) admin: AdminFacts,
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| Refused(Fault::new(Code::PolicyDenied).cause("a path without a guard")))
    }
}

/// A fault on its way from a handler to the guard, which records and renders it.
#[derive(Clone)]
pub(super) struct Refused(pub(super) Fault);

impl<F: Into<Fault>> From<F> for Refused {
    fn from(fault: F) -> Self {
        Self(fault.into())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response<Body> {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// What a guard needs: the services and the action its path stands for.
pub(super) type Post = (Arc<Services>, &'static str);

/// Lets a request through when a registered admin sent it and the policies permit `action`.
pub(super) async fn guard(
    State((services, action)): State<Post>,
    request: Request,
    next: Next,
) -> Response<Body> {
    let id = request_id(&services, &request);
    let (mut parts, body) = request.into_parts();
    let (name, outcome) = match admit(&services, &parts, action).await {
        Ok(caller) => {
            let name = caller.admin.name.clone();
            parts.extensions.insert(caller);
            (
                Some(name),
                outcome_of(next.run(Request::from_parts(parts, body)).await),
            )
        }
        Err((name, fault)) => (name, Err(fault)),
    };
    let response = match outcome {
        Ok(response) => response,
        Err(fault) => problem(&record_refusal(&services, name, action, fault).await, id),
    };
    finished(response, id)
}

/// The answer to a path that does not exist.
pub(super) async fn nothing_here(State(services): State<Arc<Services>>, request: Request) -> Response<Body> {
    let id = request_id(&services, &request);
    finished(
        problem(
            &Fault::new(Code::RouteUnknown).detail("The admin API lives below /admin/v1/."),
            id,
        ),
        id,
    )
}

fn request_id(services: &Services, request: &Request) -> RequestId {
    let given = request.extensions().get::<RequestId>().copied();
    given.unwrap_or_else(|| RequestId::new(services.clock.now(), &*services.entropy))
}

fn finished(mut response: Response<Body>, id: RequestId) -> Response<Body> {
    add_security_headers(response.headers_mut(), id);
    response.headers_mut().insert(
        http::header::CACHE_CONTROL,
        http::HeaderValue::from_static("no-store"),
    );
    response
}

async fn admit(
    services: &Services,
    parts: &Parts,
    action: &'static str,
) -> Result<Caller, (Option<AdminName>, Fault)> {
    refuse_other_sites(&parts.headers).map_err(|fault| (None, fault))?;
    let admin = identify(services, parts).await.map_err(|fault| (None, fault))?;
    match services.authorize.decide(&admin, action) {
        Ok(()) => Ok(Caller { admin }),
        Err(fault) => Err((Some(admin.name), fault)),
    }
}

/// A browser sends the admin's certificate along with whatever another site makes it send (ASVS 3.5.3); it also says so.
fn refuse_other_sites(headers: &HeaderMap) -> Result<(), Fault> {
    let denied =
        Fault::new(Code::PolicyDenied).detail("Requests that other sites make a browser send are refused.");
    match headers.get("sec-fetch-site").map(http::HeaderValue::as_bytes) {
        None | Some(b"same-origin" | b"none") => Ok(()),
        Some(_) => Err(denied),
    }
}

async fn identify(services: &Services, parts: &Parts) -> Result<AdminFacts, Fault> {
    let denied = |detail: &'static str| Fault::new(Code::PolicyDenied).detail(detail);
    let connection = parts
        .extensions
        .get::<Arc<Connection>>()
        .filter(|connection| connection.door == Door::Admin)
        .ok_or_else(|| denied("The admin API is served on the admin listener only."))?;
    let certificate = connection
        .client_certificate
        .as_ref()
        .ok_or_else(|| denied("Connect with the client certificate of a registered admin."))?;
    let admin = services
        .admins
        .by_certificate(&certificate.thumbprint)
        .await?
        .ok_or_else(|| {
            denied("This certificate belongs to no registered admin.").cause(certificate.thumbprint)
        })?;
    if admin.disabled_at.is_some() {
        return Err(denied("This admin is disabled.").cause(admin.name));
    }
    Ok(AdminFacts {
        name: admin.name,
        person: admin.person,
        roles: admin.roles,
        certificate: admin.certificate,
        ip: connection.peer.ip(),
    })
}

fn outcome_of(response: Response<Body>) -> Result<Response<Body>, Fault> {
    if let Some(Refused(fault)) = response.extensions().get() {
        return Err(fault.clone());
    }
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        // The router adds Allow on the way out.
        return Err(Fault::new(Code::MethodNotAllowed));
    }
    Ok(response)
}

/// Writes the refusal down. When that fails the store is out of order, and that is what the admin should read.
async fn record_refusal(
    services: &Services,
    admin: Option<AdminName>,
    action: &'static str,
    fault: Fault,
) -> Fault {
    let mut batch = Batch::new();
    let event = Event::AdminRefused {
        admin,
        action,
        code: fault.code.name(),
    };
    batch.record(services.clock.now(), &*services.entropy, &event);
    match services.db.commit(batch).await {
        Ok(()) => fault,
        Err(error) => Fault::from(error),
    }
}
