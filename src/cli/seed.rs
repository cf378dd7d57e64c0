//! `countersign seed`: the first clients, customers and admins of a store that no gateway is serving.
//!
//! * `file` reads the seed file, strictly: unknown members are refused, faults name their line;
//! * `write` writes it in one batch: twice changes nothing, a conflict names its table and changes nothing.

mod file;
mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::json;

pub use file::{Seed, SeedAdmin, SeedClient, SeedCustomer, TrustedPayee, parse};
pub use write::{Stores, Written, write};

use super::console::{CliError, Console};
use crate::base::{Clock, Entropy, SystemClock, SystemEntropy};
use crate::config::{self, Config};
use crate::server::{identity_settings, open_keyring, open_store};

/// Arguments of `seed`.
#[derive(Debug, Args)]
pub struct SeedArgs {
    /// The seed file (TOML)
    file: PathBuf,
    /// The configuration file
    #[arg(long, default_value = "countersign.toml")]
    config: PathBuf,
}

/// What is wrong with a seed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{table}: {message}", line_prefix(*.line))]
pub struct SeedError {
    /// The line of the table at fault.
    pub line: Option<usize>,
    /// The table at fault, such as `[[client]] app`.
    pub table: String,
    /// What is wrong and what to change.
    pub message: String,
}

fn line_prefix(line: Option<usize>) -> String {
    line.map(|line| format!("line {line}: ")).unwrap_or_default()
}

/// Runs `seed`.
///
/// # Errors
/// `CliError::Failed` with file, line and cause; nothing was written then.
pub fn run(args: &SeedArgs, console: &mut Console<'_>) -> Result<(), CliError> {
    let config = config::load(&args.config).map_err(CliError::failed)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let written = runtime.block_on(apply(&args.file, &config))?;
    console.line(format_args!(
        "{} clients, {} customers and {} admins are new; {} were there already",
        written.clients, written.customers, written.admins, written.unchanged
    ))?;
    if written.development {
        console.line(format_args!(
            "The seed holds plaintext secrets, so this store is marked as one for development, for good."
        ))?;
    }
    console.document(&json!({
        "clients": written.clients,
        "customers": written.customers,
        "admins": written.admins,
        "unchanged": written.unchanged,
        "development": written.development,
    }))
}

/// Writes what stands in `file` into the store that `config` names, all of it or nothing.
///
/// # Errors
/// As [`run`].
pub async fn apply(file: &Path, config: &Config) -> Result<Written, CliError> {
    let located = |error: &dyn std::fmt::Display| CliError::Failed(format!("{}: {error}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| located(&error))?;
    let folder = file.parent().unwrap_or_else(|| Path::new("."));
    let seed = parse(&text, folder).map_err(|error| located(&error))?;
    let stores = open(config).await?;
    write(&seed, &stores).await.map_err(|error| located(&error))
}

async fn open(config: &Config) -> Result<Stores, CliError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::default());
    let db = open_store(config).map_err(CliError::failed)?;
    let keyring = open_keyring(config, &db, &clock, &entropy).await;
    let keyring = Arc::new(keyring.map_err(CliError::failed)?);
    Stores::open(db, keyring, &identity_settings(config), clock, entropy)
        .await
        .map_err(CliError::failed)
}

#[cfg(test)]
mod tests;
