//! What each door has for itself, so that a flood at one leaves the others as they were.

use std::sync::Arc;

use super::buffered::Budget;
use super::http::Limits;
use super::places::Places;
use super::undelivered::Undelivered;
use crate::base::Door;

/// Connections at the admin door: a few people and tools, with browsers that open six each.
const ADMIN_CONNECTIONS: usize = 256;
/// Those of them that one source gets: ten browsers behind one address. Whoever reaches the door without a certificate holds
/// a place for the time of a handshake; with a part only, they do not shut out all admins.
const ADMIN_CONNECTIONS_PER_SOURCE: usize = 64;
/// Bytes of bodies of admins' requests in memory, of which one source gets a quarter: bodies have
/// [`crate::base::limits::ADMIN_BODY_BYTES`] at most.
const ADMIN_BUFFERED_BYTES: u64 = 16 << 20;
/// Connections at the operations listener: monitoring and probes.
const OPERATIONS_CONNECTIONS: usize = 64;

/// Places and memory, door by door.
pub(super) struct Rooms {
    public: Arc<Places>,
    mutual: Arc<Places>,
    admin: Arc<Places>,
    /// Places at the operations listener, which is no door.
    pub(super) operations: Arc<Places>,
    /// For bodies at the public door and its twin.
    bodies: Arc<Budget>,
    admin_bodies: Arc<Budget>,
    /// For answers there, until they are taken.
    answers: Arc<Undelivered>,
    admin_answers: Arc<Undelivered>,
}

impl Rooms {
    pub(super) fn new(limits: &Limits) -> Self {
        let public = || Places::new(limits.connections, limits.connections_per_source);
        Self {
            public: public(),
            mutual: public(),
            admin: Places::new(ADMIN_CONNECTIONS, ADMIN_CONNECTIONS_PER_SOURCE),
            // One source may fill these: all monitoring may run on one machine, which the gateway's own is.
            operations: Places::new(OPERATIONS_CONNECTIONS, OPERATIONS_CONNECTIONS),
            bodies: Budget::new(limits.buffered_bytes),
            admin_bodies: Budget::new(ADMIN_BUFFERED_BYTES),
            answers: Undelivered::beside(limits.buffered_bytes),
            admin_answers: Undelivered::beside(ADMIN_BUFFERED_BYTES),
        }
    }

    /// The places at a door.
    pub(super) const fn places(&self, door: Door) -> &Arc<Places> {
        match door {
            Door::Public => &self.public,
            Door::MutualTls => &self.mutual,
            Door::Admin => &self.admin,
        }
    }

    /// The memory for bodies at a door.
    pub(super) const fn bodies(&self, door: Door) -> &Arc<Budget> {
        match door {
            Door::Public | Door::MutualTls => &self.bodies,
            Door::Admin => &self.admin_bodies,
        }
    }

    /// The memory for answers at a door that were not taken.
    pub(super) const fn answers(&self, door: Door) -> &Arc<Undelivered> {
        match door {
            Door::Public | Door::MutualTls => &self.answers,
            Door::Admin => &self.admin_answers,
        }
    }
}
