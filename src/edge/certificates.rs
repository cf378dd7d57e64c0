//! The gateway's own certificates, chosen by the name the client asks for (SNI, RFC 6066, section 3).

use std::collections::HashMap;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::tls::TlsError;
use crate::tls::provider;

/// A certificate with its chain, its key, and the names it is good for.
#[derive(Clone, Debug)]
pub struct ServerCertificate {
    key: Arc<CertifiedKey>,
    names: Vec<String>,
}

impl ServerCertificate {
    /// Reads PEM: the chain with the gateway's own certificate first, and its private key (PKCS #8, SEC 1 or PKCS #1).
    ///
    /// # Errors
    /// An empty or unreadable chain, an unreadable or unsupported key, or a key of another certificate.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let chain = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| TlsError::Certificate(error.to_string()))?;
        let own = chain
            .first()
            .ok_or_else(|| TlsError::Certificate("the file holds no certificate".to_owned()))?;
        let names = dns_names(own)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| TlsError::Key(error.to_string()))?;
        let key = CertifiedKey::from_der(chain, key, &provider()).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => TlsError::KeyOfAnother,
            other => TlsError::Key(other.to_string()),
        })?;
        Ok(Self {
            key: Arc::new(key),
            names,
        })
    }

    /// The DNS names it is good for, in lower case; a wildcard begins with `*.`.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }
}

fn dns_names(certificate: &CertificateDer<'_>) -> Result<Vec<String>, TlsError> {
    let (_, parsed) =
        X509Certificate::from_der(certificate).map_err(|error| TlsError::Certificate(error.to_string()))?;
    let alternatives = parsed
        .subject_alternative_name()
        .map_err(|error| TlsError::Certificate(error.to_string()))?;
    let names = alternatives
        .iter()
        .flat_map(|extension| &extension.value.general_names);
    Ok(names
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        })
        .collect())
}

/// All certificates of the gateway. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Certificates(Arc<Table>);

#[derive(Debug)]
struct Table {
    /// For clients that name nothing, as those do that connect by address.
    first: Arc<CertifiedKey>,
    by_name: HashMap<String, Arc<CertifiedKey>>,
}

impl Certificates {
    /// The first certificate also serves clients that send no name.
    ///
    /// # Errors
    /// An empty list.
    pub fn new(certificates: &[ServerCertificate]) -> Result<Self, TlsError> {
        Ok(Self(Arc::new(Table::new(certificates)?)))
    }
}

impl Table {
    fn new(certificates: &[ServerCertificate]) -> Result<Self, TlsError> {
        let first = certificates.first().ok_or(TlsError::NoCertificate)?;
        let mut by_name = HashMap::new();
        for certificate in certificates {
            for name in &certificate.names {
                by_name
                    .entry(name.clone())
                    .or_insert_with(|| Arc::clone(&certificate.key));
            }
        }
        Ok(Self {
            first: Arc::clone(&first.key),
            by_name,
        })
    }

    /// The certificate for `asked`; none for a name that stands in no certificate (TLS-07).
    fn find(&self, asked: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let Some(asked) = asked else {
            return Some(Arc::clone(&self.first));
        };
        let asked = asked.to_ascii_lowercase();
        let exact = self.by_name.get(&asked);
        // A wildcard stands for exactly one label (RFC 6125, section 6.4.3).
        let wildcard = || self.by_name.get(&format!("*.{}", asked.split_once('.')?.1));
        exact.or_else(wildcard).cloned()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.find(hello.server_name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(names: &[&str]) -> ServerCertificate {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        ServerCertificate::from_pem(
            made.cert.pem().as_bytes(),
            made.signing_key.serialize_pem().as_bytes(),
        )
        .unwrap()
    }

    /// TLS-07
    #[test]
    fn the_name_asked_for_chooses_and_an_unknown_one_gets_nothing() {
        let (pay, wild) = (certificate(&["pay.example"]), certificate(&["*.bank.example"]));
        let table = Table::new(&[pay.clone(), wild.clone()]).unwrap();
        let is = |asked, expected: &ServerCertificate| {
            table
                .find(asked)
                .is_some_and(|found| Arc::ptr_eq(&found, &expected.key))
        };
        assert!(is(None, &pay));
        assert!(is(Some("PAY.example"), &pay));
        assert!(is(Some("api.bank.example"), &wild));
        for unknown in [
            "other.example",
            "bank.example",
            "a.b.bank.example",
            "pay.example.evil.example",
            "",
        ] {
            assert!(table.find(Some(unknown)).is_none(), "{unknown}");
        }
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let one = rcgen::generate_simple_self_signed(vec!["one.example".to_owned()]).unwrap();
        let other = rcgen::generate_simple_self_signed(vec!["one.example".to_owned()]).unwrap();
        let outcome = ServerCertificate::from_pem(
            one.cert.pem().as_bytes(),
            other.signing_key.serialize_pem().as_bytes(),
        );
        assert!(matches!(outcome, Err(TlsError::KeyOfAnother)));
    }

    #[test]
    fn what_is_no_certificate_or_key_is_refused() {
        let made = rcgen::generate_simple_self_signed(vec!["one.example".to_owned()]).unwrap();
        let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        for (chain, key) in [
            ("", key.as_str()),
            (key.as_str(), key.as_str()),
            (chain.as_str(), ""),
            (chain.as_str(), "x"),
        ] {
            assert!(ServerCertificate::from_pem(chain.as_bytes(), key.as_bytes()).is_err());
        }
        assert!(matches!(Certificates::new(&[]), Err(TlsError::NoCertificate)));
    }
}
