//! Computing digests, also while a body is still arriving.

use ring::digest::{Context, SHA256, SHA512, SHA512_OUTPUT_LEN};

/// A digest algorithm that counts (RFC 9530, section 7.2, status "Active").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DigestAlgorithm {
    /// `sha-256`
    Sha256,
    /// `sha-512`
    Sha512,
}

/// Digests of one content: those listed in a field, or those computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digests {
    /// SHA-256, when listed or computed.
    pub sha256: Option<[u8; 32]>,
    /// SHA-512, when listed or computed.
    pub sha512: Option<[u8; SHA512_OUTPUT_LEN]>,
}

/// Hashes a content piece by piece.
#[derive(Clone)]
pub struct Hasher {
    sha256: Option<Context>,
    sha512: Option<Context>,
}

impl DigestAlgorithm {
    /// The key in the digest fields.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha-256",
            Self::Sha512 => "sha-512",
        }
    }

    /// The algorithm with this key, when it counts.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "sha-256" => Some(Self::Sha256),
            "sha-512" => Some(Self::Sha512),
            _ => None,
        }
    }
}

impl Digests {
    /// The digest of `content` by one algorithm.
    #[must_use]
    pub fn of(content: &[u8], algorithm: DigestAlgorithm) -> Self {
        let mut hasher = Hasher::new(&[algorithm]);
        hasher.update(content);
        hasher.finish()
    }

    /// The bytes of one digest.
    #[must_use]
    pub fn get(&self, algorithm: DigestAlgorithm) -> Option<&[u8]> {
        match algorithm {
            DigestAlgorithm::Sha256 => self.sha256.as_ref().map(<[u8; 32]>::as_slice),
            DigestAlgorithm::Sha512 => self.sha512.as_ref().map(<[u8; SHA512_OUTPUT_LEN]>::as_slice),
        }
    }

    /// A hasher for exactly the algorithms in here: parse the field, hash the body while it arrives, compare.
    #[must_use]
    pub fn hasher(&self) -> Hasher {
        Hasher {
            sha256: self.sha256.map(|_| Context::new(&SHA256)),
            sha512: self.sha512.map(|_| Context::new(&SHA512)),
        }
    }

    /// Whether every digest in here was computed and is the same there, and there is at least one.
    #[must_use]
    pub fn matches(&self, computed: &Self) -> bool {
        let any = self.sha256.is_some() || self.sha512.is_some();
        any && (self.sha256.is_none() || self.sha256 == computed.sha256)
            && (self.sha512.is_none() || self.sha512 == computed.sha512)
    }
}

impl Hasher {
    /// A hasher for these algorithms.
    #[must_use]
    pub fn new(algorithms: &[DigestAlgorithm]) -> Self {
        Self {
            sha256: algorithms
                .contains(&DigestAlgorithm::Sha256)
                .then(|| Context::new(&SHA256)),
            sha512: algorithms
                .contains(&DigestAlgorithm::Sha512)
                .then(|| Context::new(&SHA512)),
        }
    }

    /// Takes the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        for context in self.sha256.iter_mut().chain(self.sha512.iter_mut()) {
            context.update(piece);
        }
    }

    /// The digests of all pieces.
    #[must_use]
    pub fn finish(self) -> Digests {
        Digests {
            sha256: self
                .sha256
                .and_then(|context| context.finish().as_ref().try_into().ok()),
            sha512: self
                .sha512
                .and_then(|context| context.finish().as_ref().try_into().ok()),
        }
    }
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hasher").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{DigestAlgorithm, Digests, Hasher};

    #[test]
    fn pieces_hash_like_the_whole() {
        let both = [DigestAlgorithm::Sha256, DigestAlgorithm::Sha512];
        let mut hasher = Hasher::new(&both);
        for piece in [&b"ab"[..], b"", b"c"] {
            hasher.update(piece);
        }
        let pieces = hasher.finish();
        assert_eq!(pieces.sha256, Digests::of(b"abc", DigestAlgorithm::Sha256).sha256);
        assert_eq!(pieces.sha512, Digests::of(b"abc", DigestAlgorithm::Sha512).sha512);
    }

    /// DIG-04: a listed digest that was not computed does not match, and an empty list matches nothing.
    #[test]
    fn every_listed_digest_has_to_match() {
        let listed = Digests {
            sha256: Digests::of(b"abc", DigestAlgorithm::Sha256).sha256,
            sha512: Digests::of(b"other", DigestAlgorithm::Sha512).sha512,
        };
        let mut hasher = listed.hasher();
        hasher.update(b"abc");
        assert!(!listed.matches(&hasher.finish()));
        assert!(!listed.matches(&Digests::of(b"abc", DigestAlgorithm::Sha256)));
        assert!(!Digests::default().matches(&Digests::of(b"abc", DigestAlgorithm::Sha256)));
    }
}
