//! References to secrets. The file names where a secret is, never the secret itself, so it can be shown, diffed and kept
//! in version control; what a reference leads to is read on demand and wiped after use.

use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::{env, fmt, io};

use zeroize::Zeroizing;

use super::value::{Complaint, Parsed, Value};

/// Where a secret is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRef {
    /// `file:PATH`: a regular file that only its owner can read.
    File(PathBuf),
    /// `env:NAME`: an environment variable.
    Env(String),
    /// `systemd:NAME`: a credential that systemd placed in `$CREDENTIALS_DIRECTORY` (systemd.exec, "Credentials").
    Systemd(String),
}

/// Why a secret could not be read. Never holds any of it.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file does not exist.
    #[error("{0}: the file does not exist; create it or correct the reference")]
    Missing(PathBuf),
    /// The file cannot be read.
    #[error("{path}: the file cannot be read ({source}); give its owner the right to read it")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The path leads to a directory, a pipe or a device.
    #[error("{0}: not a regular file; a secret is kept in a file of its own")]
    NotAFile(PathBuf),
    /// Others than the owner may use the file.
    #[error("{path}: its mode {mode:04o} lets group or others use it; run chmod 600 on it")]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is empty.
    #[error("{0}: the secret is empty")]
    Empty(String),
    /// The secret is larger than any the gateway uses.
    #[error("{0}: the secret is larger than 64 KiB")]
    TooLarge(String),
    /// The environment variable is not set.
    #[error("env:{0}: the environment variable is not set")]
    Unset(String),
    /// The gateway was not started by systemd with credentials.
    #[error(
        "systemd:{0}: CREDENTIALS_DIRECTORY is not set; start the gateway as a unit with LoadCredential="
    )]
    NoCredentials(String),
}

/// Largest secret that is read, in bytes: a certificate chain's key is under 4 KiB.
const SECRET_LIMIT: u64 = 64 * 1024;

impl SecretRef {
    /// Reads the secret as it is kept, without change.
    ///
    /// # Errors
    /// The first thing that speaks against reading or trusting it.
    pub fn resolve(&self) -> Result<Zeroizing<Vec<u8>>, SecretError> {
        let secret = match self {
            SecretRef::File(path) => read_private_file(path)?,
            SecretRef::Env(name) => {
                let value = env::var_os(name).ok_or_else(|| SecretError::Unset(name.clone()))?;
                Zeroizing::new(value.into_encoded_bytes())
            }
            SecretRef::Systemd(name) => {
                let folder = env::var_os("CREDENTIALS_DIRECTORY");
                let folder = folder.ok_or_else(|| SecretError::NoCredentials(name.clone()))?;
                read_private_file(&Path::new(&folder).join(name))?
            }
        };
        match secret.len() as u64 {
            0 => Err(SecretError::Empty(self.to_string())),
            1..=SECRET_LIMIT => Ok(secret),
            _ => Err(SecretError::TooLarge(self.to_string())),
        }
    }

    /// Reads a reference; anything else is taken for a secret and not repeated in the complaint.
    pub(super) fn read(value: &Value<'_>) -> Parsed<SecretRef> {
        let text = value.text()?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        match text.split_once(':') {
            Some(("file", path)) if !path.is_empty() => Ok(SecretRef::File(value.folder.join(path))),
            Some(("env", name)) if !name.is_empty() && name.chars().all(plain) => {
                Ok(SecretRef::Env(name.to_owned()))
            }
            Some(("systemd", name))
                if !name.is_empty() && name.chars().all(plain) && !name.starts_with('.') =>
            {
                Ok(SecretRef::Systemd(name.to_owned()))
            }
            _ => Err(Complaint::new(
                "a secret stands here as a reference, never as its value",
                "write \"file:PATH\", \"env:NAME\" or \"systemd:NAME\"",
            )),
        }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretRef::File(path) => write!(f, "file:{}", path.display()),
            SecretRef::Env(name) => write!(f, "env:{name}"),
            SecretRef::Systemd(name) => write!(f, "systemd:{name}"),
        }
    }
}

/// Reads a file after making sure that it is one and that only its owner can use it. The checks are made twice, by path
/// so that a pipe is not opened (which would wait for a writer), and on the opened file so that it cannot be exchanged.
fn read_private_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => SecretError::Missing(path.to_owned()),
        _ => SecretError::Unreadable {
            path: path.to_owned(),
            source,
        },
    };
    check_private(path, &path.metadata().map_err(unreadable)?)?;
    let file = File::open(path).map_err(unreadable)?;
    check_private(path, &file.metadata().map_err(unreadable)?)?;
    // Room for the whole from the start: a growing buffer would leave copies behind that nobody wipes.
    let mut secret = Zeroizing::new(Vec::with_capacity(SECRET_LIMIT as usize + 1));
    file.take(SECRET_LIMIT + 1)
        .read_to_end(&mut secret)
        .map_err(unreadable)?;
    Ok(secret)
}

fn check_private(path: &Path, metadata: &Metadata) -> Result<(), SecretError> {
    if !metadata.is_file() {
        return Err(SecretError::NotAFile(path.to_owned()));
    }
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(SecretError::Exposed {
            path: path.to_owned(),
            mode,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn file_with_mode(folder: &Path, mode: u32) -> SecretRef {
        let path = folder.join(format!("{mode:o}"));
        fs::write(&path, b"0123456789abcdef").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        SecretRef::File(path)
    }

    #[test]
    fn a_file_only_its_owner_can_read_is_read_whole() {
        let folder = tempfile::tempdir().unwrap();
        for mode in [0o600, 0o400] {
            assert_eq!(
                file_with_mode(folder.path(), mode).resolve().unwrap().as_slice(),
                b"0123456789abcdef"
            );
        }
    }

    #[test]
    fn a_file_that_group_or_others_can_use_is_refused_by_name_and_mode() {
        let folder = tempfile::tempdir().unwrap();
        for mode in [0o644, 0o640, 0o604, 0o620, 0o601] {
            let error = file_with_mode(folder.path(), mode).resolve().unwrap_err();
            assert!(matches!(error, SecretError::Exposed { mode: told, .. } if told == mode));
            assert!(error.to_string().contains("chmod 600"));
        }
    }

    #[test]
    fn what_is_no_file_of_a_secret_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let missing = SecretRef::File(folder.path().join("missing")).resolve();
        assert!(matches!(missing, Err(SecretError::Missing(_))));
        let directory = SecretRef::File(folder.path().to_owned()).resolve();
        assert!(matches!(directory, Err(SecretError::NotAFile(_))));

        let empty = file_with_mode(folder.path(), 0o600);
        fs::write(folder.path().join("600"), b"").unwrap();
        assert!(matches!(empty.resolve(), Err(SecretError::Empty(_))));
        fs::write(folder.path().join("600"), vec![0; SECRET_LIMIT as usize + 1]).unwrap();
        assert!(matches!(empty.resolve(), Err(SecretError::TooLarge(_))));

        let unset = SecretRef::Env("COUNTERSIGN_TEST_NEVER_SET".to_owned()).resolve();
        assert!(matches!(unset, Err(SecretError::Unset(_))));
    }
}
