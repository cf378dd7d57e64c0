//! Payments that are not concluded, on record as what they are: a job of every second, which waits for the store and never
//! for a backend.
//!
//! What the store did not take is written, and what was cut off becomes unknown, so that an equal payment waits for it and
//! the [settlement](super::settle) asks for it.

use std::sync::{Arc, Mutex, PoisonError};

use super::journey::Services;
use crate::store::{Batch, StoreError};
use crate::telemetry::{Label, names};
use crate::transaction::settlement;

/// So many writes that fail in a row, and the others wait for the next run.
const FAILING: usize = 3;

/// Keeps the record of open payments.
pub struct OpenPayments {
    services: Arc<Services>,
    /// The upstreams whose gauge was set; one that has no unknown payment any more is set to none.
    gauged: Mutex<Vec<Arc<str>>>,
}

impl OpenPayments {
    /// For the payments of `services`.
    #[must_use]
    pub fn new(services: Arc<Services>) -> Self {
        Self {
            services,
            gauged: Mutex::default(),
        }
    }

    /// One run. What fails for one payment keeps no other waiting.
    ///
    /// # Errors
    /// [`StoreError`], the first: the store is not to be read or written; the next run goes on.
    pub async fn run(&self) -> Result<(), StoreError> {
        let written = self.write_what_waits().await;
        let noted = self.note_cut_off().await;
        let gauged = self.gauge().await;
        written.and(noted).and(gauged)
    }

    /// Conclusions that the store has not taken. One that it refuses again comes last in the next run.
    async fn write_what_waits(&self) -> Result<(), StoreError> {
        let services = &self.services;
        let mut tries = Tries::default();
        for _ in 0..services.underway.count_unwritten() {
            let Some(unwritten) = services.underway.next_unwritten() else {
                break;
            };
            let written = services.underway.conclude(&services.db, unwritten);
            tries.add(ignore_guard(written.await));
            if tries.are_enough() {
                break;
            }
        }
        tries.outcome
    }

    /// Reserved, but carried by nobody: its request was aborted, or there was no room to keep its conclusion.
    async fn note_cut_off(&self) -> Result<(), StoreError> {
        let services = &self.services;
        let mut tries = Tries::default();
        for (scope, transaction) in settlement::reserved(&services.db).await? {
            if services.underway.holds(&transaction) {
                continue;
            }
            let mut batch = Batch::new();
            settlement::cut_off(&mut batch, &scope, &transaction, services.clock.now());
            tries.add(ignore_guard(services.db.commit(batch).await));
            if tries.are_enough() {
                break;
            }
        }
        tries.outcome
    }

    /// How many outcomes are unknown, for whoever watches; `hold` waits for people to look here.
    async fn gauge(&self) -> Result<(), StoreError> {
        let services = &self.services;
        let counted = settlement::count_unknown(&services.db).await?;
        let mut gauged = self.gauged.lock().unwrap_or_else(PoisonError::into_inner);
        for (upstream, _) in &counted {
            if !gauged.iter().any(|known| **known == **upstream) {
                gauged.push(Arc::from(upstream.as_str()));
            }
        }
        for upstream in gauged.iter() {
            let count = counted.iter().find(|(name, _)| **name == **upstream);
            let count = count.map_or(0, |(_, count)| u32::try_from(*count).unwrap_or(u32::MAX));
            let label = Label::configured(upstream);
            services.metrics.set(&names::PAYMENTS_UNKNOWN, [label], count);
        }
        Ok(())
    }
}

/// Writes one after the other, each for a payment of its own.
struct Tries {
    /// The first failure.
    outcome: Result<(), StoreError>,
    failed_in_a_row: usize,
}

impl Default for Tries {
    fn default() -> Self {
        Self {
            outcome: Ok(()),
            failed_in_a_row: 0,
        }
    }
}

impl Tries {
    fn add(&mut self, outcome: Result<(), StoreError>) {
        self.failed_in_a_row = if outcome.is_err() {
            self.failed_in_a_row + 1
        } else {
            0
        };
        if self.outcome.is_ok() {
            self.outcome = outcome;
        }
    }

    /// It is the store that fails, not what is written: live payments need its thread.
    const fn are_enough(&self) -> bool {
        self.failed_in_a_row >= FAILING
    }
}

/// Somebody else was first; what they wrote stands.
pub(super) fn ignore_guard(outcome: Result<(), StoreError>) -> Result<(), StoreError> {
    match outcome {
        Err(StoreError::Guard(_)) => Ok(()),
        other => other,
    }
}
