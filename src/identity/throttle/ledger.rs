//! Failures in the store: one row per name, factor and ledger, changed only from the state it was judged by.

use std::collections::HashMap;
use std::time::Duration;

use super::state::{State, Verdict};
use crate::base::Timestamp;
use crate::identity::assurance::Factor;
use crate::identity::settings::ThrottleRule;
use crate::privacy::UsernameIndex;
use crate::store::{Batch, Db, StoreError};

/// How often an attempt is counted anew because another one came between.
const TRIES: usize = 16;
/// Failures of names that do not exist are forgotten after this.
const UNKNOWN_KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Whose failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ledger {
    /// Anyone's.
    Strangers,
    /// Those of devices the customer has used before.
    KnownDevices,
}

impl Ledger {
    const fn name(self) -> &'static str {
        match self {
            Self::Strangers => "strangers",
            Self::KnownDevices => "known",
        }
    }
}

/// The attempt is not judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many failures in a row")]
pub struct Throttled {
    /// How long to wait.
    pub retry_after: Duration,
}

/// An attempt that was counted and may be judged.
#[derive(Clone, Debug)]
pub struct Attempt {
    name: UsernameIndex,
    ledger: Ledger,
    counted: Vec<Counted>,
}

#[derive(Clone, Copy, Debug)]
struct Counted {
    factor: Factor,
    before: State,
    after: State,
}

impl Attempt {
    /// The factors that are blocked if this attempt fails.
    pub fn would_block(&self) -> impl Iterator<Item = Factor> + '_ {
        self.counted
            .iter()
            .filter(|counted| counted.after.blocked_until > counted.before.blocked_until)
            .map(|counted| counted.factor)
    }

    /// Whose failures it counts among.
    #[must_use]
    pub const fn ledger(&self) -> Ledger {
        self.ledger
    }
}

/// The throttle of logins.
#[derive(Clone)]
pub struct Throttle {
    db: Db,
    rule: ThrottleRule,
}

impl Throttle {
    /// By `rule`, in `db`.
    #[must_use]
    pub const fn new(db: Db, rule: ThrottleRule) -> Self {
        Self { db, rule }
    }

    /// Counts an attempt at every one of `factors` as failed, before any of them is judged.
    ///
    /// # Errors
    /// `Ok(Err(Throttled))` when one of them is blocked or off; [`StoreError`].
    pub async fn begin(
        &self,
        name: UsernameIndex,
        ledger: Ledger,
        factors: &[Factor],
        now: Timestamp,
    ) -> Result<Result<Attempt, Throttled>, StoreError> {
        for _ in 0..TRIES {
            let states = self.states(name, ledger).await?;
            let mut counted = Vec::new();
            for factor in factors {
                let before = states.get(factor.name()).copied().unwrap_or_default();
                match before.verdict(&self.rule, now) {
                    Verdict::Open => counted.push(Counted {
                        factor: *factor,
                        before,
                        after: before.after_failure(&self.rule, now),
                    }),
                    Verdict::Blocked(until) => {
                        return Ok(Err(Throttled {
                            retry_after: until.since(now),
                        }));
                    }
                    Verdict::Off => {
                        return Ok(Err(Throttled {
                            retry_after: self.rule.longest_block,
                        }));
                    }
                }
            }
            let mut batch = Batch::new();
            for one in &counted {
                write(&mut batch, name, ledger, one, now);
            }
            match self.db.commit(batch).await {
                Ok(()) => {
                    return Ok(Ok(Attempt {
                        name,
                        ledger,
                        counted,
                    }));
                }
                Err(StoreError::Guard(_)) => {}
                Err(error) => return Err(error),
            }
        }
        // Whoever sends so many at once for one name can wait.
        Ok(Err(Throttled {
            retry_after: Duration::from_secs(1),
        }))
    }

    /// Forgets the failures of the factors that `attempt` proved.
    pub fn succeeded(&self, batch: &mut Batch, attempt: &Attempt) {
        for counted in &attempt.counted {
            batch.run(
                "DELETE FROM throttle WHERE name = $1 AND factor = $2 AND ledger = $3",
                vec![
                    attempt.name.as_bytes().as_slice().into(),
                    counted.factor.name().into(),
                    attempt.ledger.name().into(),
                ],
            );
        }
    }

    /// Takes back an attempt that was counted but never judged.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forgive(&self, attempt: &Attempt) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        for counted in &attempt.counted {
            batch.run(
                "UPDATE throttle SET failures = $4, blocked_until = $5 \
                 WHERE name = $1 AND factor = $2 AND ledger = $3 AND failures = $6",
                vec![
                    attempt.name.as_bytes().as_slice().into(),
                    counted.factor.name().into(),
                    attempt.ledger.name().into(),
                    i64::from(counted.before.failures).into(),
                    counted.before.blocked_until.into(),
                    i64::from(counted.after.failures).into(),
                ],
            );
        }
        self.db.commit(batch).await
    }

    /// Forgets everything counted against a factor that was bound anew.
    pub fn rebound(&self, batch: &mut Batch, name: UsernameIndex, factor: Factor) {
        batch.run(
            "DELETE FROM throttle WHERE name = $1 AND factor = $2",
            vec![name.as_bytes().as_slice().into(), factor.name().into()],
        );
    }

    /// Forgets old failures of names that do not exist, and all but the newest hundred thousand of them; a job calls it
    /// every minute, so that guesses at invented names cannot fill the store.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sweep(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        batch.run(
            "DELETE FROM throttle WHERE (changed_at < $1 OR changed_at < \
             COALESCE((SELECT t.changed_at FROM throttle t ORDER BY t.changed_at DESC LIMIT 1 OFFSET 100000), 0)) \
             AND NOT EXISTS (SELECT 1 FROM customer WHERE username_index = throttle.name)",
            vec![now.minus(UNKNOWN_KEPT).into()],
        );
        self.db.commit(batch).await
    }

    async fn states(
        &self,
        name: UsernameIndex,
        ledger: Ledger,
    ) -> Result<HashMap<String, State>, StoreError> {
        let rows = self
            .db
            .query(
                "SELECT factor, failures, blocked_until FROM throttle WHERE name = $1 AND ledger = $2",
                vec![name.as_bytes().as_slice().into(), ledger.name().into()],
            )
            .await?;
        rows.iter()
            .map(|row| {
                let state = State {
                    failures: u32::try_from(row.integer(1)?).unwrap_or(u32::MAX),
                    blocked_until: row.time(2)?,
                };
                Ok((row.text(0)?.to_owned(), state))
            })
            .collect()
    }
}

fn write(batch: &mut Batch, name: UsernameIndex, ledger: Ledger, counted: &Counted, now: Timestamp) {
    batch.one_row(
        "throttle state is the one that was judged",
        "INSERT INTO throttle (name, factor, ledger, failures, blocked_until, changed_at) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (name, factor, ledger) DO UPDATE SET \
         failures = excluded.failures, blocked_until = excluded.blocked_until, changed_at = excluded.changed_at \
         WHERE throttle.failures = $7",
        vec![
            name.as_bytes().as_slice().into(),
            counted.factor.name().into(),
            ledger.name().into(),
            i64::from(counted.after.failures).into(),
            counted.after.blocked_until.into(),
            now.into(),
            i64::from(counted.before.failures).into(),
        ],
    );
}
