//! Whom a verifier believes: a log by its keys, and so many of some witnesses.

use crate::{Checkpoint, CheckpointError, Note, NoteError, SignatureKind, VerifierKey};

/// Whom a verifier believes about one log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    origin: String,
    keys: Vec<VerifierKey>,
    logs: usize,
    quorum: usize,
}

/// A checkpoint that the log and enough witnesses have signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trusted {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// The witnesses that cosigned it, with the time each states.
    pub witnesses: Vec<(VerifierKey, u64)>,
}

impl Trust {
    /// Believes the log of this origin by any of `log_keys` (several while keys rotate), when at least `quorum` of the
    /// `witnesses` cosigned. With a quorum of 0 a log could show different trees to different people.
    ///
    /// # Errors
    /// [`TrustError::Policy`] when there is no log key, a key is of the wrong kind or there twice, or the quorum is larger
    /// than the number of witnesses.
    pub fn new(
        origin: &str,
        log_keys: Vec<VerifierKey>,
        witnesses: Vec<VerifierKey>,
        quorum: usize,
    ) -> Result<Self, TrustError> {
        let logs = log_keys.len();
        let kinds_fit = log_keys.iter().all(|key| key.kind() == SignatureKind::Ed25519)
            && witnesses
                .iter()
                .all(|key| key.kind() == SignatureKind::Cosignature);
        let enough = logs > 0 && quorum <= witnesses.len();
        let keys: Vec<VerifierKey> = log_keys.into_iter().chain(witnesses).collect();
        // One public key under two names would count twice towards the quorum.
        let repeated = keys.iter().enumerate().any(|(index, key)| {
            keys.iter()
                .skip(index + 1)
                .any(|other| other.public_key() == key.public_key())
        });
        if !kinds_fit || !enough || repeated {
            return Err(TrustError::Policy);
        }
        Ok(Self {
            origin: origin.to_owned(),
            keys,
            logs,
            quorum,
        })
    }

    /// The log.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Verifies a signed checkpoint.
    ///
    /// # Errors
    /// A [`TrustError`] that says what is missing or wrong.
    pub fn verify(&self, note: &Note) -> Result<Trusted, TrustError> {
        let verified = note.verify(&self.keys)?;
        let checkpoint = Checkpoint::from_note(note)?;
        if checkpoint.origin() != self.origin {
            return Err(TrustError::Origin);
        }
        let log_keys = self.keys.get(..self.logs).unwrap_or_default();
        if !verified.iter().any(|signature| log_keys.contains(signature.key)) {
            return Err(TrustError::NotByLog);
        }
        let cosigned = verified
            .iter()
            .filter_map(|signature| Some((signature.key.clone(), signature.time?)));
        let witnesses: Vec<_> = cosigned.collect();
        if witnesses.len() < self.quorum {
            return Err(TrustError::Quorum {
                needed: self.quorum,
                found: witnesses.len(),
            });
        }
        Ok(Trusted {
            checkpoint,
            witnesses,
        })
    }
}

/// Why a checkpoint is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// The keys and the quorum make no sense together.
    #[error("the trusted keys and the quorum make no sense together")]
    Policy,
    /// The note is malformed, or a known key's signature fails, or none is there.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The note is no checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The checkpoint is of another log.
    #[error("the checkpoint is of another log")]
    Origin,
    /// Witnesses signed it, but the log did not.
    #[error("the log has not signed the checkpoint")]
    NotByLog,
    /// Too few witnesses cosigned it.
    #[error("{found} of the {needed} witnesses needed have cosigned")]
    Quorum {
        /// How many are needed.
        needed: usize,
        /// How many cosigned.
        found: usize,
    },
}
