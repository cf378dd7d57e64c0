//! The TLS policy of a door (TLS-02): TLS 1.3, the groups and suites of the ring provider, no early data.

use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::default_provider;
use rustls::server::{NoServerSessionStorage, ResolvesServerCert};
use rustls::version::TLS13;

use super::client_auth::ClientAuthentication;
use super::tickets::ticketer;

/// HTTP/2 and HTTP/1.1, in the order we like them (RFC 7301).
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// What is wrong with certificates, keys or trust anchors.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A door without a certificate.
    #[error("a door needs at least one certificate")]
    NoCertificate,
    /// The chain does not parse.
    #[error("the certificate chain cannot be read: {0}")]
    Certificate(String),
    /// The private key does not parse, or is of a kind ring does not sign with.
    #[error("the private key cannot be used: {0}")]
    Key(String),
    /// The private key does not belong to the first certificate.
    #[error("the private key does not belong to the first certificate of the chain")]
    KeyOfAnother,
    /// The authorities of client certificates do not parse.
    #[error("the client authorities cannot be used: {0}")]
    TrustAnchors(String),
    /// A revocation list does not parse.
    #[error("the revocation list cannot be used: {0}")]
    RevocationList(String),
    /// rustls refuses the whole.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}

/// The TLS of a door. Early data is off (TLS-06). Tickets are given only where no client certificate is asked for:
/// resuming restores a certificate without checking again whether it was revoked (TLS-08). The key that seals them changes every
/// `ticket_rotation`.
///
/// # Errors
/// Trust anchors that cannot be used.
pub fn server_config(
    certificates: Arc<dyn ResolvesServerCert>,
    clients: &ClientAuthentication,
    ticket_rotation: Duration,
) -> Result<Arc<ServerConfig>, TlsError> {
    let provider: Arc<CryptoProvider> = Arc::new(default_provider());
    let verifier = clients.verifier(Arc::clone(&provider))?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(certificates);
    config.alpn_protocols = PROTOCOLS.iter().map(|name| name.to_vec()).collect();
    config.max_early_data_size = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    match clients {
        ClientAuthentication::None => config.ticketer = ticketer(ticket_rotation)?,
        ClientAuthentication::Optional(_) | ClientAuthentication::Required(_) => {
            config.send_tls13_tickets = 0
        }
    }
    Ok(Arc::new(config))
}
