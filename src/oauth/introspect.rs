//! Token introspection (RFC 7662): a client may ask about its own tokens. Anything else is inactive, without a reason.

use serde_json::{Map, Value, json};

use super::access_token::AccessToken;
use super::client::Client;
use super::error;
use super::refresh::{self, RefreshToken};
use super::server::{AuthorizationServer, Request};
use crate::answer::OauthError;
use crate::base::{ClientId, CustomerId, SessionId, Timestamp};
use crate::identity::session::Confirmation;
use crate::identity::{NotLive, assurance};

impl AuthorizationServer {
    /// Answers an introspection request.
    ///
    /// # Errors
    /// [`OauthError`] when the client does not authenticate, names no token, or it cannot be told whether the token is
    /// revoked.
    pub async fn introspect(&self, request: &Request<'_>) -> Result<Value, OauthError> {
        let client = self.authenticate(request).await?;
        let token = request.parameters.get("token");
        let token = token.ok_or_else(|| OauthError::invalid_request("token is missing"))?;
        let now = self.now();
        let keys = self.services.keyring.current();
        let described = match self.services.verifier.verify(token, &keys, now) {
            Ok(access) => self.describe_access(&access, &client, now)?,
            Err(_) => match refresh::find(&self.services.db, token).await? {
                Some(refresh) => self.describe_refresh(&refresh, &client, now).await?,
                None => None,
            },
        };
        Ok(described.unwrap_or_else(|| json!({ "active": false })))
    }

    fn describe_access(
        &self,
        access: &AccessToken,
        client: &Client,
        now: Timestamp,
    ) -> Result<Option<Value>, OauthError> {
        if access.client != client.id {
            return Ok(None);
        }
        if !self.holds(&access.session, &access.client, &access.subject, now)? {
            return Ok(None);
        }
        let token_type = match access.confirmation {
            Confirmation::Jkt(_) => "DPoP",
            Confirmation::X5t(_) => "Bearer",
        };
        let mut cnf = Map::new();
        cnf.insert(
            access.confirmation.member().to_owned(),
            access.confirmation.thumbprint().to_string().into(),
        );
        Ok(Some(json!({
            "active": true,
            "client_id": access.client,
            "sub": access.subject,
            "scope": access.scope.to_string(),
            "token_type": token_type,
            "iss": self.settings().issuer,
            "aud": self.settings().issuer,
            "iat": access.issued.seconds(),
            "exp": access.expires.seconds(),
            "jti": access.id,
            "acr": assurance::name(access.acr),
            "amr": access.amr,
            "auth_time": access.auth_time.seconds(),
            "cnf": cnf,
        })))
    }

    /// Whether session, client and customer still stand: a token that would be refused is not active (RFC 7662, section 4).
    fn holds(
        &self,
        session: &SessionId,
        client: &ClientId,
        customer: &CustomerId,
        now: Timestamp,
    ) -> Result<bool, OauthError> {
        match self.services.sessions.is_live(session, client, customer, now) {
            Ok(()) => Ok(true),
            Err(NotLive::Unknown) => Err(error::store(NotLive::Unknown)),
            Err(NotLive::Revoked | NotLive::ClientDisabled | NotLive::CustomerLocked) => Ok(false),
        }
    }

    async fn describe_refresh(
        &self,
        token: &RefreshToken,
        client: &Client,
        now: Timestamp,
    ) -> Result<Option<Value>, OauthError> {
        if token.client != client.id || token.rotated_at.is_some() || token.expires_at <= now {
            return Ok(None);
        }
        let session = self.services.sessions.find(&token.session).await?;
        let Some(session) = session.filter(|session| session.holds(now)) else {
            return Ok(None);
        };
        if !self.holds(&session.id, &token.client, &session.customer, now)? {
            return Ok(None);
        }
        Ok(Some(json!({
            "active": true,
            "client_id": token.client,
            "sub": session.customer,
            "scope": token.scope.to_string(),
            "iss": self.settings().issuer,
            "iat": token.issued_at.seconds(),
            "exp": token.expires_at.min(session.holds_until()).seconds(),
            "acr": assurance::name(session.acr),
            "auth_time": session.auth_time.seconds(),
        })))
    }
}
