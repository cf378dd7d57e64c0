//! The check of a whole copy of a log: every entry against every tile against the root.

use crate::{
    BundleError, BundleId, BundleStore, EntryBundle, Hash, ProofError, Tile, TileId, TileStore, Tree,
};

/// Reads all entries and all tiles of the log of `size`, and verifies that they are what the root stands for.
///
/// # Errors
/// An [`AuditError`] that names the first entry, tile or root that does not fit.
pub fn audit<S, E>(size: u64, root: &Hash, store: &S) -> Result<(), AuditError<E>>
where
    S: TileStore<Error = E> + BundleStore<Error = E>,
{
    let mut tree = Tree::empty();
    for id in BundleId::all(size) {
        let leaves = leaves_of(id, store)?;
        check_leaves(id, size, &leaves, store)?;
        let growth = tree.append(leaves);
        growth
            .tiles
            .iter()
            .filter(|tile| belongs(tile.id(), size))
            .try_for_each(|tile| check_tile(tile, store))?;
        tree = growth.tree;
    }
    if tree.root() == *root {
        Ok(())
    } else {
        Err(AuditError::Root(ProofError::RootMismatch))
    }
}

/// Leaf hashes of a bundle, exactly as many as the log has there.
fn leaves_of<S, E>(id: BundleId, store: &S) -> Result<Vec<Hash>, AuditError<E>>
where
    S: BundleStore<Error = E>,
{
    let bytes = store.bundle(id).map_err(AuditError::Store)?;
    let bundle = EntryBundle::decode(&bytes).map_err(|error| AuditError::Bundle { id, error })?;
    let mut leaves = bundle.leaf_hashes();
    if leaves.len() < usize::from(id.width()) {
        let first_missing = id.first_entry() + leaves.len() as u64;
        return Err(AuditError::MissingEntry { index: first_missing });
    }
    leaves.truncate(usize::from(id.width()));
    Ok(leaves)
}

/// The tile of level 0 at the same place names the first entry that was changed.
fn check_leaves<S, E>(id: BundleId, size: u64, leaves: &[Hash], store: &S) -> Result<(), AuditError<E>>
where
    S: TileStore<Error = E>,
{
    let Some(tile) = TileId::in_tree(0, id.index(), size) else {
        return Ok(());
    };
    let stored = store.tile(tile).map_err(AuditError::Store)?;
    if stored.len() < leaves.len() {
        return Err(AuditError::ShortTile(tile));
    }
    let differs = |(stored, leaf): (&Hash, &Hash)| stored != leaf;
    match stored.iter().zip(leaves).position(differs) {
        Some(place) => Err(AuditError::Entry {
            index: id.first_entry() + place as u64,
        }),
        None => Ok(()),
    }
}

/// Partial tiles on the way to `size` are not part of the log; those at its edge and all full ones are.
fn belongs(id: TileId, size: u64) -> bool {
    id.level() > 0 && TileId::in_tree(id.level(), id.index(), size) == Some(id)
}

fn check_tile<S, E>(tile: &Tile, store: &S) -> Result<(), AuditError<E>>
where
    S: TileStore<Error = E>,
{
    let stored = store.tile(tile.id()).map_err(AuditError::Store)?;
    match stored.get(..tile.hashes().len()) {
        None => Err(AuditError::ShortTile(tile.id())),
        Some(hashes) if hashes == tile.hashes() => Ok(()),
        Some(_) => Err(AuditError::Tile(tile.id())),
    }
}

/// What does not fit in a copy of a log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuditError<E> {
    /// The copy cannot be read.
    #[error("the log cannot be read: {0}")]
    Store(E),
    /// A bundle is malformed.
    #[error("bundle {}: {error}", crate::Resource::Entries(*id))]
    Bundle {
        /// Which one.
        id: BundleId,
        /// What is wrong with it.
        error: BundleError,
    },
    /// The log was cut off.
    #[error("entry {index} is missing")]
    MissingEntry {
        /// Index of the first entry that is not there.
        index: u64,
    },
    /// An entry is not the one that the tree has.
    #[error("entry {index} was changed")]
    Entry {
        /// Index of the first such entry.
        index: u64,
    },
    /// A tile has too few hashes.
    #[error("tile {} has too few hashes", crate::Resource::Tile(*.0))]
    ShortTile(TileId),
    /// A tile is not what the tiles below it make.
    #[error("tile {} was changed", crate::Resource::Tile(*.0))]
    Tile(TileId),
    /// All fits together, but to another root.
    #[error(transparent)]
    Root(ProofError),
}
