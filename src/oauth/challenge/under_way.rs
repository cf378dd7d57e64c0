//! The logins under way, in two spaces: whoever fills the one of strangers keeps no known device out.

use super::pending::Pending;
use crate::base::Timestamp;
use crate::store::Ephemeral;
use crate::store::ephemeral::{Full, Seen};

/// Logins under way, by the SHA-256 of their `auth_session`.
pub(in crate::oauth) struct UnderWay {
    strangers: Ephemeral<Pending>,
    known: Ephemeral<Pending>,
}

impl UnderWay {
    /// With room for `capacity` logins of strangers, and for as many of known devices.
    pub(in crate::oauth) fn new(capacity: usize) -> Self {
        Self {
            strangers: Ephemeral::new(capacity),
            known: Ephemeral::new(capacity),
        }
    }

    /// Keeps a login until `end`.
    ///
    /// # Errors
    /// [`Full`] when there is no room among its like.
    pub(super) async fn keep(
        &self,
        key: [u8; 32],
        pending: Pending,
        end: Timestamp,
        now: Timestamp,
    ) -> Result<Seen, Full> {
        let space = if pending.known {
            &self.known
        } else {
            &self.strangers
        };
        space.insert(key, pending, end, now).await
    }

    /// Takes a login out: of two calls that go on with it, one gets it.
    pub(super) async fn take(&self, key: &[u8; 32], now: Timestamp) -> Option<Pending> {
        match self.known.take(key, now).await {
            Some(pending) => Some(pending),
            None => self.strangers.take(key, now).await,
        }
    }
}
