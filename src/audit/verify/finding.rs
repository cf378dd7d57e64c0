//! What can be wrong with a copy of the log, each by its name.

/// Something in a copy that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// The checkpoint is not one of this log, or not by the keys given.
    #[error("the checkpoint is not believed: {0}")]
    Checkpoint(String),
    /// An entry is not the one that is in the tree.
    #[error("entry {index} was changed")]
    ChangedEntry {
        /// Its index.
        index: u64,
    },
    /// Two entries stand in each other's place.
    #[error("entries {first} and {second} were put in another order")]
    Reordered {
        /// The lower index.
        first: u64,
        /// The higher one.
        second: u64,
    },
    /// An entry does not name the one before it.
    #[error("entry {index} does not follow the entry before it")]
    BrokenChain {
        /// Its index.
        index: u64,
    },
    /// Entries that were signed are gone.
    #[error("the tail was removed: {have} entries are there, {signed} were signed")]
    RemovedTail {
        /// How many are there.
        have: u64,
        /// How many the checkpoint covers.
        signed: u64,
    },
    /// A tile is not what the entries make.
    #[error("{tile} was changed")]
    ChangedTile {
        /// Its path.
        tile: String,
    },
    /// All entries fit each other, but the log signed others.
    #[error("fork: the {size} entries fit each other, but not the root that was signed")]
    OtherRoot {
        /// How many.
        size: u64,
    },
    /// The log is shorter than one that was shown before.
    #[error("rollback: the log has {have} entries, a checkpoint kept elsewhere covers {kept}")]
    Rollback {
        /// Entries of the copy's checkpoint.
        have: u64,
        /// Entries of the one that was kept.
        kept: u64,
    },
    /// The log has shown another history before.
    #[error("fork: the first {size} entries are not those of a checkpoint kept elsewhere")]
    Fork {
        /// Entries of the checkpoint that was kept.
        size: u64,
    },
    /// The store's own record of an event is not the entry that was signed.
    #[error("event {sequence} in the store is not the one in the log")]
    ChangedEvent {
        /// Its sequence.
        sequence: i64,
    },
    /// The store's own record of an event is gone.
    #[error("event {sequence} is missing in the store")]
    MissingEvent {
        /// Its sequence.
        sequence: i64,
    },
    /// A part of the copy is missing or cannot be read.
    #[error("{0}")]
    Unreadable(String),
}

impl Finding {
    /// The name for machines.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Checkpoint(_) => "checkpoint",
            Self::ChangedEntry { .. } => "changed-entry",
            Self::Reordered { .. } => "reordered",
            Self::BrokenChain { .. } => "broken-chain",
            Self::RemovedTail { .. } => "removed-tail",
            Self::ChangedTile { .. } => "changed-tile",
            Self::OtherRoot { .. } | Self::Fork { .. } => "fork",
            Self::Rollback { .. } => "rollback",
            Self::ChangedEvent { .. } => "changed-event",
            Self::MissingEvent { .. } => "missing-event",
            Self::Unreadable(_) => "unreadable",
        }
    }
}
