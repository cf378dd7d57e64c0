//! Which ranges of leaves the hashes of a proof stand for (RFC 6962, sections 2.1.1 and 2.1.2), so that a proof can be
//! planned before a hash is read.

/// The leaves from `start` up to, not including, `end`; their hash stands for them as one subtree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) start: u64,
    pub(crate) end: u64,
}

/// A perfect subtree: the leaves from `index << height` up to `(index + 1) << height`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) height: u32,
    pub(crate) index: u64,
}

impl Range {
    pub(crate) const fn whole(size: u64) -> Self {
        Self { start: 0, end: size }
    }

    /// The perfect subtrees that make up the range, from left to right, each smaller than the one before.
    pub(crate) fn nodes(self) -> Vec<Node> {
        let mut nodes = Vec::new();
        let mut start = self.start;
        while start < self.end {
            let height = (self.end - start).ilog2();
            nodes.push(Node {
                height,
                index: start >> height,
            });
            start += 1 << height;
        }
        nodes
    }

    /// Left and right part of a range of two leaves or more: the left has the largest power of two below the whole.
    fn split(self) -> (Self, Self) {
        let middle = self.start + (1 << (self.end - self.start - 1).ilog2());
        (
            Self { end: middle, ..self },
            Self {
                start: middle,
                ..self
            },
        )
    }
}

/// What the hashes of an inclusion proof stand for, from the leaf's sibling up.
pub(crate) fn inclusion(index: u64, size: u64) -> Result<Vec<Range>, ProofError> {
    if index >= size {
        return Err(ProofError::IndexBeyondSize { index, size });
    }
    let mut siblings = Vec::new();
    let mut here = Range::whole(size);
    while here.end - here.start > 1 {
        let (left, right) = here.split();
        let (next, sibling) = if index < left.end {
            (left, right)
        } else {
            (right, left)
        };
        siblings.push(sibling);
        here = next;
    }
    siblings.reverse();
    Ok(siblings)
}

/// What the hashes of a consistency proof stand for, in the order of RFC 6962.
pub(crate) fn consistency(old: u64, new: u64) -> Result<Vec<Range>, ProofError> {
    if old > new {
        return Err(ProofError::Shrunk { old, new });
    }
    if old == 0 || old == new {
        return Ok(Vec::new());
    }
    let mut ranges = Vec::new();
    let mut here = Range::whole(new);
    while old != here.end {
        let (left, right) = here.split();
        let (next, other) = if old <= left.end {
            (left, right)
        } else {
            (right, left)
        };
        ranges.push(other);
        here = next;
    }
    // A subtree that begins at the first leaf is the old tree itself, whose root the verifier has.
    if here.start > 0 {
        ranges.push(here);
    }
    ranges.reverse();
    Ok(ranges)
}

/// What is wrong with a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// There is no such leaf in the tree.
    #[error("leaf {index} is not in a tree of {size}")]
    IndexBeyondSize {
        /// Index of the leaf, from 0.
        index: u64,
        /// Leaves of the tree.
        size: u64,
    },
    /// The new tree has fewer leaves than the old one: a rollback.
    #[error("a tree of {old} has shrunk to {new}")]
    Shrunk {
        /// Leaves of the old tree.
        old: u64,
        /// Leaves of the new tree.
        new: u64,
    },
    /// The proof has another number of hashes than a proof for these sizes has.
    #[error("the proof has {found} hashes where {expected} belong")]
    Length {
        /// Hashes of a right proof.
        expected: usize,
        /// Hashes found.
        found: usize,
    },
    /// The leaf is not where the proof says, or not in this tree.
    #[error("the inclusion proof does not lead to the root")]
    RootMismatch,
    /// The tree of this size has two roots: a fork.
    #[error("one size has two roots")]
    Fork,
    /// The consistency proof does not lead to the old root: what it proves grew from another tree.
    #[error("the consistency proof does not lead to the old root")]
    OldRootMismatch,
    /// The consistency proof does not lead to the new root: the new tree does not continue the old one.
    #[error("the consistency proof does not lead to the new root")]
    NewRootMismatch,
    /// A tree without leaves has another root than SHA-256 of nothing.
    #[error("the root of the empty tree is wrong")]
    EmptyRoot,
}

impl ProofError {
    pub(crate) const fn length(expected: usize, found: usize) -> Result<(), Self> {
        if expected == found {
            Ok(())
        } else {
            Err(Self::Length { expected, found })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start: u64, end: u64) -> Range {
        Range { start, end }
    }

    #[test]
    fn the_examples_of_the_standard_have_these_ranges() {
        // RFC 6962, section 2.1.3: the tree of seven leaves.
        assert_eq!(inclusion(0, 7).unwrap(), [range(1, 2), range(2, 4), range(4, 7)]);
        assert_eq!(inclusion(3, 7).unwrap(), [range(2, 3), range(0, 2), range(4, 7)]);
        assert_eq!(inclusion(4, 7).unwrap(), [range(5, 6), range(6, 7), range(0, 4)]);
        assert_eq!(inclusion(6, 7).unwrap(), [range(4, 6), range(0, 4)]);
        assert_eq!(
            consistency(3, 7).unwrap(),
            [range(2, 3), range(3, 4), range(0, 2), range(4, 7)]
        );
        assert_eq!(consistency(4, 7).unwrap(), [range(4, 7)]);
        assert_eq!(
            consistency(6, 7).unwrap(),
            [range(4, 6), range(6, 7), range(0, 4)]
        );
    }

    #[test]
    fn the_largest_trees_are_planned_without_overflow() {
        let largest = i64::MAX.unsigned_abs();
        assert_eq!(inclusion(largest - 1, largest).unwrap().len(), 62);
        assert_eq!(inclusion(0, largest).unwrap().len(), 63);
        assert!(consistency(largest - 1, largest).unwrap().len() <= 64);
        assert_eq!(range(0, u64::MAX).nodes().len(), 64);
    }
}
