//! The services an endpoint of the authorization server needs, together.

use std::sync::Arc;

use arc_swap::ArcSwap;
use http::HeaderMap;

use super::access_token::Verifier;
use super::challenge::UnderWay;
use super::clients::Clients;
use super::dpop::{Dpop, Place, Proof, ProofRequest};
use super::error;
pub use super::parameters::{FormError, Parameters};
use super::settings::Settings;
use crate::answer::OauthError;
use crate::base::{Clock, Connection, Entropy, Timestamp};
use crate::identity::{Logins, Sessions, Settings as IdentitySettings};
use crate::keys::Keyring;
use crate::policy::Bundle;
use crate::store::{Db, Ended, StoreError};
use crate::telemetry::Metrics;

/// What an authorization server is built from.
pub struct Services {
    /// What the configuration says.
    pub settings: Settings,
    /// What it says about sessions.
    pub identity: IdentitySettings,
    /// The registered clients.
    pub clients: Arc<Clients>,
    /// The judge of logins.
    pub logins: Arc<Logins>,
    /// The sessions.
    pub sessions: Arc<Sessions>,
    /// The verifier of access tokens.
    pub verifier: Arc<Verifier>,
    /// The verifier of DPoP proofs.
    pub dpop: Arc<Dpop>,
    /// The policies in force.
    pub policies: Arc<ArcSwap<Bundle>>,
    /// Where it counts what has to be looked at.
    pub metrics: Metrics,
    /// The keys.
    pub keyring: Arc<Keyring>,
    /// The store.
    pub db: Db,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where randomness comes from.
    pub entropy: Arc<dyn Entropy>,
}

/// The authorization server.
pub struct AuthorizationServer {
    pub(super) services: Services,
    /// Logins under way.
    pub(super) pending: UnderWay,
}

/// A request to one of its endpoints.
#[derive(Debug)]
pub struct Request<'a> {
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The raw path of the request target.
    pub path: &'a str,
    /// The connection it came over.
    pub connection: &'a Connection,
    /// The form in the body.
    pub parameters: Parameters,
}

impl AuthorizationServer {
    /// Over `services`.
    #[must_use]
    pub fn new(services: Services) -> Self {
        Self {
            pending: UnderWay::new(services.settings.challenge_capacity),
            services,
        }
    }

    /// What the configuration says.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.services.settings
    }

    /// The keys.
    #[must_use]
    pub fn keyring(&self) -> &Keyring {
        &self.services.keyring
    }

    /// A nonce for the answer's `DPoP-Nonce` header, where nonces are in use.
    #[must_use]
    pub fn nonce_to_give(&self) -> Option<String> {
        let dpop = &self.services.dpop;
        dpop.gives_nonces().then(|| dpop.fresh_nonce(self.now()))
    }

    /// Removes codes, refresh tokens, used proofs and failures whose time is over; a job calls it every minute.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sweep(&self) -> Result<(), StoreError> {
        const CODES: Ended = Ended {
            any: "SELECT 1 FROM authorization_code WHERE expires_at < $1 LIMIT 1",
            some: "DELETE FROM authorization_code WHERE hash IN \
                 (SELECT hash FROM authorization_code WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)",
        };
        const REFRESH_TOKENS: Ended = Ended {
            any: "SELECT 1 FROM refresh_token WHERE expires_at < $1 LIMIT 1",
            some: "DELETE FROM refresh_token WHERE hash IN \
                 (SELECT hash FROM refresh_token WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)",
        };
        let (now, db) = (self.now(), &self.services.db);
        db.forget(&CODES, now.minus(super::code::USED_KEPT)).await?;
        db.forget(&REFRESH_TOKENS, now).await?;
        self.services.logins.sweep(now).await?;
        self.services.dpop.used_at_resources().sweep(now).await
    }

    pub(super) fn now(&self) -> Timestamp {
        self.services.clock.now()
    }

    pub(super) fn entropy(&self) -> &dyn Entropy {
        self.services.entropy.as_ref()
    }

    /// Proof of the key that tokens will be bound to.
    pub(super) async fn prove(&self, request: &Request<'_>, place: Place) -> Result<Proof, OauthError> {
        let proof = ProofRequest {
            headers: request.headers,
            method: "POST",
            door: request.connection.door,
            path: request.path,
            access_token: None,
            expected_key: None,
            place,
            now: self.now(),
        };
        self.services.dpop.verify(proof).await.map_err(error::dpop)
    }
}
