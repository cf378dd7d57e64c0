//! Examining a copy of the log offline: a folder of tiles, or the file of a store.
//!
//! * [`copy`] reads what there is ([`TileFolder`], [`StoredLog`]); [`entries`] goes through entry after entry; [`verify()`]
//!   puts it together and names what does not fit ([`Finding`]).
//!
//! It must never believe anything in the copy that a signature or a hash does not show, and never change the copy.

pub mod copy;
mod entries;
mod finding;
mod stored;
#[expect(clippy::module_inception, reason = "the file is named after its one function")]
mod verify;

pub use copy::{CopyError, LogCopy, StoredLog, TileFolder};
pub use finding::Finding;
pub use verify::{Verdict, verify, verify_store};
