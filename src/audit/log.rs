//! The log as everyone but its sequencer sees it: read only.

use std::sync::Arc;

use countersign_tlog::{
    BundleId, Checkpoint, EntryBundle, Hash, MemoryTiles, Note, Tile, TileId, TreeError, consistency,
    inclusion,
};
use tokio::sync::watch;

use super::records::{self, EventRow};
use super::search::{Found, Search};
use crate::base::TransactionId;
use crate::store::{Db, Entry, StoreError};

/// A checkpoint that was signed and may be shown to anyone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The signed note (C2SP `tlog-checkpoint`); its text form is what is served.
    pub note: Note,
    /// What it says.
    pub checkpoint: Checkpoint,
}

/// An entry of the log with its place in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The index in the tree, from 0: one less than the sequence.
    pub index: u64,
    /// The entry, taken apart.
    pub entry: Entry,
    /// The bytes that were hashed into the tree.
    pub bytes: Vec<u8>,
}

/// Why the log could not be read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LogError {
    /// The store failed.
    #[error(transparent)]
    Store(StoreError),
    /// What the store holds does not belong together.
    #[error("the log is damaged: {0}")]
    Damaged(String),
    /// There is no such proof: the entry is not in the checkpoint's tree.
    #[error("there is no such entry in this tree")]
    NotThere,
}

impl From<StoreError> for LogError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Corrupt(_) => Self::Damaged(error.to_string()),
            other => Self::Store(other),
        }
    }
}

impl From<LogError> for crate::base::Fault {
    fn from(error: LogError) -> Self {
        match error {
            LogError::NotThere => Self::new(crate::base::Code::RouteUnknown),
            other => Self::new(crate::base::Code::StoreUnavailable).cause(other),
        }
    }
}

/// The audit log, for reading. Cheap to clone.
#[derive(Clone)]
pub struct Log {
    db: Db,
    origin: Arc<str>,
    anchored: bool,
    published: watch::Sender<Option<Arc<Published>>>,
}

impl Log {
    /// The log in `db`, called `origin`, with or without an anchor outside the store. Nothing is published before a [`super::Sequencer`] says so.
    #[must_use]
    pub fn new(db: Db, origin: &str, anchored: bool) -> Self {
        Self {
            db,
            origin: origin.into(),
            anchored,
            published: watch::Sender::new(None),
        }
    }

    /// The name of the log: the host of the gateway's public URL.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether a file outside the store remembers what was published.
    #[must_use]
    pub const fn is_anchored(&self) -> bool {
        self.anchored
    }

    /// The sequence of the last event there is, 0 before the first.
    #[must_use]
    pub fn last_sequence(&self) -> i64 {
        *self.db.last_event().borrow()
    }

    /// The latest published checkpoint; `None` before the first.
    #[must_use]
    pub fn checkpoint(&self) -> Option<Arc<Published>> {
        self.published.borrow().clone()
    }

    /// Waits until the entry of `sequence` is in a published checkpoint, and returns that one. It may wait for ever, so
    /// give it a time limit.
    pub async fn wait_for(&self, sequence: i64) -> Arc<Published> {
        let mut published = self.published.subscribe();
        loop {
            let latest = published.borrow_and_update().clone();
            if let Some(latest) = latest.filter(|latest| covers(latest, sequence)) {
                return latest;
            }
            if published.changed().await.is_err() {
                // Cannot happen while `self` holds the sender.
                std::future::pending::<()>().await;
            }
        }
    }

    /// The entry of `sequence`, also before it is in a checkpoint; `None` when there is none.
    ///
    /// # Errors
    /// [`LogError::Store`], or [`LogError::Damaged`] when the event is not the one that was chained.
    pub async fn leaf_of(&self, sequence: i64) -> Result<Option<Leaf>, LogError> {
        let row = records::event_at(&self.db, sequence).await?;
        row.map(leaf).transpose()
    }

    /// Every entry about a transaction, in order: permitted, answered, settled.
    ///
    /// # Errors
    /// As [`Log::leaf_of`].
    pub async fn find_by_transaction(&self, transaction: &TransactionId) -> Result<Vec<Leaf>, LogError> {
        let rows = records::events_of(&self.db, transaction.as_str()).await?;
        rows.into_iter().map(leaf).collect()
    }

    /// Entries that fit, from a place on, in order. It looks at a stretch of the log and says where to go on.
    ///
    /// # Errors
    /// As [`Log::leaf_of`].
    pub async fn search(&self, search: &Search) -> Result<Found, LogError> {
        search.run(&self.db, self.last_sequence()).await
    }

    /// The proof that the entry at `index` is in the tree of `checkpoint` (RFC 6962, section 2.1.1).
    ///
    /// # Errors
    /// [`LogError::NotThere`] when the index is beyond it; [`LogError::Store`] or [`LogError::Damaged`].
    pub async fn inclusion(&self, index: u64, checkpoint: &Checkpoint) -> Result<Vec<Hash>, LogError> {
        let needed = inclusion::tiles(index, checkpoint.size()).map_err(|_| LogError::NotThere)?;
        let tiles = self.fetch(needed).await?;
        inclusion::prove(index, checkpoint.size(), &tiles).map_err(damaged)
    }

    /// The proof that the tree of `checkpoint` continues the one of `older` entries (RFC 6962, section 2.1.2).
    ///
    /// # Errors
    /// As [`Log::inclusion`].
    pub async fn consistency(&self, older: u64, checkpoint: &Checkpoint) -> Result<Vec<Hash>, LogError> {
        let needed = consistency::tiles(older, checkpoint.size()).map_err(|_| LogError::NotThere)?;
        let tiles = self.fetch(needed).await?;
        consistency::prove(older, checkpoint.size(), &tiles).map_err(damaged)
    }

    /// The root of the first `size` entries, from the stored tiles.
    ///
    /// # Errors
    /// [`LogError::Store`] or [`LogError::Damaged`].
    pub async fn root(&self, size: u64) -> Result<Hash, LogError> {
        let tiles = self.fetch(countersign_tlog::Tree::edge_tiles(size)).await?;
        let tree = countersign_tlog::Tree::load(size, &tiles).map_err(damaged)?;
        Ok(tree.root())
    }

    /// A tile that is part of the published tree; `None` when it is not.
    ///
    /// # Errors
    /// [`LogError::Store`].
    pub async fn tile(&self, id: TileId) -> Result<Option<Vec<u8>>, LogError> {
        let there = TileId::in_tree(id.level(), id.index(), self.published_size());
        if there.is_none_or(|there| there.width() < id.width()) {
            return Ok(None);
        }
        let stored = records::tile(&self.db, id).await?;
        Ok(stored
            .and_then(|tile| narrowed(&tile, id))
            .map(|tile| tile.encode()))
    }

    /// A bundle of entries that is part of the published tree; `None` when it is not.
    ///
    /// # Errors
    /// [`LogError::Store`].
    pub async fn bundle(&self, id: BundleId) -> Result<Option<Vec<u8>>, LogError> {
        let there = BundleId::in_log(id.index(), self.published_size());
        if there.is_none_or(|there| there.width() < id.width()) {
            return Ok(None);
        }
        let stored = records::bundle(&self.db, id.index()).await?;
        Ok(stored
            .and_then(|bundle| first_entries(&bundle, id.width()))
            .map(|bundle| bundle.encode()))
    }

    /// Shows a checkpoint to everyone.
    pub(super) fn publish(&self, published: Published) {
        self.published.send_replace(Some(Arc::new(published)));
    }

    /// These tiles, at least as wide as named where the store has them so.
    pub(super) async fn fetch(&self, ids: Vec<TileId>) -> Result<MemoryTiles, LogError> {
        let mut tiles = MemoryTiles::default();
        for id in ids {
            if let Some(tile) = records::tile(&self.db, id).await? {
                tiles.insert(tile);
            }
        }
        Ok(tiles)
    }

    fn published_size(&self) -> u64 {
        let published = self.published.borrow();
        published.as_ref().map_or(0, |latest| latest.checkpoint.size())
    }
}

fn covers(published: &Published, sequence: i64) -> bool {
    u64::try_from(sequence).is_ok_and(|sequence| sequence <= published.checkpoint.size())
}

/// The row as an entry, once its hash shows that it is the one that was chained.
pub(super) fn leaf(row: EventRow) -> Result<Leaf, LogError> {
    let changed = || LogError::Damaged(format!("event {} was changed", row.entry.sequence));
    let bytes = row.entry.to_bytes().map_err(|_| changed())?;
    if Entry::hash(&bytes) != row.hash {
        return Err(changed());
    }
    let index = u64::try_from(row.entry.sequence - 1).map_err(|_| changed())?;
    Ok(Leaf {
        index,
        entry: row.entry,
        bytes,
    })
}

fn narrowed(tile: &Tile, id: TileId) -> Option<Tile> {
    let hashes = tile.hashes().get(..usize::from(id.width()))?;
    Tile::new(id, hashes.to_vec()).ok()
}

fn first_entries(bundle: &EntryBundle, width: u16) -> Option<EntryBundle> {
    let mut narrow = EntryBundle::default();
    for entry in bundle.entries().get(..usize::from(width))? {
        narrow.push(entry.clone()).ok()?;
    }
    Some(narrow)
}

pub(super) fn damaged<E: std::fmt::Display>(error: TreeError<E>) -> LogError {
    LogError::Damaged(error.to_string())
}
