//! The authorization server's endpoints and documents on the wire.
//!
//! Every request carries its [`Connection`] as an extension; the edge puts it there.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request as HttpRequest, State};
use axum::routing::{get, post};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Response, StatusCode};
use serde_json::Value;

use super::published_keys;
use crate::answer::{
    Body, OauthError, Unread, add_dpop_nonce, oauth_answer, oauth_error, published, read_whole,
};
use crate::base::{Connection, limits};
use crate::keys::Purpose;
use crate::oauth::metadata::metadata;
use crate::oauth::{AuthorizationServer, Parameters, Request};

#[cfg(test)]
mod tests;

type Server = Arc<AuthorizationServer>;

/// The endpoints and documents of `server`.
pub fn router(server: Server) -> Router {
    let endpoints = Router::new()
        .route("/oauth/authorize-challenge", post(challenge).fallback(not_post))
        .route("/oauth/token", post(token).fallback(not_post))
        .route("/oauth/revoke", post(revoke).fallback(not_post))
        .route("/oauth/introspect", post(introspect).fallback(not_post));
    let documents = Router::new()
        .route(
            "/.well-known/openid-configuration",
            get(describe).fallback(not_get),
        )
        .route(
            "/.well-known/oauth-authorization-server",
            get(describe).fallback(not_get),
        )
        .route("/oauth/jwks", get(token_keys).fallback(not_get))
        .route(
            "/.well-known/countersign/txn-keys",
            get(txn_keys).fallback(not_get),
        )
        .route("/.well-known/countersign/keys", get(all_keys).fallback(not_get));
    endpoints.merge(documents).with_state(server)
}

async fn challenge(State(server): State<Server>, request: HttpRequest) -> Response<Body> {
    let form = match Form::read(request).await {
        Ok(form) => form,
        Err(error) => return refuse(&server, &error),
    };
    answer(&server, server.challenge(&form.request()).await)
}

async fn token(State(server): State<Server>, request: HttpRequest) -> Response<Body> {
    let form = match Form::read(request).await {
        Ok(form) => form,
        Err(error) => return refuse(&server, &error),
    };
    answer(&server, server.token(&form.request()).await)
}

async fn revoke(State(server): State<Server>, request: HttpRequest) -> Response<Body> {
    let form = match Form::read(request).await {
        Ok(form) => form,
        Err(error) => return refuse(&server, &error),
    };
    match server.revoke(&form.request()).await {
        // RFC 7009, section 2.2: the status says it all.
        Ok(()) => oauth_answer(StatusCode::OK, &Value::Object(serde_json::Map::new())),
        Err(error) => refuse(&server, &error),
    }
}

async fn introspect(State(server): State<Server>, request: HttpRequest) -> Response<Body> {
    let form = match Form::read(request).await {
        Ok(form) => form,
        Err(error) => return refuse(&server, &error),
    };
    answer(&server, server.introspect(&form.request()).await)
}

async fn describe(State(server): State<Server>) -> Response<Body> {
    let settings = server.settings();
    published(&metadata(settings), settings.keys_max_age)
}

async fn token_keys(State(server): State<Server>) -> Response<Body> {
    let keys = published_keys::jwks(&server.keyring().current(), Purpose::Token);
    published(&keys, server.settings().keys_max_age)
}

async fn txn_keys(State(server): State<Server>) -> Response<Body> {
    let keys = published_keys::jwks(&server.keyring().current(), Purpose::Txn);
    published(&keys, server.settings().keys_max_age)
}

async fn all_keys(State(server): State<Server>) -> Response<Body> {
    let settings = server.settings();
    let issuer = settings.issuer.parse::<http::Uri>().unwrap_or_default();
    let keys = published_keys::all(&server.keyring().current(), issuer.host().unwrap_or_default());
    published(&keys, settings.keys_max_age)
}

async fn not_post() -> Response<Body> {
    wrong_method("POST", "this endpoint takes POST")
}

async fn not_get() -> Response<Body> {
    wrong_method("GET, HEAD", "this document is read with GET")
}

fn wrong_method(allow: &'static str, description: &'static str) -> Response<Body> {
    let mut error = OauthError::invalid_request(description).status(StatusCode::METHOD_NOT_ALLOWED);
    error.allow = Some(allow);
    oauth_error(&error)
}

fn answer(server: &AuthorizationServer, answered: Result<Value, OauthError>) -> Response<Body> {
    match answered {
        Ok(document) => {
            let mut response = oauth_answer(StatusCode::OK, &document);
            if let Some(nonce) = server.nonce_to_give() {
                add_dpop_nonce(response.headers_mut(), &nonce);
            }
            response
        }
        Err(error) => refuse(server, &error),
    }
}

/// Errors carry the nonce too, so that whoever tries again has one.
fn refuse(server: &AuthorizationServer, error: &OauthError) -> Response<Body> {
    if let Some(cause) = &error.cause {
        tracing::warn!(error = error.error, %cause, "an OAuth request failed");
    }
    let mut response = oauth_error(error);
    if error.dpop_nonce.is_none()
        && let Some(nonce) = server.nonce_to_give()
    {
        add_dpop_nonce(response.headers_mut(), &nonce);
    }
    response
}

/// A POST request whose form was read.
struct Form {
    headers: HeaderMap,
    path: String,
    connection: Arc<Connection>,
    parameters: Parameters,
}

impl Form {
    async fn read(request: HttpRequest) -> Result<Self, OauthError> {
        let (head, body) = request.into_parts();
        if head.uri.query().is_some() {
            return Err(OauthError::invalid_request(
                "parameters belong in the body, not in the URL",
            ));
        }
        if !is_form(&head.headers) {
            return Err(OauthError::invalid_request(
                "Content-Type must be application/x-www-form-urlencoded",
            ));
        }
        let connection = head.extensions.get::<Arc<Connection>>().cloned();
        let connection = connection.ok_or_else(|| {
            let description = "the server failed";
            let mut error =
                OauthError::new("server_error", description).status(StatusCode::INTERNAL_SERVER_ERROR);
            error.cause = Some("the request carries no facts of its connection".into());
            error
        })?;
        let bytes = read_whole(body, limits::OAUTH_FORM_BYTES)
            .await
            .map_err(|error| Unread::of(&*error).oauth_error())?;
        let bytes = zeroize::Zeroizing::new(bytes.to_vec());
        let text = std::str::from_utf8(&bytes).unwrap_or("%");
        let parameters =
            Parameters::parse(text).map_err(|error| OauthError::invalid_request(error.to_string()))?;
        Ok(Self {
            headers: head.headers,
            path: head.uri.path().to_owned(),
            connection,
            parameters,
        })
    }

    fn request(&self) -> Request<'_> {
        Request {
            headers: &self.headers,
            path: &self.path,
            connection: &self.connection,
            parameters: self.parameters.clone(),
        }
    }
}

/// Whether there is one `Content-Type`, and it is the one of forms, in UTF-8 if it says so.
fn is_form(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(only), None) = (types.next(), types.next()) else {
        return false;
    };
    let Ok(text) = only.to_str() else { return false };
    let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
    let parameters = parameters.trim().to_ascii_lowercase();
    essence
        .trim()
        .eq_ignore_ascii_case("application/x-www-form-urlencoded")
        && matches!(parameters.as_str(), "" | "charset=utf-8" | "charset=\"utf-8\"")
}
