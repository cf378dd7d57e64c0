//! What can be examined: tiles in a folder, as `audit export` and any mirror of C2SP `tlog-tiles` lay them out, or the file of
//! a store.

use std::io;
use std::path::{Path, PathBuf};

use countersign_tlog::bundle::{BundleStore, MAX_ENTRY_BYTES};
use countersign_tlog::note::MAX_NOTE_BYTES;
use countersign_tlog::tile::FULL_WIDTH;
use countersign_tlog::{BundleId, Hash, Note, Resource, TileId, TileStore};

use crate::store::{StoreCopy, StoreError};

/// Largest file of a folder that is read, in bytes: a full bundle of the longest entries.
const FILE_BYTES: u64 = (FULL_WIDTH as u64) * (MAX_ENTRY_BYTES as u64 + 2);

/// Why a part of a copy could not be had.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// It is not there.
    #[error("{0} is missing")]
    Missing(String),
    /// It cannot be read.
    #[error("{what} cannot be read: {cause}")]
    Unreadable {
        /// Which part.
        what: String,
        /// Why not.
        cause: String,
    },
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A copy of a log with its checkpoint.
pub trait LogCopy: TileStore<Error = CopyError> + BundleStore<Error = CopyError> {
    /// The signed checkpoint in the copy.
    ///
    /// # Errors
    /// [`CopyError`].
    fn checkpoint(&self) -> Result<Note, CopyError>;
}

/// Tiles, bundles and `checkpoint` in a folder.
#[derive(Clone, Debug)]
pub struct TileFolder {
    path: PathBuf,
}

impl TileFolder {
    /// The folder at `path`.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where `resource` lies.
    #[must_use]
    pub fn place(&self, resource: Resource) -> PathBuf {
        self.path.join(resource.to_string())
    }

    /// The resource, or its full version when only that was kept.
    fn read(&self, exact: Resource, full: Option<Resource>) -> Result<Vec<u8>, CopyError> {
        for resource in [Some(exact), full].into_iter().flatten() {
            match read_file(&self.place(resource)) {
                Ok(bytes) => return Ok(bytes),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(unreadable(resource, error)),
            }
        }
        Err(CopyError::Missing(exact.to_string()))
    }
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    if std::fs::metadata(path)?.len() > FILE_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is too large"));
    }
    std::fs::read(path)
}

impl TileStore for TileFolder {
    type Error = CopyError;

    fn tile(&self, id: TileId) -> Result<Vec<Hash>, CopyError> {
        let full = TileId::new(id.level(), id.index(), FULL_WIDTH).ok();
        let bytes = self.read(Resource::Tile(id), full.map(Resource::Tile))?;
        hashes(&bytes).ok_or_else(|| unreadable(Resource::Tile(id), "its length is not that of hashes"))
    }
}

impl BundleStore for TileFolder {
    type Error = CopyError;

    fn bundle(&self, id: BundleId) -> Result<Vec<u8>, CopyError> {
        let full = BundleId::new(id.index(), FULL_WIDTH).ok();
        self.read(Resource::Entries(id), full.map(Resource::Entries))
    }
}

impl LogCopy for TileFolder {
    fn checkpoint(&self) -> Result<Note, CopyError> {
        read_note(&self.place(Resource::Checkpoint))
    }
}

/// Reads a file that holds a signed note.
///
/// # Errors
/// [`CopyError`].
pub fn read_note(path: &Path) -> Result<Note, CopyError> {
    let wrong = |cause: String| CopyError::Unreadable {
        what: path.display().to_string(),
        cause,
    };
    let size = std::fs::metadata(path)
        .map_err(|error| wrong(error.to_string()))?
        .len();
    if size > MAX_NOTE_BYTES as u64 {
        return Err(wrong("it is too large".to_owned()));
    }
    let bytes = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    Note::parse(&bytes).map_err(|error| wrong(error.to_string()))
}

/// The log in the file of a store.
pub struct StoredLog {
    pub(super) store: StoreCopy,
}

impl StoredLog {
    /// The log in `store`.
    #[must_use]
    pub const fn new(store: StoreCopy) -> Self {
        Self { store }
    }
}

impl TileStore for StoredLog {
    type Error = CopyError;

    fn tile(&self, id: TileId) -> Result<Vec<Hash>, CopyError> {
        let sql = "SELECT hashes FROM log_tile WHERE level = $1 AND place = $2";
        let place = i64::try_from(id.index()).unwrap_or(i64::MAX);
        let rows = self
            .store
            .query(sql, &[i64::from(id.level()).into(), place.into()])?;
        let missing = || CopyError::Missing(Resource::Tile(id).to_string());
        let row = rows.first().ok_or_else(missing)?;
        hashes(row.bytes(0)?)
            .ok_or_else(|| unreadable(Resource::Tile(id), "its length is not that of hashes"))
    }
}

impl BundleStore for StoredLog {
    type Error = CopyError;

    fn bundle(&self, id: BundleId) -> Result<Vec<u8>, CopyError> {
        let sql = "SELECT entries FROM log_bundle WHERE place = $1";
        let place = i64::try_from(id.index()).unwrap_or(i64::MAX);
        let rows = self.store.query(sql, &[place.into()])?;
        let missing = || CopyError::Missing(Resource::Entries(id).to_string());
        Ok(rows.first().ok_or_else(missing)?.bytes(0)?.to_vec())
    }
}

impl LogCopy for StoredLog {
    fn checkpoint(&self) -> Result<Note, CopyError> {
        let rows = self
            .store
            .query("SELECT checkpoint FROM log_head WHERE one = 1", &[])?;
        let text = rows
            .first()
            .map(|row| row.optional_text(0))
            .transpose()?
            .flatten();
        let text = text.ok_or_else(|| CopyError::Missing("the checkpoint".to_owned()))?;
        Note::parse(text.as_bytes()).map_err(|error| unreadable(Resource::Checkpoint, error))
    }
}

fn hashes(bytes: &[u8]) -> Option<Vec<Hash>> {
    let (chunks, rest) = bytes.as_chunks::<32>();
    rest.is_empty()
        .then(|| chunks.iter().copied().map(Hash).collect())
}

fn unreadable(resource: Resource, cause: impl std::fmt::Display) -> CopyError {
    CopyError::Unreadable {
        what: resource.to_string(),
        cause: cause.to_string(),
    }
}
