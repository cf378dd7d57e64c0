//! The admin listener's API under `/admin/v1/`: what operators and key custodians do, each known by a client certificate.
//!
//! * [`api`] is the table of paths; every path stands behind [`guard`], which finds the admin, asks the policies, and
//!   records what was done and what was refused (PCI DSS 10.2.1, 10.2.2);
//! * [`keys`] lists, rotates and revokes keys; [`gateway`] shows what is in force and reloads it;
//!   [`audit`] reads the log (PCI DSS 10.3.1);
//! * [`bans`] shows who is banned for flooding, and ends a ban;
//! * [`records`] are the registered admins; [`needs`] is what this door asks of the rest of the gateway.
//!
//! It must never act for a certificate that is not registered, decide by itself what a role may do, or do anything that
//! leaves no event.

mod api;
mod audit;
mod bans;
mod gateway;
mod guard;
mod keys;
mod needs;
mod order;
mod records;
#[cfg(test)]
mod tests;

pub use api::{Services, router};
pub use audit::Readers;
pub use needs::{AdminFacts, Authorize, InForce, Reload, ReloadReport, Reloading, Running, action};
pub use records::{Admin, Admins, CONFLICT, NewAdmin, add_to_batch};
