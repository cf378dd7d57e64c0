//! TLOG-13: a copy of a log that was changed, cut, re-ordered, forked or rolled back is found, and the fault is named.

use countersign_tlog::bundle::append;
use countersign_tlog::hash::leaf_hash;
use countersign_tlog::{
    AuditError, BundleId, BundleStore, Checkpoint, EntryBundle, Hash, ProofError, SuccessionError, Tile,
    TileId, TileStore, Tree, audit, consistency,
};
use std::collections::BTreeMap;

/// A log on a shelf, open to tampering.
#[derive(Clone)]
struct Copy {
    size: u64,
    root: Hash,
    tiles: BTreeMap<(u8, u64), Vec<Hash>>,
    bundles: BTreeMap<u64, EntryBundle>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Missing;

impl TileStore for Copy {
    type Error = Missing;

    fn tile(&self, id: TileId) -> Result<Vec<Hash>, Missing> {
        self.tiles.get(&(id.level(), id.index())).cloned().ok_or(Missing)
    }
}

impl BundleStore for Copy {
    type Error = Missing;

    fn bundle(&self, id: BundleId) -> Result<Vec<u8>, Missing> {
        self.bundles
            .get(&id.index())
            .map(EntryBundle::encode)
            .ok_or(Missing)
    }
}

impl Copy {
    fn of(entries: &[Vec<u8>]) -> Self {
        let growth = Tree::empty().append(entries.iter().map(|entry| leaf_hash(entry)));
        let bundles = append(0, EntryBundle::default(), entries.iter().cloned()).unwrap();
        Self {
            size: growth.tree.size(),
            root: growth.tree.root(),
            tiles: growth.tiles.into_iter().map(placed).collect(),
            bundles: bundles
                .into_iter()
                .map(|(id, bundle)| (id.index(), bundle))
                .collect(),
        }
    }

    fn audit(&self) -> Result<(), AuditError<Missing>> {
        audit(self.size, &self.root, self)
    }

    fn rewrite(&mut self, index: u64, change: impl Fn(&mut Vec<Vec<u8>>)) {
        let mut entries = self.bundles[&index].entries().to_vec();
        change(&mut entries);
        let mut bundle = EntryBundle::default();
        entries.into_iter().for_each(|entry| bundle.push(entry).unwrap());
        self.bundles.insert(index, bundle);
    }

    fn checkpoint(&self) -> Checkpoint {
        Checkpoint::new("log.example", self.size, self.root).unwrap()
    }
}

fn placed(tile: Tile) -> ((u8, u64), Vec<Hash>) {
    ((tile.id().level(), tile.id().index()), tile.into_hashes())
}

fn entries(count: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|number| format!("entry {number}").into_bytes())
        .collect()
}

#[test]
fn an_untouched_copy_passes_at_every_kind_of_size() {
    for count in [0, 1, 255, 256, 257, 700, 65_537] {
        Copy::of(&entries(count)).audit().unwrap();
    }
}

#[test]
fn a_flipped_bit_in_an_entry_is_found_at_its_place() {
    let mut copy = Copy::of(&entries(700));
    copy.rewrite(1, |entries| entries[3][0] ^= 1);
    assert_eq!(copy.audit(), Err(AuditError::Entry { index: 259 }));
}

#[test]
fn two_entries_that_changed_places_are_found() {
    let mut copy = Copy::of(&entries(700));
    copy.rewrite(2, |entries| entries.swap(10, 20));
    assert_eq!(copy.audit(), Err(AuditError::Entry { index: 522 }));
}

#[test]
fn a_log_that_was_cut_is_found() {
    let mut copy = Copy::of(&entries(700));
    copy.rewrite(2, |entries| entries.truncate(100));
    assert_eq!(copy.audit(), Err(AuditError::MissingEntry { index: 612 }));
    copy.bundles.remove(&2);
    assert_eq!(copy.audit(), Err(AuditError::Store(Missing)));
}

#[test]
fn a_changed_tile_is_found_at_every_level() {
    let mut low = Copy::of(&entries(700));
    low.tiles.get_mut(&(0, 1)).unwrap()[7].0[0] ^= 1;
    assert_eq!(low.audit(), Err(AuditError::Entry { index: 263 }));
    let mut high = Copy::of(&entries(700));
    high.tiles.get_mut(&(1, 0)).unwrap()[1].0[31] ^= 0x80;
    assert_eq!(high.audit(), Err(AuditError::Tile(TileId::new(1, 0, 2).unwrap())));
    let mut short = Copy::of(&entries(700));
    short.tiles.get_mut(&(1, 0)).unwrap().pop();
    assert_eq!(
        short.audit(),
        Err(AuditError::ShortTile(TileId::new(1, 0, 2).unwrap()))
    );
}

#[test]
fn a_copy_that_was_rewritten_as_a_whole_is_found_by_its_root() {
    let mut rewritten = entries(700);
    rewritten[5] = b"another history".to_vec();
    let mut copy = Copy::of(&rewritten);
    copy.root = Copy::of(&entries(700)).root;
    assert_eq!(copy.audit(), Err(AuditError::Root(ProofError::RootMismatch)));
}

#[test]
fn a_fork_is_found_and_named() {
    let honest = Copy::of(&entries(700));
    let mut other = entries(700);
    other[5] = b"another history".to_vec();
    let forked = Copy::of(&other);
    assert_eq!(
        forked.checkpoint().continues(&honest.checkpoint(), &[]),
        Err(SuccessionError::Fork { size: 700 })
    );
    let older = Copy::of(&entries(300)).checkpoint();
    let proof = consistency::prove(300, 700, &forked).unwrap();
    let split = SuccessionError::Proof(ProofError::OldRootMismatch);
    assert_eq!(forked.checkpoint().continues(&older, &proof), Err(split));
    let proof = consistency::prove(300, 700, &honest).unwrap();
    let invented = SuccessionError::Proof(ProofError::NewRootMismatch);
    assert_eq!(forked.checkpoint().continues(&older, &proof), Err(invented));
    honest.checkpoint().continues(&older, &proof).unwrap();
}

#[test]
fn a_rollback_and_another_log_are_named() {
    let (long, short) = (
        Copy::of(&entries(20)).checkpoint(),
        Copy::of(&entries(10)).checkpoint(),
    );
    let rollback = SuccessionError::Rollback { old: 20, new: 10 };
    assert_eq!(short.continues(&long, &[]), Err(rollback));
    let other = Checkpoint::new("other.example", long.size(), long.root()).unwrap();
    assert_eq!(other.continues(&short, &[]), Err(SuccessionError::OtherLog));
}

#[test]
fn a_consistency_proof_with_a_hash_changed_added_or_lost_fails() {
    let log = Copy::of(&entries(700));
    let old = Copy::of(&entries(300));
    let proof = consistency::prove(300, 700, &log).unwrap();
    let verify = |proof: &[Hash]| consistency::verify(300, &old.root, 700, &log.root, proof);
    verify(&proof).unwrap();
    for place in 0..proof.len() {
        let mut flipped = proof.clone();
        flipped[place].0[place] ^= 1;
        assert!(matches!(
            verify(&flipped),
            Err(ProofError::OldRootMismatch | ProofError::NewRootMismatch)
        ));
    }
    let expected = proof.len();
    assert_eq!(
        verify(&proof[1..]),
        Err(ProofError::Length {
            expected,
            found: expected - 1
        })
    );
    assert_eq!(
        verify(&[proof.clone(), vec![log.root]].concat()),
        Err(ProofError::Length {
            expected,
            found: expected + 1
        })
    );
    assert_eq!(
        consistency::verify(0, &log.root, 700, &log.root, &[]),
        Err(ProofError::EmptyRoot)
    );
    assert_eq!(
        consistency::verify(700, &log.root, 300, &old.root, &[]),
        Err(ProofError::Shrunk { old: 700, new: 300 })
    );
    assert_eq!(
        consistency::verify(700, &log.root, 700, &old.root, &[]),
        Err(ProofError::Fork)
    );
}
