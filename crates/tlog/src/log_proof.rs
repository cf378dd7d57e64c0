//! Proof files: all that is needed to verify offline that an entry is in a log (C2SP `tlog-proof`, version 1).

use crate::note::MAX_NOTE_BYTES;
use crate::{Hash, Note, NoteError, ProofError, Trust, TrustError, Trusted, decimal, inclusion};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;

/// The first line.
const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// Most extra data, in bytes.
pub const MAX_EXTRA_BYTES: usize = 64 * 1024;

/// Most hashes of an inclusion proof: a tree has at most 2^63 - 1 leaves.
const MAX_HASHES: usize = 63;

/// The proof of one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogProof {
    /// Data that travels along; nothing vouches for it.
    pub extra: Option<Vec<u8>>,
    /// Index of the entry, from 0.
    pub index: u64,
    /// The inclusion proof, from the leaf's sibling up.
    pub hashes: Vec<Hash>,
    /// The signed checkpoint.
    pub checkpoint: Note,
}

impl LogProof {
    /// Reads a proof file.
    ///
    /// # Errors
    /// A [`LogProofError`] that says what is wrong with its form.
    pub fn parse(bytes: &[u8]) -> Result<Self, LogProofError> {
        if bytes.len() > MAX_NOTE_BYTES + 2 * MAX_EXTRA_BYTES {
            return Err(LogProofError::TooLarge);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| LogProofError::NotUtf8)?;
        let (head, checkpoint) = text.split_once("\n\n").ok_or(LogProofError::NoBlankLine)?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(HEADER) {
            return Err(LogProofError::Header);
        }
        let extra = lines
            .next_if(|line| line.starts_with("extra"))
            .map(extra)
            .transpose()?;
        let index = lines
            .next()
            .and_then(|line| line.strip_prefix("index "))
            .and_then(decimal::parse);
        let index = index.ok_or(LogProofError::Index)?;
        let hashes: Vec<Hash> = lines
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map_err(|_| LogProofError::Hash)?;
        if hashes.len() > MAX_HASHES {
            return Err(LogProofError::Hash);
        }
        Ok(Self {
            extra,
            index,
            hashes,
            checkpoint: Note::parse(checkpoint.as_bytes())?,
        })
    }

    /// Verifies that the entry with this leaf hash is in the log that `trust` believes.
    ///
    /// # Errors
    /// A [`LogProofError`] that says what is wrong.
    pub fn verify(&self, leaf: &Hash, trust: &Trust) -> Result<Trusted, LogProofError> {
        let trusted = trust.verify(&self.checkpoint)?;
        let checkpoint = &trusted.checkpoint;
        inclusion::verify(
            leaf,
            self.index,
            checkpoint.size(),
            &self.hashes,
            &checkpoint.root(),
        )?;
        Ok(trusted)
    }
}

fn extra(line: &str) -> Result<Vec<u8>, LogProofError> {
    let encoded = line.strip_prefix("extra ").ok_or(LogProofError::Extra)?;
    let bytes = STANDARD.decode(encoded).map_err(|_| LogProofError::Extra)?;
    if bytes.len() > MAX_EXTRA_BYTES {
        Err(LogProofError::Extra)
    } else {
        Ok(bytes)
    }
}

impl fmt::Display for LogProof {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(formatter, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(formatter, "index {}", self.index)?;
        self.hashes
            .iter()
            .try_for_each(|hash| writeln!(formatter, "{hash}"))?;
        write!(formatter, "\n{}", self.checkpoint)
    }
}

/// What is wrong with a proof file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogProofError {
    /// More bytes than a proof can need.
    #[error("the proof file is too large")]
    TooLarge,
    /// Not UTF-8.
    #[error("the proof file is not UTF-8")]
    NotUtf8,
    /// No empty line stands before the checkpoint.
    #[error("no empty line stands before the checkpoint")]
    NoBlankLine,
    /// The first line is another one.
    #[error("the first line is not {HEADER}")]
    Header,
    /// The extra line is malformed.
    #[error("the extra line is malformed")]
    Extra,
    /// The index line is missing or malformed.
    #[error("the index line is missing or malformed")]
    Index,
    /// A hash is malformed, or there are too many.
    #[error("a hash of the proof is malformed, or there are too many")]
    Hash,
    /// The checkpoint is not a signed note.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The checkpoint is not believed.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The entry is not in the tree.
    #[error(transparent)]
    Proof(#[from] ProofError),
}
