//! An authority on disk: `ca.pem`, a folder for each purpose, and the private keys of the issuers in `private/`.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::authority::{Authority, Issued};
use super::error::PkiError;
use super::issuer::{Intermediate, Intermediates};
use super::profile::{Profiles, Purpose};
use crate::base::Timestamp;
use crate::config::{SecretRef, secret_ref::SecretError};

/// An authority in a folder.
pub struct Ca {
    folder: PathBuf,
    authority: Authority,
}

/// Where an issued certificate and its key lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedPaths {
    /// PEM of the certificate and its intermediate.
    pub chain: PathBuf,
    /// PEM of the private key, mode 0600.
    pub key: PathBuf,
}

const PUBLIC_MODE: u32 = 0o644;
const PRIVATE_MODE: u32 = 0o600;

impl Ca {
    /// Makes an authority in `folder`, which may hold files of other names already.
    ///
    /// # Errors
    /// `PkiError::Exists` when there is an authority, `PkiError::File` when the folder cannot be written.
    pub fn create(folder: &Path, profiles: &Profiles, now: Timestamp) -> Result<Ca, PkiError> {
        let root = folder.join("ca.pem");
        if root.exists() {
            return Err(PkiError::Exists(root));
        }
        let (authority, root_key) = Authority::create(profiles.clone(), now)?;
        make_folder(folder)?;
        make_folder(&folder.join("private"))?;
        write_new(
            &folder.join("private/root.key.pem"),
            root_key.0.as_bytes(),
            PRIVATE_MODE,
        )?;
        for purpose in Purpose::ALL {
            let intermediate = authority.intermediate(purpose);
            let key = Zeroizing::new(intermediate.issuer.key().serialize_pem());
            make_folder(&folder.join(purpose.as_str()))?;
            write_new(&key_path(folder, purpose), key.as_bytes(), PRIVATE_MODE)?;
            write_new(
                &anchor_path(folder, purpose),
                intermediate.pem.as_bytes(),
                PUBLIC_MODE,
            )?;
        }
        // Last, so that a folder with `ca.pem` holds a whole authority.
        write_new(&root, authority.root_pem().as_bytes(), PUBLIC_MODE)?;
        Ok(Ca {
            folder: folder.to_owned(),
            authority,
        })
    }

    /// Opens the authority in `folder`, with its `profiles.toml` or else the built-in profiles.
    ///
    /// # Errors
    /// `PkiError::NoAuthority` when there is none; otherwise what is wrong with which file.
    pub fn open(folder: &Path) -> Result<Ca, PkiError> {
        let root = folder.join("ca.pem");
        if !root.exists() {
            return Err(PkiError::NoAuthority(folder.to_owned()));
        }
        let intermediates = Intermediates::of_each(|purpose| read_intermediate(folder, purpose))?;
        let authority = Authority::from_parts(read_profiles(folder)?, read_text(&root)?, intermediates);
        Ok(Ca {
            folder: folder.to_owned(),
            authority,
        })
    }

    /// Issues a certificate into the folder of its purpose.
    ///
    /// # Errors
    /// `PkiError::Exists` when the name is taken; otherwise as `Authority::issue` and for writing.
    pub fn issue(
        &self,
        purpose: Purpose,
        name: &str,
        hosts: &[String],
        now: Timestamp,
    ) -> Result<IssuedPaths, PkiError> {
        let issued = self.authority.issue(purpose, name, hosts, now)?;
        let below = self.folder.join(purpose.as_str());
        let paths = IssuedPaths {
            chain: below.join(format!("{name}.pem")),
            key: below.join(format!("{name}.key.pem")),
        };
        write_pair(&paths, &issued)?;
        Ok(paths)
    }

    /// The authority, to issue in memory.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The root's certificate: what those trust who call the gateway.
    pub fn root_path(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// The intermediate's certificate: what those trust who ask for certificates of this purpose.
    pub fn trust_anchor_path(&self, purpose: Purpose) -> PathBuf {
        anchor_path(&self.folder, purpose)
    }
}

/// The profiles in `folder`, or else the built-in ones.
///
/// # Errors
/// When there is a file that cannot be read or understood.
pub fn read_profiles(folder: &Path) -> Result<Profiles, PkiError> {
    let path = folder.join("profiles.toml");
    if path.exists() {
        Profiles::parse(&read_text(&path)?, &path)
    } else {
        Profiles::built_in()
    }
}

/// Creates a folder that only its owner can enter; one that is there stays as it is.
///
/// # Errors
/// What the operating system said.
pub fn make_folder(path: &Path) -> Result<(), PkiError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| PkiError::File {
        path: path.to_owned(),
        source,
    })
}

/// Writes a file that is not there yet, with this mode from its first byte on, and down to the disk.
///
/// # Errors
/// `PkiError::Exists` when something stands there, `PkiError::File` for all else.
pub fn write_new(path: &Path, content: &[u8], mode: u32) -> Result<(), PkiError> {
    let write = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(path)?;
        file.write_all(content)?;
        file.sync_all()
    };
    write().map_err(|source: io::Error| match source.kind() {
        io::ErrorKind::AlreadyExists => PkiError::Exists(path.to_owned()),
        _ => PkiError::File {
            path: path.to_owned(),
            source,
        },
    })
}

fn write_pair(paths: &IssuedPaths, issued: &Issued) -> Result<(), PkiError> {
    if paths.chain.exists() {
        return Err(PkiError::Exists(paths.chain.clone()));
    }
    write_new(&paths.key, issued.key_pem().as_bytes(), PRIVATE_MODE)?;
    write_new(&paths.chain, issued.chain_pem().as_bytes(), PUBLIC_MODE)
}

fn read_intermediate(folder: &Path, purpose: Purpose) -> Result<Intermediate, PkiError> {
    let (anchor, key) = (anchor_path(folder, purpose), key_path(folder, purpose));
    let key_pem = SecretRef::File(key.clone())
        .resolve()
        .map_err(|error| unreadable(&key, error))?;
    let damaged = || PkiError::Damaged(anchor.clone());
    let key_pem = std::str::from_utf8(&key_pem).map_err(|_| damaged())?;
    Intermediate::from_pem(read_text(&anchor)?, key_pem).map_err(|_| damaged())
}

fn unreadable(path: &Path, error: SecretError) -> PkiError {
    PkiError::File {
        path: path.to_owned(),
        source: io::Error::other(error),
    }
}

fn read_text(path: &Path) -> Result<String, PkiError> {
    fs::read_to_string(path).map_err(|source| PkiError::File {
        path: path.to_owned(),
        source,
    })
}

fn anchor_path(folder: &Path, purpose: Purpose) -> PathBuf {
    folder.join(purpose.as_str()).join("ca.pem")
}

fn key_path(folder: &Path, purpose: Purpose) -> PathBuf {
    folder.join("private").join(format!("{purpose}.key.pem"))
}
