//! `Content-Digest` and `Repr-Digest` (RFC 9530, sections 2 and 3).

use std::convert::Infallible;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use sfv::visitor::{
    DictionaryVisitor, EntryVisitor, Ignored, InnerListVisitor, ItemVisitor, ParameterVisitor,
};
use sfv::{BareItemFromInput, KeyRef, Parser};

use super::compute::{DigestAlgorithm, Digests};

/// `Content-Digest`: over the content as it is in this message.
pub const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
/// `Repr-Digest`: over the whole selected representation.
pub const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");

/// The most digests one field may list. RFC 9530 registers eight algorithms.
const MAX_MEMBERS: usize = 16;

/// Which of the two fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigestField {
    /// `Content-Digest`
    Content,
    /// `Repr-Digest`
    Repr,
}

/// Why a digest field does not vouch for a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// There is no such field.
    #[error("the digest field is missing")]
    Missing,
    /// Not a dictionary of byte sequences, a repeated key, a digest of the wrong length, or more than 16 digests.
    #[error("the digest field is malformed")]
    Malformed,
    /// Neither `sha-256` nor `sha-512` is listed.
    #[error("the digest field lists neither sha-256 nor sha-512")]
    Unsupported,
    /// A listed digest is not that of the content.
    #[error("the digest does not match the content")]
    Mismatch,
}

impl DigestField {
    /// The name of the field.
    #[must_use]
    pub const fn name(self) -> HeaderName {
        match self {
            Self::Content => CONTENT_DIGEST,
            Self::Repr => REPR_DIGEST,
        }
    }
}

/// The value of `Content-Digest` for `body`.
#[must_use]
pub fn content_digest(body: &[u8], algorithm: DigestAlgorithm) -> HeaderValue {
    Digests::of(body, algorithm).to_header_value()
}

/// The value of `Repr-Digest` for the whole `representation`.
#[must_use]
pub fn repr_digest(representation: &[u8], algorithm: DigestAlgorithm) -> HeaderValue {
    Digests::of(representation, algorithm).to_header_value()
}

/// Checks `body`, the bytes of the content as received after transfer decoding, against `Content-Digest`.
///
/// # Errors
/// See [`DigestError`].
pub fn verify_content_digest(headers: &HeaderMap, body: &[u8]) -> Result<(), DigestError> {
    verify_digest(headers, DigestField::Content, body)
}

/// Checks the whole `representation` against `Repr-Digest`.
///
/// # Errors
/// See [`DigestError`].
pub fn verify_repr_digest(headers: &HeaderMap, representation: &[u8]) -> Result<(), DigestError> {
    verify_digest(headers, DigestField::Repr, representation)
}

/// Checks `content` against the digest field `field`.
///
/// # Errors
/// See [`DigestError`].
pub fn verify_digest(headers: &HeaderMap, field: DigestField, content: &[u8]) -> Result<(), DigestError> {
    let listed = Digests::parse(headers, field)?;
    let mut hasher = listed.hasher();
    hasher.update(content);
    listed.verify(&hasher.finish())
}

impl Digests {
    /// Reads the digests that count from a digest field.
    ///
    /// # Errors
    /// [`DigestError::Missing`], [`DigestError::Malformed`] or [`DigestError::Unsupported`].
    pub fn parse(headers: &HeaderMap, field: DigestField) -> Result<Self, DigestError> {
        let mut read = Read::default();
        let mut lines = headers.get_all(field.name()).iter().peekable();
        lines.peek().ok_or(DigestError::Missing)?;
        for line in lines {
            let parsed = Parser::new(line.as_bytes()).parse_dictionary_with_visitor(DigestVisitor(&mut read));
            parsed.map_err(|_| DigestError::Malformed)?;
        }
        if read.malformed {
            return Err(DigestError::Malformed);
        }
        if read.digests == Self::default() {
            return Err(DigestError::Unsupported);
        }
        Ok(read.digests)
    }

    /// Compares these listed digests with computed ones.
    ///
    /// # Errors
    /// [`DigestError::Mismatch`].
    pub fn verify(&self, computed: &Self) -> Result<(), DigestError> {
        if self.matches(computed) {
            Ok(())
        } else {
            Err(DigestError::Mismatch)
        }
    }

    /// These digests as the value of a digest field.
    #[must_use]
    pub fn to_header_value(&self) -> HeaderValue {
        let mut value = String::with_capacity(160);
        for algorithm in [DigestAlgorithm::Sha256, DigestAlgorithm::Sha512] {
            let Some(digest) = self.get(algorithm) else {
                continue;
            };
            if !value.is_empty() {
                value.push_str(", ");
            }
            value.push_str(algorithm.name());
            value.push_str("=:");
            STANDARD.encode_string(digest, &mut value);
            value.push(':');
        }
        // Base64 and the names above are visible ASCII, which every field value may hold.
        HeaderValue::from_str(&value).unwrap_or_else(|_| HeaderValue::from_static(""))
    }
}

/// What was read so far. `sfv` stops only at syntax errors, so everything else that is wrong is noted here.
#[derive(Default)]
struct Read<'a> {
    digests: Digests,
    keys: Vec<&'a str>,
    malformed: bool,
}

struct DigestVisitor<'v, 'a>(&'v mut Read<'a>);

struct MemberVisitor<'v, 'a> {
    key: &'a str,
    read: &'v mut Read<'a>,
}

impl<'a> DictionaryVisitor<'a> for DigestVisitor<'_, 'a> {
    type Out = ();
    type Error = Infallible;

    fn entry(&mut self, key: &'a KeyRef) -> Result<impl EntryVisitor<'a>, Infallible> {
        let key = key.as_str();
        // Which of two values counts differs between readers.
        self.0.malformed |= self.0.keys.contains(&key) || self.0.keys.len() == MAX_MEMBERS;
        if !self.0.malformed {
            self.0.keys.push(key);
        }
        Ok(MemberVisitor {
            key,
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
        let well_formed = match value {
            BareItemFromInput::ByteSequence(digest) => self.read.digests.set(self.key, &digest),
            _ => false,
        };
        self.read.malformed |= !well_formed;
        Ok(Ignored)
    }
}

impl Digests {
    /// Takes a listed digest; `false` when it has the wrong length for its algorithm.
    fn set(&mut self, key: &str, digest: &[u8]) -> bool {
        match DigestAlgorithm::from_name(key) {
            None => true,
            Some(DigestAlgorithm::Sha256) => {
                self.sha256 = digest.try_into().ok();
                self.sha256.is_some()
            }
            Some(DigestAlgorithm::Sha512) => {
                self.sha512 = digest.try_into().ok();
                self.sha512.is_some()
            }
        }
    }
}
