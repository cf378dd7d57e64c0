//! Adding a signature to a message that may already carry some.

use http::{HeaderMap, HeaderValue};

use crate::parse::{MAX_LABELS, ParseError, Signatures};
use crate::{SIGNATURE, SIGNATURE_INPUT};

/// One signature as dictionary members, such as `a=("@method");created=1` and `a=:AAAA:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Members {
    /// The member for `Signature-Input`, label included.
    pub signature_input: String,
    /// The member for `Signature`, label included.
    pub signature: String,
}

/// Why a signature could not be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The message already has a signature with this label.
    #[error("the message already has a signature with this label")]
    LabelTaken,
    /// The message already has [`MAX_LABELS`] signatures.
    #[error("the message already has too many signatures")]
    TooManyLabels,
    /// The signatures that are already there cannot be read.
    #[error("the signatures already there are unreadable: {0}")]
    Existing(#[from] ParseError),
    /// A member has characters that no field value can have.
    #[error("the signature cannot be written into a field")]
    NotAFieldValue,
}

impl Members {
    /// The label.
    #[must_use]
    pub fn label(&self) -> &str {
        self.signature_input
            .split_once('=')
            .map_or("", |(label, _)| label)
    }

    /// Appends both members to `headers` as lines of their own: what is already there stays byte for byte.
    ///
    /// # Errors
    /// See [`AppendError`]; `headers` are then unchanged.
    pub fn append_to(&self, headers: &mut HeaderMap) -> Result<(), AppendError> {
        let existing = Signatures::parse(headers)?;
        if existing.by_label(self.label()).is_some() {
            return Err(AppendError::LabelTaken);
        }
        if existing.len() >= MAX_LABELS {
            return Err(AppendError::TooManyLabels);
        }
        let input = HeaderValue::from_str(&self.signature_input).map_err(|_| AppendError::NotAFieldValue)?;
        let signature = HeaderValue::from_str(&self.signature).map_err(|_| AppendError::NotAFieldValue)?;
        headers.append(SIGNATURE_INPUT, input);
        headers.append(SIGNATURE, signature);
        Ok(())
    }
}
