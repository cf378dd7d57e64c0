//! Cosignatures: the statement of a witness that it saw a log only grow up to this checkpoint (C2SP `tlog-cosignature`,
//! the Ed25519 kind).

use crate::note::SIGNATURE_BYTES;
use crate::{Note, NoteError, NoteSignature, SignatureKind, VerifierKey};

/// Latest time a cosignature can have, in seconds since 1970.
const MAX_TIME: u64 = i64::MAX.unsigned_abs();

/// What a witness signs: two lines, and the whole text of the checkpoint.
#[must_use]
pub fn message(time: u64, text: &str) -> Vec<u8> {
    format!("cosignature/v1\ntime {time}\n{text}").into_bytes()
}

/// Cosigns a checkpoint at `time`, in seconds since 1970. `sign` makes an Ed25519 signature with the private half of
/// `key`, wherever it lives; the result is verified before it is given out. Add it to the note, or send it as a line.
///
/// # Errors
/// The signer's own, or [`NoteError`] when the key is of another kind or does not verify what was signed, or the time is
/// zero or too late.
pub fn sign<E: From<NoteError>>(
    checkpoint: &Note,
    key: &VerifierKey,
    time: u64,
    sign: impl FnOnce(&[u8]) -> Result<[u8; SIGNATURE_BYTES], E>,
) -> Result<NoteSignature, E> {
    if key.kind() != SignatureKind::Cosignature {
        return Err(NoteError::WrongKind.into());
    }
    if time == 0 || time > MAX_TIME {
        return Err(NoteError::Time.into());
    }
    let message = message(time, checkpoint.text());
    let signature = sign(&message)?;
    let bytes = [time.to_be_bytes().as_slice(), &signature].concat();
    Ok(NoteSignature::checked(key, &message, bytes, &signature)?)
}

/// The time of a good cosignature.
pub(crate) fn verify(key: &VerifierKey, text: &str, bytes: &[u8]) -> Option<u64> {
    let (time, signature) = bytes.split_first_chunk::<8>()?;
    let time = u64::from_be_bytes(*time);
    let possible = (1..=MAX_TIME).contains(&time) && signature.len() == SIGNATURE_BYTES;
    (possible && key.verifies(&message(time, text), signature)).then_some(time)
}
