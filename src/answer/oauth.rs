//! Answers of OAuth endpoints: JSON that is never cached, and errors as RFC 6749, section 5.2 shapes them.

use std::borrow::Cow;
use std::time::Duration;

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Map, Value};

use super::Body;
use super::problem::whole_seconds;
use crate::base::{Code, Fault};

const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// An error of an OAuth endpoint on its way to the client.
#[derive(Clone, Debug, PartialEq)]
pub struct OauthError {
    /// The HTTP status.
    pub status: StatusCode,
    /// The code: `error`.
    pub error: &'static str,
    /// What an honest client should change: `error_description`. ASCII without quotes and backslashes.
    pub description: Cow<'static, str>,
    /// Further members.
    pub members: Map<String, Value>,
    /// A nonce for the next DPoP proof.
    pub dpop_nonce: Option<String>,
    /// How long to wait.
    pub retry_after: Option<Duration>,
    /// The methods this endpoint takes, when the method is at fault.
    pub allow: Option<&'static str>,
    /// For the log only.
    pub cause: Option<Box<str>>,
}

impl OauthError {
    /// An error with status 400.
    #[must_use]
    pub fn new(error: &'static str, description: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error,
            description: description.into(),
            members: Map::new(),
            dpop_nonce: None,
            retry_after: None,
            allow: None,
            cause: None,
        }
    }

    /// `invalid_request`: a parameter is missing, repeated or malformed.
    #[must_use]
    pub fn invalid_request(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new("invalid_request", description)
    }

    /// `invalid_client` with status 401: the client did not prove that it is itself.
    #[must_use]
    pub fn invalid_client(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new("invalid_client", description).status(StatusCode::UNAUTHORIZED)
    }

    /// `temporarily_unavailable` with status 503: try again in a while.
    #[must_use]
    pub fn unavailable(cause: impl std::fmt::Display, wait: Duration) -> Self {
        let mut error = Self::new(
            "temporarily_unavailable",
            "the server cannot do this now; wait as long as Retry-After says",
        )
        .status(StatusCode::SERVICE_UNAVAILABLE);
        error.retry_after = Some(wait);
        error.cause = Some(cause.to_string().into());
        error
    }

    /// With another status.
    #[must_use]
    pub const fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// With one more member.
    #[must_use]
    pub fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }
}

/// The answer that carries `error`.
#[must_use]
pub fn oauth_error(error: &OauthError) -> Response<Body> {
    let mut document = Map::new();
    document.insert("error".to_owned(), error.error.into());
    document.insert("error_description".to_owned(), error.description.as_ref().into());
    document.extend(error.members.clone());
    let mut response = oauth_answer(error.status, &Value::Object(document));
    let headers = response.headers_mut();
    if error.status == StatusCode::UNAUTHORIZED {
        // RFC 9110, section 15.5.2 wants a challenge; clients of ours prove themselves in the body or by certificate.
        insert(
            headers,
            WWW_AUTHENTICATE,
            &format!("DPoP error=\"{}\"", error.error),
        );
    }
    if let Some(nonce) = &error.dpop_nonce {
        insert(headers, DPOP_NONCE, nonce);
    }
    if let Some(wait) = error.retry_after {
        insert(headers, RETRY_AFTER, &whole_seconds(wait));
    }
    if let Some(methods) = error.allow {
        headers.insert(ALLOW, HeaderValue::from_static(methods));
    }
    response
}

/// The answer of an OAuth endpoint to a request that came too early to be looked at: RFC 6749 has no code for it, so the
/// status says what it is (RFC 6585, section 4). `None` for faults of other kinds.
#[must_use]
pub fn oauth_refusal(fault: &Fault) -> Option<Response<Body>> {
    let error = match fault.code {
        Code::Banned => "access_denied",
        Code::RateLimited | Code::Overloaded => "temporarily_unavailable",
        _ => return None,
    };
    let status = StatusCode::from_u16(fault.code.status()).ok()?;
    let mut error = OauthError::new(error, fault.code.advice()).status(status);
    error.retry_after = fault.retry_after;
    Some(oauth_error(&error))
}

/// An answer in JSON that no one may keep (RFC 6749, section 5.1).
#[must_use]
pub fn oauth_answer(status: StatusCode, document: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(document.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A published document that may be kept for `max_age`.
#[must_use]
pub fn published(document: &Value, max_age: Duration) -> Response<Body> {
    let mut response = oauth_answer(StatusCode::OK, document);
    let value = format!("public, max-age={}", max_age.as_secs());
    insert(response.headers_mut(), CACHE_CONTROL, &value);
    response
}

/// Adds a fresh nonce for the next DPoP proof (RFC 9449, section 8.2).
pub fn add_dpop_nonce(headers: &mut HeaderMap, nonce: &str) {
    insert(headers, DPOP_NONCE, nonce);
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
