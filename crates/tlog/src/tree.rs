//! The tree as tiles: grown by appending leaves, and read back tile by tile.

use crate::hash::{self, empty_root, node_hash};
use crate::ranges::{Node, Range};
use crate::tile::{FULL_WIDTH, HEIGHT};
use crate::{Hash, ProofError, Tile, TileId};
use std::collections::BTreeMap;

/// Where a log's tiles are read from.
pub trait TileStore {
    /// What can go wrong with the storage.
    type Error;

    /// The hashes of a tile, at least as many as `id` says: the first of a wider version of the same tile are the same.
    /// So a store may keep the widest version only.
    ///
    /// # Errors
    /// The store's own.
    fn tile(&self, id: TileId) -> Result<Vec<Hash>, Self::Error>;
}

/// The right edge of a tree: all that is needed to append to it. A value; what failed to be stored is dropped with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    /// From level 0 up, the hashes of the partial tile at the right edge; none where all tiles are full.
    edge: Vec<Vec<Hash>>,
}

/// A tree after appending, and the tiles that are new: full ones, and the partial ones at the new right edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Growth {
    /// The tree.
    pub tree: Tree,
    /// The tiles to store with it, each once. A partial tile replaces no earlier one: those of published checkpoints
    /// stay served.
    pub tiles: Vec<Tile>,
}

impl Tree {
    /// The tree without leaves.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Reads the right edge of the tree of `size` from its tiles.
    ///
    /// # Errors
    /// [`TreeError`] when the store fails or gives a short tile. Compare [`Tree::root`] with what was committed.
    pub fn load<S: TileStore>(size: u64, tiles: &S) -> Result<Self, TreeError<S::Error>> {
        let mut edge = Vec::new();
        let mut hashes = size;
        for level in 0.. {
            if hashes == 0 {
                break;
            }
            let index = hashes / u64::from(FULL_WIDTH);
            let partial = TileId::in_tree(level, index, size);
            edge.push(partial.map(|id| read(id, tiles)).transpose()?.unwrap_or_default());
            hashes = index;
        }
        Ok(Self { size, edge })
    }

    /// The tiles that [`Tree::load`] reads.
    #[must_use]
    pub fn edge_tiles(size: u64) -> Vec<TileId> {
        let full = u64::from(FULL_WIDTH);
        let levels = (0..).map_while(|level: u8| Some((level, size.checked_shr(HEIGHT * u32::from(level))?)));
        levels
            .filter_map(|(level, hashes)| TileId::in_tree(level, hashes / full, size))
            .collect()
    }

    /// How many leaves there are.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut root = None;
        for hashes in &self.edge {
            let mut rest = hashes.as_slice();
            while !rest.is_empty() {
                // The smallest perfect subtree stands rightmost.
                let (left, right) = rest.split_at(rest.len() - (1 << rest.len().trailing_zeros()));
                let peak = hash::root(right);
                root = Some(root.map_or(peak, |below| node_hash(&peak, &below)));
                rest = left;
            }
        }
        root.unwrap_or_else(empty_root)
    }

    /// The tree with these leaf hashes appended, in order.
    #[must_use]
    pub fn append(&self, leaves: impl IntoIterator<Item = Hash>) -> Growth {
        let mut tree = self.clone();
        let mut tiles = Vec::new();
        for leaf in leaves {
            tree.push(leaf, &mut tiles);
        }
        tiles.extend(tree.partial_tiles_since(self));
        Growth { tree, tiles }
    }

    fn push(&mut self, leaf: Hash, tiles: &mut Vec<Tile>) {
        self.size += 1;
        let mut carry = Some(leaf);
        let mut level = 0_u8;
        let mut edge = self.edge.iter_mut();
        while let Some(hash) = carry.take() {
            let Some(hashes) = edge.next() else {
                self.edge.push(vec![hash]);
                break;
            };
            hashes.push(hash);
            if hashes.len() == usize::from(FULL_WIDTH) {
                let full = std::mem::take(hashes);
                carry = Some(hash::root(&full));
                let index = (self.size >> (HEIGHT * (u32::from(level) + 1))) - 1;
                tiles.extend(TileId::new(level, index, FULL_WIDTH).and_then(|id| Tile::new(id, full)));
            }
            level += 1;
        }
    }

    fn partial_tiles_since<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = Tile> + 'a {
        self.edge.iter().zip(0_u8..).filter_map(|(hashes, level)| {
            let index = self.size >> (HEIGHT * (u32::from(level) + 1));
            let id = TileId::in_tree(level, index, self.size)?;
            let unchanged = TileId::in_tree(level, index, before.size) == Some(id);
            if unchanged {
                None
            } else {
                Tile::new(id, hashes.clone()).ok()
            }
        })
    }
}

/// The root of the first `size` leaves.
///
/// # Errors
/// [`TreeError`] when the store fails or gives a short tile.
pub fn root<S: TileStore>(size: u64, tiles: &S) -> Result<Hash, TreeError<S::Error>> {
    let hashes = hashes_of_ranges(&[Range::whole(size)], size, tiles)?;
    Ok(hashes.into_iter().next().unwrap_or_else(empty_root))
}

/// The hash of each range of leaves as one subtree, in the tree of `size`. Each tile is read once.
pub(crate) fn hashes_of_ranges<S: TileStore>(
    ranges: &[Range],
    size: u64,
    tiles: &S,
) -> Result<Vec<Hash>, TreeError<S::Error>> {
    let mut at_hand = BTreeMap::new();
    for id in tiles_of_ranges(ranges, size) {
        at_hand.insert(id, read(id, tiles)?);
    }
    let subtree = |node: &Node| {
        let (id, leaves) = place(*node, size)?;
        at_hand.get(&id)?.get(leaves).map(hash::root)
    };
    let in_range = |range: &Range| {
        let subtrees: Option<Vec<Hash>> = range.nodes().iter().map(subtree).collect();
        let folded = subtrees?
            .into_iter()
            .rev()
            .reduce(|right, left| node_hash(&left, &right));
        Some(folded.unwrap_or_else(empty_root))
    };
    let beyond = |range: &Range| ProofError::IndexBeyondSize {
        index: range.end,
        size,
    };
    ranges
        .iter()
        .map(|range| in_range(range).ok_or(TreeError::Proof(beyond(range))))
        .collect()
}

pub(crate) fn tiles_of_ranges(ranges: &[Range], size: u64) -> Vec<TileId> {
    let nodes = ranges.iter().flat_map(|range| range.nodes());
    let mut tiles: Vec<TileId> = nodes
        .filter_map(|node| place(node, size).map(|(id, _)| id))
        .collect();
    tiles.sort_unstable();
    tiles.dedup();
    tiles
}

/// In which tile a perfect subtree is found, and which of its hashes are its leaves there.
fn place(node: Node, size: u64) -> Option<(TileId, std::ops::Range<usize>)> {
    let level = u8::try_from(node.height / HEIGHT).ok()?;
    let leaves = 1_u64 << (node.height % HEIGHT);
    let first = node.index.checked_mul(leaves)?;
    let id = TileId::in_tree(level, first / u64::from(FULL_WIDTH), size)?;
    let offset = usize::try_from(first % u64::from(FULL_WIDTH)).ok()?;
    Some((id, offset..offset + usize::try_from(leaves).ok()?))
}

/// Exactly the hashes that the identifier says.
fn read<S: TileStore>(id: TileId, tiles: &S) -> Result<Vec<Hash>, TreeError<S::Error>> {
    let mut hashes = tiles.tile(id).map_err(TreeError::Store)?;
    if hashes.len() < usize::from(id.width()) {
        return Err(TreeError::ShortTile(id));
    }
    hashes.truncate(usize::from(id.width()));
    Ok(hashes)
}

/// Why a tree, or a proof from it, could not be computed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeError<E> {
    /// There is no such proof.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The store failed.
    #[error("tiles cannot be read: {0}")]
    Store(E),
    /// The store gave fewer hashes than the tile has.
    #[error("tile {} has too few hashes", crate::Resource::Tile(*.0))]
    ShortTile(TileId),
}

/// Tiles in memory: of each place the widest version. For tests, and for those who fetch the tiles of a proof first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryTiles {
    tiles: BTreeMap<(u8, u64), Vec<Hash>>,
}

impl MemoryTiles {
    /// Takes a tile in, unless a wider version of it is there.
    pub fn insert(&mut self, tile: Tile) {
        let here = self
            .tiles
            .entry((tile.id().level(), tile.id().index()))
            .or_default();
        if here.len() < tile.hashes().len() {
            *here = tile.into_hashes();
        }
    }
}

impl Extend<Tile> for MemoryTiles {
    fn extend<I: IntoIterator<Item = Tile>>(&mut self, tiles: I) {
        tiles.into_iter().for_each(|tile| self.insert(tile));
    }
}

impl TileStore for MemoryTiles {
    type Error = MissingTile;

    fn tile(&self, id: TileId) -> Result<Vec<Hash>, MissingTile> {
        self.tiles
            .get(&(id.level(), id.index()))
            .cloned()
            .ok_or(MissingTile(id))
    }
}

/// A tile that was not put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tile {} is missing", crate::Resource::Tile(*.0))]
pub struct MissingTile(pub TileId);
