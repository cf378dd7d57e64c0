//! The demonstration's folder: made new for every run, and never somebody else's.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::cli::console::CliError;
use crate::pki::{make_folder, write_new};

/// A folder that this process alone plays in.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Held as long as the demonstration runs.
    _lock: File,
}

/// The file by which a demonstration's folder is known.
pub(super) const DESCRIPTION: &str = "demo.json";
const LOCK: &str = "demo.lock";

/// Everything a demonstration makes. Only these are removed when it starts over.
const MADE: [&str; 21] = [
    "alice.session",
    "backends",
    "bank.log",
    "certs",
    "clients",
    "countersign.sqlite",
    "countersign.sqlite.lock",
    "countersign.sqlite-shm",
    "countersign.sqlite-wal",
    "countersign.toml",
    "demo.json.new",
    "gateway.log",
    "log",
    "log-forged",
    "master.key",
    "merchant.log",
    "policies",
    "receipt-forged.json",
    "receipt.json",
    "seed.toml",
    // Last, so that a folder that could not be emptied is still known as a demonstration's.
    DESCRIPTION,
];

impl Folder {
    /// Takes `path`: a new folder, an empty one, or that of an earlier demonstration, which is emptied.
    ///
    /// # Errors
    /// A folder that holds anything else, or one in which a demonstration is running.
    pub(super) fn take(path: &Path) -> Result<Self, CliError> {
        if !is_free(path).map_err(|error| failed(path, &error))? {
            let path = path.display();
            return Err(CliError::Failed(format!(
                "{path} holds something other than an earlier demo; name another folder with --dir"
            )));
        }
        make_folder(path).map_err(CliError::failed)?;
        let private = fs::Permissions::from_mode(0o700);
        fs::set_permissions(path, private).map_err(|error| failed(path, &error))?;
        let path = path.canonicalize().map_err(|error| failed(path, &error))?;
        let lock = lock(&path)?;
        for name in MADE {
            remove(&path.join(name)).map_err(|error| failed(&path.join(name), &error))?;
        }
        Ok(Self { path, _lock: lock })
    }

    /// Where it is, from the root on.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of something in it.
    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file that everyone who can enter the folder may read.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn write(&self, name: &str, content: &str) -> Result<PathBuf, CliError> {
        self.write_with_mode(name, content, 0o644)
    }

    /// Writes a file that only its owner may read.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn write_secret(&self, name: &str, content: &str) -> Result<PathBuf, CliError> {
        self.write_with_mode(name, content, 0o600)
    }

    fn write_with_mode(&self, name: &str, content: &str, mode: u32) -> Result<PathBuf, CliError> {
        let path = self.at(name);
        if let Some(parent) = path.parent() {
            make_folder(parent).map_err(CliError::failed)?;
        }
        write_new(&path, content.as_bytes(), mode).map_err(CliError::failed)?;
        Ok(path)
    }
}

/// Whether there is nothing at `path`, nothing in it, or an earlier demonstration.
fn is_free(path: &Path) -> io::Result<bool> {
    let mut entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    Ok(entries.next().is_none() || path.join(DESCRIPTION).is_file())
}

fn lock(folder: &Path) -> Result<File, CliError> {
    let path = folder.join(LOCK);
    let open = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path);
    let file = open.map_err(|error| failed(&path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(CliError::Failed(format!(
            "a demo is running in {}",
            folder.display()
        ))),
        Err(TryLockError::Error(error)) => Err(failed(&path, &error)),
    }
}

fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn failed(path: &Path, error: &io::Error) -> CliError {
    CliError::Failed(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_new_folder_is_its_owners_alone() {
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::take(&parent.path().join("demo")).unwrap();
        let secret = folder.write_secret("master.key", "k").unwrap();
        assert_eq!((mode(folder.path()), mode(&secret)), (0o700, 0o600));
    }

    #[test]
    fn somebody_elses_folder_is_left_alone() {
        let other = tempfile::tempdir().unwrap();
        fs::write(other.path().join("certs"), "mine").unwrap();
        let error = Folder::take(other.path()).unwrap_err();
        assert!(error.to_string().contains("--dir"), "{error}");
        assert_eq!(fs::read_to_string(other.path().join("certs")).unwrap(), "mine");
    }

    #[test]
    fn an_earlier_demo_is_started_over_and_what_is_beside_it_stays() {
        let parent = tempfile::tempdir().unwrap();
        for name in [DESCRIPTION, "bank.log", "notes.txt"] {
            fs::write(parent.path().join(name), "x").unwrap();
        }
        Folder::take(parent.path()).unwrap();
        assert!(!parent.path().join("bank.log").exists() && !parent.path().join(DESCRIPTION).exists());
        assert!(parent.path().join("notes.txt").exists());
    }

    #[test]
    fn two_demos_do_not_share_a_folder() {
        let parent = tempfile::tempdir().unwrap();
        let first = Folder::take(parent.path()).unwrap();
        first.write_secret(DESCRIPTION, "{}").unwrap();
        let error = Folder::take(parent.path()).unwrap_err();
        assert!(error.to_string().contains("is running"), "{error}");
        assert!(parent.path().join(DESCRIPTION).exists());
    }
}
