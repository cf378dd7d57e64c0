//! What the backends have written down, read back as evidence.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;

use countersign_jose::from_base64url;
use serde_json::Value;

use crate::cli::console::CliError;

/// A backend's log.
pub(super) struct Record {
    path: PathBuf,
}

/// One request that the backend received.
pub(super) struct Entry(Value);

impl Record {
    /// The log at `path`.
    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Every request so far, oldest first.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(super) fn entries(&self) -> Result<Vec<Entry>, CliError> {
        let file = File::open(&self.path).map_err(CliError::failed)?;
        let read = |line: std::io::Result<String>| {
            let line = line.map_err(CliError::failed)?;
            serde_json::from_str(&line).map(Entry).map_err(CliError::failed)
        };
        BufReader::new(file).lines().map(read).collect()
    }

    /// The payments with this idempotency key.
    ///
    /// # Errors
    /// As [`Record::entries`].
    pub(super) fn payments(&self, key: &str) -> Result<Vec<Entry>, CliError> {
        let quoted = format!("\"{key}\"");
        let mut entries = self.entries()?;
        entries.retain(|entry| {
            entry.text("/target") == "/payments" && entry.header("idempotency-key") == Some(&quoted)
        });
        Ok(entries)
    }

    /// The gateway's questions after the payment with this idempotency key.
    ///
    /// # Errors
    /// As [`Record::entries`].
    pub(super) fn questions(&self, key: &str) -> Result<Vec<Entry>, CliError> {
        let target = format!("/payments/{key}");
        let mut entries = self.entries()?;
        entries.retain(|entry| entry.text("/method") == "GET" && entry.text("/target") == target);
        Ok(entries)
    }
}

impl Entry {
    /// A text of the line, by JSON Pointer.
    pub(super) fn text(&self, pointer: &str) -> &str {
        self.0
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// The value of a header that stands once; `None` when it is missing or repeated.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        match self.0.get("headers")?.get(name)?.as_array()?.as_slice() {
            [one] => one.as_str(),
            _ => None,
        }
    }

    /// Whether there is a header of this name.
    pub(super) fn has_header(&self, name: &str) -> bool {
        self.0
            .get("headers")
            .is_some_and(|headers| headers.get(name).is_some())
    }

    /// The claims of the Txn-Token.
    pub(super) fn claims(&self) -> Value {
        self.header("txn-token")
            .map(|token| part(token, 1))
            .unwrap_or_default()
    }

    /// The name of the key that signed the Txn-Token.
    pub(super) fn token_key(&self) -> String {
        let header = self
            .header("txn-token")
            .map(|token| part(token, 0))
            .unwrap_or_default();
        header
            .get("kid")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    }
}

/// Header (0) or claims (1) of a compact JWS, read without believing them.
pub(super) fn part(token: &str, index: usize) -> Value {
    let bytes = token
        .split('.')
        .nth(index)
        .and_then(from_base64url)
        .unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}
