//! Tiles: 256 consecutive hashes of one level of the tree, eight levels of the tree apart (C2SP `tlog-tiles`).

use crate::Hash;
use crate::hash::HASH_BYTES;

/// Hashes of a full tile, and entries of a full bundle.
pub const FULL_WIDTH: u16 = 256;

/// The highest level a tile can have.
pub const MAX_LEVEL: u8 = 63;

/// Levels of the tree between one level of tiles and the next.
pub(crate) const HEIGHT: u32 = 8;

/// Which tile: level, place within the level, and how many hashes it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TileId {
    level: u8,
    index: u64,
    width: u16,
}

/// Which bundle of entries: place, and how many entries it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BundleId {
    index: u64,
    width: u16,
}

/// A tile with its hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    id: TileId,
    hashes: Vec<Hash>,
}

impl TileId {
    /// Names a tile.
    ///
    /// # Errors
    /// [`TileIdError`] for a level above 63, or a width that is not 1 to 256.
    pub const fn new(level: u8, index: u64, width: u16) -> Result<Self, TileIdError> {
        if level > MAX_LEVEL {
            return Err(TileIdError::Level);
        }
        if width == 0 || width > FULL_WIDTH {
            return Err(TileIdError::Width);
        }
        Ok(Self { level, index, width })
    }

    /// The tile at this place as the tree of `size` has it: full, or partial at the right edge; `None` when the tree
    /// has no hash there.
    #[must_use]
    pub fn in_tree(level: u8, index: u64, size: u64) -> Option<Self> {
        let hashes = size.checked_shr(HEIGHT * u32::from(level)).unwrap_or_default();
        width_at(index, hashes).and_then(|width| Self::new(level, index, width).ok())
    }

    /// The level: 0 for the hashes of leaves.
    #[must_use]
    pub const fn level(self) -> u8 {
        self.level
    }

    /// The place within the level, from 0.
    #[must_use]
    pub const fn index(self) -> u64 {
        self.index
    }

    /// How many hashes the tile has: 256 when it is full.
    #[must_use]
    pub const fn width(self) -> u16 {
        self.width
    }

    /// Whether fewer than 256 hashes are there.
    #[must_use]
    pub const fn is_partial(self) -> bool {
        self.width < FULL_WIDTH
    }
}

impl BundleId {
    /// Names a bundle.
    ///
    /// # Errors
    /// [`TileIdError::Width`] for a width that is not 1 to 256.
    pub const fn new(index: u64, width: u16) -> Result<Self, TileIdError> {
        if width == 0 || width > FULL_WIDTH {
            return Err(TileIdError::Width);
        }
        Ok(Self { index, width })
    }

    /// The bundle at this place as the log of `size` entries has it; `None` when there is no entry.
    #[must_use]
    pub fn in_log(index: u64, size: u64) -> Option<Self> {
        width_at(index, size).and_then(|width| Self::new(index, width).ok())
    }

    /// All bundles of a log of `size` entries, in order.
    pub fn all(size: u64) -> impl Iterator<Item = Self> {
        (0..size.div_ceil(u64::from(FULL_WIDTH))).filter_map(move |index| Self::in_log(index, size))
    }

    /// The place, from 0.
    #[must_use]
    pub const fn index(self) -> u64 {
        self.index
    }

    /// How many entries the bundle has: 256 when it is full.
    #[must_use]
    pub const fn width(self) -> u16 {
        self.width
    }

    /// The index of the bundle's first entry.
    #[must_use]
    pub const fn first_entry(self) -> u64 {
        self.index.saturating_mul(FULL_WIDTH as u64)
    }

    /// Whether fewer than 256 entries are there.
    #[must_use]
    pub const fn is_partial(self) -> bool {
        self.width < FULL_WIDTH
    }
}

/// How much of the row of `total` things the tile at `index` has.
fn width_at(index: u64, total: u64) -> Option<u16> {
    let before = index.checked_mul(u64::from(FULL_WIDTH))?;
    let rest = total.checked_sub(before)?.min(u64::from(FULL_WIDTH));
    u16::try_from(rest).ok().filter(|width| *width > 0)
}

impl Tile {
    /// A tile with the hashes that belong to it.
    ///
    /// # Errors
    /// [`TileIdError::Width`] when there are more or fewer hashes than the width says.
    pub fn new(id: TileId, hashes: Vec<Hash>) -> Result<Self, TileIdError> {
        if hashes.len() == usize::from(id.width) {
            Ok(Self { id, hashes })
        } else {
            Err(TileIdError::Width)
        }
    }

    /// Reads the bytes that are served for a tile.
    ///
    /// # Errors
    /// [`TileIdError::Width`] when they are not exactly 32 for each hash.
    pub fn decode(id: TileId, bytes: &[u8]) -> Result<Self, TileIdError> {
        let (chunks, rest) = bytes.as_chunks::<HASH_BYTES>();
        if !rest.is_empty() {
            return Err(TileIdError::Width);
        }
        Self::new(id, chunks.iter().copied().map(Hash).collect())
    }

    /// The bytes to serve: the hashes one after the other.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.hashes.iter().flat_map(|hash| hash.0).collect()
    }

    /// Which tile this is.
    #[must_use]
    pub const fn id(&self) -> TileId {
        self.id
    }

    /// Its hashes.
    #[must_use]
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// Its hashes, given away.
    #[must_use]
    pub fn into_hashes(self) -> Vec<Hash> {
        self.hashes
    }
}

/// Why there is no such tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TileIdError {
    /// Levels go from 0 to 63.
    #[error("tiles have levels from 0 to 63")]
    Level,
    /// Widths go from 1 to 256, and the bytes fit the width.
    #[error("the width is not 1 to 256, or the content does not fit it")]
    Width,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_of_the_specification_has_these_tiles() {
        // TLOG-06; C2SP tlog-tiles, "Partial Tiles": a tree of 70,000.
        let width = |level, index| TileId::in_tree(level, index, 70_000).map(TileId::width);
        assert_eq!(width(0, 272), Some(256));
        assert_eq!(width(0, 273), Some(112));
        assert_eq!(width(0, 274), None);
        assert_eq!(
            (width(1, 0), width(1, 1), width(1, 2)),
            (Some(256), Some(17), None)
        );
        assert_eq!((width(2, 0), width(3, 0)), (Some(1), None));
        assert_eq!(TileId::in_tree(1, 0, 256).map(TileId::width), Some(1));
        assert_eq!(TileId::in_tree(0, 1, 256), None, "an empty tile is no tile");
        assert_eq!(TileId::in_tree(63, u64::MAX, u64::MAX), None);
    }

    #[test]
    fn bytes_must_fit_the_width() {
        let id = TileId::new(0, 0, 2).unwrap();
        let tile = Tile::decode(id, &[7; 64]).unwrap();
        assert_eq!(tile.encode(), [7; 64]);
        for length in [0, 32, 63, 65, 96] {
            assert_eq!(Tile::decode(id, &vec![7; length]), Err(TileIdError::Width));
        }
        assert_eq!(TileId::new(64, 0, 1), Err(TileIdError::Level));
        assert_eq!(TileId::new(0, 0, 0), Err(TileIdError::Width));
        assert_eq!(TileId::new(0, 0, 257), Err(TileIdError::Width));
    }
}
