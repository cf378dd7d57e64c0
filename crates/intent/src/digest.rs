//! The digest of an intent: what an approval, a token and a receipt point at.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// SHA-256 over the purpose `countersign/intent/v1`, a line feed, and the intent's canonical JSON; as text base64url
/// without padding. It is public and reveals nothing that its holder could not compute, but whoever can guess an intent
/// can confirm the guess: it is no pseudonym.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct IntentDigest([u8; 32]);

impl IntentDigest {
    /// A digest that was computed elsewhere and stored.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) fn of(canonical: &[u8]) -> Self {
        Self(hash("countersign/intent/v1\n", canonical))
    }
}

/// SHA-256 over a purpose that ends in a line feed and canonical JSON: no two purposes share a digest.
pub(crate) fn hash(purpose: &str, canonical: &[u8]) -> [u8; 32] {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    context.update(purpose.as_bytes());
    context.update(canonical);
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}

pub(crate) fn to_text(bytes: &[u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn from_text(text: &str) -> Result<[u8; 32], DigestTextError> {
    if text.len() != 43 {
        return Err(DigestTextError);
    }
    URL_SAFE_NO_PAD
        .decode(text)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(DigestTextError)
}

impl fmt::Display for IntentDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&to_text(&self.0))
    }
}

impl fmt::Debug for IntentDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "IntentDigest({self})")
    }
}

impl FromStr for IntentDigest {
    type Err = DigestTextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        from_text(text).map(Self)
    }
}

impl TryFrom<String> for IntentDigest {
    type Error = DigestTextError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<IntentDigest> for String {
    fn from(digest: IntentDigest) -> Self {
        digest.to_string()
    }
}

/// A text that is not 32 bytes in base64url without padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a digest is 43 characters of base64url without padding")]
pub struct DigestTextError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_reads_what_it_writes_and_nothing_else() {
        let digest = IntentDigest::of(b"{}");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        let text = digest.to_string();
        let padded = format!("{text}=");
        let other_tail = format!("{}{}", &text[..42], 'B');
        for wrong in [
            "",
            &text[1..],
            &padded,
            &text.replace(|c: char| c.is_ascii_digit(), "+"),
            &other_tail,
        ] {
            assert!(wrong.parse::<IntentDigest>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn purposes_do_not_share_digests() {
        assert_ne!(
            hash("countersign/intent/v1\n", b"{}"),
            hash("countersign/approval/v1\n", b"{}")
        );
    }
}
