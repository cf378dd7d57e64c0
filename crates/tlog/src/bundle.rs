//! Entry bundles: up to 256 entries, each behind its length in two bytes (C2SP `tlog-tiles`, "Log entries").

use crate::hash::leaf_hash;
use crate::tile::FULL_WIDTH;
use crate::{BundleId, Hash};

/// Longest entry, in bytes: its length stands in two bytes.
pub const MAX_ENTRY_BYTES: usize = 65_535;

/// Where a log's bundles are read from.
pub trait BundleStore {
    /// What can go wrong with the storage.
    type Error;

    /// The bytes of a bundle, with at least as many entries as `id` says. A store may keep the widest version only.
    ///
    /// # Errors
    /// The store's own.
    fn bundle(&self, id: BundleId) -> Result<Vec<u8>, Self::Error>;
}

/// The entries of one bundle, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryBundle {
    entries: Vec<Vec<u8>>,
}

impl EntryBundle {
    /// Reads the bytes of a bundle.
    ///
    /// # Errors
    /// A [`BundleError`] that says what is wrong.
    pub fn decode(mut bytes: &[u8]) -> Result<Self, BundleError> {
        let mut entries = Vec::new();
        while !bytes.is_empty() {
            let (length, rest) = bytes.split_first_chunk::<2>().ok_or(BundleError::Truncated)?;
            let length = usize::from(u16::from_be_bytes(*length));
            let (entry, rest) = rest.split_at_checked(length).ok_or(BundleError::Truncated)?;
            if entries.len() == usize::from(FULL_WIDTH) {
                return Err(BundleError::TooManyEntries);
            }
            entries.push(entry.to_vec());
            bytes = rest;
        }
        Ok(Self { entries })
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// [`BundleError::EntryTooLarge`], or [`BundleError::TooManyEntries`] when the bundle is full.
    pub fn push(&mut self, entry: Vec<u8>) -> Result<(), BundleError> {
        if entry.len() > MAX_ENTRY_BYTES {
            return Err(BundleError::EntryTooLarge { bytes: entry.len() });
        }
        if self.is_full() {
            return Err(BundleError::TooManyEntries);
        }
        self.entries.push(entry);
        Ok(())
    }

    /// The bytes to serve.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for entry in &self.entries {
            // `push` and `decode` let no longer entry in.
            bytes.extend(u16::try_from(entry.len()).unwrap_or(u16::MAX).to_be_bytes());
            bytes.extend(entry);
        }
        bytes
    }

    /// The entries.
    #[must_use]
    pub fn entries(&self) -> &[Vec<u8>] {
        &self.entries
    }

    /// The hashes of the entries, as the tile of level 0 at the same place has them.
    #[must_use]
    pub fn leaf_hashes(&self) -> Vec<Hash> {
        self.entries.iter().map(|entry| leaf_hash(entry)).collect()
    }

    /// Whether there are 256 entries.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.entries.len() >= usize::from(FULL_WIDTH)
    }
}

/// Appends entries to a log of `size` entries whose last bundle, where it is partial, is `last`. What comes out replaces
/// or follows it, in order: full bundles, and one partial bundle at the new edge.
///
/// # Errors
/// [`BundleError`] when an entry is too large, or `last` does not fit `size`.
pub fn append(
    size: u64,
    last: EntryBundle,
    entries: impl IntoIterator<Item = Vec<u8>>,
) -> Result<Vec<(BundleId, EntryBundle)>, BundleError> {
    let full = u64::from(FULL_WIDTH);
    if usize::try_from(size % full) != Ok(last.entries.len()) {
        return Err(BundleError::WrongEdge);
    }
    let mut bundles = Vec::new();
    let mut edge = last;
    let mut index = size / full;
    let mut grown = false;
    for entry in entries {
        edge.push(entry)?;
        grown = true;
        if edge.is_full() {
            bundles.push(named(index, std::mem::take(&mut edge))?);
            index += 1;
            grown = false;
        }
    }
    if grown {
        bundles.push(named(index, edge)?);
    }
    Ok(bundles)
}

fn named(index: u64, bundle: EntryBundle) -> Result<(BundleId, EntryBundle), BundleError> {
    let width = u16::try_from(bundle.entries.len()).map_err(|_| BundleError::TooManyEntries)?;
    let id = BundleId::new(index, width).map_err(|_| BundleError::TooManyEntries)?;
    Ok((id, bundle))
}

/// What is wrong with a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// The bytes end within an entry.
    #[error("the bundle ends within an entry")]
    Truncated,
    /// More than 256 entries.
    #[error("the bundle has more than 256 entries")]
    TooManyEntries,
    /// An entry is longer than 65,535 bytes.
    #[error("an entry of {bytes} bytes is too large")]
    EntryTooLarge {
        /// How long it is.
        bytes: usize,
    },
    /// The partial bundle does not have the entries that the size says.
    #[error("the last bundle does not fit the size of the log")]
    WrongEdge,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_reads_what_it_writes() {
        let mut bundle = EntryBundle::default();
        for entry in [b"".to_vec(), b"a".to_vec(), vec![7; MAX_ENTRY_BYTES]] {
            bundle.push(entry).unwrap();
        }
        assert_eq!(&bundle.encode()[..5], [0, 0, 0, 1, b'a']);
        assert_eq!(EntryBundle::decode(&bundle.encode()), Ok(bundle));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        // TLOG-07
        let mut bundle = EntryBundle::default();
        let bytes = MAX_ENTRY_BYTES + 1;
        assert_eq!(
            bundle.push(vec![0; bytes]),
            Err(BundleError::EntryTooLarge { bytes })
        );
        for bytes in [&[0][..], &[0, 1], &[0, 1, 7, 0], &[255, 255, 0]] {
            assert_eq!(EntryBundle::decode(bytes), Err(BundleError::Truncated));
        }
        assert!(EntryBundle::decode(&[0; 512]).is_ok());
        assert_eq!(EntryBundle::decode(&[0; 514]), Err(BundleError::TooManyEntries));
        assert_eq!(append(1, EntryBundle::default(), []), Err(BundleError::WrongEdge));
    }

    #[test]
    fn appending_fills_the_edge_and_goes_on() {
        let entries = |count: usize| (0..count).map(|number| number.to_string().into_bytes());
        let mut last = EntryBundle::default();
        entries(250).for_each(|entry| last.push(entry).unwrap());
        let bundles = append(250, last, entries(300)).unwrap();
        let ids: Vec<_> = bundles.iter().map(|(id, _)| (id.index(), id.width())).collect();
        assert_eq!(ids, [(0, 256), (1, 256), (2, 38)]);
        let exact = append(0, EntryBundle::default(), entries(256)).unwrap();
        assert_eq!(exact.len(), 1);
        assert_eq!(append(256, EntryBundle::default(), []), Ok(vec![]));
    }
}
