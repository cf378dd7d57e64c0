//! Adding a signature to a message that may already carry some.

use http::{HeaderMap, HeaderValue};

use crate::entry::Entry;
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

    /// What the signature covers and its parameters, without the label: the strict serialisation of the member.
    #[must_use]
    pub fn input_value(&self) -> &str {
        value(&self.signature_input)
    }

    /// The signature as a byte sequence, without the label: the strict serialisation of the member.
    #[must_use]
    pub fn signature_value(&self) -> &str {
        value(&self.signature)
    }

    /// Appends both members to `headers` as lines of their own: what is already there stays byte for byte.
    ///
    /// # Errors
    /// See [`AppendError`]; `headers` are then unchanged.
    pub fn append_to(&self, headers: &mut HeaderMap) -> Result<(), AppendError> {
        let existing = Signatures::parse(headers)?;
        let labels: Vec<&str> = existing.iter().map(Entry::label).collect();
        self.check_room(&labels)?;
        let input = HeaderValue::from_str(&self.signature_input).map_err(|_| AppendError::NotAFieldValue)?;
        let signature = HeaderValue::from_str(&self.signature).map_err(|_| AppendError::NotAFieldValue)?;
        headers.append(SIGNATURE_INPUT, input);
        headers.append(SIGNATURE, signature);
        Ok(())
    }

    /// Appends both members to `headers` whose signatures are known to have `labels`, because the caller put them
    /// there or took all others away: they are not read again.
    ///
    /// # Errors
    /// See [`AppendError`]; `headers` are then unchanged.
    pub fn append_beside(self, labels: &[&str], headers: &mut HeaderMap) -> Result<(), AppendError> {
        self.check_room(labels)?;
        let input = HeaderValue::try_from(self.signature_input).map_err(|_| AppendError::NotAFieldValue)?;
        let signature = HeaderValue::try_from(self.signature).map_err(|_| AppendError::NotAFieldValue)?;
        headers.append(SIGNATURE_INPUT, input);
        headers.append(SIGNATURE, signature);
        Ok(())
    }

    fn check_room(&self, labels: &[&str]) -> Result<(), AppendError> {
        if labels.contains(&self.label()) {
            return Err(AppendError::LabelTaken);
        }
        if labels.len() >= MAX_LABELS {
            return Err(AppendError::TooManyLabels);
        }
        Ok(())
    }
}

fn value(member: &str) -> &str {
    member.split_once('=').map_or("", |(_, value)| value)
}
