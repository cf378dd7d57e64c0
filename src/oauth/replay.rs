//! What was used counts once: DPoP proofs and client assertions share one memory.
//!
//! It is in memory and lost with the process. So that nothing comes back to life, what is dated before the process began
//! is refused, and what is dated ahead of our clock is written to the store as well.

use crate::base::Timestamp;
use crate::oauth::settings::Settings;
use crate::store::ephemeral::Seen;
use crate::store::{Batch, Db, Ended, Ephemeral, StoreError};

/// Why something may not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayRefusal {
    /// It is dated before anything was remembered.
    #[error("it is dated before the start of the server")]
    BeforeStart,
    /// It was used before.
    #[error("it was used before")]
    Seen,
    /// It cannot be remembered, so it cannot be accepted.
    #[error("it cannot be remembered now")]
    Overloaded,
}

/// The memory of what was used.
pub struct Replay {
    from: Timestamp,
    seen: Ephemeral<()>,
    db: Db,
}

impl Replay {
    /// Reads back what was dated ahead when it was used before the last start.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open(settings: &Settings, db: Db, now: Timestamp) -> Result<Self, StoreError> {
        let seen = Ephemeral::new(settings.replay_capacity);
        let rows = db
            .query(
                "SELECT hash, until FROM proof_ahead WHERE until > $1",
                vec![now.into()],
            )
            .await?;
        for row in rows {
            let corrupt = |_| StoreError::Corrupt("proof_ahead.hash");
            let hash = row.bytes(0)?.try_into().map_err(corrupt)?;
            // Were there no room for one of these, there would be none for what comes either, and all is refused.
            let _ = seen.insert(hash, (), row.time(1)?, now).await;
        }
        Ok(Self {
            from: settings.proofs_from,
            seen,
            db,
        })
    }

    /// Uses what `key` stands for; `issued` is the date in it, `end` when it is too old to be accepted anyway.
    ///
    /// # Errors
    /// [`ReplayRefusal`].
    pub async fn once(
        &self,
        key: [u8; 32],
        issued: Timestamp,
        end: Timestamp,
        now: Timestamp,
    ) -> Result<(), ReplayRefusal> {
        if issued < self.from {
            return Err(ReplayRefusal::BeforeStart);
        }
        match self.seen.insert(key, (), end, now).await {
            Ok(Seen::First) => {}
            Ok(Seen::Before) => return Err(ReplayRefusal::Seen),
            Err(_) => return Err(ReplayRefusal::Overloaded),
        }
        if issued <= now {
            return Ok(());
        }
        let mut batch = Batch::new();
        batch.run(
            "INSERT INTO proof_ahead (until, hash) VALUES ($2, $1) ON CONFLICT DO NOTHING",
            vec![key.as_slice().into(), end.into()],
        );
        let written = self.db.commit(batch).await;
        written.map_err(|_| ReplayRefusal::Overloaded)
    }

    /// Removes from the store what is too old by now; a job calls it now and then.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sweep(&self, now: Timestamp) -> Result<(), StoreError> {
        const OVER: Ended = Ended {
            any: "SELECT 1 FROM proof_ahead WHERE until < $1 LIMIT 1",
            some: "DELETE FROM proof_ahead WHERE until < $1 AND until <= \
                 (SELECT max(until) FROM (SELECT until FROM proof_ahead ORDER BY until LIMIT $2) AS oldest)",
        };
        self.db.forget(&OVER, now).await
    }
}
