//! Whether a door asks for a client certificate, and whom it believes (RFC 8446, section 4.4.2; RFC 8705).

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use super::tls::TlsError;

/// Who may issue client certificates, and which of those have been revoked.
#[derive(Clone, Debug)]
pub struct TrustAnchors {
    roots: Arc<RootCertStore>,
    revocation_lists: Vec<CertificateRevocationListDer<'static>>,
}

impl TrustAnchors {
    /// The certificates of the authorities, and, where revocation is checked, PEM of their lists. With lists, a
    /// certificate is refused unless a list that has not expired covers every certificate of its chain (TLS-10).
    ///
    /// # Errors
    /// No authority or one that cannot be used, PEM that does not parse, or lists that are given but empty: an empty set
    /// of lists would switch the check off.
    pub fn new(
        authorities: &[CertificateDer<'_>],
        revocation_lists: Option<&[u8]>,
    ) -> Result<Self, TlsError> {
        Ok(Self {
            roots: Arc::new(root_store(authorities)?),
            revocation_lists: revocation_lists.map(read_lists).transpose()?.unwrap_or_default(),
        })
    }

    fn verifier(
        &self,
        optional: bool,
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
        let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::clone(&self.roots), provider);
        if !self.revocation_lists.is_empty() {
            builder = builder
                .with_crls(self.revocation_lists.iter().cloned())
                .enforce_revocation_expiration();
        }
        if optional {
            builder = builder.allow_unauthenticated();
        }
        builder
            .build()
            .map_err(|error| TlsError::TrustAnchors(error.to_string()))
    }
}

fn root_store(authorities: &[CertificateDer<'_>]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots
            .add(authority.clone().into_owned())
            .map_err(|error| TlsError::TrustAnchors(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(TlsError::TrustAnchors("there is no certificate".to_owned()));
    }
    Ok(roots)
}

fn read_lists(pem: &[u8]) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    let lists = CertificateRevocationListDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| TlsError::RevocationList(error.to_string()))?;
    if lists.is_empty() {
        return Err(TlsError::RevocationList("the file holds no list".to_owned()));
    }
    Ok(lists)
}

/// Whether a door asks for a client certificate.
#[derive(Clone, Debug)]
pub enum ClientAuthentication {
    /// It does not: browsers never see a prompt (MTLS-04).
    None,
    /// It does, and lets clients in that have none; what needs one refuses them later.
    Optional(TrustAnchors),
    /// It does, and shuts out clients that have none.
    Required(TrustAnchors),
}

impl ClientAuthentication {
    pub(super) fn verifier(
        &self,
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
        match self {
            Self::None => Ok(WebPkiClientVerifier::no_client_auth()),
            Self::Optional(anchors) => anchors.verifier(true, provider),
            Self::Required(anchors) => anchors.verifier(false, provider),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_authority_and_an_empty_revocation_list_are_faults_not_silence() {
        let made = rcgen::generate_simple_self_signed(vec!["ca.example".to_owned()]).unwrap();
        let authority = [made.cert.der().clone()];
        assert!(matches!(
            TrustAnchors::new(&[], None),
            Err(TlsError::TrustAnchors(_))
        ));
        for lists in [&b""[..], b"-----BEGIN X509 CRL-----\nAAAA"] {
            assert!(matches!(
                TrustAnchors::new(&authority, Some(lists)),
                Err(TlsError::RevocationList(_))
            ));
        }
        assert!(TrustAnchors::new(&authority, None).is_ok());
    }
}
