//! What a command says: lines for a person, or one JSON document with `--json`.

use std::fmt::{Arguments, Display};
use std::io::{self, Write};

use serde_json::Value;

/// Where a command writes to, and in which form.
pub struct Console<'a> {
    out: &'a mut dyn Write,
    json: bool,
}

/// Why a command did not do what it should; its text is for the person who ran it.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// Refused or failed: exit code 1.
    #[error("{0}")]
    Failed(String),
    /// The command was not understood: exit code 2.
    #[error("{0}")]
    Usage(String),
    /// The terminal or file that the command writes to is gone: exit code 1.
    #[error("the answer could not be written: {0}")]
    Output(#[from] io::Error),
}

impl<'a> Console<'a> {
    /// Writes to `out`; as JSON when `json`.
    pub fn new(out: &'a mut dyn Write, json: bool) -> Self {
        Console { out, json }
    }

    /// A line for a person; nothing with `--json`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn line(&mut self, line: Arguments<'_>) -> Result<(), CliError> {
        if !self.json {
            writeln!(self.out, "{line}")?;
        }
        Ok(())
    }

    /// Text that is what was asked for, in either form.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn text(&mut self, text: &str) -> Result<(), CliError> {
        Ok(self.out.write_all(text.as_bytes())?)
    }

    /// The document for a machine; nothing without `--json`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn document(&mut self, document: &Value) -> Result<(), CliError> {
        if self.json {
            writeln!(self.out, "{document}")?;
        }
        Ok(())
    }
}

impl CliError {
    /// A failure with this text.
    pub fn failed(error: impl Display) -> Self {
        CliError::Failed(error.to_string())
    }

    /// The exit code that belongs to it.
    pub fn exit_code(&self) -> u8 {
        match self {
            CliError::Failed(_) | CliError::Output(_) => 1,
            CliError::Usage(_) => 2,
        }
    }
}
