//! The upstreams of a configuration.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use countersign_jose::jwk::Jwk;
use http::HeaderValue;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::Instant;

use super::balance;
use super::endpoint::{Address, Endpoint};
use super::pool::Pool;
use super::room::Room;
use super::tally::Tally;
use crate::base::Secret;
use crate::telemetry::Metrics;
use crate::tls::provider;

/// One `[[upstream]]` of the configuration.
#[derive(Clone, Debug)]
pub struct UpstreamSettings {
    /// Its name.
    pub name: String,
    /// `https://host[:port]`, or `http://` on a loopback address. All are replicas of one backend.
    pub urls: Vec<String>,
    /// The authorities that may issue the backend's certificate; needed for `https`, there are no others.
    pub authorities: Option<Vec<CertificateDer<'static>>>,
    /// What the gateway proves itself with, where the backend asks for it.
    pub client: Option<ClientIdentity>,
    /// The keys it signs its answers with; `None`: it does not sign.
    pub answer_keys: Option<Vec<Jwk>>,
    /// Bounds.
    pub limits: UpstreamLimits,
}

/// The gateway's certificate towards a backend.
#[derive(Clone, Debug)]
pub struct ClientIdentity {
    /// PEM: the certificate and its chain.
    pub chain: Vec<u8>,
    /// PEM: the private key.
    pub key: Secret<Vec<u8>>,
}

/// Bounds of the connections to one upstream.
#[derive(Clone, Copy, Debug)]
pub struct UpstreamLimits {
    /// Time to connect, TLS included.
    pub connect: Duration,
    /// How long a connection is kept idle: less than the 5 s after which common servers close theirs.
    pub idle: Duration,
    /// Idle connections kept for each URL by each runtime.
    pub idle_connections: usize,
    /// Requests running at once; more wait within their deadlines.
    pub requests: usize,
    /// How many may wait; more are refused at once.
    pub waiting: usize,
}

impl Default for UpstreamLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            idle: Duration::from_secs(4),
            idle_connections: 64,
            requests: 1024,
            waiting: 1024,
        }
    }
}

/// What is wrong with an upstream's settings.
#[derive(Debug, thiserror::Error)]
#[error("upstream `{upstream}`: {cause}")]
pub struct ClusterError {
    /// Its name.
    pub upstream: String,
    /// What is wrong.
    pub cause: String,
}

/// All upstreams by name, with their connections.
#[derive(Debug)]
pub struct Clusters {
    by_name: HashMap<String, Cluster>,
}

impl Clusters {
    /// Makes ready to connect; connects nothing yet.
    ///
    /// # Errors
    /// The first upstream whose settings cannot be used.
    pub fn new(settings: Vec<UpstreamSettings>, metrics: Metrics) -> Result<Self, ClusterError> {
        let mut by_name = HashMap::with_capacity(settings.len());
        for upstream in settings {
            let name = upstream.name.clone();
            let cluster = Cluster::new(upstream, &metrics).map_err(|cause| ClusterError {
                upstream: name.clone(),
                cause,
            })?;
            by_name.insert(name, cluster);
        }
        Ok(Self { by_name })
    }

    /// The authority that requests to an upstream carry as `Host`: that of its first URL, whichever replica they go to,
    /// so that what is signed over `@authority` holds at each of them.
    #[must_use]
    pub fn authority(&self, upstream: &str) -> Option<&str> {
        self.by_name
            .get(upstream)
            .map(|cluster| cluster.authority.as_str())
    }

    /// Closes connections that have stood idle too long; to be called about every second.
    pub fn sweep(&self) {
        for cluster in self.by_name.values() {
            cluster
                .endpoints
                .iter()
                .for_each(|endpoint| endpoint.pool.sweep());
        }
    }

    pub(super) fn get(&self, upstream: &str) -> Option<&Cluster> {
        self.by_name.get(upstream)
    }
}

/// One upstream.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) authority: String,
    pub(super) host: HeaderValue,
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) tls: Option<Arc<ClientConfig>>,
    pub(super) answer_keys: Option<Vec<Jwk>>,
    pub(super) limits: UpstreamLimits,
    pub(super) room: Room,
    pub(super) tally: Tally,
    turn: AtomicUsize,
}

impl Cluster {
    fn new(settings: UpstreamSettings, metrics: &Metrics) -> Result<Self, String> {
        let limits = settings.limits;
        let addresses = settings
            .urls
            .iter()
            .map(|url| Address::parse(url))
            .collect::<Result<Vec<_>, _>>()?;
        let first = addresses.first().ok_or("it has no url")?;
        let authority = first.authority.as_str().to_owned();
        let host = HeaderValue::from_str(&authority).map_err(|error| error.to_string())?;
        let needs_tls = addresses.iter().any(|address| address.server_name.is_some());
        let tls = needs_tls.then(|| client_config(&settings)).transpose()?;
        for address in addresses.iter().filter(|address| address.server_name.is_none()) {
            tracing::warn!(upstream = settings.name, authority = %address.authority, "requests go in plain text over loopback");
        }
        let endpoint = |address| Endpoint::new(address, Pool::new(limits.idle_connections, limits.idle));
        Ok(Self {
            authority,
            host,
            endpoints: addresses.into_iter().map(endpoint).collect(),
            tls,
            answer_keys: settings.answer_keys,
            limits,
            room: Room::new(limits.requests, limits.waiting),
            tally: Tally::new(settings.name.into(), metrics.clone()),
            turn: AtomicUsize::new(0),
        })
    }

    /// The endpoint to try next, with its place, which is not among the `tried`.
    pub(super) fn choose(&self, tried: &[usize]) -> Option<(usize, &Endpoint)> {
        if let [only] = self.endpoints.as_slice() {
            return tried.is_empty().then_some((0, only));
        }
        let now = Instant::now();
        let candidates: Vec<_> = self
            .endpoints
            .iter()
            .enumerate()
            .map(|(place, endpoint)| endpoint.candidate(tried.contains(&place), now))
            .collect();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let place = balance::choose(&candidates, turn)?;
        Some((place, self.endpoints.get(place)?))
    }
}

/// TLS 1.3 towards a backend, believing the upstream's own authorities and nobody else (TLS-11).
fn client_config(settings: &UpstreamSettings) -> Result<Arc<ClientConfig>, String> {
    let authorities = settings.authorities.as_deref().ok_or("an https url needs `ca`")?;
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots
            .add(authority.clone())
            .map_err(|error| format!("`ca` cannot be used: {error}"))?;
    }
    if roots.is_empty() {
        return Err("`ca` holds no certificate".to_owned());
    }
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    let mut config = match &settings.client {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let (chain, key) = read_identity(client)?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| format!("`client_key` cannot be used: {error}"))?
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn read_identity(
    client: &ClientIdentity,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
    let chain = CertificateDer::pem_slice_iter(&client.chain)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("`client_certificate` cannot be read: {error}"))?;
    if chain.is_empty() {
        return Err("`client_certificate` holds no certificate".to_owned());
    }
    let key = PrivateKeyDer::from_pem_slice(client.key.expose())
        .map_err(|error| format!("`client_key` cannot be read: {error}"))?;
    Ok((chain, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(settings: UpstreamSettings) -> String {
        Clusters::new(vec![settings], Metrics::default())
            .unwrap_err()
            .to_string()
    }

    fn settings(urls: &[&str]) -> UpstreamSettings {
        UpstreamSettings {
            name: "bank".to_owned(),
            urls: urls.iter().map(|url| (*url).to_owned()).collect(),
            authorities: None,
            client: None,
            answer_keys: None,
            limits: UpstreamLimits::default(),
        }
    }

    /// TLS-11
    #[test]
    fn settings_that_would_weaken_tls_are_refused() {
        assert_eq!(fault(settings(&[])), "upstream `bank`: it has no url");
        assert!(fault(settings(&["http://bank.internal"])).contains("must be https"));
        assert_eq!(
            fault(settings(&["https://bank.internal"])),
            "upstream `bank`: an https url needs `ca`"
        );
        let empty = UpstreamSettings {
            authorities: Some(Vec::new()),
            ..settings(&["https://bank.internal"])
        };
        assert_eq!(fault(empty), "upstream `bank`: `ca` holds no certificate");
    }

    #[test]
    fn the_authority_is_that_of_the_first_url() {
        let clusters = Clusters::new(
            vec![settings(&["http://localhost:9001", "http://localhost:9002"])],
            Metrics::default(),
        )
        .unwrap();
        assert_eq!(clusters.authority("bank"), Some("localhost:9001"));
        assert_eq!(clusters.authority("shop"), None);
    }
}
