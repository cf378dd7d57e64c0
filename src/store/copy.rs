//! A store at rest, or a copy of one, read for what it holds and never changed: for those who examine it.

use std::path::Path;

use rusqlite::Connection;

use super::error::StoreError;
use super::inspect::open_quietly;
use super::migrations::{CHAINED, NEWEST, found_version};
use super::read::select;
use super::row::{Row, Value};

/// The file of a store, opened for reading only.
pub struct StoreCopy {
    connection: Connection,
}

impl StoreCopy {
    /// Opens the file at `path`, which no gateway should be writing to.
    ///
    /// # Errors
    /// [`StoreError::Open`] when it is no store of this program's schema.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let failed = |cause: String| StoreError::Open {
            path: path.display().to_string(),
            cause,
        };
        if !path.is_file() {
            return Err(failed("there is no such file".to_owned()));
        }
        let connection = open_quietly(path).map_err(|error| failed(error.to_string()))?;
        match found_version(&connection) {
            Ok(version) if (CHAINED..=NEWEST).contains(&version) => Ok(Self { connection }),
            Ok(version) => Err(failed(format!(
                "it has schema {version}, this program examines {CHAINED} to {NEWEST}"
            ))),
            Err(error) => Err(failed(error.to_string())),
        }
    }

    /// The rows that `sql` selects.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub fn query(&self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, StoreError> {
        select(&self.connection, sql, parameters)
    }
}
