//! What is wrong with a bundle: every fault at once, each with its place and what to do about it.

use std::fmt;

use serde::Serialize;

/// One fault of a policy folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Fault {
    /// File name inside the folder; empty for the folder itself.
    pub file: String,
    /// Line, from 1; 0 when the fault is not at a line.
    pub line: usize,
    /// `@id` of the policy, where one is known.
    pub policy: Option<String>,
    /// What is wrong.
    pub problem: String,
    /// What to do about it.
    pub advice: String,
}

impl Fault {
    pub(super) fn new(
        file: &str,
        line: usize,
        problem: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            file: file.to_owned(),
            line,
            policy: None,
            problem: problem.into(),
            advice: advice.into(),
        }
    }

    pub(super) fn of(mut self, policy: &str) -> Self {
        self.policy = Some(policy.to_owned());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.file.as_str(), self.line) {
            ("", _) => {}
            (file, 0) => write!(out, "{file}: ")?,
            (file, line) => write!(out, "{file}:{line}: ")?,
        }
        if let Some(policy) = &self.policy {
            write!(out, "policy `{policy}`: ")?;
        }
        out.write_str(&self.problem)?;
        if !self.advice.is_empty() {
            write!(out, "\n    {}", self.advice)?;
        }
        Ok(())
    }
}

/// All faults of a bundle, by file and line. Nothing of a faulty bundle is ever in force.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct BundleError {
    /// At least one.
    pub faults: Vec<Fault>,
}

impl BundleError {
    pub(super) fn of(mut faults: Vec<Fault>) -> Self {
        faults.sort();
        faults.dedup();
        Self { faults }
    }
}

impl From<Fault> for BundleError {
    fn from(fault: Fault) -> Self {
        Self { faults: vec![fault] }
    }
}

impl fmt::Display for BundleError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, fault) in self.faults.iter().enumerate() {
            if place > 0 {
                out.write_str("\n")?;
            }
            write!(out, "{fault}")?;
        }
        Ok(())
    }
}

/// The line of a byte offset, from 1.
pub(super) fn line_at(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}
