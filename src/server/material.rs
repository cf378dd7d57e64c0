//! The files that certificates and trust are made of, each read once: what is checked, compared and put in force is the same.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::error::StartError;
use crate::base::Secret;
use crate::config::{Config, SecretRef, Upstream};

/// Largest file of certificates, revocation lists or public keys that is read: a list of some half a million revoked
/// certificates, more than any private authority has.
const FILE_BYTES: u64 = 32 * 1024 * 1024;

/// The contents of the files that a configuration names, beside the trust anchors, which the configuration holds itself.
pub(super) struct Material {
    /// `[[tls.certificate]]`, in the order of the file.
    pub(super) server: Vec<Pair>,
    /// `tls.client_crl`.
    pub(super) client_lists: Option<Vec<u8>>,
    /// `admin.client_crl`.
    pub(super) admin_lists: Option<Vec<u8>>,
    /// `[[upstream]]`, in the order of the file.
    pub(super) upstreams: Vec<UpstreamMaterial>,
}

/// A certificate with its chain, and its private key; PEM.
pub(super) struct Pair {
    pub(super) chain: Vec<u8>,
    pub(super) key: Secret<Vec<u8>>,
}

/// What belongs to one upstream.
pub(super) struct UpstreamMaterial {
    /// What the gateway shows it.
    pub(super) client: Option<Pair>,
    /// The JWKS of the keys it signs answers with.
    pub(super) answer_keys: Option<Vec<u8>>,
}

/// What two readings are compared by, so that nothing is put in force anew that has not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint {
    /// Of what the doors' TLS is made of.
    pub(super) doors: [u8; 32],
    /// Of what belongs to upstreams.
    pub(super) upstreams: [u8; 32],
}

impl Material {
    /// Reads all of it.
    pub(super) fn read(config: &Config) -> Result<Self, StartError> {
        let certificates = config.tls.certificates.iter();
        let server = certificates
            .map(|own| {
                Pair::read(
                    "tls.certificate.chain",
                    &own.chain,
                    "tls.certificate.key",
                    &own.key,
                )
            })
            .collect::<Result<_, _>>()?;
        let lists = |key, path: &Option<PathBuf>| path.as_ref().map(|path| read(key, path)).transpose();
        Ok(Self {
            server,
            client_lists: lists("tls.client_crl", &config.tls.client_crl)?,
            admin_lists: lists("admin.client_crl", &config.admin.client_crl)?,
            upstreams: config
                .upstreams
                .iter()
                .map(UpstreamMaterial::read)
                .collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        let mut doors = Digest::default();
        self.server.iter().for_each(|pair| doors.add_pair(Some(pair)));
        doors.add(self.client_lists.as_deref());
        doors.add(self.admin_lists.as_deref());
        let mut upstreams = Digest::default();
        for upstream in &self.upstreams {
            upstreams.add_pair(upstream.client.as_ref());
            upstreams.add(upstream.answer_keys.as_deref());
        }
        Fingerprint {
            doors: doors.finish(),
            upstreams: upstreams.finish(),
        }
    }
}

impl Pair {
    fn read(chain_key: &str, chain: &Path, secret_key: &str, key: &SecretRef) -> Result<Self, StartError> {
        Ok(Self {
            chain: read(chain_key, chain)?,
            key: secret(secret_key, key)?,
        })
    }
}

impl UpstreamMaterial {
    fn read(upstream: &Upstream) -> Result<Self, StartError> {
        let key = |name: &str| format!("upstream '{}': {name}", upstream.name);
        let client = upstream.client_identity.as_ref().map(|own| {
            Pair::read(
                &key("client_certificate"),
                &own.certificate,
                &key("client_key"),
                &own.key,
            )
        });
        let answer_keys = upstream.answer_keys.as_ref();
        Ok(Self {
            client: client.transpose()?,
            answer_keys: answer_keys
                .map(|path| read(&key("answer_keys"), path))
                .transpose()?,
        })
    }
}

/// SHA-256 over parts that cannot run into each other.
struct Digest(ring::digest::Context);

impl Default for Digest {
    fn default() -> Self {
        Self(ring::digest::Context::new(&ring::digest::SHA256))
    }
}

impl Digest {
    fn add(&mut self, part: Option<&[u8]>) {
        let length = part.map_or(u64::MAX, |part| part.len() as u64);
        self.0.update(&length.to_be_bytes());
        self.0.update(part.unwrap_or_default());
    }

    fn add_pair(&mut self, pair: Option<&Pair>) {
        self.add(pair.map(|pair| pair.chain.as_slice()));
        self.add(pair.map(|pair| pair.key.expose().as_slice()));
    }

    fn finish(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.finish().as_ref());
        bytes
    }
}

/// The bytes of a file that the configuration names by `key`.
fn read(key: &str, path: &Path) -> Result<Vec<u8>, StartError> {
    let read = || {
        let mut bytes = Vec::new();
        let read = File::open(path)?.take(FILE_BYTES + 1).read_to_end(&mut bytes)?;
        if read as u64 > FILE_BYTES {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 32 MiB"));
        }
        Ok(bytes)
    };
    read().map_err(|cause| StartError::File {
        key: key.to_owned(),
        path: path.display().to_string(),
        cause,
    })
}

/// The secret that the configuration refers to by `key`.
pub(super) fn secret(key: &str, reference: &SecretRef) -> Result<Secret<Vec<u8>>, StartError> {
    let secret = reference.resolve().map_err(|cause| StartError::Secret {
        key: key.to_owned(),
        cause,
    })?;
    Ok(Secret::new(secret.to_vec()))
}

/// Every file that certificates and trust are made of, the trust anchors' among them.
pub(super) fn files(config: &Config) -> Vec<PathBuf> {
    let anchors = [&config.tls.client_ca, &config.admin.client_ca];
    let anchors = anchors
        .into_iter()
        .chain(config.upstreams.iter().map(|upstream| &upstream.ca));
    let identities = config
        .upstreams
        .iter()
        .filter_map(|upstream| upstream.client_identity.as_ref());
    let pairs = config.tls.certificates.iter().map(|own| (&own.chain, &own.key));
    let pairs = pairs.chain(identities.map(|own| (&own.certificate, &own.key)));
    let mut files: Vec<PathBuf> = anchors
        .flatten()
        .map(|anchors| anchors.path().to_owned())
        .collect();
    for (chain, key) in pairs {
        files.push(chain.clone());
        if let SecretRef::File(path) = key {
            files.push(path.clone());
        }
    }
    files.extend(
        [&config.tls.client_crl, &config.admin.client_crl]
            .into_iter()
            .flatten()
            .cloned(),
    );
    files.extend(
        config
            .upstreams
            .iter()
            .filter_map(|upstream| upstream.answer_keys.clone()),
    );
    files
}

/// What changes about a file when it is written or another takes its place; none for one that is not there.
pub(super) type Stamp = Option<(u64, u64, i64, i64, i64, i64)>;

/// The stamps of `files`.
pub(super) fn stamps(files: &[PathBuf]) -> Vec<Stamp> {
    let stamp = |file: &Metadata| {
        (
            file.ino(),
            file.size(),
            file.mtime(),
            file.mtime_nsec(),
            file.ctime(),
            file.ctime_nsec(),
        )
    };
    files
        .iter()
        .map(|path| path.metadata().ok().map(|file| stamp(&file)))
        .collect()
}
