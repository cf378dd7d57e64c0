//! Why a certificate or an authority could not be made.

use std::io;
use std::path::PathBuf;

use super::profile::Purpose;

/// Why a certificate or an authority could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// Something stands there already.
    #[error("{0} exists already and is not overwritten; move it away first")]
    Exists(PathBuf),
    /// A file or folder could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The folder holds no authority.
    #[error("{0} holds no authority; run countersign certs init first")]
    NoAuthority(PathBuf),
    /// The file of profiles cannot be understood.
    #[error("{path}: {problem}")]
    Profiles {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its line.
        problem: String,
    },
    /// The name cannot be that of a certificate.
    #[error(
        "\"{0}\" cannot name a certificate; use at most 64 letters, digits, '.', '_' or '-', and not \"ca\""
    )]
    Name(String),
    /// A subject alternative name is neither a DNS name nor an IP address.
    #[error("\"{0}\" is neither a DNS name nor an IP address")]
    AlternativeName(String),
    /// Certificates of this purpose name no hosts.
    #[error("certificates of purpose {0} name no hosts; leave --san out")]
    HostsNotAllowed(Purpose),
    /// The intermediate can no longer issue.
    #[error("the {0} intermediate has expired, or is not valid yet; make a new authority")]
    IntermediateExpired(Purpose),
    /// An issuer's file is damaged, or its key does not belong to it.
    #[error("{0} does not hold a certificate and the key that belongs to it")]
    Damaged(PathBuf),
    /// The point in time cannot be written into a certificate.
    #[error("the point in time is outside what a certificate can state")]
    Time,
    /// The library that builds certificates refused.
    #[error("the certificate could not be built: {0}")]
    Build(#[from] rcgen::Error),
}
