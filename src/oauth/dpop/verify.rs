//! The whole check of a proof: what stands in it, the nonce, and that it was not used before.

use std::sync::Arc;
use std::time::Duration;

use countersign_jose::Thumbprint;
use http::HeaderMap;

use super::nonce::Nonces;
use super::proof::{self, DpopRefusal, Proof, SignedProof};
use crate::base::{Door, Timestamp, limits};
use crate::oauth::replay::{Replay, ReplayRefusal};
use crate::oauth::settings::{NoncePolicy, Settings};
use crate::store::{Db, StoreError};

/// Which kind of endpoint a proof was sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The token endpoint.
    Token,
    /// Another endpoint of the authorization server.
    Authorization,
    /// A resource: a route of the gateway or one of its own.
    Resource,
}

/// A request whose proof is to be judged.
#[derive(Clone, Copy, Debug)]
pub struct ProofRequest<'a> {
    /// The request's headers.
    pub headers: &'a HeaderMap,
    /// The request's method.
    pub method: &'a str,
    /// The listener it came in by; it fixes the origin of `htu`.
    pub door: Door,
    /// The raw path of the request target.
    pub path: &'a str,
    /// The access token that came with it.
    pub access_token: Option<&'a str>,
    /// The key that must have signed the proof.
    pub expected_key: Option<Thumbprint>,
    /// What it was sent to.
    pub place: Place,
    /// The moment it arrived.
    pub now: Timestamp,
}

/// Verifies DPoP proofs.
pub struct Dpop {
    public_origin: String,
    mtls_origin: Option<String>,
    policy: NoncePolicy,
    nonces: Nonces,
    /// What was used at a resource, with an access token of ours.
    resources: Arc<Replay>,
    /// What was used at the authorization server, where anybody can make a key and use it. A flood there fills this memory
    /// only, and those who are in go on.
    entrance: Arc<Replay>,
}

impl Dpop {
    /// Reads back what was used before the last start and could still be used now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open(
        settings: &Settings,
        nonces: Nonces,
        db: Db,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            public_origin: settings.issuer.clone(),
            mtls_origin: settings.mtls_origin.clone(),
            policy: settings.nonce,
            nonces,
            resources: Arc::new(Replay::open(settings, db.clone(), now).await?),
            entrance: Arc::new(Replay::open(settings, db, now).await?),
        })
    }

    /// The memory of what callers with a token have used, for others who must not accept a thing twice.
    #[must_use]
    pub const fn used_at_resources(&self) -> &Arc<Replay> {
        &self.resources
    }

    /// The memory of what was used at the authorization server.
    #[must_use]
    pub const fn used_at_the_entrance(&self) -> &Arc<Replay> {
        &self.entrance
    }

    /// Judges the one proof in `request`, and remembers it.
    ///
    /// # Errors
    /// [`DpopRefusal`]; only the last check consumes anything, so a refused proof was not used.
    pub async fn verify(&self, request: ProofRequest<'_>) -> Result<Proof, DpopRefusal> {
        let signed = proof::read(proof::single_header(request.headers)?)?;
        signed.check_target(request.method, &self.url(request.door, request.path))?;
        signed.check_binding(request.access_token, request.expected_key)?;
        self.check_nonce(&signed, request.place, request.now)?;
        signed.check_time(request.now)?;
        self.remember(&signed, request.place, request.now).await?;
        Ok(Proof {
            thumbprint: signed.thumbprint,
            key: signed.key,
        })
    }

    /// Whether the request carries a proof at all.
    #[must_use]
    pub fn is_present(headers: &HeaderMap) -> bool {
        headers.contains_key(proof::DPOP)
    }

    /// A nonce for the `DPoP-Nonce` header.
    #[must_use]
    pub fn fresh_nonce(&self, now: Timestamp) -> String {
        self.nonces.fresh(now)
    }

    /// Whether answers should carry a fresh nonce, so that the next proof can have one.
    #[must_use]
    pub const fn gives_nonces(&self) -> bool {
        !matches!(self.policy, NoncePolicy::Off)
    }

    fn url(&self, door: Door, path: &str) -> String {
        let origin = match (door, &self.mtls_origin) {
            (Door::MutualTls, Some(origin)) => origin,
            _ => &self.public_origin,
        };
        format!("{origin}{path}")
    }

    /// A nonce must be there where policy asks for it, and wherever one is there it must be ours and young.
    fn check_nonce(&self, proof: &SignedProof, place: Place, now: Timestamp) -> Result<(), DpopRefusal> {
        let needed = match self.policy {
            NoncePolicy::Off => return Ok(()),
            NoncePolicy::Token => place == Place::Token,
            NoncePolicy::Always => true,
        };
        match &proof.claims.nonce {
            None if !needed => Ok(()),
            Some(nonce) if self.nonces.knows(nonce, now) => Ok(()),
            _ => Err(DpopRefusal::NonceRequired {
                fresh: self.nonces.fresh(now),
            }),
        }
    }

    /// Each `jti` once per key, until its proof is too old anyway (DPOP-07).
    async fn remember(&self, proof: &SignedProof, place: Place, now: Timestamp) -> Result<(), DpopRefusal> {
        let end = proof
            .issued()
            .plus(limits::PROOF_AGE + limits::CLOCK_AHEAD + Duration::from_secs(1));
        let replay = match place {
            Place::Resource => &self.resources,
            Place::Token | Place::Authorization => &self.entrance,
        };
        let once = replay.once(proof.replay_key(), proof.issued(), end, now);
        once.await.map_err(|refusal| match refusal {
            ReplayRefusal::BeforeStart => DpopRefusal::Stale,
            ReplayRefusal::Seen => DpopRefusal::Replayed,
            ReplayRefusal::Overloaded => DpopRefusal::Overloaded,
        })
    }
}
