//! The TLS of the three doors.

use std::sync::Arc;

use rustls::ServerConfig;

use super::error::StartError;
use super::upstreams::{read, secret};
use crate::config::Config;
use crate::edge::{
    Certificates, ClientAuthentication, ServerCertificate, TlsError, TrustAnchors, server_config,
};

/// The TLS of the doors, over one set of certificates that a reload can replace.
pub(super) struct Doors {
    pub(super) certificates: Arc<Certificates>,
    pub(super) public: Arc<ServerConfig>,
    /// Absent without `tls.client_ca`: then nobody could prove anything there.
    pub(super) mutual: Option<Arc<ServerConfig>>,
    /// Absent without `admin.client_ca`.
    pub(super) admin: Option<Arc<ServerConfig>>,
}

impl Doors {
    /// Reads certificates, keys and trust anchors.
    pub(super) fn open(config: &Config) -> Result<Self, StartError> {
        let certificates =
            Certificates::new(&server_certificates(config)?).map_err(tls("tls.certificate"))?;
        let certificates = Arc::new(certificates);
        let door = |key: &'static str, clients: &ClientAuthentication| {
            let certificates = Arc::clone(&certificates) as Arc<_>;
            server_config(certificates, clients, config.tls.ticket_rotation).map_err(tls(key))
        };
        let mutual = client_anchors(config)?.map(ClientAuthentication::Optional);
        let admin = admin_anchors(config)?.map(ClientAuthentication::Required);
        Ok(Self {
            public: door("tls.certificate", &ClientAuthentication::None)?,
            mutual: mutual
                .map(|clients| door("tls.client_ca", &clients))
                .transpose()?,
            admin: admin
                .map(|clients| door("admin.client_ca", &clients))
                .transpose()?,
            certificates,
        })
    }
}

/// The gateway's own certificates, read from their files.
pub(super) fn server_certificates(config: &Config) -> Result<Vec<ServerCertificate>, StartError> {
    let one = |certificate: &crate::config::Certificate| {
        let chain = read("tls.certificate.chain", &certificate.chain)?;
        let key = secret("tls.certificate.key", &certificate.key)?;
        ServerCertificate::from_pem(&chain, key.expose()).map_err(tls("tls.certificate"))
    };
    config.tls.certificates.iter().map(one).collect()
}

fn client_anchors(config: &Config) -> Result<Option<TrustAnchors>, StartError> {
    let Some(authorities) = &config.tls.client_ca else {
        return Ok(None);
    };
    let authorities = read("tls.client_ca", authorities.path())?;
    let lists = config
        .tls
        .client_crl
        .as_ref()
        .map(|path| read("tls.client_crl", path))
        .transpose()?;
    let anchors = TrustAnchors::from_pem(&authorities, lists.as_deref());
    anchors.map(Some).map_err(tls("tls.client_ca"))
}

fn admin_anchors(config: &Config) -> Result<Option<TrustAnchors>, StartError> {
    let Some(authorities) = &config.admin.client_ca else {
        return Ok(None);
    };
    let authorities = read("admin.client_ca", authorities.path())?;
    TrustAnchors::from_pem(&authorities, None)
        .map(Some)
        .map_err(tls("admin.client_ca"))
}

fn tls(key: &'static str) -> impl Fn(TlsError) -> StartError {
    move |cause| StartError::Tls {
        key: key.to_owned(),
        cause,
    }
}
