//! What can go wrong with the store.

/// Why the store did not do what was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// A guard of the batch did not hold; nothing of the batch happened.
    #[error("guard '{0}' did not hold")]
    Guard(&'static str),
    /// The store was written by a newer program.
    #[error(
        "the store has schema {found}, this program knows up to {known}; run the newer program, or restore a backup"
    )]
    Newer {
        /// Version found in the store.
        found: i64,
        /// Newest version this program knows.
        known: i64,
    },
    /// The file cannot be opened or is not a store.
    #[error("the store at {path} cannot be opened: {cause}")]
    Open {
        /// Which file.
        path: String,
        /// What the database said.
        cause: String,
    },
    /// Another process holds the store.
    #[error("the store at {0} is in use by another process; stop it first")]
    InUse(String),
    /// The database refused a statement, or the disk a write.
    #[error("the store failed: {0}")]
    Failed(String),
    /// A row does not hold what this program wrote.
    #[error("the store holds an unexpected value in {0}")]
    Corrupt(&'static str),
    /// Nothing may be changed, because the log cannot be trusted to continue what was published.
    #[error("the store is read-only: {0}")]
    ReadOnly(std::sync::Arc<str>),
    /// The store is being closed, or too much is waiting to be written.
    #[error("the store takes no writes now")]
    Busy,
}

impl StoreError {
    /// The guard that did not hold, when that is the reason.
    #[must_use]
    pub const fn guard(&self) -> Option<&'static str> {
        match self {
            Self::Guard(name) => Some(name),
            _ => None,
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            // The second: who lost every race for a place in the write-ahead log may ask again.
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::FileLockingProtocolFailed) => {
                Self::Busy
            }
            _ => Self::Failed(error.to_string()),
        }
    }
}

impl From<StoreError> for crate::base::Fault {
    fn from(error: StoreError) -> Self {
        Self::new(crate::base::Code::StoreUnavailable).cause(error)
    }
}
