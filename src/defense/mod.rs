//! What makes a flood expensive for its sender only: rates, bans, shedding.
//!
//! * [`Defense`] is asked by doors and gate: may this connection stay, may this request go on;
//! * [`rate`] is the rule, pure (GCRA, ITU-T I.371); [`budgets`] keeps what senders owe in a memory of fixed size;
//! * [`source`] says which addresses are one sender; [`ban`] keeps whom nothing is taken from for a time;
//! * [`shed`] tells a standing queue from a busy moment, and who is turned away first (after CoDel, RFC 8289);
//! * [`lines`] bounds what strangers can make the gateway write into its log;
//! * [`record`] puts bans on record.
//!
//! The rules come with every question, from the configuration in force, and the tables keep the state, so a reload changes
//! a rate without letting anyone off. Implements RFC 6585 section 4 (429 with `Retry-After`) and PCI DSS 10.2.1.4 for bans.
//!
//! It must never ban for anything but a flood, exempt a trusted source from more than bans and source rates, take a lock
//! that all cores share, or hold more memory because more sources come.

mod ban;
mod budgets;
mod guard;
mod lines;
mod rate;
mod record;
mod shed;
mod source;
#[cfg(test)]
mod tests;

pub use ban::{Ban, Cause};
pub use guard::Defense;
pub use lines::Lines;
pub use record::record;
pub use shed::{Class, INTERVAL, Queue, Shed};
pub use source::{Network, Source};
