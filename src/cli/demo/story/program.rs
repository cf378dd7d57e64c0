//! This program as anyone runs it: a process of its own, which knows its arguments and nothing of the demonstration.

use std::ffi::OsStr;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

use crate::cli::console::CliError;

/// How long a command may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How a command ended.
pub(super) struct Ended {
    /// Whether its exit code was 0.
    pub(super) well: bool,
    /// What it said with `--json`.
    pub(super) document: Value,
}

/// Runs this program with `--json` and `arguments`.
///
/// # Errors
/// When it cannot be run, or says nothing that can be read.
pub(super) async fn run<A: AsRef<OsStr>>(arguments: &[A]) -> Result<Ended, CliError> {
    let program = std::env::current_exe().map_err(CliError::failed)?;
    let output = Command::new(program)
        .arg("--json")
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, output).await;
    let output = output.map_err(CliError::failed)?.map_err(CliError::failed)?;
    let text = String::from_utf8_lossy(&output.stdout);
    let document = text.lines().next().map(serde_json::from_str);
    match document {
        Some(Ok(document)) => Ok(Ended {
            well: output.status.success(),
            document,
        }),
        _ => Err(CliError::Failed(
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        )),
    }
}

impl Ended {
    /// A text or number of the document, by JSON Pointer.
    pub(super) fn text(&self, pointer: &str) -> String {
        match self.document.pointer(pointer) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        }
    }
}
