//! Inclusion proofs: that a leaf stands at its index in a tree (RFC 6962, section 2.1.1; verified as in RFC 9162,
//! section 2.1.3.2).

use crate::hash::node_hash;
use crate::tree::{TileStore, TreeError, hashes_of_ranges, tiles_of_ranges};
use crate::{Hash, ProofError, TileId, ranges};

/// The proof for the leaf at `index` in the tree of `size`, from the leaf's sibling up.
///
/// # Errors
/// [`TreeError`] when there is no such leaf, or the store fails or gives a short tile.
pub fn prove<S: TileStore>(index: u64, size: u64, tiles: &S) -> Result<Vec<Hash>, TreeError<S::Error>> {
    hashes_of_ranges(&ranges::inclusion(index, size)?, size, tiles)
}

/// The tiles that [`prove`] reads, so that a caller can fetch them all at once.
///
/// # Errors
/// [`ProofError::IndexBeyondSize`]
pub fn tiles(index: u64, size: u64) -> Result<Vec<TileId>, ProofError> {
    Ok(tiles_of_ranges(&ranges::inclusion(index, size)?, size))
}

/// Verifies that `leaf` stands at `index` in the tree of `size` with this root.
///
/// # Errors
/// A [`ProofError`] that says what is wrong.
pub fn verify(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> Result<(), ProofError> {
    let siblings = ranges::inclusion(index, size)?;
    ProofError::length(siblings.len(), proof.len())?;
    let computed = siblings.iter().zip(proof).fold(*leaf, |below, (range, sibling)| {
        if range.start > index {
            node_hash(&below, sibling)
        } else {
            node_hash(sibling, &below)
        }
    });
    if computed == *root {
        Ok(())
    } else {
        Err(ProofError::RootMismatch)
    }
}
