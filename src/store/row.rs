//! Values and rows, in the three types every database shares.

use rusqlite::types::{ToSqlOutput, ValueRef};

use super::error::StoreError;
use crate::base::Timestamp;

/// A parameter or a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// A 64-bit integer; times are microseconds, truths 0 and 1.
    Integer(i64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// One row of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row(pub(super) Vec<Value>);

impl Row {
    /// The integer in column `index`.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when there is none.
    pub fn integer(&self, index: usize) -> Result<i64, StoreError> {
        self.optional_integer(index)?
            .ok_or(StoreError::Corrupt("an integer column"))
    }

    /// The integer in column `index`, or `None` for NULL.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the column holds another type.
    pub fn optional_integer(&self, index: usize) -> Result<Option<i64>, StoreError> {
        match self.0.get(index) {
            Some(Value::Integer(value)) => Ok(Some(*value)),
            Some(Value::Null) => Ok(None),
            _ => Err(StoreError::Corrupt("an integer column")),
        }
    }

    /// The text in column `index`.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when there is none.
    pub fn text(&self, index: usize) -> Result<&str, StoreError> {
        self.optional_text(index)?
            .ok_or(StoreError::Corrupt("a text column"))
    }

    /// The text in column `index`, or `None` for NULL.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the column holds another type.
    pub fn optional_text(&self, index: usize) -> Result<Option<&str>, StoreError> {
        match self.0.get(index) {
            Some(Value::Text(value)) => Ok(Some(value)),
            Some(Value::Null) => Ok(None),
            _ => Err(StoreError::Corrupt("a text column")),
        }
    }

    /// The bytes in column `index`.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when there are none.
    pub fn bytes(&self, index: usize) -> Result<&[u8], StoreError> {
        self.optional_bytes(index)?
            .ok_or(StoreError::Corrupt("a bytes column"))
    }

    /// The bytes in column `index`, or `None` for NULL.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the column holds another type.
    pub fn optional_bytes(&self, index: usize) -> Result<Option<&[u8]>, StoreError> {
        match self.0.get(index) {
            Some(Value::Bytes(value)) => Ok(Some(value)),
            Some(Value::Null) => Ok(None),
            _ => Err(StoreError::Corrupt("a bytes column")),
        }
    }

    /// The time in column `index`.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when there is none.
    pub fn time(&self, index: usize) -> Result<Timestamp, StoreError> {
        self.integer(index).map(Timestamp::from_micros)
    }

    /// The time in column `index`, or `None` for NULL.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the column holds another type.
    pub fn optional_time(&self, index: usize) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.optional_integer(index)?.map(Timestamp::from_micros))
    }
}

impl From<ValueRef<'_>> for Value {
    fn from(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Integer(value) => Self::Integer(value),
            ValueRef::Text(value) => Self::Text(String::from_utf8_lossy(value).into_owned()),
            ValueRef::Blob(value) => Self::Bytes(value.to_vec()),
            // Tables are STRICT and no column is REAL, so nothing else can stand there.
            ValueRef::Null | ValueRef::Real(_) => Self::Null,
        }
    }
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(value) => ValueRef::Integer(*value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Bytes(value) => ValueRef::Blob(value),
        }))
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Integer(i64::from(value))
    }
}

impl From<Timestamp> for Value {
    fn from(value: Timestamp) -> Self {
        Self::Integer(value.micros())
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Bytes(value.to_vec())
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(value)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
