//! The two fields as one set of entries, and how one of them is chosen.

use http::HeaderMap;
use sfv::Parser;

use super::visitor::{InputVisitor, SignatureVisitor};
use crate::entry::Entry;
use crate::{SIGNATURE, SIGNATURE_INPUT};

/// The most labels a message may carry: every signature costs its reader work.
pub const MAX_LABELS: usize = 8;

/// The signatures of a message. Both fields name the same labels, and each label once.
#[derive(Clone, Debug, Default)]
pub struct Signatures<'a> {
    entries: Vec<Entry<'a>>,
}

/// Why the two fields as a whole were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// `Signature-Input` is not a dictionary (RFC 9651).
    #[error("Signature-Input is not a structured dictionary")]
    InputMalformed,
    /// `Signature` is not a dictionary (RFC 9651).
    #[error("Signature is not a structured dictionary")]
    SignatureMalformed,
    /// A member of `Signature-Input` is not an inner list.
    #[error("a member of Signature-Input is not an inner list")]
    NotInnerList,
    /// A member of `Signature` is not a byte sequence.
    #[error("a member of Signature is not a byte sequence")]
    NotBytes,
    /// A label stands twice in one field.
    #[error("a signature label is repeated")]
    LabelRepeated,
    /// A label stands in only one of the two fields.
    #[error("a signature label stands in only one of Signature-Input and Signature")]
    LabelUnmatched,
    /// More than [`MAX_LABELS`].
    #[error("the message carries too many signatures")]
    TooManyLabels,
}

/// Why no signature could be chosen by its tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// No signature has the tag.
    #[error("no signature has the tag")]
    Missing,
    /// More than one has it: which one counts must not be for an intermediary to decide.
    #[error("more than one signature has the tag")]
    Several,
}

impl<'a> Signatures<'a> {
    /// Reads the signatures of a message; a message without any is fine and empty.
    ///
    /// What is wrong within one entry stays with that entry and is found by [`Entry::well_formed`], [`Entry::check`] and
    /// [`Entry::verify`].
    ///
    /// # Errors
    /// See [`ParseError`].
    pub fn parse(headers: &'a HeaderMap) -> Result<Self, ParseError> {
        let mut entries: Vec<Entry<'a>> = Vec::new();
        let mut refused = None;
        for line in headers.get_all(SIGNATURE_INPUT) {
            let visitor = InputVisitor {
                entries: &mut entries,
                refused: &mut refused,
            };
            if Parser::new(line.as_bytes())
                .parse_dictionary_with_visitor(visitor)
                .is_err()
            {
                return Err(refused.unwrap_or(ParseError::InputMalformed));
            }
        }
        for line in headers.get_all(SIGNATURE) {
            let visitor = SignatureVisitor {
                entries: &mut entries,
                refused: &mut refused,
            };
            if Parser::new(line.as_bytes())
                .parse_dictionary_with_visitor(visitor)
                .is_err()
            {
                return Err(refused.unwrap_or(ParseError::SignatureMalformed));
            }
        }
        if entries.iter().any(|entry| entry.signature.is_none()) {
            return Err(ParseError::LabelUnmatched);
        }
        Ok(Self { entries })
    }

    /// The entries, in the order of `Signature-Input`.
    pub fn iter(&self) -> std::slice::Iter<'_, Entry<'a>> {
        self.entries.iter()
    }

    /// How many signatures there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entry with this label.
    #[must_use]
    pub fn by_label(&self, label: &str) -> Option<&Entry<'a>> {
        self.entries.iter().find(|entry| entry.label() == label)
    }

    /// The one entry with this tag.
    ///
    /// # Errors
    /// [`SelectError::Missing`] or [`SelectError::Several`].
    pub fn by_tag(&self, tag: &str) -> Result<&Entry<'a>, SelectError> {
        let mut tagged = self.entries.iter().filter(|entry| entry.tag() == Some(tag));
        match (tagged.next(), tagged.next()) {
            (None, _) => Err(SelectError::Missing),
            (Some(entry), None) => Ok(entry),
            (Some(_), Some(_)) => Err(SelectError::Several),
        }
    }

    /// The entries whose tag begins with `prefix`.
    pub fn with_tag_prefix<'s>(&'s self, prefix: &'s str) -> impl Iterator<Item = &'s Entry<'a>> {
        self.entries
            .iter()
            .filter(move |entry| entry.tag().is_some_and(|tag| tag.starts_with(prefix)))
    }
}

impl<'s, 'a> IntoIterator for &'s Signatures<'a> {
    type Item = &'s Entry<'a>;
    type IntoIter = std::slice::Iter<'s, Entry<'a>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
