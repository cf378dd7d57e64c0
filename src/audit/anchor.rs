//! A file outside the store that holds the last checkpoint this gateway published. Whoever puts the store back to an older
//! state, or replaces it, would have to change this file as well.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use countersign_tlog::{Checkpoint, Note, Trust, VerifierKey};

use super::keys::{every_log_key, log_keys};
use super::log::{Log, LogError};
use super::records;
use crate::keys::KeySet;
use crate::store::{Db, StoreError};

/// The fact in the store that names the anchor it was published under.
const ANCHORED: &str = "log_anchor";

/// Largest anchor read, in bytes: a checkpoint with every signature a note may have is smaller.
const ANCHOR_BYTES: u64 = 64 * 1024;

/// `[log] anchor`.
#[derive(Clone, Debug)]
pub struct Anchor {
    path: PathBuf,
}

/// Why the store does not continue what the anchor says was published. Nothing may be changed until it does.
#[derive(Debug, thiserror::Error)]
pub enum AnchorFault {
    /// The file cannot be read.
    #[error(
        "the anchor {path} cannot be read ({cause}); make it readable for the gateway and start it again"
    )]
    Unreadable {
        /// Which file.
        path: String,
        /// Why not.
        cause: String,
    },
    /// The file is gone.
    #[error(
        "the anchor {0} is gone, and this store was published under it; put the file back from where it is kept, or, when \
         it is lost, verify the log against a checkpoint that a client kept (countersign audit verify --checkpoint) and \
         name a new file in [log] anchor"
    )]
    Missing(String),
    /// It is no checkpoint of this log, or not by a key its keyring ever had.
    #[error(
        "the anchor {path} is not signed by this store's log ({cause}); this is another store, or another log's anchor: \
         restore the store that belongs to it, or correct [log] anchor"
    )]
    NotOurs {
        /// Which file.
        path: String,
        /// What is wrong with it.
        cause: String,
    },
    /// Entries that were published are gone.
    #[error(
        "rollback: the store has {store} entries in its log, but {published} were published; an older backup was restored, \
         the end was cut off, or this is another store: restore the newest store"
    )]
    Rollback {
        /// Entries in the tree of the store.
        store: u64,
        /// Entries of the checkpoint in the anchor.
        published: u64,
    },
    /// The same number of entries, and other ones.
    #[error(
        "fork: the first {size} entries of the store are not the ones that were published; restore the store that belongs \
         to the anchor"
    )]
    Fork {
        /// How many entries the checkpoint in the anchor covers.
        size: u64,
    },
    /// The store could not be asked.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl From<StoreError> for AnchorFault {
    fn from(error: StoreError) -> Self {
        Self::Log(error.into())
    }
}

impl Anchor {
    /// The anchor at `path`; nothing is read yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Compares the store with the file. A path that this store was never published under begins as an empty anchor.
    ///
    /// # Errors
    /// [`AnchorFault`], which says what to do.
    pub async fn check(&self, db: &Db, log: &Log, keys: &KeySet) -> Result<(), AnchorFault> {
        let Some(note) = self.read()? else {
            let before = db.meta(ANCHORED).await?;
            return match before {
                Some(path) if path == self.name() => Err(AnchorFault::Missing(path)),
                _ => Ok(()),
            };
        };
        let store = records::head(db).await?.map_or(0, |head| head.size);
        // An older store may not know the key that signed since, so this comes before the signature: either way it is refused.
        let claimed = Checkpoint::from_note(&note).map_err(|error| self.not_ours(&error))?;
        if claimed.origin() == log.origin() && claimed.size() > store {
            return Err(AnchorFault::Rollback {
                store,
                published: claimed.size(),
            });
        }
        let published = self.believed(&note, log.origin(), keys)?;
        if log.root(published.size()).await? == published.root() {
            Ok(())
        } else {
            Err(AnchorFault::Fork {
                size: published.size(),
            })
        }
    }

    /// Replaces the file by `note`, whole or not at all, and returns when it is on disk.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn write(&self, note: &Note) -> io::Result<()> {
        let next = self.path.with_added_extension("next");
        let mut file = File::create(&next)?;
        file.write_all(note.to_string().as_bytes())?;
        file.sync_all()?;
        fs::rename(&next, &self.path)?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
    }

    /// The fact to keep in the store once it is published under this anchor.
    pub(super) fn fact(&self) -> (&'static str, String) {
        (ANCHORED, self.name())
    }

    fn read(&self) -> Result<Option<Note>, AnchorFault> {
        let unreadable = |cause: String| AnchorFault::Unreadable {
            path: self.name(),
            cause,
        };
        let bytes = match fs::metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error.to_string())),
            Ok(file) if file.len() > ANCHOR_BYTES => return Err(unreadable("it is too large".to_owned())),
            Ok(_) => fs::read(&self.path).map_err(|error| unreadable(error.to_string()))?,
        };
        let note = Note::parse(&bytes);
        note.map(Some).map_err(|error| self.not_ours(&error))
    }

    /// What the anchor says. A key of ours may have been revoked since, by a process that ended before it signed anew: then no
    /// later start could mend it either. Whoever took that key still has to show the same size and root, and could as well have
    /// put the store back to before the key was revoked.
    fn believed(&self, note: &Note, origin: &str, keys: &KeySet) -> Result<Checkpoint, AnchorFault> {
        let verified = |keys: Vec<VerifierKey>| {
            let trusted = Trust::new(origin, keys, Vec::new(), 0).and_then(|trust| trust.verify(note));
            trusted.map(|trusted| trusted.checkpoint)
        };
        verified(log_keys(origin, keys)).or_else(|error| {
            let published = verified(every_log_key(origin, keys)).map_err(|_| self.not_ours(&error))?;
            tracing::warn!(
                anchor = %self.path.display(),
                "the anchor is signed by a log key that is compromised; it is signed anew at once, if the store continues it"
            );
            Ok(published)
        })
    }

    fn not_ours(&self, error: &dyn std::fmt::Display) -> AnchorFault {
        AnchorFault::NotOurs {
            path: self.name(),
            cause: error.to_string(),
        }
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }
}
