//! The certificates that sign others: the root and the intermediates (RFC 5280 section 4.2.1.9).

use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, date_time_ymd,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::prelude::{FromDer, X509Certificate};
use zeroize::Zeroizing;

use super::error::PkiError;
use super::profile::{Hosts, Profile, Profiles, Purpose, RootProfile, Usage};
use crate::base::Timestamp;

/// A root with its key; lives only as long as intermediates are made.
pub(super) struct Root {
    pub(super) pem: String,
    pub(super) key_pem: Zeroizing<String>,
    issuer: Issuer<'static, KeyPair>,
    not_after_s: u64,
}

/// One intermediate for every purpose.
pub(super) struct Intermediates {
    server: Intermediate,
    client: Intermediate,
    backend: Intermediate,
    admin: Intermediate,
}

/// An intermediate with its key.
pub(super) struct Intermediate {
    pub(super) pem: String,
    pub(super) certificate: CertificateDer<'static>,
    pub(super) issuer: Issuer<'static, KeyPair>,
    not_before_s: u64,
    /// When it ends, in seconds since 1970.
    pub(super) not_after_s: u64,
}

/// How far back certificates begin, in seconds, so that a peer whose clock is behind accepts a fresh one.
const BACKDATING_S: u64 = 600;
const DAY_S: u64 = 86_400;

impl Root {
    pub(super) fn create(profile: &RootProfile, now: Timestamp) -> Result<Root, PkiError> {
        let mut params = issuer_params(&profile.common_name, BasicConstraints::Constrained(1));
        let not_after_s = set_validity(&mut params, now, profile.lifetime_days, None)?;
        let key = KeyPair::generate()?;
        let pem = params.self_signed(&key)?.pem();
        let key_pem = Zeroizing::new(key.serialize_pem());
        Ok(Root {
            pem,
            key_pem,
            issuer: Issuer::new(params, key),
            not_after_s,
        })
    }
}

impl Intermediates {
    pub(super) fn create(
        root: &Root,
        profiles: &Profiles,
        now: Timestamp,
    ) -> Result<Intermediates, PkiError> {
        Intermediates::of_each(|purpose| Intermediate::create(root, profiles.of(purpose), now))
    }

    /// Makes or reads each of them.
    pub(super) fn of_each(
        make: impl Fn(Purpose) -> Result<Intermediate, PkiError>,
    ) -> Result<Intermediates, PkiError> {
        Ok(Intermediates {
            server: make(Purpose::Server)?,
            client: make(Purpose::Client)?,
            backend: make(Purpose::Backend)?,
            admin: make(Purpose::Admin)?,
        })
    }

    pub(super) fn of(&self, purpose: Purpose) -> &Intermediate {
        match purpose {
            Purpose::Server => &self.server,
            Purpose::Client => &self.client,
            Purpose::Backend => &self.backend,
            Purpose::Admin => &self.admin,
        }
    }
}

impl Intermediate {
    fn create(root: &Root, profile: &Profile, now: Timestamp) -> Result<Intermediate, PkiError> {
        let mut params = issuer_params(&profile.common_name, BasicConstraints::Constrained(0));
        params.extended_key_usages = extended_usages(profile);
        params.use_authority_key_identifier_extension = true;
        params.name_constraints = (profile.hosts == Hosts::None).then(no_hosts);
        set_validity(
            &mut params,
            now,
            profile.intermediate_lifetime_days,
            Some(root.not_after_s),
        )?;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &root.issuer)?;
        Intermediate::from_pem(certificate.pem(), &key.serialize_pem())
    }

    /// An intermediate from its two files. Its key must belong to its certificate.
    pub(super) fn from_pem(pem: String, key_pem: &str) -> Result<Intermediate, PkiError> {
        let damaged = |_| rcgen::Error::CouldNotParseCertificate;
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(damaged)?;
        let key = KeyPair::from_pem(key_pem)?;
        let (_, parsed) =
            X509Certificate::from_der(&certificate).map_err(|_| rcgen::Error::CouldNotParseCertificate)?;
        if parsed.public_key().subject_public_key.data.as_ref() != key.public_key_raw() {
            return Err(PkiError::Build(rcgen::Error::CouldNotParseKeyPair));
        }
        let seconds = |timestamp: i64| u64::try_from(timestamp).map_err(|_| PkiError::Time);
        let not_before_s = seconds(parsed.validity().not_before.timestamp())?;
        let not_after_s = seconds(parsed.validity().not_after.timestamp())?;
        let issuer = Issuer::from_ca_cert_der(&certificate, key)?;
        Ok(Intermediate {
            pem,
            certificate,
            issuer,
            not_before_s,
            not_after_s,
        })
    }

    pub(super) fn is_valid(&self, now: Timestamp) -> Result<bool, PkiError> {
        let now_s = seconds_since_1970(now)?;
        Ok((self.not_before_s..self.not_after_s).contains(&now_s))
    }
}

/// States when a certificate begins and ends, its end being no later than its issuer's; answers with the end in seconds
/// since 1970.
pub(super) fn set_validity(
    params: &mut CertificateParams,
    now: Timestamp,
    lifetime_days: u32,
    issuer_not_after_s: Option<u64>,
) -> Result<u64, PkiError> {
    let now_s = seconds_since_1970(now)?;
    let not_after_s = now_s + u64::from(lifetime_days) * DAY_S;
    let not_after_s = issuer_not_after_s.map_or(not_after_s, |issuer| issuer.min(not_after_s));
    let epoch = date_time_ymd(1970, 1, 1);
    params.not_before = epoch + Duration::from_secs(now_s.saturating_sub(BACKDATING_S));
    params.not_after = epoch + Duration::from_secs(not_after_s);
    Ok(not_after_s)
}

pub(super) fn common_name(name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    subject
}

pub(super) fn extended_usages(profile: &Profile) -> Vec<ExtendedKeyUsagePurpose> {
    let usage = |usage: &Usage| match usage {
        Usage::ServerAuth => ExtendedKeyUsagePurpose::ServerAuth,
        Usage::ClientAuth => ExtendedKeyUsagePurpose::ClientAuth,
    };
    profile.usages.iter().map(usage).collect()
}

fn issuer_params(name: &str, constraints: BasicConstraints) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name(name);
    params.is_ca = IsCa::Ca(constraints);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// Excludes every DNS name and every address (RFC 5280 section 4.2.1.10: the empty DNS name contains all).
fn no_hosts() -> NameConstraints {
    NameConstraints {
        permitted_subtrees: Vec::new(),
        excluded_subtrees: vec![
            GeneralSubtree::DnsName(String::new()),
            GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([0; 4], 0)),
            GeneralSubtree::IpAddress(CidrSubnet::from_v6_prefix([0; 16], 0)),
        ],
    }
}

/// `now` in seconds since 1970, before the year 2400: with the longest lifetime it stays inside what a certificate can
/// state.
fn seconds_since_1970(now: Timestamp) -> Result<u64, PkiError> {
    const YEAR_2400_S: u64 = 13_569_465_600;
    u64::try_from(now.seconds())
        .ok()
        .filter(|now_s| *now_s < YEAR_2400_S)
        .ok_or(PkiError::Time)
}
