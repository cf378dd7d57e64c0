//! Revocation lists and the keys of signed answers as `check` sees them.

use std::path::Path;

use rustls_pki_types::CertificateRevocationListDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};

use super::Findings;
use super::certificate::check_end;
use crate::base::Timestamp;
use crate::config::TrustAnchors;
use crate::server::answer_keys;
use crate::tls::Validity;

/// Checks the lists of one file: readable, in their time, and one for each of the authorities they belong to.
pub(super) fn check_lists(
    key: &str,
    path: &Path,
    anchors: Option<&TrustAnchors>,
    now: Timestamp,
    findings: &mut Findings,
) {
    let lists = match read_lists(path) {
        Ok(lists) => lists,
        Err(problem) => return findings.fault(key, format!("{}: {problem}", path.display())),
    };
    for list in &lists {
        match Validity::of_list(list) {
            Some(validity) => check_end(key, &validity, "publish a new one", now, findings),
            None => findings.fault(
                key,
                "a list cannot be parsed, or does not say when the next one comes",
            ),
        }
    }
    for anchor in anchors.map(TrustAnchors::certificates).unwrap_or_default() {
        let Ok((_, anchor)) = X509Certificate::from_der(anchor) else {
            continue;
        };
        let is_covered = |list: &CertificateRevocationListDer<'_>| {
            CertificateRevocationList::from_der(list.as_ref())
                .is_ok_and(|(_, list)| list.issuer().as_raw() == anchor.subject().as_raw())
        };
        if !lists.iter().any(is_covered) {
            let problem = format!(
                "there is no list of {}: its certificates are all refused",
                anchor.subject()
            );
            findings.fault(key, problem);
        }
    }
}

fn read_lists(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, String> {
    let lists = CertificateRevocationListDer::pem_file_iter(path).map_err(|error| error.to_string())?;
    let lists = lists
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| error.to_string())?;
    if lists.is_empty() {
        return Err("it holds no revocation list in PEM".to_owned());
    }
    Ok(lists)
}

/// Checks the file of the keys that a backend signs its answers with.
pub(super) fn check_answer_keys(key: &str, path: &Path, findings: &mut Findings) {
    let checked = std::fs::read(path)
        .map_err(|error| format!("cannot be read: {error}"))
        .and_then(|text| answer_keys(&text));
    if let Err(problem) = checked {
        findings.fault(key, format!("{} {problem}", path.display()));
    }
}
