//! Certificates as `check` sees them: readable, in their time, and each with the key that belongs to it.

use std::path::Path;

use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::Findings;
use crate::base::Timestamp;
use crate::config::{SecretRef, TrustAnchors};
use crate::tls::{Ending, Validity};

/// Checks a chain and its private key.
pub(super) fn check_pair(
    key: &str,
    chain: &Path,
    secret: &SecretRef,
    now: Timestamp,
    findings: &mut Findings,
) {
    let chain = read_chain(chain)
        .map_err(|message| findings.fault(key, message))
        .ok();
    let private = read_key(secret)
        .map_err(|message| findings.fault(key, message))
        .ok();
    for certificate in chain.iter().flatten() {
        check_time(key, certificate, now, findings);
    }
    if let (Some(chain), Some(private)) = (chain, private)
        && let Err(message) = check_match(chain, private)
    {
        findings.fault(key, message);
    }
}

/// Checks the authorities of one file.
pub(super) fn check_trust_anchors(
    key: &str,
    anchors: &TrustAnchors,
    now: Timestamp,
    findings: &mut Findings,
) {
    for certificate in anchors.certificates() {
        check_time(key, certificate, now, findings);
    }
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let told = |error: &dyn std::fmt::Display| {
        format!(
            "{}: {error}; countersign certs issue makes a certificate",
            path.display()
        )
    };
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| told(&error))?;
    let certificates = certificates
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| told(&error))?;
    if certificates.is_empty() {
        Err(told(&"it holds no certificate"))
    } else {
        Ok(certificates)
    }
}

fn read_key(secret: &SecretRef) -> Result<PrivateKeyDer<'static>, String> {
    let pem = secret.resolve().map_err(|error| error.to_string())?;
    // What the parser says of a damaged key could repeat some of it.
    PrivateKeyDer::from_pem_slice(&pem).map_err(|_| format!("{secret}: this is no private key in PEM"))
}

fn check_match(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<(), String> {
    let provider = crate::tls::provider();
    match CertifiedKey::from_der(chain, key, &provider).and_then(|pair| pair.keys_match()) {
        Ok(()) => Ok(()),
        Err(error) => Err(format!(
            "the private key does not belong to the certificate: {error}"
        )),
    }
}

fn check_time(key: &str, certificate: &CertificateDer<'_>, now: Timestamp, findings: &mut Findings) {
    match Validity::of_certificate(certificate) {
        Some(validity) => check_end(key, &validity, "issue a new one", now, findings),
        None => findings.fault(key, "a certificate cannot be parsed"),
    }
}

/// Checks that something is good now and for a while.
pub(super) fn check_end(
    key: &str,
    validity: &Validity,
    remedy: &str,
    now: Timestamp,
    findings: &mut Findings,
) {
    let (name, end) = (&validity.name, validity.ends);
    if validity.is_ahead(now) {
        let problem = format!("{name} is not valid before {}; check the clock", validity.begins);
        return findings.fault(key, problem);
    }
    match validity.ending(now) {
        Ending::NotSoon => {}
        Ending::Ended => findings.fault(key, format!("{name} expired on {end}; {remedy}")),
        Ending::WithinMonth | Ending::WithinWeek | Ending::WithinDay => {
            findings.warning(key, format!("{name} expires on {end}; {remedy} in time"));
        }
    }
}
