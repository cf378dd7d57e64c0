//! Checkpoints: the head of a log's tree as the text of a signed note (C2SP `tlog-checkpoint`).

use crate::hash::empty_root;
use crate::{Hash, Note, ProofError, consistency, decimal};
use std::fmt;
use std::str::FromStr;

/// Longest line, in bytes.
const MAX_LINE_BYTES: usize = 1024;

/// Most extension lines.
const MAX_EXTENSIONS: usize = 16;

/// The head of a log's tree: whose, how many leaves, which root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Hash,
    extensions: Vec<String>,
}

impl Checkpoint {
    /// A checkpoint without extension lines.
    ///
    /// # Errors
    /// [`CheckpointError`] when the origin cannot be a line, the size is beyond 63 bits, or the empty tree has a wrong
    /// root.
    pub fn new(origin: &str, size: u64, root: Hash) -> Result<Self, CheckpointError> {
        if !is_line(origin) {
            return Err(CheckpointError::Origin);
        }
        if size > i64::MAX.unsigned_abs() {
            return Err(CheckpointError::Size);
        }
        if size == 0 && root != empty_root() {
            return Err(CheckpointError::EmptyRoot);
        }
        Ok(Self {
            origin: origin.to_owned(),
            size,
            root,
            extensions: Vec::new(),
        })
    }

    /// Reads the checkpoint that is the text of a note. It is to be believed only as far as the note's signatures are.
    ///
    /// # Errors
    /// As parsing.
    pub fn from_note(note: &Note) -> Result<Self, CheckpointError> {
        note.text().parse()
    }

    /// The note to sign.
    ///
    /// # Errors
    /// [`CheckpointError::Origin`], which cannot happen to a checkpoint that was built or parsed.
    pub fn to_note(&self) -> Result<Note, CheckpointError> {
        Note::new(self.to_string()).map_err(|_| CheckpointError::Origin)
    }

    /// Which log this is.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many leaves the tree has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The root of the tree.
    #[must_use]
    pub const fn root(&self) -> Hash {
        self.root
    }

    /// Opaque lines behind the root; nobody can audit what they say.
    #[must_use]
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }

    /// Verifies that this checkpoint continues an older one of the same log.
    ///
    /// # Errors
    /// [`SuccessionError`]: another log, a rollback, a fork, or a proof that does not hold.
    pub fn continues(&self, older: &Self, proof: &[Hash]) -> Result<(), SuccessionError> {
        if self.origin != older.origin {
            return Err(SuccessionError::OtherLog);
        }
        if self.size < older.size {
            return Err(SuccessionError::Rollback {
                old: older.size,
                new: self.size,
            });
        }
        if self.size == older.size && self.root != older.root {
            return Err(SuccessionError::Fork { size: self.size });
        }
        Ok(consistency::verify(
            older.size,
            &older.root,
            self.size,
            &self.root,
            proof,
        )?)
    }
}

impl FromStr for Checkpoint {
    type Err = CheckpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut lines = text.strip_suffix('\n').ok_or(CheckpointError::Form)?.split('\n');
        let origin = lines.next().ok_or(CheckpointError::Form)?;
        let size = lines.next().ok_or(CheckpointError::Form)?;
        let root = lines.next().ok_or(CheckpointError::Form)?;
        let size = decimal::parse(size).ok_or(CheckpointError::Size)?;
        let mut checkpoint = Self::new(origin, size, root.parse().map_err(|_| CheckpointError::Root)?)?;
        for line in lines {
            if !is_line(line) || checkpoint.extensions.len() == MAX_EXTENSIONS {
                return Err(CheckpointError::Extension);
            }
            checkpoint.extensions.push(line.to_owned());
        }
        Ok(checkpoint)
    }
}

fn is_line(text: &str) -> bool {
    (1..=MAX_LINE_BYTES).contains(&text.len()) && !text.bytes().any(|byte| byte < b' ')
}

/// The text, each line ended.
impl fmt::Display for Checkpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}\n{}\n{}", self.origin, self.size, self.root)?;
        self.extensions
            .iter()
            .try_for_each(|line| writeln!(formatter, "{line}"))
    }
}

/// What is wrong with a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Fewer than three lines, or the last one is not ended.
    #[error("a checkpoint has at least three lines, each ended")]
    Form,
    /// The origin is empty, longer than 1,024 bytes, or holds a control character.
    #[error("the origin cannot be the line of a checkpoint")]
    Origin,
    /// The size is not a decimal number of at most 63 bits without leading zeros.
    #[error("the size is not a plain decimal number")]
    Size,
    /// The root is not 32 bytes in base64.
    #[error("the root is not 32 bytes in base64")]
    Root,
    /// A tree without leaves has another root than SHA-256 of nothing.
    #[error("the root of the empty tree is wrong")]
    EmptyRoot,
    /// An extension line is empty, too long, holds a control character, or is one too many.
    #[error("an extension line is malformed")]
    Extension,
}

/// Why one checkpoint does not continue another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SuccessionError {
    /// The origins differ.
    #[error("the checkpoints are of different logs")]
    OtherLog,
    /// The log has lost leaves.
    #[error("the log was rolled back from {old} to {new}")]
    Rollback {
        /// Leaves of the older checkpoint.
        old: u64,
        /// Leaves of the newer one.
        new: u64,
    },
    /// The log has shown two trees of one size.
    #[error("the log has two trees of size {size}")]
    Fork {
        /// The size.
        size: u64,
    },
    /// The consistency proof does not hold.
    #[error(transparent)]
    Proof(#[from] ProofError),
}
