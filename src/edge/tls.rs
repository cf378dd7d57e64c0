//! The TLS policy of a door (TLS-02): TLS 1.3 with the hybrid group first, TLS 1.2 only where the configuration says so, no
//! early data.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, NoServerSessionStorage};
use rustls::time_provider::TimeProvider;
use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, ServerConfig};

use super::certificates::Certificates;
use super::client_auth::ClientAuthentication;
use super::tickets::ticketer;
use crate::base::{Clock, Timestamp};
use crate::config::TlsVersion;
use crate::tls::provider;

/// HTTP/2 and HTTP/1.1, in the order we like them (RFC 7301).
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Tickets that a client gets with a handshake. Each costs a key, two encryptions and some 250 bytes; a client that opens
/// another connection uses one, and gets its next with it.
const TICKETS: usize = 1;

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

/// What the TLS of a door is made of.
#[derive(Debug)]
pub struct TlsSettings<'a> {
    /// The gateway's own certificates.
    pub certificates: &'a Certificates,
    /// Whether clients are asked for theirs.
    pub clients: &'a ClientAuthentication,
    /// The oldest version that is spoken.
    pub oldest: TlsVersion,
    /// How long a ticket key seals.
    pub ticket_rotation: Duration,
}

/// The TLS of a door as it was set up at one moment.
pub struct TlsInForce {
    /// The suite by our order.
    config: Arc<ServerConfig>,
    /// The same, with the suite by the client's order.
    by_client: Arc<ServerConfig>,
    clients: Arc<dyn ClientCertVerifier>,
}

impl TlsInForce {
    /// Sets it up. Early data is off (TLS-06). Tickets are given only where no client certificate is asked for: resuming
    /// restores a certificate without checking again whether it was revoked (TLS-08). Their keys are new with every setup,
    /// so a change of certificates or of trust also ends what could be resumed.
    ///
    /// # Errors
    /// Trust anchors that cannot be used.
    pub fn new(settings: &TlsSettings<'_>, clock: Arc<dyn Clock>) -> Result<Self, TlsError> {
        let clients = settings.clients.verifier(provider())?;
        let versions: &[_] = match settings.oldest {
            TlsVersion::Tls13 => &[&TLS13],
            TlsVersion::Tls12 => &[&TLS13, &TLS12],
        };
        let mut config = ServerConfig::builder_with_details(provider(), Arc::new(Time(clock)))
            .with_protocol_versions(versions)?
            .with_client_cert_verifier(Arc::clone(&clients))
            .with_cert_resolver(Arc::new(settings.certificates.clone()));
        config.alpn_protocols = PROTOCOLS.iter().map(|name| name.to_vec()).collect();
        config.max_early_data_size = 0;
        // RFC 7627: without it, two TLS 1.2 sessions can be made to share a secret (TLS-01).
        config.require_ems = true;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        match settings.clients {
            ClientAuthentication::None => {
                config.ticketer = ticketer(settings.ticket_rotation)?;
                config.send_tls13_tickets = TICKETS;
            }
            ClientAuthentication::Optional(_) | ClientAuthentication::Required(_) => {
                config.send_tls13_tickets = 0;
            }
        }
        let by_client = Arc::new(config.clone());
        config.ignore_client_order = true;
        Ok(Self {
            config: Arc::new(config),
            by_client,
            clients,
        })
    }

    /// What handshakes go by that do not ask first who is there.
    #[must_use]
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// What a handshake with this client goes by. Our order puts AES-128 with SHA-256 first, as Mozilla's modern profile
    /// does (TLS-02): a handshake computes some hundred hashes, and processors have instructions for SHA-256. Who puts
    /// ChaCha20 first has none for AES either, and gets it.
    pub(super) fn config_for(&self, hello: &ClientHello<'_>) -> Arc<ServerConfig> {
        let known = hello.cipher_suites().iter().find(|suite| !is_grease(**suite));
        if known == Some(&CipherSuite::TLS13_CHACHA20_POLY1305_SHA256) {
            Arc::clone(&self.by_client)
        } else {
            self.config()
        }
    }

    /// Whether the chain of a client, its own certificate first, is believed at `now`.
    pub(super) fn believes(&self, chain: &[CertificateDer<'_>], now: Timestamp) -> bool {
        let Some((own, intermediates)) = chain.split_first() else {
            return false;
        };
        self.clients
            .verify_client_cert(own, intermediates, unix_time(now))
            .is_ok()
    }
}

/// Values that clients send so that servers stay used to unknown ones (RFC 8701): `0x0a0a`, `0x1a1a` and so on.
fn is_grease(suite: CipherSuite) -> bool {
    let value = u16::from(suite);
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
}

impl fmt::Debug for TlsInForce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsInForce")
    }
}

/// The TLS of a door; a reload puts another setup in its place. Handshakes from then on go by it, and the client
/// certificates of open connections are judged by it.
#[derive(Debug)]
pub struct DoorTls(ArcSwap<TlsInForce>);

impl DoorTls {
    /// With this setup.
    #[must_use]
    pub fn new(setup: TlsInForce) -> Self {
        Self(ArcSwap::from_pointee(setup))
    }

    /// Puts another in its place.
    pub fn replace(&self, setup: TlsInForce) {
        self.0.store(Arc::new(setup));
    }

    pub(super) fn in_force(&self) -> Arc<TlsInForce> {
        self.0.load_full()
    }

    /// Whether `setup` is the one in force.
    pub(super) fn is_in_force(&self, setup: &Arc<TlsInForce>) -> bool {
        Arc::ptr_eq(&self.0.load(), setup)
    }
}

/// The gateway's clock as rustls asks it: certificates are in their time when the gateway says so.
struct Time(Arc<dyn Clock>);

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        Some(unix_time(self.0.now()))
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Time")
    }
}

fn unix_time(now: Timestamp) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now.seconds()).unwrap_or(0)))
}
