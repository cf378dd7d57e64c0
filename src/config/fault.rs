//! What is wrong with a configuration file, told so that the reader can mend it: where, which key, what, and what to do.

use std::fmt;
use std::path::{Path, PathBuf};

/// A place in the configuration file, counted from 1 as editors do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// One thing that is wrong, or (as a warning) one thing that deserves a second look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where it stands; `None` when the file as a whole is meant (it cannot be read, say).
    pub position: Option<Position>,
    /// The key's full path, such as `route[2].access`; empty when the file as a whole is meant.
    pub key: String,
    /// What is wrong.
    pub problem: String,
    /// What to do about it.
    pub remedy: String,
}

/// A warning has the members of a fault, but the gateway starts.
pub type Warning = Fault;

/// Everything that is wrong with one file, in the order of its lines. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    file: PathBuf,
    faults: Vec<Fault>,
}

impl Fault {
    /// One line in the form compilers use, `file:line:column: key: problem; remedy`.
    pub fn located<'a>(&'a self, file: &'a Path) -> impl fmt::Display + 'a {
        Located { fault: self, file }
    }
}

impl Faults {
    pub(super) fn new(file: &Path, mut faults: Vec<Fault>) -> Self {
        faults.sort_by(|a, b| (a.position, &a.key).cmp(&(b.position, &b.key)));
        Faults {
            file: file.to_owned(),
            faults,
        }
    }

    /// The file the faults are in.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The faults, in the order of the file.
    pub fn iter(&self) -> std::slice::Iter<'_, Fault> {
        self.faults.iter()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{}", fault.located(&self.file))?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

struct Located<'a> {
    fault: &'a Fault,
    file: &'a Path,
}

impl fmt::Display for Located<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(Position { line, column }) = self.fault.position {
            write!(f, ":{line}:{column}")?;
        }
        if !self.fault.key.is_empty() {
            write!(f, ": {}", self.fault.key)?;
        }
        write!(f, ": {}", self.fault.problem)?;
        if !self.fault.remedy.is_empty() {
            write!(f, "; {}", self.fault.remedy)?;
        }
        Ok(())
    }
}
