//! Login of a first-party app, without a browser (draft-ietf-oauth-first-party-apps).

use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::client::Client;
use crate::error::Error;
use crate::oauth::{Bound, refusal};
use crate::pkce::Pkce;
use crate::secret::Secret;
use crate::session::Session;

/// What to log in for.
#[derive(Clone, Debug, Default)]
pub struct LoginRequest {
    /// Space-separated scopes.
    pub scope: String,
    /// The class the login must reach, such as `urn:countersign:acr:2`; without it one factor is enough.
    pub acr_values: Option<String>,
    /// The factors that are at hand already; more can follow.
    pub factors: Vec<Factor>,
}

/// Something that shows who the customer is. Gateways of version 0.1 read password and one-time code, and ignore the others.
#[derive(Clone, Debug)]
pub enum Factor {
    /// Name and password.
    Password {
        /// The name.
        username: String,
        /// The password.
        password: Secret,
    },
    /// A code of the authenticator app.
    Otp(Secret),
    /// One of the recovery codes.
    RecoveryCode(Secret),
    /// Asks for the options of a passkey; [`Factor::PasskeyAnswer`] follows.
    PasskeyBegin,
    /// The JSON of the passkey's assertion (Web Authentication, section 5.1).
    PasskeyAnswer(Secret),
}

/// Where a login stands.
#[derive(Debug)]
pub enum LoginStep {
    /// Done.
    Done(Session),
    /// Another factor is needed.
    More(PendingLogin),
}

/// A login that waits for another factor; its session at the gateway lives for five minutes.
#[derive(Debug)]
pub struct PendingLogin {
    /// The factors that may follow, such as `otp`; not all of them need be enrolled.
    pub factors: Vec<String>,
    /// What a passkey needs to answer, after [`Factor::PasskeyBegin`].
    pub passkey_options: Option<Value>,
    auth_session: Secret,
    pkce: Pkce,
}

#[derive(Deserialize)]
struct Success {
    authorization_code: Secret,
}

#[derive(Deserialize)]
struct More {
    error: String,
    auth_session: Secret,
    #[serde(default)]
    factors: Vec<String>,
    passkey_options: Option<Value>,
}

impl Factor {
    fn fields(&self) -> Vec<(&str, &str)> {
        match self {
            Self::Password { username, password } => {
                vec![("username", username.as_str()), ("password", password.expose())]
            }
            Self::Otp(code) => vec![("otp", code.expose())],
            Self::RecoveryCode(code) => vec![("recovery_code", code.expose())],
            Self::PasskeyBegin => vec![("passkey", "begin")],
            Self::PasskeyAnswer(json) => vec![("passkey", json.expose())],
        }
    }
}

impl Client {
    /// Begins a login.
    ///
    /// # Errors
    /// [`Error::OAuth`] when the gateway refuses, [`Error::Throttled`] after too many tries, and errors of the way
    /// there.
    pub async fn begin_login(&self, request: &LoginRequest) -> Result<LoginStep, Error> {
        let pkce = Pkce::new(&*self.entropy)?;
        let challenge = pkce.challenge();
        let mut fields = vec![
            ("response_type", "code"),
            ("scope", request.scope.as_str()),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        fields.extend(request.acr_values.as_deref().map(|values| ("acr_values", values)));
        fields.extend(request.factors.iter().flat_map(Factor::fields));
        self.challenge(&fields, pkce).await
    }

    /// Continues a login with another factor.
    ///
    /// # Errors
    /// As [`Client::begin_login`].
    pub async fn continue_login(&self, pending: PendingLogin, factor: &Factor) -> Result<LoginStep, Error> {
        let mut fields = vec![("auth_session", pending.auth_session.expose())];
        fields.extend(factor.fields());
        self.challenge(&fields, pending.pkce).await
    }

    /// Logs in with name and password, and with `otp` when the gateway asks for it.
    ///
    /// # Errors
    /// [`Error::FactorNeeded`] when a factor is asked for that was not given; otherwise as [`Client::begin_login`].
    pub async fn login(&self, request: &LoginRequest, otp: Option<&Secret>) -> Result<Session, Error> {
        let pending = match self.begin_login(request).await? {
            LoginStep::Done(session) => return Ok(session),
            LoginStep::More(pending) => pending,
        };
        let factor = match otp {
            Some(code) if pending.factors.iter().any(|factor| factor == "otp") => Factor::Otp(code.clone()),
            _ => return Err(Error::FactorNeeded(pending.factors)),
        };
        match self.continue_login(pending, &factor).await? {
            LoginStep::Done(session) => Ok(session),
            LoginStep::More(pending) => Err(Error::FactorNeeded(pending.factors)),
        }
    }

    /// Gets new tokens for a session; its login stays as old as it is.
    ///
    /// # Errors
    /// [`Error::NoRefreshToken`], or [`Error::OAuth`] when the session is over.
    pub async fn refresh(&self, session: &Session) -> Result<Session, Error> {
        let token = session.refresh_token.as_ref().ok_or(Error::NoRefreshToken)?;
        let fields = [("grant_type", "refresh_token"), ("refresh_token", token.expose())];
        let mut renewed = self.tokens(&fields).await?;
        // A gateway that does not rotate the refresh token need not repeat it (RFC 6749, section 6).
        renewed.refresh_token = renewed.refresh_token.or_else(|| session.refresh_token.clone());
        if renewed.scope.is_empty() {
            renewed.scope.clone_from(&session.scope);
        }
        Ok(renewed)
    }

    /// Ends a session: its tokens are revoked at the gateway (RFC 7009).
    ///
    /// # Errors
    /// [`Error::OAuth`] when the gateway refuses.
    pub async fn revoke(&self, session: Session) -> Result<(), Error> {
        let (token, hint) = match &session.refresh_token {
            Some(token) => (token, "refresh_token"),
            None => (&session.access_token, "access_token"),
        };
        let fields = [("token", token.expose()), ("token_type_hint", hint)];
        let answer = self
            .post_form(&self.metadata.revocation, &fields, Bound::No)
            .await?;
        if answer.status == StatusCode::OK {
            Ok(())
        } else {
            Err(refusal(&answer))
        }
    }

    async fn challenge(&self, fields: &[(&str, &str)], pkce: Pkce) -> Result<LoginStep, Error> {
        let endpoint = &self.metadata.authorize_challenge;
        let answer = self.post_form(endpoint, fields, Bound::ToKey).await?;
        if answer.status == StatusCode::OK {
            let success: Success =
                serde_json::from_slice(&answer.body).map_err(|_| Error::Document("authorization code"))?;
            return self
                .exchange(&success.authorization_code, &pkce)
                .await
                .map(LoginStep::Done);
        }
        match serde_json::from_slice::<More>(&answer.body) {
            Ok(more) if more.error == "insufficient_authorization" => Ok(LoginStep::More(PendingLogin {
                factors: more.factors,
                passkey_options: more.passkey_options,
                auth_session: more.auth_session,
                pkce,
            })),
            _ => Err(refusal(&answer)),
        }
    }

    async fn exchange(&self, code: &Secret, pkce: &Pkce) -> Result<Session, Error> {
        self.tokens(&[
            ("grant_type", "authorization_code"),
            ("code", code.expose()),
            ("code_verifier", pkce.verifier()),
        ])
        .await
    }

    async fn tokens(&self, fields: &[(&str, &str)]) -> Result<Session, Error> {
        let answer = self.post_form(&self.metadata.token, fields, Bound::ToKey).await?;
        if answer.status == StatusCode::OK {
            Session::read(&answer.body, self.clock.now())
        } else {
            Err(refusal(&answer))
        }
    }
}
