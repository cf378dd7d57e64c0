//! What must last: one embedded database, written in batches that either happen whole or not at all.
//!
//! * [`Db`] is the handle; [`Batch`] collects guarded statements and audit events; [`group_commit`] makes many batches
//!   durable with one flush; [`migrations`] brings a store to this program's version and refuses a newer one; [`inspect()`] looks
//!   at a store and changes nothing; [`StoreCopy`] reads one that is examined;
//! * rows that are over go a piece at a time ([`Ended`]), and `write_ahead` keeps SQLite's log short once callers have their answer;
//! * every event is an [`Entry`] of the audit log, chained to the one before it by the writer;
//! * [`ephemeral`] holds what may be lost with the process: nonces, challenges, counters of short life.
//!
//! One SQL text serves every database: parameters are `$1`, `$2`, …; values are integers, text and bytes; no statement
//! reads what the next one needs. It must never let a batch half happen, nor acknowledge one that is not on disk.

mod batch;
mod bind;
mod chain;
mod copy;
mod db;
mod entry;
pub mod ephemeral;
mod error;
mod forget;
mod group_commit;
mod inspect;
mod migrations;
mod queue_wait;
mod read;
mod row;
mod short_read;
#[cfg(test)]
mod tests;
mod threads;
mod write_ahead;

pub use batch::{Batch, Guard};
pub use copy::StoreCopy;
pub use db::Db;
pub use entry::{Entry, EntryError};
pub use ephemeral::Ephemeral;
pub use error::StoreError;
pub use forget::Ended;
pub use inspect::{Inspection, fact, inspect};
#[cfg(test)]
pub(crate) use migrations::create_at;
#[cfg(test)]
pub(crate) use read::plans;
pub use row::{Row, Value};
