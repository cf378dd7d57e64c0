//! A session: the tokens of one login.

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::secret::Secret;

/// The tokens of one login, bound to the client's key. They do not print.
#[derive(Clone, Debug)]
pub struct Session {
    pub(crate) access_token: Secret,
    pub(crate) refresh_token: Option<Secret>,
    pub(crate) expires_at: i64,
    pub(crate) scope: String,
}

/// The token endpoint's answer (RFC 6749, section 5.1).
#[derive(Deserialize)]
pub(crate) struct TokenAnswer {
    access_token: Secret,
    token_type: String,
    expires_in: i64,
    refresh_token: Option<Secret>,
    #[serde(default)]
    scope: String,
}

#[derive(Deserialize)]
struct Kept {
    access_token: Secret,
    refresh_token: Option<Secret>,
    expires_at: i64,
    scope: String,
}

impl Session {
    /// Reads the token endpoint's answer; anything but a DPoP-bound token is refused (RFC 9449, section 5).
    pub(crate) fn read(body: &[u8], now: i64) -> Result<Self, Error> {
        let answer: TokenAnswer =
            serde_json::from_slice(body).map_err(|_| Error::Document("token answer"))?;
        if !answer.token_type.eq_ignore_ascii_case("DPoP") {
            return Err(Error::Document("token type"));
        }
        Ok(Self {
            access_token: answer.access_token,
            refresh_token: answer.refresh_token,
            expires_at: now.saturating_add(answer.expires_in),
            scope: answer.scope,
        })
    }

    /// When the access token ends, in seconds since 1970.
    #[must_use]
    pub const fn expires_at(&self) -> i64 {
        self.expires_at
    }

    /// The scope that was granted.
    #[must_use]
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// Whether the session can be refreshed.
    #[must_use]
    pub const fn can_refresh(&self) -> bool {
        self.refresh_token.is_some()
    }

    /// The access token, for a request that this crate does not make.
    #[must_use]
    pub const fn access_token(&self) -> &Secret {
        &self.access_token
    }

    /// The session as JSON, to be kept where only this app reads it. It holds the tokens.
    #[must_use]
    pub fn to_json(&self) -> Zeroizing<String> {
        let json = serde_json::json!({
            "access_token": self.access_token.expose(),
            "refresh_token": self.refresh_token.as_ref().map(Secret::expose),
            "expires_at": self.expires_at,
            "scope": self.scope,
        });
        Zeroizing::new(json.to_string())
    }

    /// Reads what [`Session::to_json`] wrote.
    ///
    /// # Errors
    /// [`Error::Document`] when it is something else.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        let kept: Kept = serde_json::from_str(json).map_err(|_| Error::Document("session"))?;
        Ok(Self {
            access_token: kept.access_token,
            refresh_token: kept.refresh_token,
            expires_at: kept.expires_at,
            scope: kept.scope,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_kept_and_read_again_but_does_not_print() {
        let body = br#"{"access_token":"at-1","token_type":"DPoP","expires_in":300,"refresh_token":"rt-1","scope":"a b"}"#;
        let session = Session::read(body, 1000).unwrap();
        let again = Session::from_json(&session.to_json()).unwrap();
        assert_eq!(
            (again.expires_at(), again.scope(), again.can_refresh()),
            (1300, "a b", true)
        );
        assert_eq!(again.access_token().expose(), "at-1");
        let printed = format!("{session:?}");
        assert!(
            !printed.contains("at-1") && !printed.contains("rt-1"),
            "{printed}"
        );
    }

    /// DPOP-13
    #[test]
    fn a_token_that_is_not_bound_to_the_key_is_refused() {
        let body = br#"{"access_token":"at-1","token_type":"Bearer","expires_in":300}"#;
        assert_eq!(Session::read(body, 0).unwrap_err(), Error::Document("token type"));
    }
}
