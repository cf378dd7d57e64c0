//! Certificates that are trusted to vouch for others. They belong to the charter, so their bytes are read once, with the
//! file that names them, and what was hashed is what is used.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

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
        let path = path(value)?;
        let complain = |problem: String| {
            Complaint::new(
                problem,
                "name a PEM file of certificates; countersign certs init makes one",
            )
        };
        let pem = read_bounded(&path)
            .map_err(|error| complain(format!("{} cannot be read: {error}", path.display())))?;
        let certificates = CertificateDer::pem_slice_iter(&pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| complain(format!("{} is damaged: {error}", path.display())))?;
        if certificates.is_empty() {
            return Err(complain(format!("{} holds no certificate", path.display())));
        }
        Ok(TrustAnchors { path, certificates })
    }
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
