//! The gateway's log goes into a file of the demonstration's folder, so that the screen belongs to the story.

use std::fs::File;
use std::sync::Arc;

use tracing_subscriber::EnvFilter;

use super::folder::Folder;
use crate::cli::console::CliError;

/// The file.
pub(super) const FILE: &str = "gateway.log";

/// Sends what this process logs into the folder, one JSON object a line.
///
/// # Errors
/// When the file cannot be made.
pub(super) fn start(folder: &Folder) -> Result<(), CliError> {
    let path = folder.write_secret(FILE, "")?;
    let file = File::options()
        .append(true)
        .open(path)
        .map_err(CliError::failed)?;
    let started = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_env_filter(EnvFilter::new("warn,countersign=info"))
        .with_writer(Arc::new(file))
        .try_init();
    started.map_err(CliError::failed)
}
