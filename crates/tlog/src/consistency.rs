//! Consistency proofs: that a tree continues an earlier one and changed nothing in it (RFC 6962, section 2.1.2).

use crate::hash::{empty_root, node_hash};
use crate::ranges::Range;
use crate::tree::{TileStore, TreeError, hashes_of_ranges, tiles_of_ranges};
use crate::{Hash, ProofError, TileId, ranges};

/// The proof that the tree of size `new` continues its own first `old` leaves. It is empty when `old` is 0 or `new`.
///
/// # Errors
/// [`TreeError`] when `old` is larger than `new`, or the store fails or gives a short tile.
pub fn prove<S: TileStore>(old: u64, new: u64, tiles: &S) -> Result<Vec<Hash>, TreeError<S::Error>> {
    hashes_of_ranges(&ranges::consistency(old, new)?, new, tiles)
}

/// The tiles that [`prove`] reads, so that a caller can fetch them all at once.
///
/// # Errors
/// [`ProofError::Shrunk`]
pub fn tiles(old: u64, new: u64) -> Result<Vec<TileId>, ProofError> {
    Ok(tiles_of_ranges(&ranges::consistency(old, new)?, new))
}

/// Verifies that the tree of size `new` with `new_root` continues the tree of size `old` with `old_root`.
///
/// # Errors
/// A [`ProofError`] that says what is wrong: [`ProofError::Fork`] where two roots of one size meet,
/// [`ProofError::Shrunk`] for a rollback.
pub fn verify(
    old: u64,
    old_root: &Hash,
    new: u64,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    let plan = ranges::consistency(old, new)?;
    ProofError::length(plan.len(), proof.len())?;
    if (old == 0 && *old_root != empty_root()) || (new == 0 && *new_root != empty_root()) {
        return Err(ProofError::EmptyRoot);
    }
    if old == new && old_root != new_root {
        return Err(ProofError::Fork);
    }
    if old == 0 || old == new {
        return Ok(());
    }
    check_roots(old, old_root, new_root, &plan, proof)
}

/// Climbs from the subtree in which the old tree ends to both roots: whatever lies left of it belongs to both trees,
/// whatever lies right to the new one only.
fn check_roots(
    old: u64,
    old_root: &Hash,
    new_root: &Hash,
    plan: &[Range],
    proof: &[Hash],
) -> Result<(), ProofError> {
    let mut steps = plan.iter().zip(proof);
    let seed = match steps.clone().next() {
        Some((range, hash)) if range.end == old => {
            steps.next();
            *hash
        }
        // The old tree is a perfect subtree, and its root is the seed.
        _ => *old_root,
    };
    let climb = |(old_hash, new_hash): (Hash, Hash), (range, hash): (&Range, &Hash)| {
        if range.start < old {
            (node_hash(hash, &old_hash), node_hash(hash, &new_hash))
        } else {
            (old_hash, node_hash(&new_hash, hash))
        }
    };
    let (old_computed, new_computed) = steps.fold((seed, seed), climb);
    if old_computed != *old_root {
        return Err(ProofError::OldRootMismatch);
    }
    if new_computed != *new_root {
        return Err(ProofError::NewRootMismatch);
    }
    Ok(())
}
