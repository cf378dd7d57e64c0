//! `Want-Content-Digest` and `Want-Repr-Digest` (RFC 9530, section 4).

use std::convert::Infallible;

use http::{HeaderMap, HeaderName};
use sfv::visitor::{
    DictionaryVisitor, EntryVisitor, Ignored, InnerListVisitor, ItemVisitor, ParameterVisitor,
};
use sfv::{BareItemFromInput, KeyRef, Parser};

use super::compute::DigestAlgorithm;
use super::field::DigestField;

/// `Want-Content-Digest`
pub const WANT_CONTENT_DIGEST: HeaderName = HeaderName::from_static("want-content-digest");
/// `Want-Repr-Digest`
pub const WANT_REPR_DIGEST: HeaderName = HeaderName::from_static("want-repr-digest");

/// The weight of the algorithm wanted most.
const WEIGHT_MAX: i64 = 10;

/// How much the sender of a message wants each digest that counts: 1 to 10, or 0 for not at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Preferences {
    /// The weight of `sha-256`, when it is listed.
    pub sha256: Option<u8>,
    /// The weight of `sha-512`, when it is listed.
    pub sha512: Option<u8>,
}

/// Why a `Want-` field cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WantError {
    /// Not a dictionary of integers from 0 to 10.
    #[error("the digest preferences are malformed")]
    Malformed,
}

impl Preferences {
    /// Reads the preferences for `field`; `None` when the message states none.
    ///
    /// # Errors
    /// [`WantError::Malformed`].
    pub fn parse(headers: &HeaderMap, field: DigestField) -> Result<Option<Self>, WantError> {
        let name = match field {
            DigestField::Content => WANT_CONTENT_DIGEST,
            DigestField::Repr => WANT_REPR_DIGEST,
        };
        let mut lines = headers.get_all(name).iter().peekable();
        if lines.peek().is_none() {
            return Ok(None);
        }
        let mut read = Read::default();
        for line in lines {
            let parsed = Parser::new(line.as_bytes()).parse_dictionary_with_visitor(WantVisitor(&mut read));
            parsed.map_err(|_| WantError::Malformed)?;
        }
        if read.malformed {
            Err(WantError::Malformed)
        } else {
            Ok(Some(read.preferences))
        }
    }

    /// The algorithm to send: the one with the greatest weight above 0, `sha-256` when they are equal, `None` when
    /// neither is wanted.
    #[must_use]
    pub fn choose(&self) -> Option<DigestAlgorithm> {
        let sha256 = self.sha256.unwrap_or_default();
        let sha512 = self.sha512.unwrap_or_default();
        match (sha256, sha512) {
            (0, 0) => None,
            (sha256, sha512) if sha512 > sha256 => Some(DigestAlgorithm::Sha512),
            _ => Some(DigestAlgorithm::Sha256),
        }
    }
}

#[derive(Default)]
struct Read {
    preferences: Preferences,
    malformed: bool,
}

struct WantVisitor<'v>(&'v mut Read);

struct MemberVisitor<'v, 'a> {
    key: &'a str,
    read: &'v mut Read,
}

impl<'a> DictionaryVisitor<'a> for WantVisitor<'_> {
    type Out = ();
    type Error = Infallible;

    fn entry(&mut self, key: &'a KeyRef) -> Result<impl EntryVisitor<'a>, Infallible> {
        Ok(MemberVisitor {
            key: key.as_str(),
            read: &mut *self.0,
        })
    }

    fn finish(self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl<'a> EntryVisitor<'a> for MemberVisitor<'_, 'a> {
    type Error = Infallible;

    fn item(self) -> Result<impl ItemVisitor<'a>, Infallible> {
        Ok(self)
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'a>, Infallible> {
        self.read.malformed = true;
        Ok(Ignored)
    }
}

impl<'a> ItemVisitor<'a> for MemberVisitor<'_, 'a> {
    type Out = ();
    type Error = Infallible;

    fn bare_item(
        self,
        value: BareItemFromInput<'a>,
    ) -> Result<impl ParameterVisitor<'a, Out = ()>, Infallible> {
        let weight = match value {
            BareItemFromInput::Integer(weight) => i64::from(weight),
            _ => -1,
        };
        let weight = u8::try_from(weight)
            .ok()
            .filter(|weight| i64::from(*weight) <= WEIGHT_MAX);
        self.read.malformed |= weight.is_none();
        match DigestAlgorithm::from_name(self.key) {
            Some(DigestAlgorithm::Sha256) => self.read.preferences.sha256 = weight,
            Some(DigestAlgorithm::Sha512) => self.read.preferences.sha512 = weight,
            None => {}
        }
        Ok(Ignored)
    }
}
