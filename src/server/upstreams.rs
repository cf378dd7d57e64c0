//! `[[upstream]]` → backends that can be sent to.

use std::sync::Arc;

use countersign_jose::jwk::{Jwk, JwkSet};

use super::error::StartError;
use super::material::{Material, UpstreamMaterial};
use crate::config::{Config, Upstream};
use crate::telemetry::Metrics;
use crate::upstream::{ClientIdentity, ClusterError, Clusters, UpstreamLimits, UpstreamSettings};

/// Makes the backends ready; connects nothing yet.
pub(super) fn clusters(
    config: &Config,
    material: &Material,
    metrics: &Metrics,
) -> Result<Arc<Clusters>, StartError> {
    let both = config.upstreams.iter().zip(&material.upstreams);
    let settings = both
        .map(|(upstream, material)| settings(upstream, material))
        .collect::<Result<_, _>>()?;
    Ok(Arc::new(Clusters::new(settings, metrics.clone())?))
}

fn settings(upstream: &Upstream, material: &UpstreamMaterial) -> Result<UpstreamSettings, StartError> {
    let scheme = |tls| if tls { "https" } else { "http" };
    let client = material.client.as_ref().map(|own| ClientIdentity {
        chain: own.chain.clone(),
        key: own.key.clone(),
    });
    let answer_keys = material.answer_keys.as_deref();
    Ok(UpstreamSettings {
        name: upstream.name.clone(),
        urls: upstream
            .urls
            .iter()
            .map(|url| format!("{}://{}", scheme(url.tls), url.authority()))
            .collect(),
        authorities: upstream.ca.as_ref().map(|ca| ca.certificates().to_vec()),
        client,
        answer_keys: answer_keys.map(|text| read_keys(upstream, text)).transpose()?,
        limits: UpstreamLimits {
            requests: upstream.concurrency,
            waiting: upstream.pending,
            ..UpstreamLimits::default()
        },
    })
}

fn read_keys(upstream: &Upstream, text: &[u8]) -> Result<Vec<Jwk>, ClusterError> {
    answer_keys(text).map_err(|cause| ClusterError {
        upstream: upstream.name.clone(),
        cause: format!("`answer_keys` {cause}"),
    })
}

/// The keys of a JWKS file (RFC 7517, section 5). A file without any would let every answer count as unsigned.
///
/// # Errors
/// What is wrong with it, in words that follow its name.
pub fn answer_keys(text: &[u8]) -> Result<Vec<Jwk>, String> {
    let set: JwkSet = serde_json::from_slice(text).map_err(|error| format!("is no JWK set: {error}"))?;
    if set.keys.is_empty() {
        return Err("holds no key".to_owned());
    }
    Ok(set.keys)
}
