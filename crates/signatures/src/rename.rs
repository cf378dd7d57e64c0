//! Passing a received signature on under another label (RFC 9421, section 4.3).

use crate::append::Members;
use crate::base::write_signature_params;
use crate::entry::{Entry, InputError};
use crate::sign::members;

/// Why an entry could not be passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenameError {
    /// The new label is not a key of a structured dictionary.
    #[error("the label is not a dictionary key")]
    LabelInvalid,
    /// The entry is in a form that cannot be used.
    #[error(transparent)]
    Input(#[from] InputError),
}

impl Entry<'_> {
    /// This signature as members under `label`. It verifies as before: the label is not part of what is signed.
    ///
    /// # Errors
    /// See [`RenameError`].
    pub fn renamed(&self, label: &str) -> Result<Members, RenameError> {
        self.well_formed()?;
        // What was received is written again, in the strict form, without looking at any message.
        let mut covered =
            String::with_capacity(self.raw_parameters().len() + self.components().len().saturating_mul(24));
        write_signature_params(self.components(), self.raw_parameters(), &mut covered)
            .map_err(|_| RenameError::LabelInvalid)?;
        members(label, &covered, self.signature()).map_err(|_| RenameError::LabelInvalid)
    }
}
