//! The audit log: what the gateway says happened, in a form that anyone can check and nobody can change unseen.
//!
//! Events are written in the transaction of their effect and chained there (`store::Entry`). From then on:
//!
//! * [`Sequencer`] takes committed entries in order into the Merkle tree, by compare-and-set on size, root and lease, and
//!   signs only a root that is committed (RFC 6962; C2SP `tlog-tiles`, `tlog-checkpoint`);
//! * [`Log`] is what everyone else reads: the signed checkpoint, entries, proofs, tiles as they are stored;
//! * [`Receipts`] are what a customer keeps of a payment, verifiable without the gateway;
//! * [`Anchor`] is a file outside the store that remembers what was published, so that a store which was put back or
//!   replaced is found at start;
//! * [`Passages`] counts requests that were permitted and write nothing else, such as reads;
//! * [`Refusals`] counts refusals of callers who are nobody yet, in bounded memory.
//!
//! Standards: RFC 6962, RFC 8785, C2SP as above (TLOG-01 to TLOG-13), PCI DSS 10.2 and 10.3 (PCI-13 to PCI-15), ASVS 16
//! (ASVS-09). It must never be in the way of a request, sign two trees that do not continue each other, or hold personal
//! data.

mod anchor;
mod keys;
mod log;
mod passages;
pub mod receipt;
mod records;
mod refusals;
mod search;
mod sequencer;
#[cfg(test)]
mod tests;
pub mod verify;

pub use anchor::{Anchor, AnchorFault};
pub use keys::{log_keys, origin_key};
pub use log::{Leaf, Log, LogError, Published};
pub use passages::{Passage, Passages};
pub use receipt::Receipts;
pub use refusals::Refusals;
pub use search::{Found, Search};
pub use sequencer::{Sequencer, SequencerError};
