//! `countersign check`: everything that would keep the gateway from starting, or from lasting, told at once.
//!
//! It must never change anything, print a secret it resolves, or stop at the first fault.

mod certificate;
mod command;
mod revocation;
mod store;
#[cfg(test)]
mod tests;

pub use command::{CheckArgs, Findings, FurtherCheck, check, run};
pub use store::store_check;
