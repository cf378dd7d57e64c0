//! The gateway's metadata (RFC 8414).

use http::Uri;
use serde::Deserialize;

use crate::error::Error;
use crate::transport::Answer;
use crate::url;

/// Where the document stands.
pub(crate) const PATH: &str = "/.well-known/oauth-authorization-server";

/// The endpoints this client calls.
#[derive(Clone, Debug)]
pub(crate) struct Metadata {
    pub(crate) issuer: String,
    pub(crate) authorize_challenge: Uri,
    pub(crate) token: Uri,
    pub(crate) revocation: Uri,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    token_endpoint: String,
    revocation_endpoint: String,
    authorization_challenge_endpoint: Option<String>,
}

impl Metadata {
    /// Reads the metadata; they must name the very gateway they were asked from (RFC 8414, section 3.3).
    pub(crate) fn read(answer: &Answer, gateway: &str) -> Result<Self, Error> {
        if answer.status != http::StatusCode::OK {
            return Err(Error::Document("metadata"));
        }
        let document: Document =
            serde_json::from_slice(&answer.body).map_err(|_| Error::Document("metadata"))?;
        if document.issuer != gateway {
            return Err(Error::OtherIssuer(document.issuer.chars().take(200).collect()));
        }
        let authorize_challenge = document
            .authorization_challenge_endpoint
            .unwrap_or_else(|| format!("{gateway}/oauth/authorize-challenge"));
        Ok(Self {
            issuer: document.issuer,
            authorize_challenge: url::parse(&authorize_challenge)?,
            token: url::parse(&document.token_endpoint)?,
            revocation: url::parse(&document.revocation_endpoint)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, StatusCode};

    fn read(body: &str, gateway: &str) -> Result<Metadata, Error> {
        let answer = Answer {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: body.to_owned().into(),
        };
        Metadata::read(&answer, gateway)
    }

    #[test]
    fn metadata_of_another_issuer_or_over_plain_http_are_refused() {
        let document = |issuer: &str, token: &str| {
            serde_json::json!({"issuer": issuer, "token_endpoint": token, "revocation_endpoint": "https://a.example/r"}).to_string()
        };
        let good = document("https://a.example", "https://a.example/t");
        let metadata = read(&good, "https://a.example").unwrap();
        assert_eq!(
            metadata.authorize_challenge,
            "https://a.example/oauth/authorize-challenge"
        );
        assert_eq!(
            read(&good, "https://b.example").unwrap_err(),
            Error::OtherIssuer("https://a.example".into())
        );
        assert!(
            read(
                &document("https://a.example", "http://a.example/t"),
                "https://a.example"
            )
            .is_err()
        );
        assert!(read("{}", "https://a.example").is_err());
    }
}
