//! Issuing, in memory: an authority of one root and four intermediates, and certificates below them.

use std::net::IpAddr;

use rcgen::{CertificateParams, IsCa, KeyPair, KeyUsagePurpose, SanType};
use rustls_pki_types::{CertificateDer, DnsName, PrivateKeyDer, PrivatePkcs8KeyDer};
use zeroize::Zeroizing;

use super::error::PkiError;
use super::issuer::{Intermediate, Intermediates, Root, common_name, extended_usages, set_validity};
use super::profile::{Hosts, Profiles, Purpose};
use crate::base::Timestamp;

/// An authority that can issue certificates of every purpose. It does not hold the root's key: that is needed for
/// intermediates only.
pub struct Authority {
    profiles: Profiles,
    root_pem: String,
    intermediates: Intermediates,
}

/// The root's private key, PKCS #8 in PEM.
pub struct RootKey(pub(super) Zeroizing<String>);

/// A certificate with its key.
pub struct Issued {
    certificate: CertificateDer<'static>,
    intermediate: CertificateDer<'static>,
    chain_pem: String,
    key: KeyPair,
}

impl Authority {
    /// Makes a root and an intermediate for every purpose.
    ///
    /// # Errors
    /// `PkiError::Build` when the source of randomness fails, `PkiError::Time` for a `now` no certificate can state.
    pub fn create(profiles: Profiles, now: Timestamp) -> Result<(Authority, RootKey), PkiError> {
        let root = Root::create(&profiles.root, now)?;
        let intermediates = Intermediates::create(&root, &profiles, now)?;
        let Root {
            pem: root_pem,
            key_pem,
            ..
        } = root;
        Ok((
            Authority {
                profiles,
                root_pem,
                intermediates,
            },
            RootKey(key_pem),
        ))
    }

    pub(super) fn from_parts(
        profiles: Profiles,
        root_pem: String,
        intermediates: Intermediates,
    ) -> Authority {
        Authority {
            profiles,
            root_pem,
            intermediates,
        }
    }

    /// Issues a certificate for `name`, which also vouches for `hosts` (DNS names and IP addresses).
    ///
    /// # Errors
    /// A name or host that no certificate may have, or an intermediate that has expired.
    pub fn issue(
        &self,
        purpose: Purpose,
        name: &str,
        hosts: &[String],
        now: Timestamp,
    ) -> Result<Issued, PkiError> {
        check_name(name)?;
        let profile = self.profiles.of(purpose);
        let intermediate = self.intermediates.of(purpose);
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name(name);
        params.subject_alt_names = alternative_names(purpose, profile.hosts, name, hosts)?;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = extended_usages(profile);
        params.use_authority_key_identifier_extension = true;
        if !intermediate.is_valid(now)? {
            return Err(PkiError::IntermediateExpired(purpose));
        }
        set_validity(
            &mut params,
            now,
            profile.lifetime_days,
            Some(intermediate.not_after_s),
        )?;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &intermediate.issuer)?;
        Ok(Issued {
            certificate: certificate.der().clone(),
            intermediate: intermediate.certificate.clone(),
            chain_pem: format!("{}{}", certificate.pem(), intermediate.pem),
            key,
        })
    }

    /// The root's certificate in PEM: what those trust who call the gateway.
    pub fn root_pem(&self) -> &str {
        &self.root_pem
    }

    /// The intermediate's certificate of a purpose, in PEM: what those trust who ask for certificates of that purpose.
    pub fn trust_anchor_pem(&self, purpose: Purpose) -> &str {
        &self.intermediates.of(purpose).pem
    }

    /// The same as DER.
    pub fn trust_anchor(&self, purpose: Purpose) -> &CertificateDer<'static> {
        &self.intermediates.of(purpose).certificate
    }

    pub(super) fn intermediate(&self, purpose: Purpose) -> &Intermediate {
        self.intermediates.of(purpose)
    }
}

impl Issued {
    /// The certificate and its intermediate in PEM, leaf first.
    pub fn chain_pem(&self) -> &str {
        &self.chain_pem
    }

    /// The same as DER.
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![self.certificate.clone(), self.intermediate.clone()]
    }

    /// The private key, PKCS #8 in PEM.
    pub fn key_pem(&self) -> Zeroizing<String> {
        Zeroizing::new(self.key.serialize_pem())
    }

    /// The same as DER.
    pub fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.serialize_der()))
    }
}

/// The name becomes a common name (at most 64 characters, RFC 5280 appendix A.1) and part of a file name.
fn check_name(name: &str) -> Result<(), PkiError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ':');
    let fits =
        (1..=64).contains(&name.len()) && name.chars().all(plain) && !name.starts_with('.') && name != "ca";
    if fits {
        Ok(())
    } else {
        Err(PkiError::Name(name.to_owned()))
    }
}

fn alternative_names(
    purpose: Purpose,
    allowed: Hosts,
    name: &str,
    given: &[String],
) -> Result<Vec<SanType>, PkiError> {
    let own = (allowed == Hosts::Name).then_some(name);
    if allowed == Hosts::None && !given.is_empty() {
        return Err(PkiError::HostsNotAllowed(purpose));
    }
    let mut hosts: Vec<&str> = own.into_iter().chain(given.iter().map(String::as_str)).collect();
    let mut seen = Vec::new();
    hosts.retain(|host| {
        let new = !seen.contains(host);
        seen.push(*host);
        new
    });
    hosts.into_iter().map(alternative_name).collect()
}

fn alternative_name(host: &str) -> Result<SanType, PkiError> {
    let refused = || PkiError::AlternativeName(host.to_owned());
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    // A wildcard would vouch for hosts nobody has named.
    DnsName::try_from(host).map_err(|_| refused())?;
    Ok(SanType::DnsName(
        host.to_ascii_lowercase().try_into().map_err(|_| refused())?,
    ))
}
