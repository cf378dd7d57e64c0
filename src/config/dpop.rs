//! `[dpop]`: whether clients must put a nonce of ours into their proofs (RFC 9449 sections 8 and 9).

use super::section::Section;
use super::shape::{Key, Kind, Shape, words};

/// How proofs of possession are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dpop {
    /// Where a nonce is demanded.
    pub nonce: DpopNonce,
}

words! {
    /// Where a nonce is demanded.
    pub enum DpopNonce {
        /// Nowhere; freshness rests on `iat` and `jti` alone.
        Off = "off",
        /// At the token endpoint (RFC 9449 section 8).
        Token = "token",
        /// There, at the first-party login, and at every resource (section 9).
        Always = "always",
    }
}

pub(super) const SHAPE: Shape = Shape {
    name: "dpop",
    meaning: "How proofs of possession are checked.",
    repeated: false,
    keys: &[Key::with_default(
        "nonce",
        Kind::Word(DpopNonce::WORDS),
        "\"token\"",
        "Where a nonce is demanded in DPoP proofs: nowhere, at the token endpoint, or at the first-party login and resources too.",
    )],
    sections: &[],
};

pub(super) fn read(section: &Section<'_>) -> Option<Dpop> {
    Some(Dpop {
        nonce: section.value("nonce", DpopNonce::read)?,
    })
}
