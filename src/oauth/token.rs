//! The token endpoint (RFC 6749 section 3.2, RFC 9449 section 5): a code or a refresh token in, tokens bound to a key out.

use countersign_jose::Thumbprint;
use serde_json::{Map, Value};

use super::access_token;
use super::bound_key;
use super::client::{Client, GrantType, Profile};
use super::code::{self, CODE_IS_UNUSED, Code};
use super::dpop::{Dpop, Place, Proof};
use super::error::{self, invalid_grant};
use super::refresh::{self, GRACE, RefreshToken, TOKEN_IS_CURRENT};
use super::scope::Scope;
use super::server::{AuthorizationServer, Request};
use crate::answer::OauthError;
use crate::base::{Event, SessionId, Timestamp};
use crate::identity::session::{self, Confirmation, SESSION_IS_LIVE, Session};
use crate::store::{Batch, StoreError};

/// The scope that asks for a refresh token (OpenID Connect Core, section 11).
const OFFLINE_ACCESS: &str = "offline_access";

/// The key that the sender of a token request has proven.
enum ProvenKey {
    Dpop(Proof),
    Certificate(Thumbprint),
}

impl ProvenKey {
    const fn confirmation(&self) -> Confirmation {
        match self {
            Self::Dpop(proof) => Confirmation::Jkt(proof.thumbprint),
            Self::Certificate(thumbprint) => Confirmation::X5t(*thumbprint),
        }
    }

    /// Keeps the key itself, for signatures of requests that name it by its thumbprint only.
    fn remember(&self, batch: &mut Batch) {
        if let Self::Dpop(proof) = self {
            bound_key::remember(batch, &proof.key);
        }
    }
}

impl AuthorizationServer {
    /// Answers a token request.
    ///
    /// # Errors
    /// [`OauthError`], as RFC 6749, section 5.2 and RFC 9449, section 5 name them.
    pub async fn token(&self, request: &Request<'_>) -> Result<Value, OauthError> {
        let client = self.authenticate(request).await?;
        let grant = match request.parameters.get("grant_type") {
            None => return Err(OauthError::invalid_request("grant_type is missing")),
            Some("authorization_code") => GrantType::AuthorizationCode,
            Some("refresh_token") => GrantType::RefreshToken,
            Some(_) => {
                return Err(OauthError::new(
                    "unsupported_grant_type",
                    "grant_type takes authorization_code or refresh_token",
                ));
            }
        };
        if !client.may_exchange(grant) {
            return Err(OauthError::new(
                "unauthorized_client",
                "the client is not registered for this grant_type",
            ));
        }
        let key = self.confirm(&client, request).await?;
        match grant {
            GrantType::AuthorizationCode => self.exchange_code(&client, &key, request).await,
            GrantType::RefreshToken => self.refresh(&client, &key, request).await,
        }
    }

    /// The key the tokens will be bound to: the one of a DPoP proof, or the client's certificate. Neither is no token
    /// (FAPI-07).
    async fn confirm(&self, client: &Client, request: &Request<'_>) -> Result<ProvenKey, OauthError> {
        if client.is_certificate_bound() && !Dpop::is_present(request.headers) {
            let certificate = request.connection.client_certificate.as_ref();
            let certificate =
                certificate.ok_or_else(|| OauthError::invalid_client("a client certificate is needed"))?;
            return Ok(ProvenKey::Certificate(certificate.thumbprint));
        }
        Ok(ProvenKey::Dpop(self.prove(request, Place::Token).await?))
    }

    async fn exchange_code(
        &self,
        client: &Client,
        key: &ProvenKey,
        request: &Request<'_>,
    ) -> Result<Value, OauthError> {
        let missing = |name: &str| OauthError::invalid_request(format!("{name} is missing"));
        let text = request.parameters.get("code").ok_or_else(|| missing("code"))?;
        let verifier = request.parameters.get("code_verifier");
        let verifier = verifier.ok_or_else(|| missing("code_verifier"))?;
        let now = self.now();
        let code = code::find(&self.services.db, text)
            .await?
            .ok_or_else(invalid_grant)?;
        if code.used {
            return Err(self.end(&code.session, "code-reuse").await);
        }
        let session = self.services.sessions.find(&code.session).await?;
        let session = session
            .filter(|session| session.holds(now))
            .ok_or_else(invalid_grant)?;
        let belongs =
            code.client == client.id && session.confirmation == key.confirmation() && code.expires_at > now;
        if !belongs || !code.challenge.is_met_by(verifier) {
            return Err(invalid_grant());
        }
        let mut batch = Batch::new();
        key.remember(&mut batch);
        code::take(&mut batch, text, now);
        session::live_guard(&mut batch, &session.id, &client.id, &session.customer, now);
        let refresh_token = self.first_refresh_token(&mut batch, client, &code, &session, now);
        let answer = self.answer(&mut batch, &session, &code.scope, refresh_token, false, now)?;
        match self.services.db.commit(batch).await {
            Ok(()) => Ok(answer),
            Err(StoreError::Guard(CODE_IS_UNUSED)) => Err(self.end(&code.session, "code-reuse").await),
            Err(StoreError::Guard(_)) => Err(invalid_grant()),
            Err(error) => Err(error::store(error)),
        }
    }

    /// A refresh token is issued exactly when the client is registered for it and `offline_access` was granted.
    fn first_refresh_token(
        &self,
        batch: &mut Batch,
        client: &Client,
        code: &Code,
        session: &Session,
        now: Timestamp,
    ) -> Option<String> {
        if !client.may_exchange(GrantType::RefreshToken) || !code.scope.contains(OFFLINE_ACCESS) {
            return None;
        }
        Some(refresh::give(
            batch,
            &self.next_refresh_token(session, &code.scope, now),
            self.entropy(),
        ))
    }

    fn next_refresh_token(&self, session: &Session, scope: &Scope, now: Timestamp) -> RefreshToken {
        RefreshToken {
            session: session.id.clone(),
            client: session.client.clone(),
            scope: scope.clone(),
            issued_at: now,
            expires_at: session
                .auth_time
                .plus(self.settings().refresh_token_life)
                .min(session.expires_at),
            rotated_at: None,
        }
    }

    async fn refresh(
        &self,
        client: &Client,
        key: &ProvenKey,
        request: &Request<'_>,
    ) -> Result<Value, OauthError> {
        let text = request
            .parameters
            .get("refresh_token")
            .ok_or_else(|| OauthError::invalid_request("refresh_token is missing"))?;
        let asked = request.parameters.get("scope");
        // A second look is needed when another request of the same key rotated the token meanwhile; the grace covers it.
        for _ in 0..2 {
            if let Some(answer) = self.exchange_refresh_token(client, key, text, asked).await? {
                return Ok(answer);
            }
        }
        Err(invalid_grant())
    }

    /// The answer, or `None` when the token was rotated between the look and the write.
    async fn exchange_refresh_token(
        &self,
        client: &Client,
        key: &ProvenKey,
        text: &str,
        asked: Option<&str>,
    ) -> Result<Option<Value>, OauthError> {
        let now = self.now();
        let token = refresh::find(&self.services.db, text)
            .await?
            .ok_or_else(invalid_grant)?;
        if token.client != client.id || token.expires_at <= now {
            return Err(invalid_grant());
        }
        let session = self.services.sessions.find(&token.session).await?;
        let session = session.ok_or_else(invalid_grant)?;
        let first_party = client.profile == Profile::FirstParty;
        let same_key = session.confirmation == key.confirmation();
        if let Some(rotated) = token.rotated_at
            && !(same_key && now <= rotated.plus(GRACE))
        {
            return Err(self.end(&session.id, "refresh-reuse").await);
        }
        if !session.holds(now) || (first_party && !same_key) {
            return Err(invalid_grant());
        }
        let scope = narrowed(&token.scope, asked)?;
        // Confidential clients may come with a new key; what they get is bound to it (RFC 9449, section 5).
        let session = Session {
            confirmation: key.confirmation(),
            ..session
        };
        let mut batch = Batch::new();
        key.remember(&mut batch);
        self.renew(batch, &session, text, &token, &scope, first_party, now)
            .await
    }

    #[expect(clippy::too_many_arguments, reason = "each is another part of one exchange")]
    async fn renew(
        &self,
        mut batch: Batch,
        session: &Session,
        text: &str,
        token: &RefreshToken,
        scope: &Scope,
        rotates: bool,
        now: Timestamp,
    ) -> Result<Option<Value>, OauthError> {
        session::live_guard_without_activity(
            &mut batch,
            &session.id,
            &session.client,
            &session.customer,
            now,
        );
        if rotates && token.rotated_at.is_none() {
            refresh::rotate(&mut batch, text, now);
        }
        let next = rotates.then(|| {
            let next = self.next_refresh_token(session, &token.scope, now);
            refresh::give(&mut batch, &next, self.entropy())
        });
        let answer = self.answer(&mut batch, session, scope, next, true, now)?;
        match self.services.db.commit(batch).await {
            Ok(()) => Ok(Some(answer)),
            Err(StoreError::Guard(TOKEN_IS_CURRENT)) => Ok(None),
            Err(StoreError::Guard(SESSION_IS_LIVE)) => Err(invalid_grant()),
            Err(error) => Err(error::store(error)),
        }
    }

    fn answer(
        &self,
        batch: &mut Batch,
        session: &Session,
        scope: &Scope,
        refresh_token: Option<String>,
        refreshed: bool,
        now: Timestamp,
    ) -> Result<Value, OauthError> {
        let keys = self.services.keyring.current();
        let issued = access_token::issue(self.settings(), session, scope, &keys, self.entropy(), now)
            .map_err(error::server)?;
        let event = Event::TokenIssued {
            session: session.id.clone(),
            client: session.client.clone(),
            refreshed,
        };
        batch.record(now, self.entropy(), &event);
        let mut answer = Map::new();
        answer.insert("access_token".to_owned(), issued.token.into());
        let token_type = match session.confirmation {
            Confirmation::Jkt(_) => "DPoP",
            Confirmation::X5t(_) => "Bearer",
        };
        answer.insert("token_type".to_owned(), token_type.into());
        answer.insert(
            "expires_in".to_owned(),
            (issued.expires.seconds() - now.seconds()).into(),
        );
        answer.insert("scope".to_owned(), scope.to_string().into());
        if let Some(refresh_token) = refresh_token {
            answer.insert("refresh_token".to_owned(), refresh_token.into());
        }
        Ok(Value::Object(answer))
    }

    /// Ends a session because something of it was used twice.
    async fn end(&self, session: &SessionId, reason: &'static str) -> OauthError {
        match self.services.sessions.revoke(session, reason).await {
            Ok(()) => invalid_grant(),
            Err(error) => error::store(error),
        }
    }
}

/// The scope asked for, which may only be less than what was granted (RFC 6749, section 6).
fn narrowed(granted: &Scope, asked: Option<&str>) -> Result<Scope, OauthError> {
    let Some(asked) = asked else {
        return Ok(granted.clone());
    };
    Scope::parse(asked)
        .filter(|asked| !asked.is_empty() && granted.covers(asked))
        .ok_or_else(|| OauthError::new("invalid_scope", "scope asks for more than was granted"))
}
