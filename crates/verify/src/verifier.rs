//! The one call: everything that makes a forwarded request believable, in order.

use std::sync::Arc;

use countersign_intent::Intent;
use countersign_signatures::digest::verify_content_digest;
use countersign_signatures::{Algorithm, Request, Signatures};
use http::request::Parts;

use crate::builder::VerifierBuilder;
use crate::clock::Clock;
use crate::executions::{Execution, Executions};
use crate::fetch::FetchError;
use crate::gateway_signature::{self, Claimed, PAYMENT_LABEL};
use crate::keys::KeyCache;
use crate::nonces::Nonces;
use crate::payment_signature;
use crate::received::{self, Received};
use crate::refusal::Refusal;
use crate::txn_token::{self, Claims};
use crate::verified::{Evidence, Verified};

/// Verifies what the gateway forwards to this backend. One is enough for a process, and it is cheap to clone.
#[derive(Clone)]
pub struct Verifier {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) rules: Rules,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) message_keys: Arc<KeyCache>,
    pub(crate) txn_keys: Arc<KeyCache>,
    pub(crate) nonces: Nonces,
    pub(crate) executions: Arc<dyn Executions>,
    /// When this process began to remember nonces, in seconds since 1970.
    pub(crate) started: i64,
}

/// What this backend demands.
pub(crate) struct Rules {
    pub(crate) issuer: String,
    pub(crate) trust_domain: String,
    pub(crate) authorities: Vec<String>,
    pub(crate) scheme: &'static str,
    pub(crate) require_client_evidence: bool,
    pub(crate) allow_repeats: bool,
}

impl Verifier {
    /// A verifier for the gateway whose `public_url` is `gateway_url`.
    #[must_use]
    pub fn builder(gateway_url: impl Into<String>) -> VerifierBuilder {
        VerifierBuilder::new(gateway_url.into())
    }

    /// Fetches both key documents now, so that the first request need not wait and a wrong URL or CA shows at start.
    /// Otherwise they are fetched when they are first needed.
    ///
    /// # Errors
    /// [`FetchError`] when one of them cannot be had; the verifier stays usable and tries again by itself.
    pub async fn fetch_keys(&self) -> Result<(), FetchError> {
        self.shared.message_keys.warm().await?;
        self.shared.txn_keys.warm().await
    }

    /// Verifies a request of which `body` is the whole body, exactly as it arrived.
    ///
    /// A request that carries an intent is thereby accepted for execution, once: call this when you are about to
    /// execute.
    ///
    /// # Errors
    /// A [`Refusal`]; nothing of the request may then be acted upon.
    pub async fn verify(&self, parts: &Parts, body: &[u8]) -> Result<Verified, Refusal> {
        self.verify_request(received::view(parts, self.shared.rules.scheme)?, body)
            .await
    }

    /// As [`Verifier::verify`], for servers that do not use the `http` crate's requests.
    ///
    /// # Errors
    /// As [`Verifier::verify`].
    pub async fn verify_request(&self, request: Request<'_>, body: &[u8]) -> Result<Verified, Refusal> {
        let shared = &*self.shared;
        let now = shared.clock.now();
        let received = Received::read(request, &shared.rules.authorities)?;
        let signatures = Signatures::parse(request.headers)?;
        let forwarded = shared.verify_signature(&received, &signatures, now).await?;
        verify_body(&received, body)?;
        let claims = shared.verify_token(&received, body, now).await?;
        let intent = claims.intent()?;
        let evidence = shared.evidence(&received, &signatures, &claims, forwarded.created)?;
        shared.nonces.insert(forwarded.keyid, forwarded.nonce, now)?;
        let repeated = shared.accept(&claims, intent.as_ref(), now).await?;
        Ok(verified(&forwarded, received, claims, intent, evidence, repeated))
    }

    /// The connection's scheme, as it was configured.
    pub(crate) fn scheme(&self) -> &'static str {
        self.shared.rules.scheme
    }
}

impl Shared {
    /// The gateway's signature: there, alone, sufficient, fresh, and made by a key the gateway publishes.
    async fn verify_signature<'s>(
        &self,
        received: &Received<'_>,
        signatures: &'s Signatures<'_>,
        now: i64,
    ) -> Result<Claimed<'s>, Refusal> {
        let entry = gateway_signature::select(signatures)?;
        let claimed = gateway_signature::check(entry, received, signatures, now)?;
        if claimed.created < self.started {
            return Err(Refusal::SignatureBeforeStart);
        }
        let key = self.message_keys.find(claimed.keyid, claimed.created).await?;
        entry
            .verify(&received.request, &key, Algorithm::Ed25519)
            .map_err(Refusal::SignatureInvalid)?;
        Ok(claimed)
    }

    async fn verify_token(&self, received: &Received<'_>, body: &[u8], now: i64) -> Result<Claims, Refusal> {
        let keyid = txn_token::keyid(received.txn_token)?;
        let key = self.txn_keys.find(&keyid, now).await?;
        let claims = Claims::verify(received.txn_token, &key)?;
        claims.check(&self.rules.issuer, &self.rules.trust_domain, now)?;
        claims.fits(received, body)?;
        Ok(claims)
    }

    fn evidence(
        &self,
        received: &Received<'_>,
        signatures: &Signatures<'_>,
        claims: &Claims,
        forwarded_at: i64,
    ) -> Result<Evidence, Refusal> {
        let (key, allow_repeats) = (claims.client_key(), self.rules.allow_repeats);
        match signatures.by_label(PAYMENT_LABEL) {
            Some(entry) => payment_signature::verify(entry, received, key, forwarded_at, allow_repeats)
                .map(|signature| Evidence::Signed(Box::new(signature))),
            None if self.rules.require_client_evidence => Err(Refusal::EvidenceMissing),
            None => Ok(Evidence::Attested),
        }
    }

    /// Enters a payment into the record of executions; answers whether it stood there before.
    async fn accept(&self, claims: &Claims, intent: Option<&Intent>, now: i64) -> Result<bool, Refusal> {
        if intent.is_none() {
            return Ok(false);
        }
        match self.executions.record(&claims.txn, now).await {
            Ok(Execution::First) => Ok(false),
            Ok(Execution::Before) if self.rules.allow_repeats => Ok(true),
            Ok(Execution::Before) => Err(Refusal::AlreadyExecuted),
            Err(error) => Err(Refusal::ExecutionsUnavailable(error.to_string())),
        }
    }
}

/// The digest is compared with the bytes at hand; that it is signed alone proves nothing (RFC 9421, section 7.2.8).
/// Without `Content-Digest` it is the Txn-Token that says which body belongs to the request.
fn verify_body(received: &Received<'_>, body: &[u8]) -> Result<(), Refusal> {
    match received.content_digest {
        Some(_) => verify_content_digest(received.request.headers, body).map_err(Refusal::DigestRefused),
        None => Ok(()),
    }
}

fn verified(
    forwarded: &Claimed<'_>,
    received: Received<'_>,
    claims: Claims,
    intent: Option<Intent>,
    evidence: Evidence,
    repeated: bool,
) -> Verified {
    Verified {
        gateway_key: forwarded.keyid.to_owned(),
        transaction: claims.txn,
        subject: claims.sub,
        scope: claims.scope.split_ascii_whitespace().map(str::to_owned).collect(),
        workload: claims.req_wl,
        upstream: claims.tctx.upstream,
        client_id: claims.rctx.client_id,
        acr: claims.rctx.acr,
        amr: claims.rctx.amr,
        auth_time: claims.rctx.auth_time,
        country: claims.rctx.country,
        intent_digest: intent.as_ref().map(Intent::digest),
        intent,
        approval: claims.tctx.approval,
        exemption: claims.tctx.exemption,
        mandate: claims.tctx.mandate,
        policy_version: claims.tctx.policy_version,
        idempotency_key: claims.tctx.idempotency_key,
        content_digest: received.content_digest.map(str::to_owned),
        original_host: received.original_host,
        evidence,
        repeated,
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier")
            .field("issuer", &self.shared.rules.issuer)
            .field("trust_domain", &self.shared.rules.trust_domain)
            .finish_non_exhaustive()
    }
}
