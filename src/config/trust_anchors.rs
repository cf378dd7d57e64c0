//! Certificates that are trusted to vouch for others. They belong to the charter, so their bytes are read once, with the
//! file that names them, and what was hashed is what is used.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::load::Config;
use super::value::{Complaint, Parsed, Value, path};

/// The certificates of one PEM file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustAnchors {
    path: PathBuf,
    certificates: Vec<CertificateDer<'static>>,
}

/// Largest PEM file that is read, in bytes: the whole public web's list of authorities is under 300 KiB.
const PEM_LIMIT: u64 = 1024 * 1024;

impl TrustAnchors {
    /// The file they were read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The certificates, at least one, as DER.
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }

    /// SHA-256 over the certificates in their order: what the charter states, whatever else stands in the file.
    pub fn sha256(&self) -> [u8; 32] {
        let ders: Vec<&[u8]> = self.certificates.iter().map(AsRef::as_ref).collect();
        countersign_jose::sha256(&ders.concat())
    }

    pub(super) fn read(value: &Value<'_>) -> Parsed<TrustAnchors> {
        TrustAnchors::read_file(path(value)?).map_err(|problem| {
            Complaint::new(
                problem,
                "name a PEM file of certificates; countersign certs init makes one",
            )
        })
    }

    fn read_file(path: PathBuf) -> Result<TrustAnchors, String> {
        let pem =
            read_bounded(&path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
        let certificates = CertificateDer::pem_slice_iter(&pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| format!("{} is damaged: {error}", path.display()))?;
        if certificates.is_empty() {
            return Err(format!("{} holds no certificate", path.display()));
        }
        Ok(TrustAnchors { path, certificates })
    }
}

/// Why trust anchors cannot be read again.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct AnchorsError {
    key: String,
    problem: String,
}

impl Config {
    /// The same configuration with the trust anchors that their files hold now.
    ///
    /// # Errors
    /// The first file that cannot be used.
    pub fn with_anchors_read_again(&self) -> Result<Config, AnchorsError> {
        let mut config = self.clone();
        read_again("tls.client_ca", &mut config.tls.client_ca)?;
        read_again("admin.client_ca", &mut config.admin.client_ca)?;
        for upstream in &mut config.upstreams {
            let key = format!("upstream '{}': ca", upstream.name);
            read_again(&key, &mut upstream.ca)?;
        }
        Ok(config)
    }
}

fn read_again(key: &str, anchors: &mut Option<TrustAnchors>) -> Result<(), AnchorsError> {
    if let Some(anchors) = anchors {
        let read = TrustAnchors::read_file(anchors.path.clone());
        *anchors = read.map_err(|problem| AnchorsError {
            key: key.to_owned(),
            problem,
        })?;
    }
    Ok(())
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    if !path.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(PEM_LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > PEM_LIMIT {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 1 MiB"));
    }
    Ok(bytes)
}
