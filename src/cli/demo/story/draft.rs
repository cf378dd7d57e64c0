//! A request put together by hand, so that each part of it can be left out, changed or forged.

use bytes::Bytes;
use countersign_jose::jwk::Jwk;
use countersign_jose::{PrivateKey, base64url, jws, sha256};
use countersign_signatures::digest::{CONTENT_DIGEST, DigestAlgorithm, content_digest};
use countersign_signatures::{Algorithm, Component, Parameters, Request as SignedView, sign};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, Request};
use serde_json::{Map, Value, json};

use crate::base::Entropy;
use crate::cli::console::CliError;

const DPOP: HeaderName = HeaderName::from_static("dpop");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// How long a signature is good, in seconds.
const LIFETIME: i64 = 60;

/// The request.
#[derive(Clone)]
pub(super) struct Draft {
    request: Request<Bytes>,
}

impl Draft {
    /// A request with no header but those of its body.
    ///
    /// # Errors
    /// A URL that is none.
    pub(super) fn new(method: Method, url: &str, body: impl Into<Bytes>) -> Result<Self, CliError> {
        let mut request = Request::new(body.into());
        *request.method_mut() = method;
        *request.uri_mut() = url.parse().map_err(CliError::failed)?;
        if !request.body().is_empty() {
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert(CONTENT_TYPE, json);
        }
        Ok(Self { request })
    }

    /// Adds a header.
    ///
    /// # Errors
    /// A value that no header can have.
    pub(super) fn with(mut self, name: &'static str, value: &str) -> Result<Self, CliError> {
        let value = HeaderValue::from_str(value).map_err(CliError::failed)?;
        self.request
            .headers_mut()
            .insert(HeaderName::from_static(name), value);
        Ok(self)
    }

    /// Shows `token` under the scheme `DPoP`.
    ///
    /// # Errors
    /// As [`Draft::with`].
    pub(super) fn authorized(self, token: &str) -> Result<Self, CliError> {
        self.with("authorization", &format!("DPoP {token}"))
    }

    /// Names the payment.
    ///
    /// # Errors
    /// As [`Draft::with`].
    pub(super) fn keyed(self, entropy: &dyn Entropy) -> Result<Self, CliError> {
        let key = entropy.token(16);
        self.with("idempotency-key", &format!("\"{key}\""))
    }

    /// Adds a DPoP proof by `key` for `url`, which need not be that of the request (RFC 9449 section 4.2).
    ///
    /// # Errors
    /// When it cannot be signed.
    pub(super) fn proven(
        self,
        key: &PrivateKey,
        url: &str,
        token: &str,
        now: i64,
        entropy: &dyn Entropy,
    ) -> Result<Self, CliError> {
        let jwk = Value::Object(Jwk::new(key.public_key().clone()).to_object());
        let claims = json!({
            "jti": entropy.token(16),
            "htm": self.request.method().as_str(),
            "htu": url,
            "iat": now,
            "ath": base64url(sha256(token.as_bytes())),
        });
        let header = Map::from_iter([("jwk".to_owned(), jwk)]);
        let proof = jws::sign("dpop+jwt", header, &claims, key).map_err(CliError::failed)?;
        self.with("dpop", &proof)
    }

    /// Signs the request with `key` as a client has to.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub(super) fn signed(
        mut self,
        key: &PrivateKey,
        now: i64,
        entropy: &dyn Entropy,
    ) -> Result<Self, CliError> {
        self.digest();
        let headers = self.request.headers();
        let mut components = vec![Component::derived("@method"), Component::derived("@target-uri")];
        let fields = [AUTHORIZATION, CONTENT_DIGEST, CONTENT_TYPE, IDEMPOTENCY_KEY, DPOP];
        let present: Vec<_> = fields
            .into_iter()
            .filter(|name| headers.contains_key(name))
            .collect();
        components.extend(present.iter().map(|name| Component::field(name.as_str())));
        let parameters = Parameters {
            created: Some(now),
            expires: Some(now.saturating_add(LIFETIME)),
            nonce: Some(entropy.token(16).into()),
            keyid: Some(key.public_key().thumbprint().to_string().into()),
            tag: Some("fapi-2-request".into()),
            ..Parameters::default()
        };
        let algorithm = Algorithm::of(key.public_key());
        let signed = sign(&self.view(), "request", &components, &parameters, key, algorithm);
        let members = signed.map_err(CliError::failed)?.members;
        members
            .append_to(self.request.headers_mut())
            .map_err(CliError::failed)?;
        Ok(self)
    }

    /// The body becomes another; what was said and signed about it stays.
    pub(super) fn tampered(mut self, body: impl Into<Bytes>) -> Self {
        *self.request.body_mut() = body.into();
        self
    }

    /// The digest of the body as it is now, in place of the one that was signed.
    pub(super) fn redigested(mut self) -> Self {
        self.digest();
        self
    }

    /// The request, to be sent.
    pub(super) fn into_request(self) -> Request<Bytes> {
        self.request
    }

    fn digest(&mut self) {
        if !self.request.body().is_empty() {
            let digest = content_digest(self.request.body(), DigestAlgorithm::Sha256);
            self.request.headers_mut().insert(CONTENT_DIGEST, digest);
        }
    }

    fn view(&self) -> SignedView<'_> {
        let uri = self.request.uri();
        SignedView {
            method: self.request.method().as_str(),
            scheme: "https",
            authority: uri.authority().map_or("", |authority| authority.as_str()),
            path: uri.path(),
            query: uri.query(),
            headers: self.request.headers(),
            trailers: None,
        }
    }
}
