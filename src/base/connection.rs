//! Facts of the connection a request came over.

use std::net::SocketAddr;
use std::sync::Arc;

use countersign_jose::Thumbprint;

use super::secret::Secret;

/// Which listener a connection came in by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Door {
    /// `[server] listen`: never asks for a client certificate.
    Public,
    /// `[server] mtls_listen`: its twin that asks for one.
    MutualTls,
    /// `[server] admin_listen`: admins only, certificate required.
    Admin,
}

/// A client certificate that rustls has verified against the door's trust anchors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate, DER.
    pub der: Vec<u8>,
    /// SHA-256 of the DER: what `cnf.x5t#S256` holds (RFC 8705, section 3.1).
    pub thumbprint: Thumbprint,
}

impl ClientCertificate {
    /// From the end-entity certificate of a verified chain.
    #[must_use]
    pub fn new(der: &[u8]) -> Self {
        Self {
            der: der.to_vec(),
            thumbprint: Thumbprint::from_bytes(countersign_jose::sha256(der)),
        }
    }
}

/// What only the two ends of one TLS connection know: `tls-exporter` (RFC 9266, section 2). What is bound to it cannot be used
/// over another connection. Keys for other uses are derived from it.
#[derive(Clone, Debug)]
pub struct ChannelBinding(Secret<[u8; ChannelBinding::BYTES]>);

impl ChannelBinding {
    /// Its length in bytes.
    pub const BYTES: usize = 32;
    /// The label of the exporter (RFC 8446, section 7.5; RFC 5705).
    pub const LABEL: &'static [u8] = b"EXPORTER-Channel-Binding";
    /// The context of the exporter: of no length, which in TLS 1.2 is another than none.
    pub const CONTEXT: &'static [u8] = b"";

    /// From what the connection exported.
    #[must_use]
    pub fn new(exported: [u8; Self::BYTES]) -> Self {
        Self(Secret::new(exported))
    }

    /// The bytes, for the one call that needs them.
    #[must_use]
    pub fn expose(&self) -> &[u8; Self::BYTES] {
        self.0.expose()
    }
}

/// What is known of a connection before the first request on it is read.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The listener.
    pub door: Door,
    /// The other end.
    pub peer: SocketAddr,
    /// The negotiated protocol version, such as `TLSv1_3`.
    pub tls_version: &'static str,
    /// The negotiated key exchange group, such as `X25519MLKEM768`.
    pub group: &'static str,
    /// The verified client certificate, on doors that ask for one.
    pub client_certificate: Option<Arc<ClientCertificate>>,
    /// What binds to this connection; none where there is no TLS.
    pub channel_binding: Option<Arc<ChannelBinding>>,
}
