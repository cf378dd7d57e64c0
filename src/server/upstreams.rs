//! `[[upstream]]` → backends that can be sent to.

use std::path::Path;
use std::sync::Arc;

use countersign_jose::jwk::{Jwk, JwkSet};

use super::error::StartError;
use crate::base::Secret;
use crate::config::{Config, Upstream};
use crate::telemetry::Metrics;
use crate::upstream::{ClientIdentity, ClusterError, Clusters, UpstreamLimits, UpstreamSettings};

/// Reads certificates and keys and makes the backends ready; connects nothing yet.
pub(super) fn clusters(config: &Config, metrics: &Metrics) -> Result<Arc<Clusters>, StartError> {
    let settings = config.upstreams.iter().map(settings).collect::<Result<_, _>>()?;
    Ok(Arc::new(Clusters::new(settings, metrics.clone())?))
}

fn settings(upstream: &Upstream) -> Result<UpstreamSettings, StartError> {
    let key = |name: &str| format!("upstream '{}': {name}", upstream.name);
    let authorities = upstream
        .ca
        .as_ref()
        .map(|ca| read(&key("ca"), ca.path()))
        .transpose()?;
    let client = match &upstream.client_identity {
        None => None,
        Some(identity) => Some(ClientIdentity {
            chain: read(&key("client_certificate"), &identity.certificate)?,
            key: secret(&key("client_key"), &identity.key)?,
        }),
    };
    let scheme = |tls| if tls { "https" } else { "http" };
    Ok(UpstreamSettings {
        name: upstream.name.clone(),
        urls: upstream
            .urls
            .iter()
            .map(|url| format!("{}://{}", scheme(url.tls), url.authority()))
            .collect(),
        authorities,
        client,
        answer_keys: upstream
            .answer_keys
            .as_ref()
            .map(|path| answer_keys(upstream, path))
            .transpose()?,
        limits: UpstreamLimits {
            requests: upstream.concurrency,
            waiting: upstream.pending,
            ..UpstreamLimits::default()
        },
    })
}

/// The keys of a JWKS file (RFC 7517, section 5). A file without any would let every answer count as unsigned.
fn answer_keys(upstream: &Upstream, path: &Path) -> Result<Vec<Jwk>, StartError> {
    let text = read(&format!("upstream '{}': answer_keys", upstream.name), path)?;
    let unusable = |cause: String| ClusterError {
        upstream: upstream.name.clone(),
        cause: format!("`answer_keys` {cause}"),
    };
    let set: JwkSet =
        serde_json::from_slice(&text).map_err(|error| unusable(format!("is no JWK set: {error}")))?;
    if set.keys.is_empty() {
        return Err(unusable("holds no key".to_owned()).into());
    }
    Ok(set.keys)
}

/// The bytes of a file that the configuration names by `key`.
pub(super) fn read(key: &str, path: &Path) -> Result<Vec<u8>, StartError> {
    std::fs::read(path).map_err(|cause| StartError::File {
        key: key.to_owned(),
        path: path.display().to_string(),
        cause,
    })
}

/// The secret that the configuration refers to by `key`.
pub(super) fn secret(key: &str, reference: &crate::config::SecretRef) -> Result<Secret<Vec<u8>>, StartError> {
    let secret = reference.resolve().map_err(|cause| StartError::Secret {
        key: key.to_owned(),
        cause,
    })?;
    Ok(Secret::new(secret.to_vec()))
}
