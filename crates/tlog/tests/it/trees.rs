//! The tree over tiles against the naive reference, at every size and for every proof.

use crate::naive;
use countersign_tlog::hash::leaf_hash;
use countersign_tlog::tree::{MissingTile, root};
use countersign_tlog::{
    Hash, MemoryTiles, ProofError, Tile, TileId, TileStore, Tree, TreeError, consistency, inclusion,
};
use proptest::prelude::*;
use std::cell::RefCell;

fn entries(count: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|number| format!("entry {number}").into_bytes())
        .collect()
}

fn leaves(entries: &[Vec<u8>]) -> Vec<Hash> {
    entries.iter().map(|entry| leaf_hash(entry)).collect()
}

fn tiles_of(entries: &[Vec<u8>]) -> MemoryTiles {
    let mut tiles = MemoryTiles::default();
    tiles.extend(Tree::empty().append(leaves(entries)).tiles);
    tiles
}

/// TLOG-01: inclusion and consistency for every pair of sizes.
#[test]
fn every_small_tree_and_proof_is_that_of_the_standard() {
    const LARGEST: usize = 72;
    let entries = entries(LARGEST);
    let tiles = tiles_of(&entries);
    for size in 0..=LARGEST {
        let here = &entries[..size];
        let root_here = naive::tree_hash(here);
        assert_eq!(root(size as u64, &tiles).unwrap(), root_here);
        for (index, entry) in here.iter().enumerate() {
            let proof = inclusion::prove(index as u64, size as u64, &tiles).unwrap();
            assert_eq!(proof, naive::path(index, here), "leaf {index} of {size}");
            let leaf = leaf_hash(entry);
            inclusion::verify(&leaf, index as u64, size as u64, &proof, &root_here).unwrap();
        }
        for old in 0..=size {
            let proof = consistency::prove(old as u64, size as u64, &tiles).unwrap();
            assert_eq!(proof, naive::proof(old, here), "{old} to {size}");
            let old_root = naive::tree_hash(&entries[..old]);
            consistency::verify(old as u64, &old_root, size as u64, &root_here, &proof).unwrap();
        }
    }
}

/// TLOG-06: sizes on both sides of full tiles of two levels.
#[test]
fn trees_around_full_tiles_are_those_of_the_standard() {
    let entries = entries(66_000);
    let tiles = tiles_of(&entries);
    for size in [
        255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, 65_792, 66_000,
    ] {
        let tree = Tree::load(size as u64, &tiles).unwrap();
        let expected = naive::tree_hash(&entries[..size]);
        assert_eq!(tree.root(), expected, "size {size}");
        assert_eq!(root(size as u64, &tiles).unwrap(), expected, "size {size}");
        for index in [0, 1, size / 2, size.saturating_sub(256), size - 2, size - 1] {
            let proof = inclusion::prove(index as u64, size as u64, &tiles).unwrap();
            inclusion::verify(
                &leaf_hash(&entries[index]),
                index as u64,
                size as u64,
                &proof,
                &expected,
            )
            .unwrap();
        }
        for old in [1, 255, 256, size / 2, size - 1]
            .into_iter()
            .filter(|old| *old <= size)
        {
            let proof = consistency::prove(old as u64, size as u64, &tiles).unwrap();
            let old_root = naive::tree_hash(&entries[..old]);
            consistency::verify(old as u64, &old_root, size as u64, &expected, &proof).unwrap();
        }
    }
}

#[test]
fn a_tree_goes_on_from_its_edge_whatever_the_steps() {
    let entries = entries(1500);
    let leaves = leaves(&entries);
    let at_once = Tree::empty().append(leaves.clone());
    for step in [1, 7, 255, 256, 257, 600] {
        let mut tiles = MemoryTiles::default();
        let mut tree = Tree::empty();
        for some in leaves.chunks(step) {
            // Each step begins from what is stored, as after a restart.
            let loaded = Tree::load(tree.size(), &tiles).unwrap();
            assert_eq!(loaded, tree);
            let growth = loaded.append(some.iter().copied());
            tiles.extend(growth.tiles);
            tree = growth.tree;
        }
        assert_eq!(tree, at_once.tree, "steps of {step}");
        assert_eq!(tiles, tiles_of(&entries), "steps of {step}");
    }
}

#[test]
fn growth_names_exactly_the_tiles_that_are_new() {
    let entries = entries(700);
    let leaves = leaves(&entries);
    let before = Tree::empty().append(leaves[..300].iter().copied()).tree;
    let ids = |tiles: &[Tile]| -> Vec<(u8, u64, u16)> {
        tiles
            .iter()
            .map(|tile| (tile.id().level(), tile.id().index(), tile.id().width()))
            .collect()
    };
    let growth = before.append(leaves[300..700].iter().copied());
    assert_eq!(ids(&growth.tiles), [(0, 1, 256), (0, 2, 188), (1, 0, 2)]);
    let little = before.append([leaves[300]]);
    assert_eq!(
        ids(&little.tiles),
        [(0, 1, 45)],
        "the partial tile of level 1 is unchanged"
    );
    assert!(before.append([]).tiles.is_empty());
    assert_eq!(
        ids(&Tree::empty().append(leaves[..256].iter().copied()).tiles),
        [(0, 0, 256), (1, 0, 1)]
    );
    let edge: Vec<_> = Tree::edge_tiles(700)
        .into_iter()
        .map(|id| (id.level(), id.index(), id.width()))
        .collect();
    assert_eq!(edge, [(0, 2, 188), (1, 0, 2)]);
    assert!(Tree::edge_tiles(0).is_empty());
}

/// A store that remembers what was asked of it.
struct Recording<'a>(&'a MemoryTiles, RefCell<Vec<TileId>>);

impl TileStore for Recording<'_> {
    type Error = MissingTile;

    fn tile(&self, id: TileId) -> Result<Vec<Hash>, MissingTile> {
        self.1.borrow_mut().push(id);
        self.0.tile(id)
    }
}

#[test]
fn a_proof_reads_the_tiles_it_names_and_each_once() {
    let tiles = tiles_of(&entries(1000));
    let recording = Recording(&tiles, RefCell::default());
    inclusion::prove(600, 1000, &recording).unwrap();
    assert_eq!(recording.1.take(), inclusion::tiles(600, 1000).unwrap());
    consistency::prove(300, 1000, &recording).unwrap();
    assert_eq!(recording.1.take(), consistency::tiles(300, 1000).unwrap());
}

#[test]
fn what_cannot_be_proved_is_refused_by_name() {
    let tiles = tiles_of(&entries(10));
    let beyond = ProofError::IndexBeyondSize { index: 10, size: 10 };
    assert_eq!(inclusion::prove(10, 10, &tiles), Err(TreeError::Proof(beyond)));
    assert_eq!(
        consistency::prove(5, 4, &tiles),
        Err(TreeError::Proof(ProofError::Shrunk { old: 5, new: 4 }))
    );
    let id = TileId::new(0, 0, 20).unwrap();
    assert_eq!(inclusion::prove(0, 20, &tiles), Err(TreeError::ShortTile(id)));
    assert_eq!(Tree::load(20, &tiles), Err(TreeError::ShortTile(id)));
    let missing = TileId::new(0, 1, 44).unwrap();
    assert_eq!(
        Tree::load(300, &tiles),
        Err(TreeError::Store(MissingTile(missing)))
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn larger_trees_are_those_of_the_standard(size in 1_usize..3000, index in any::<proptest::sample::Index>()) {
        let entries = entries(size);
        let tiles = tiles_of(&entries);
        let index = index.index(size);
        let expected = naive::tree_hash(&entries);
        prop_assert_eq!(root(size as u64, &tiles).unwrap(), expected);
        prop_assert_eq!(inclusion::prove(index as u64, size as u64, &tiles).unwrap(), naive::path(index, &entries));
        let proof = consistency::prove(index as u64, size as u64, &tiles).unwrap();
        prop_assert_eq!(&proof, &naive::proof(index, &entries));
        let old_root = naive::tree_hash(&entries[..index]);
        prop_assert_eq!(consistency::verify(index as u64, &old_root, size as u64, &expected, &proof), Ok(()));
    }

    #[test]
    fn a_proof_with_anything_changed_fails(size in 2_usize..400, at in any::<(proptest::sample::Index, proptest::sample::Index, u8)>()) {
        let entries = entries(size);
        let tiles = tiles_of(&entries);
        let expected = naive::tree_hash(&entries);
        let index = at.0.index(size);
        let leaf = leaf_hash(&entries[index]);
        let proof = inclusion::prove(index as u64, size as u64, &tiles).unwrap();
        let mut flipped = proof.clone();
        flipped[at.1.index(proof.len())].0[usize::from(at.2) % 32] ^= 1;
        let verify = |leaf: &Hash, index: usize, size: usize, proof: &[Hash]| {
            inclusion::verify(leaf, index as u64, size as u64, proof, &expected)
        };
        prop_assert_eq!(verify(&leaf, index, size, &flipped), Err(ProofError::RootMismatch));
        prop_assert_eq!(verify(&expected, index, size, &proof), Err(ProofError::RootMismatch));
        let found = proof.len() - 1;
        let short = ProofError::Length { expected: proof.len(), found };
        prop_assert_eq!(verify(&leaf, index, size, &proof[..found]), Err(short));
        let other = (index + 1) % size;
        prop_assert!(verify(&leaf, other, size, &proof).is_err());
    }
}
