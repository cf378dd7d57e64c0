//! Calls to the OAuth endpoints: forms, client authentication, DPoP with its nonces, and errors (RFC 6749, 7523, 9449).

use bytes::Bytes;
use countersign_jose::jws;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Method, Request, StatusCode, Uri};
use serde::Deserialize;
use serde_json::{Map, json};

use std::time::Duration;

use crate::client::{Authentication, Client};
use crate::dpop::{DPOP, Proof, wants_nonce};
use crate::error::Error;
use crate::secret::Secret;
use crate::transport::Answer;
use crate::url;

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How long a client assertion is valid, in seconds.
const ASSERTION_LIFETIME: i64 = 60;

/// Whether a call carries a proof of the key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    ToKey,
    No,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
    #[serde(default)]
    error_description: String,
}

impl Client {
    /// Posts a form with the client's authentication. A refusal for want of a nonce is cured once, with the nonce
    /// that came along.
    pub(crate) async fn post_form(
        &self,
        url: &Uri,
        fields: &[(&str, &str)],
        bound: Bound,
    ) -> Result<Answer, Error> {
        let answer = self.send(self.form_request(url, fields, bound)?).await?;
        if bound == Bound::ToKey && wants_nonce(&answer) && self.nonces.of(url).is_some() {
            return self.send(self.form_request(url, fields, bound)?).await;
        }
        Ok(answer)
    }

    fn form_request(
        &self,
        url: &Uri,
        fields: &[(&str, &str)],
        bound: Bound,
    ) -> Result<Request<Bytes>, Error> {
        let assertion = self.assertion()?;
        let mut all = vec![("client_id", self.client_id.as_str())];
        all.extend_from_slice(fields);
        if let Some(assertion) = &assertion {
            all.push(("client_assertion_type", ASSERTION_TYPE));
            all.push(("client_assertion", assertion.expose()));
        }
        let mut request = Request::post(url.clone())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json");
        if bound == Bound::ToKey {
            request = request.header(DPOP, self.proof(&Method::POST, url, None)?);
        }
        // The form is wiped when the last part of it has been sent.
        request
            .body(Bytes::from_owner(url::form(&all)))
            .map_err(|error| Error::Request(error.to_string()))
    }

    /// A proof for one request, with the nonce of its origin where there is one.
    pub(crate) fn proof(&self, method: &Method, url: &Uri, token: Option<&Secret>) -> Result<String, Error> {
        Proof {
            method: method.as_str(),
            url,
            access_token: token.map(Secret::expose),
            nonce: self.nonces.of(url).as_deref(),
            id: &self.nonce()?,
            now: self.clock.now(),
        }
        .sign(&self.key)
    }

    /// The client assertion (RFC 7523, section 3), for clients that authenticate.
    fn assertion(&self) -> Result<Option<Secret>, Error> {
        let Authentication::PrivateKeyJwt(key) = &self.authentication else {
            return Ok(None);
        };
        let now = self.clock.now();
        let claims = json!({
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.metadata.issuer,
            "jti": self.nonce()?,
            "iat": now,
            "exp": now.saturating_add(ASSERTION_LIFETIME),
        });
        let mut header = Map::new();
        if let Some(kid) = key.kid() {
            header.insert("kid".to_owned(), kid.into());
        }
        let token = jws::sign("JWT", header, &claims, key.signing())?;
        Ok(Some(Secret::new(token)))
    }
}

/// The error that a refusal of an OAuth endpoint is.
pub(crate) fn refusal(answer: &Answer) -> Error {
    if answer.status == StatusCode::TOO_MANY_REQUESTS || answer.status == StatusCode::SERVICE_UNAVAILABLE {
        return Error::Throttled {
            retry_after: retry_after(answer),
        };
    }
    match serde_json::from_slice::<Refusal>(&answer.body) {
        Ok(refusal) => Error::OAuth {
            error: refusal.error,
            description: refusal.error_description,
        },
        Err(_) => Error::OAuth {
            error: format!("status {}", answer.status.as_u16()),
            description: crate::problem::Problem::of(answer).map_or_else(
                || "the gateway gave no reason".to_owned(),
                |problem| problem.to_string(),
            ),
        },
    }
}

/// `Retry-After` in seconds (RFC 9110, section 10.2.3).
pub(crate) fn retry_after(answer: &Answer) -> Option<Duration> {
    answer
        .header("retry-after")
        .and_then(|value| value.parse().ok())
        .map(Duration::from_secs)
}
