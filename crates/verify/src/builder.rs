//! Building a verifier: the gateway's URL and CA, and who this backend is.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, SystemClock};
use crate::document::Purpose;
use crate::executions::{Executions, MemoryExecutions};
use crate::fetch::FetchKeys;
use crate::keys::KeyCache;
use crate::nonces::Nonces;
use crate::received::normal_authority;
use crate::verifier::{Rules, Shared, Verifier};

/// Nonces remembered by default: over a minute's messages at 10 000 a second.
const NONCE_CAPACITY: usize = 1_000_000;
/// How long keys are used after they should have been renewed, by default.
const MAX_STALE: Duration = Duration::from_secs(3600);

/// Why a verifier could not be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// The gateway's URL is not `https://host[:port]`.
    #[error("the gateway's URL must be https://host[:port], as its public_url is configured")]
    GatewayUrl,
    /// The CA is not PEM, or holds no certificate.
    #[error("the CA of the gateway is not usable: {0}")]
    Ca(String),
    /// Neither a CA nor a client of one's own was given.
    #[error("give the gateway's CA with ca(), or your own HTTPS client with fetcher()")]
    FetcherMissing,
    /// No trust domain was given.
    #[error("give the trust_domain of this backend's [[upstream]] at the gateway with trust_domain()")]
    TrustDomainMissing,
    /// No authority was given.
    #[error("give host and port of this backend's URL in [[upstream]] at the gateway with authority()")]
    AuthorityMissing,
}

/// Collects what a [`Verifier`] needs. The gateway's CA (or an own client), the trust domain and at least one
/// authority have to be given.
pub struct VerifierBuilder {
    gateway_url: String,
    #[cfg(feature = "fetch")]
    ca: Option<Vec<u8>>,
    fetcher: Option<Arc<dyn FetchKeys>>,
    trust_domain: Option<String>,
    authorities: Vec<String>,
    plain_http: bool,
    require_client_evidence: bool,
    allow_repeats: bool,
    clock: Arc<dyn Clock>,
    executions: Option<Arc<dyn Executions>>,
    nonce_capacity: usize,
    max_stale: Duration,
}

impl VerifierBuilder {
    pub(crate) fn new(gateway_url: String) -> Self {
        Self {
            gateway_url,
            #[cfg(feature = "fetch")]
            ca: None,
            fetcher: None,
            trust_domain: None,
            authorities: Vec::new(),
            plain_http: false,
            require_client_evidence: false,
            allow_repeats: false,
            clock: Arc::new(SystemClock),
            executions: None,
            nonce_capacity: NONCE_CAPACITY,
            max_stale: MAX_STALE,
        }
    }

    /// Trusts the certificates in `pem` when fetching the gateway's keys, and no others.
    #[cfg(feature = "fetch")]
    #[must_use]
    pub fn ca(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca = Some(pem.into());
        self
    }

    /// Fetches the gateway's keys with the backend's own HTTPS client.
    #[must_use]
    pub fn fetcher(mut self, fetcher: impl FetchKeys) -> Self {
        self.fetcher = Some(Arc::new(fetcher));
        self
    }

    /// The trust domain of this backend: `trust_domain` of its `[[upstream]]` at the gateway.
    #[must_use]
    pub fn trust_domain(mut self, name: impl Into<String>) -> Self {
        self.trust_domain = Some(name.into());
        self
    }

    /// A host, with its port unless that is the scheme's default, under which the gateway reaches this backend. May
    /// be called several times.
    #[must_use]
    pub fn authority(mut self, authority: impl Into<String>) -> Self {
        self.authorities.push(authority.into());
        self
    }

    /// The gateway reaches this backend over plain HTTP, which it does on a loopback address only.
    #[must_use]
    pub const fn plain_http(mut self) -> Self {
        self.plain_http = true;
        self
    }

    /// Refuses requests without the client's own `payment` signature; set `client_evidence = "signed"` at the
    /// gateway too.
    #[must_use]
    pub const fn require_client_evidence(mut self) -> Self {
        self.require_client_evidence = true;
        self
    }

    /// Lets a transaction pass that was accepted before, marked as [`repeated`](crate::Verified::repeated): for
    /// backends that answer repeats from their own record, and say so at the gateway with `settle = "retry"`.
    /// The client's own signature may then be as old as the payment, for a repeat carries that of the first time.
    #[must_use]
    pub const fn allow_repeated_transactions(mut self) -> Self {
        self.allow_repeats = true;
        self
    }

    /// The record of executed transactions; by default a memory that ends with the process.
    #[must_use]
    pub fn executions(mut self, executions: impl Executions) -> Self {
        self.executions = Some(Arc::new(executions));
        self
    }

    /// How many nonces are remembered, a million by default; a message more within 75 seconds is refused.
    #[must_use]
    pub const fn nonce_capacity(mut self, nonces: usize) -> Self {
        self.nonce_capacity = nonces;
        self
    }

    /// How long known keys are used after their document should have been renewed but could not be; an hour by default.
    #[must_use]
    pub const fn max_stale(mut self, span: Duration) -> Self {
        self.max_stale = span;
        self
    }

    /// Another clock than the system's.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Builds the verifier. Nothing is fetched yet: see [`Verifier::fetch_keys`].
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn build(mut self) -> Result<Verifier, BuildError> {
        let fetcher = self.take_fetcher()?;
        let rules = self.rules()?;
        let max_stale = i64::try_from(self.max_stale.as_secs()).unwrap_or(i64::MAX);
        let cache = |purpose| {
            Arc::new(KeyCache::new(
                purpose,
                &rules.issuer,
                Arc::clone(&fetcher),
                Arc::clone(&self.clock),
                max_stale,
            ))
        };
        let shared = Shared {
            message_keys: cache(Purpose::Message),
            txn_keys: cache(Purpose::Txn),
            nonces: Nonces::new(self.nonce_capacity),
            executions: self
                .executions
                .unwrap_or_else(|| Arc::new(MemoryExecutions::default())),
            started: self.clock.now(),
            clock: self.clock,
            rules,
        };
        Ok(Verifier {
            shared: Arc::new(shared),
        })
    }

    fn rules(&mut self) -> Result<Rules, BuildError> {
        let scheme = if self.plain_http { "http" } else { "https" };
        let trust_domain = self.trust_domain.take().filter(|name| !name.is_empty());
        if self.authorities.is_empty() {
            return Err(BuildError::AuthorityMissing);
        }
        Ok(Rules {
            issuer: issuer(&self.gateway_url)?,
            trust_domain: trust_domain.ok_or(BuildError::TrustDomainMissing)?,
            authorities: self
                .authorities
                .iter()
                .map(|authority| normal_authority(authority, scheme))
                .collect(),
            scheme,
            require_client_evidence: self.require_client_evidence,
            allow_repeats: self.allow_repeats,
        })
    }

    fn take_fetcher(&mut self) -> Result<Arc<dyn FetchKeys>, BuildError> {
        if let Some(fetcher) = self.fetcher.take() {
            return Ok(fetcher);
        }
        #[cfg(feature = "fetch")]
        if let Some(ca) = self.ca.take() {
            let fetcher =
                crate::https::HttpsFetcher::new(&ca).map_err(|error| BuildError::Ca(error.to_string()))?;
            return Ok(Arc::new(fetcher));
        }
        Err(BuildError::FetcherMissing)
    }
}

/// The issuer that Txn-Tokens name: the gateway's URL without a slash at its end.
fn issuer(gateway_url: &str) -> Result<String, BuildError> {
    let uri: http::Uri = gateway_url.parse().map_err(|_| BuildError::GatewayUrl)?;
    let bare = uri.path() == "/" && uri.query().is_none() && !gateway_url.contains('@');
    if uri.scheme_str() != Some("https") || uri.authority().is_none() || !bare {
        return Err(BuildError::GatewayUrl);
    }
    Ok(gateway_url.trim_end_matches('/').to_owned())
}

impl std::fmt::Debug for VerifierBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VerifierBuilder")
            .field("gateway_url", &self.gateway_url)
            .finish_non_exhaustive()
    }
}
