//! A transparency log without I/O: what a log writer, a witness and a verifier compute alike.
//!
//! * [`hash`], [`inclusion`], [`consistency`]: the Merkle tree of RFC 6962, section 2.1, and its proofs;
//! * [`tile`], [`bundle`], [`tree`]: the tree and its entries as tiles of 256 (C2SP `tlog-tiles`), grown by appending
//!   and read through the small trait [`TileStore`];
//! * [`note`], [`checkpoint`], [`cosignature`]: signed notes, tree heads, and the statements of witnesses (C2SP
//!   `signed-note`, `tlog-checkpoint`, `tlog-cosignature`, with Ed25519);
//! * [`trust`], [`log_proof`], [`witness`], [`mod@audit`]: whom a verifier believes, the proof file of one entry (C2SP
//!   `tlog-proof`), what a witness checks (C2SP `tlog-witness`), and the check of a whole copy.
//!
//! It must never sign (a closure of the caller does), never accept a second spelling of what it parses, and never
//! report a fault without its name.
//!
#![doc = include_str!("../README.md")]

pub mod audit;
pub mod bundle;
pub mod checkpoint;
pub mod consistency;
pub mod cosignature;
mod decimal;
pub mod hash;
pub mod inclusion;
mod key;
pub mod log_proof;
pub mod note;
mod ranges;
pub mod tile;
mod tile_path;
pub mod tree;
pub mod trust;
pub mod witness;

pub use audit::{AuditError, audit};
pub use bundle::{BundleError, BundleStore, EntryBundle};
pub use checkpoint::{Checkpoint, CheckpointError, SuccessionError};
pub use hash::{Hash, HashTextError};
pub use key::{KeyError, SignatureKind, VerifierKey};
pub use log_proof::{LogProof, LogProofError};
pub use note::{Note, NoteError, NoteSignature};
pub use ranges::ProofError;
pub use tile::{BundleId, Tile, TileId, TileIdError};
pub use tile_path::{Resource, ResourceError};
pub use tree::{Growth, MemoryTiles, TileStore, Tree, TreeError};
pub use trust::{Trust, TrustError, Trusted};
pub use witness::{AddCheckpoint, WitnessRefusal};
