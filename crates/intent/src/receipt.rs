//! What a log entry says about a receipt: one digest for each part of it, so that a change is found and named.

use crate::canonical::{self, CanonicalError};
use crate::digest::{hash, to_text};
use serde::Serialize;
use std::fmt;

/// The form of receipts that is written and read here: their member `version`.
pub const VERSION: &str = "countersign-receipt/v1";

/// A part of a receipt that its log entry vouches for by a digest. Whatever else stands in a receipt follows from these,
/// or from the entry itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// What the backend answered.
    Answer,
    /// Which policies decided, and by what.
    Decision,
    /// What the customer agreed to.
    Intent,
    /// The client's own signature, or that there was none.
    PaymentSignature,
    /// The request.
    Request,
}

impl Part {
    /// Every part, in the order of their names.
    pub const ALL: [Self; 5] = [
        Self::Answer,
        Self::Decision,
        Self::Intent,
        Self::PaymentSignature,
        Self::Request,
    ];

    /// The member of the receipt.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Decision => "decision",
            Self::Intent => "intent",
            Self::PaymentSignature => "payment_signature",
            Self::Request => "request",
        }
    }

    /// SHA-256 over `countersign/receipt/v1/`, the part's name, a line feed, and the canonical JSON of `value`; as text
    /// base64url without padding.
    ///
    /// # Errors
    /// [`CanonicalError`] for a number that canonical JSON would round.
    pub fn digest<T: Serialize + ?Sized>(self, value: &T) -> Result<String, CanonicalError> {
        Ok(to_text(&self.sha256(value)?))
    }

    /// The 32 bytes of [`Part::digest`].
    ///
    /// # Errors
    /// As [`Part::digest`].
    pub fn sha256<T: Serialize + ?Sized>(self, value: &T) -> Result<[u8; 32], CanonicalError> {
        Ok(hash(self.purpose(), &canonical::to_vec(value)?))
    }

    const fn purpose(self) -> &'static str {
        match self {
            Self::Answer => "countersign/receipt/v1/answer\n",
            Self::Decision => "countersign/receipt/v1/decision\n",
            Self::Intent => "countersign/receipt/v1/intent\n",
            Self::PaymentSignature => "countersign/receipt/v1/payment_signature\n",
            Self::Request => "countersign/receipt/v1/request\n",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn every_part_has_a_digest_of_its_own() {
        let digests = Part::ALL.map(|part| part.digest(&Value::Null).unwrap());
        for (index, digest) in digests.iter().enumerate() {
            assert!(!digests[index + 1..].contains(digest));
        }
        assert!(Part::ALL.map(Part::name).is_sorted());
        for part in Part::ALL {
            assert_eq!(
                part.purpose(),
                format!("countersign/receipt/v1/{}\n", part.name())
            );
        }
    }

    #[test]
    fn a_digest_does_not_depend_on_spelling_and_refuses_what_would_be_rounded() {
        let one: Value = serde_json::from_str(r#"{ "b": 1, "a": "\u0041" }"#).unwrap();
        assert_eq!(
            Part::Answer.digest(&one),
            Part::Answer.digest(&json!({"a": "A", "b": 1}))
        );
        assert!(Part::Answer.digest(&json!({ "status": u64::MAX })).is_err());
    }
}
