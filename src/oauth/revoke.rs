//! Token revocation (RFC 7009). Whichever token of a session is revoked, the session ends, with every token of it.

use super::access_token::AccessToken;
use super::error;
use super::refresh;
use super::server::{AuthorizationServer, Request};
use crate::answer::OauthError;
use crate::base::{ClientId, SessionId};

impl AuthorizationServer {
    /// Answers a revocation request. An unknown token, or one of another client, is as good as revoked (RFC 7009,
    /// section 2.2), so the answer tells nobody whether a guess exists.
    ///
    /// # Errors
    /// [`OauthError`] when the client does not authenticate, names no token, or nothing can be recorded.
    pub async fn revoke(&self, request: &Request<'_>) -> Result<(), OauthError> {
        let client = self.authenticate(request).await?;
        let token = request.parameters.get("token");
        let token = token.ok_or_else(|| OauthError::invalid_request("token is missing"))?;
        let Some(session) = self.session_of(token, &client.id).await? else {
            return Ok(());
        };
        let revoked = self.services.sessions.revoke(&session, "client").await;
        revoked.map_err(error::store)
    }

    /// The session that a token of `client` belongs to.
    async fn session_of(&self, token: &str, client: &ClientId) -> Result<Option<SessionId>, OauthError> {
        let now = self.now();
        let keys = self.services.keyring.current();
        if let Ok(access) = self.services.verifier.verify(token, &keys, now) {
            let access: &AccessToken = &access;
            return Ok((access.client == *client).then(|| access.session.clone()));
        }
        let found = refresh::find(&self.services.db, token).await?;
        Ok(found
            .filter(|token| token.client == *client)
            .map(|token| token.session))
    }
}
