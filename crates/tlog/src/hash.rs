//! The hashes of a Merkle tree (RFC 6962, section 2.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{Context, SHA256};
use std::fmt;
use std::str::FromStr;

/// A SHA-256 hash: of a leaf, of a node, or of a tree. As text standard base64 with padding (RFC 4648, section 4).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash(pub [u8; 32]);

/// Bytes of a hash.
pub const HASH_BYTES: usize = 32;

/// The hash of a leaf: SHA-256(0x00 ‖ entry).
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    sha256(&[&[0], entry])
}

/// The hash of a node: SHA-256(0x01 ‖ left ‖ right).
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[1], &left.0, &right.0])
}

/// The hash of the tree without leaves: SHA-256 of nothing.
#[must_use]
pub fn empty_root() -> Hash {
    sha256(&[])
}

/// The root of the tree that has exactly these leaf hashes.
#[must_use]
pub fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            node_hash(&root(left), &root(right))
        }
    }
}

pub(crate) fn sha256(parts: &[&[u8]]) -> Hash {
    let mut context = Context::new(&SHA256);
    parts.iter().for_each(|part| context.update(part));
    let mut out = [0; HASH_BYTES];
    out.copy_from_slice(context.finish().as_ref());
    Hash(out)
}

impl fmt::Display for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Hash({self})")
    }
}

impl FromStr for Hash {
    type Err = HashTextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() != 44 {
            return Err(HashTextError);
        }
        STANDARD
            .decode(text)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or(HashTextError)
    }
}

/// A text that is not 32 bytes in standard base64 with padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a hash is 44 characters of standard base64")]
pub struct HashTextError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_reads_what_it_writes_and_nothing_else() {
        let text = leaf_hash(b"entry").to_string();
        assert_eq!(text.parse(), Ok(leaf_hash(b"entry")));
        let mut second_spelling = text.clone();
        second_spelling.replace_range(42..43, "B");
        let refusals = [
            "",
            &text[..43],
            &format!("{text}\n"),
            &text.replace('=', "A"),
            &second_spelling,
        ];
        for wrong in refusals {
            assert!(wrong == text || wrong.parse::<Hash>().is_err(), "{wrong:?}");
        }
    }
}
