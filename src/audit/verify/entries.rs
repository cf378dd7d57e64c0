//! Entry after entry: is it the one in the tree, does it name the one before, does it stand in its place.

use std::collections::BTreeSet;

use countersign_tlog::hash::leaf_hash;
use countersign_tlog::{BundleId, EntryBundle, Hash, Resource, TileId};

use super::copy::LogCopy;
use super::finding::Finding;
use crate::store::Entry;

/// Findings kept at most: a copy that is another log altogether differs everywhere.
const FINDINGS: usize = 100;

/// What is known while going through.
pub(super) struct Walk<'a, C> {
    copy: &'a C,
    size: u64,
    /// The leaf hash of the entry before.
    previous: Hash,
    findings: Vec<Finding>,
    /// Pairs that were told already.
    pairs: BTreeSet<(u64, u64)>,
}

/// Goes through the first `size` entries. `progress` hears how many are done.
pub(super) fn walk<C: LogCopy>(copy: &C, size: u64, progress: &mut dyn FnMut(u64)) -> Vec<Finding> {
    let mut walk = Walk {
        copy,
        size,
        previous: Entry::before_the_first(),
        findings: Vec::new(),
        pairs: BTreeSet::new(),
    };
    for id in BundleId::all(size) {
        if !walk.bundle(id) || walk.findings.len() >= FINDINGS {
            break;
        }
        progress(id.first_entry() + u64::from(id.width()));
    }
    walk.findings
}

impl<C: LogCopy> Walk<'_, C> {
    /// Whether it makes sense to go on.
    fn bundle(&mut self, id: BundleId) -> bool {
        let entries = match self.entries(id) {
            Ok(entries) => entries,
            Err(finding) => {
                self.findings.push(finding);
                return false;
            }
        };
        let tile = TileId::in_tree(0, id.index(), self.size).and_then(|tile| self.copy.tile(tile).ok());
        // A tile that is missing is found when the tree is computed.
        let stored = tile.unwrap_or_default();
        let leaves: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        for ((place, bytes), index) in entries.iter().enumerate().zip(id.first_entry()..) {
            let leaf = leaves.get(place).copied().unwrap_or(self.previous);
            match stored.get(place) {
                Some(hash) if *hash != leaf => {
                    let next = entries.get(place + 1).cloned();
                    let next = next.or_else(|| self.first_of_next(id));
                    self.differs(id, index, leaf, &stored, next.as_deref());
                }
                _ => self.in_its_place(index, bytes),
            }
            self.previous = leaf;
        }
        let have = id.first_entry() + entries.len() as u64;
        let whole = entries.len() >= usize::from(id.width());
        if !whole {
            self.findings.push(Finding::RemovedTail {
                have,
                signed: self.size,
            });
        }
        whole
    }

    /// The entries of a bundle, as many as the log has there at most.
    fn entries(&self, id: BundleId) -> Result<Vec<Vec<u8>>, Finding> {
        let bytes = match self.copy.bundle(id) {
            Ok(bytes) => bytes,
            Err(super::CopyError::Missing(_)) => {
                return Err(Finding::RemovedTail {
                    have: id.first_entry(),
                    signed: self.size,
                });
            }
            Err(error) => return Err(Finding::Unreadable(error.to_string())),
        };
        let bundle = EntryBundle::decode(&bytes)
            .map_err(|error| Finding::Unreadable(format!("{}: {error}", Resource::Entries(id))))?;
        let entries = bundle.entries().iter().take(usize::from(id.width()));
        Ok(entries.cloned().collect())
    }

    fn first_of_next(&self, id: BundleId) -> Option<Vec<u8>> {
        let next = BundleId::in_log(id.index() + 1, self.size)?;
        self.entries(next).ok()?.into_iter().next()
    }

    /// The entry at `index` is not the one that the tile has there.
    fn differs(&mut self, id: BundleId, index: u64, leaf: Hash, stored: &[Hash], next: Option<&[u8]>) {
        if let Some(place) = stored.iter().position(|hash| *hash == leaf) {
            return self.moved(index, id.first_entry() + place as u64);
        }
        let follows = next
            .and_then(|next| Entry::parse(next).ok())
            .is_some_and(|next| next.previous == leaf);
        self.findings.push(if follows {
            let tile = TileId::in_tree(0, id.index(), self.size).map(Resource::Tile);
            Finding::ChangedTile {
                tile: tile.map(|tile| tile.to_string()).unwrap_or_default(),
            }
        } else {
            Finding::ChangedEntry { index }
        });
    }

    fn in_its_place(&mut self, index: u64, bytes: &[u8]) {
        let Ok(entry) = Entry::parse(bytes) else {
            self.findings.push(Finding::ChangedEntry { index });
            return;
        };
        let wanted = i64::try_from(index).unwrap_or(i64::MAX).saturating_add(1);
        if entry.sequence != wanted {
            let other = u64::try_from(entry.sequence.saturating_sub(1)).unwrap_or(0);
            self.moved(index, other);
        } else if entry.previous != self.previous && self.findings.is_empty() {
            // Behind a finding the chain is broken anyway; the first break says where.
            self.findings.push(Finding::BrokenChain { index });
        }
    }

    fn moved(&mut self, index: u64, belongs: u64) {
        let (first, second) = (index.min(belongs), index.max(belongs));
        if self.pairs.insert((first, second)) {
            self.findings.push(Finding::Reordered { first, second });
        }
    }
}
