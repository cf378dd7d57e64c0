//! What a demonstration backend is told when it starts: `backends/NAME.toml`.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::cli::console::CliError;

/// The file's content.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BackendSettings {
    /// `bank` or `merchant`.
    pub(super) name: String,
    /// The port it listens on, on both loopback addresses.
    pub(super) port: u16,
    /// The gateway's `public_url`: from there the backend fetches the keys it verifies with.
    pub(super) gateway_url: String,
    /// Who vouches for the gateway's listeners.
    pub(super) gateway_ca: PathBuf,
    /// The audience of Txn-Tokens for this backend.
    pub(super) trust_domain: String,
    /// The backend's own certificate.
    pub(super) certificate: PathBuf,
    /// Its key.
    pub(super) key: PathBuf,
    /// The name in the certificate of the one who may call.
    pub(super) caller: String,
    /// Who vouches for that certificate.
    pub(super) caller_ca: PathBuf,
    /// Where every request is written down.
    pub(super) log: PathBuf,
}

impl BackendSettings {
    /// The file's place in the demonstration's folder.
    pub(super) fn file(name: &str) -> String {
        format!("backends/{name}.toml")
    }

    /// Reads the file of the backend `name` of the demonstration in `folder`.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub(super) fn read(folder: &Path, name: &str) -> Result<Self, CliError> {
        let path = folder.join(Self::file(name));
        let failed = |error: &dyn std::fmt::Display| CliError::Failed(format!("{}: {error}", path.display()));
        let text = std::fs::read_to_string(&path).map_err(|error| failed(&error))?;
        toml::from_str(&text).map_err(|error| failed(&error))
    }

    /// The file's text.
    ///
    /// # Errors
    /// A path that is not Unicode.
    pub(super) fn text(&self) -> Result<String, CliError> {
        let text = toml::to_string(self).map_err(CliError::failed)?;
        Ok(format!(
            "# All that this backend knows of the gateway is its URL, its CA and its name.\n{text}"
        ))
    }

    /// Where the gateway reaches it.
    pub(super) fn authority(&self) -> String {
        format!("localhost:{}", self.port)
    }
}
