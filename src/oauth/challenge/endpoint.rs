//! One step of a login.

use std::sync::Arc;
use std::time::Duration;

use countersign_jose::sha256;
use http::StatusCode;
use serde_json::{Value, json};

use super::decision::Verdict;
use super::pending::{MOST_FAILURES, Pending};
use crate::answer::OauthError;
use crate::base::{CustomerId, Timestamp};
use crate::identity::login::{Outcome, Presented, Proven};
use crate::oauth::client::{Client, Profile};
use crate::oauth::dpop::Place;
use crate::oauth::error;
use crate::oauth::server::{AuthorizationServer, Request};
use crate::store::{Batch, StoreError};

/// Whom the policies are asked about before it is known whether there is such a customer.
const STRANGER: &str = "stranger";

/// What factors that are right lead to.
enum Step {
    /// The code: none is missing.
    Ends(String),
    GoesOn,
}

impl AuthorizationServer {
    /// Answers a request to the authorization challenge endpoint: the code, or what is still needed.
    ///
    /// # Errors
    /// [`OauthError`]; `insufficient_authorization` is the ordinary one and carries the next `auth_session`.
    pub async fn challenge(&self, request: &Request<'_>) -> Result<Value, OauthError> {
        let client = self.first_party_client(request).await?;
        let key = self.prove(request, Place::Authorization).await?.thumbprint;
        let parameters = &request.parameters;
        let now = self.now();
        let Some(auth_session) = parameters.get("auth_session") else {
            let ends = now.plus(self.settings().challenge_life);
            let pending = Pending::begin(&client, key, parameters, ends)?;
            return self.advance(pending, &client, request, now).await;
        };
        let hash = sha256(auth_session.as_bytes());
        let pending = self.pending.take(&hash, now).await.ok_or_else(invalid_session)?;
        if !pending.continues(&client, key, parameters) {
            return Err(invalid_session());
        }
        let ends = pending.ends;
        let outcome = self.advance(pending.clone(), &client, request, now).await;
        if outcome.as_ref().is_err_and(took_no_step) {
            // The same call may come again; without room for it the login begins anew.
            let _ = self.pending.keep(hash, pending, ends, now).await;
        }
        outcome
    }

    /// The client, when it is the operator's own; decided before any credential is looked at (FIPA-04).
    async fn first_party_client(&self, request: &Request<'_>) -> Result<Arc<Client>, OauthError> {
        let client = self.named_client(request)?;
        if client.profile != Profile::FirstParty {
            return Err(OauthError::new(
                "unauthorized_client",
                "only first-party clients may use this endpoint",
            ));
        }
        self.authenticate_as(&client, request).await?;
        Ok(client)
    }

    async fn advance(
        &self,
        mut pending: Pending,
        client: &Client,
        request: &Request<'_>,
        now: Timestamp,
    ) -> Result<Value, OauthError> {
        pending.take(&request.parameters)?;
        let Some(username) = pending.username.clone() else {
            return Err(self.ask(pending, now).await?);
        };
        if pending.password.is_none() && pending.otp.is_none() {
            return Err(self.ask(pending, now).await?);
        }
        let logins = &self.services.logins;
        let known = logins.is_known_device(&username, &pending.key).await;
        let known = known.map_err(error::login)?;
        pending.known = known;
        if !known && pending.missing().is_empty() {
            // Asked before anything is judged, so that a wrong password reads what a right one does.
            let (factors, nobody) = (pending.at_hand(), CustomerId::new(STRANGER));
            let at_hand = (factors.as_slice(), pending.wanted);
            if let Ok(Verdict::Needs(class)) =
                self.decide_login(at_hand, client, (&nobody, None), request, now)
            {
                pending.wanted = class;
            }
        }
        // Only a device its owner has used before learns anything before all factors are there.
        let may_judge = pending.missing().is_empty() || (known && pending.password.is_some());
        if !may_judge {
            return Err(self.ask(pending, now).await?);
        }
        let presented = Presented {
            username: &username,
            password: pending.password.as_ref(),
            otp: pending.otp.as_ref(),
            client: &client.id,
            device_key: pending.key,
            source: request.connection.peer.ip(),
            now,
        };
        match logins.judge(&presented).await.map_err(error::login)? {
            Outcome::Throttled { retry_after } => Err(throttled(retry_after)),
            Outcome::Refused => Err(self.refuse(pending, now).await?),
            Outcome::Proven(proven) => self.pass(pending, proven, client, request, now).await,
        }
    }

    /// Goes on with factors that are right. They are proven once it is on disk that they are used up: a login that was
    /// overtaken by another with the same code has what it had before, and its attempt failed (RFC 6238, section 5.2).
    async fn pass(
        &self,
        pending: Pending,
        proven: Proven,
        client: &Client,
        request: &Request<'_>,
        now: Timestamp,
    ) -> Result<Value, OauthError> {
        let mut next = pending.clone();
        next.forget_presented();
        next.proven.extend(proven.factors);
        let verdict = self.decide_login(
            (&next.proven, next.wanted),
            client,
            (&proven.customer, proven.device.as_ref()),
            request,
            now,
        );
        if let Ok(Verdict::Needs(class)) = verdict {
            next.wanted = class;
        }
        let customer = proven.customer.clone();
        next.customer = Some((proven.customer, proven.device));
        let step = if verdict.is_ok() && next.missing().is_empty() {
            self.grant(&next, proven.effects, now).await?.map(Step::Ends)
        } else {
            // What was used up is used up, whoever is refused afterwards.
            self.use_up(proven.effects).await?.then_some(Step::GoesOn)
        };
        match (step, verdict) {
            (Some(Step::Ends(code)), _) => Ok(json!({ "authorization_code": code })),
            (Some(Step::GoesOn), Ok(_)) => Err(self.ask(next, now).await?),
            (Some(Step::GoesOn), Err(denied)) => Err(denied),
            (None, _) => {
                let logins = &self.services.logins;
                let failed = logins.record_failure(&client.id, Some(customer), &proven.attempt, now);
                failed.await.map_err(error::store)?;
                Err(self.refuse(pending, now).await?)
            }
        }
    }

    /// Whether nobody else has used it up meanwhile.
    async fn use_up(&self, effects: Batch) -> Result<bool, OauthError> {
        match self.services.db.commit(effects).await {
            Ok(()) => Ok(true),
            Err(StoreError::Guard(_)) => Ok(false),
            Err(error) => Err(error::store(error)),
        }
    }

    /// What a wrong presentation reads: the same as one that is not complete.
    async fn refuse(&self, mut pending: Pending, now: Timestamp) -> Result<OauthError, OauthError> {
        pending.forget_presented();
        pending.failures = pending.failures.saturating_add(1);
        if pending.failures >= MOST_FAILURES {
            return Ok(invalid_session());
        }
        self.ask(pending, now).await
    }

    /// `insufficient_authorization` with a new `auth_session` for the next step.
    async fn ask(&self, pending: Pending, now: Timestamp) -> Result<OauthError, OauthError> {
        let auth_session = self.entropy().token(32);
        let factors: Vec<_> = pending.missing().iter().map(|factor| factor.name()).collect();
        let ends = pending.ends;
        let kept = self
            .pending
            .keep(sha256(auth_session.as_bytes()), pending, ends, now)
            .await;
        kept.map_err(|full| OauthError::unavailable(full, Duration::from_secs(5)))?;
        Ok(OauthError::new(
            "insufficient_authorization",
            "present the factors in a further call with this auth_session",
        )
        .member("auth_session", auth_session)
        .member("factors", factors))
    }
}

/// Whether an error left the login where it was: it was malformed, throttled, or nothing could be judged.
fn took_no_step(error: &OauthError) -> bool {
    !matches!(
        error.error,
        "insufficient_authorization" | "invalid_session" | "access_denied"
    )
}

fn invalid_session() -> OauthError {
    OauthError::new(
        "invalid_session",
        "the auth_session is unknown, has ended, or belongs to another request; begin anew",
    )
}

fn throttled(retry_after: Duration) -> OauthError {
    let mut error = OauthError::new(
        "too_many_attempts",
        "too many attempts failed; wait as long as Retry-After says",
    )
    .status(StatusCode::TOO_MANY_REQUESTS);
    error.retry_after = Some(retry_after.max(Duration::from_secs(1)));
    error
}
