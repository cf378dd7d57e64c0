//! Refusals that no gate sees: of connections, of framing, of heads.

use std::net::IpAddr;

use crate::base::{Code, Timestamp};

/// Counts them, in the metrics and for the log.
pub trait CountRefusals: Send + Sync + 'static {
    /// One refusal with `code` of what came from `source`. Must not wait, and must hold bounded memory for any number of
    /// sources.
    fn count(&self, source: IpAddr, code: Code, now: Timestamp);
}

/// Counts nothing: for a door that stands alone.
#[derive(Clone, Copy, Debug)]
pub struct NotCounted;

impl CountRefusals for NotCounted {
    fn count(&self, _: IpAddr, _: Code, _: Timestamp) {}
}
