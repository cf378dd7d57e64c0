//! What a log sends to a witness, and what a witness checks before it cosigns (C2SP `tlog-witness`).

use crate::hash::empty_root;
use crate::{Checkpoint, CheckpointError, Hash, Note, NoteError, ProofError, consistency, decimal};
use std::fmt;

/// Most hashes of a consistency proof that a witness reads.
pub const MAX_PROOF_HASHES: usize = 63;

/// The body of `POST <prefix>/add-checkpoint`: from which size the proof leads, the proof, and the checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// Size of the checkpoint that the witness cosigned last, as far as the log knows.
    pub old_size: u64,
    /// The consistency proof from there to the checkpoint.
    pub proof: Vec<Hash>,
    /// The signed checkpoint.
    pub checkpoint: Note,
}

impl AddCheckpoint {
    /// Reads the body.
    ///
    /// # Errors
    /// [`WitnessRefusal::Malformed`], or [`WitnessRefusal::Note`] when the checkpoint is not a note.
    pub fn parse(bytes: &[u8]) -> Result<Self, WitnessRefusal> {
        let text = std::str::from_utf8(bytes).map_err(|_| WitnessRefusal::Malformed)?;
        let (head, checkpoint) = text.split_once("\n\n").ok_or(WitnessRefusal::Malformed)?;
        let mut lines = head.split('\n');
        let old_size = lines
            .next()
            .and_then(|line| line.strip_prefix("old "))
            .and_then(decimal::parse);
        let old_size = old_size.ok_or(WitnessRefusal::Malformed)?;
        let proof: Result<Vec<Hash>, _> = lines.take(MAX_PROOF_HASHES + 1).map(str::parse).collect();
        let proof = proof.map_err(|_| WitnessRefusal::Malformed)?;
        if proof.len() > MAX_PROOF_HASHES {
            return Err(WitnessRefusal::Malformed);
        }
        Ok(Self {
            old_size,
            proof,
            checkpoint: Note::parse(checkpoint.as_bytes())?,
        })
    }

    /// Checks the request against the size and root that the witness cosigned last for this log, `None` when it never
    /// did. The log's signature is the caller's to verify first ([`crate::Trust`]). What comes out is to be stored,
    /// durably and only if the last cosigned size is still the same, before it is cosigned.
    ///
    /// # Errors
    /// A [`WitnessRefusal`] that knows its HTTP status.
    pub fn check(&self, last: Option<(u64, Hash)>) -> Result<Checkpoint, WitnessRefusal> {
        let checkpoint = Checkpoint::from_note(&self.checkpoint)?;
        if self.old_size > checkpoint.size() {
            return Err(WitnessRefusal::OldBeyondNew);
        }
        let (last_size, last_root) = last.unwrap_or_else(|| (0, empty_root()));
        if self.old_size != last_size {
            return Err(WitnessRefusal::Conflict { last_size });
        }
        consistency::verify(
            last_size,
            &last_root,
            checkpoint.size(),
            &checkpoint.root(),
            &self.proof,
        )?;
        Ok(checkpoint)
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "old {}", self.old_size)?;
        self.proof
            .iter()
            .try_for_each(|hash| writeln!(formatter, "{hash}"))?;
        write!(formatter, "\n{}", self.checkpoint)
    }
}

/// Why a witness does not cosign.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WitnessRefusal {
    /// The body is not what the specification says.
    #[error("the request is malformed")]
    Malformed,
    /// The checkpoint is not a signed note.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The note is not a checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The proof leads from a size beyond the checkpoint.
    #[error("the old size is beyond the checkpoint")]
    OldBeyondNew,
    /// The witness cosigned another size last.
    #[error("the last cosigned size is {last_size}")]
    Conflict {
        /// The size it cosigned last, to be answered as the body.
        last_size: u64,
    },
    /// The checkpoint does not continue the last one.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

impl WitnessRefusal {
    /// The HTTP status to answer with.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Malformed | Self::Note(_) | Self::Checkpoint(_) | Self::OldBeyondNew => 400,
            Self::Conflict { .. } => 409,
            Self::Proof(_) => 422,
        }
    }
}
