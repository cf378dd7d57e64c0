//! Telling of a connection that is refused for what came over it.

use std::net::SocketAddr;
use std::sync::Arc;

use super::accept::Edge;
use crate::base::Code;
use crate::telemetry::names;

/// Knows whose connection it is.
#[derive(Clone)]
pub(super) struct Report {
    edge: Arc<Edge>,
    peer: SocketAddr,
}

impl Report {
    pub(super) const fn new(edge: Arc<Edge>, peer: SocketAddr) -> Self {
        Self { edge, peer }
    }

    /// Counts one refusal, by its code and by `reason`, which is a word of the program.
    pub(super) fn refused(&self, reason: &'static str, code: Code) {
        tracing::debug!(peer = %self.peer, reason, code = code.name(), "a client was refused for its frames");
        self.edge.metrics.count(&names::FRAMES_REFUSED, [reason.into()]);
        self.edge
            .refusals
            .count(self.peer.ip(), code, self.edge.clock.now());
    }
}
