//! The bytes of request bodies in memory: one budget for a door, of which one source gets a part.
//!
//! A body is paid for in steps as it comes, not by the length its head declares: whoever declares much and sends little holds
//! what they sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::places::Share;
use crate::answer::NoRoom;
use crate::config::SOURCE_PART;

/// The smallest step that is taken from the budget. Most bodies are smaller and take one.
const STEP_BYTES: u64 = 4 * 1024;

/// How many bytes of bodies may be in memory at once.
#[derive(Debug)]
pub(super) struct Budget {
    most: u64,
    taken: AtomicU64,
}

/// What one request holds of it, until the request is done; given back with the drop.
#[derive(Debug)]
pub(super) struct Reservation {
    budget: Arc<Budget>,
    share: Arc<Share>,
    /// Bytes that have come.
    used: AtomicU64,
    /// Bytes taken from the budget for them.
    taken: AtomicU64,
    /// Whether the body was read to its end.
    is_whole: AtomicBool,
}

impl Budget {
    /// `most` bytes.
    pub(super) fn new(most: u64) -> Arc<Self> {
        Arc::new(Self {
            most,
            taken: AtomicU64::new(0),
        })
    }

    /// For a request of the source that holds `share`; nothing is taken yet.
    pub(super) fn reserve(self: &Arc<Self>, share: &Arc<Share>) -> Arc<Reservation> {
        Arc::new(Reservation {
            budget: Arc::clone(self),
            share: Arc::clone(share),
            used: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            is_whole: AtomicBool::new(false),
        })
    }
}

impl Reservation {
    /// Whether no byte of the body has been read.
    pub(super) fn is_unused(&self) -> bool {
        self.used.load(Ordering::Relaxed) == 0
    }

    /// The body has been read to its end.
    pub(super) fn note_end(&self) {
        self.is_whole.store(true, Ordering::Relaxed);
    }

    /// Whether it has.
    pub(super) fn is_whole(&self) -> bool {
        self.is_whole.load(Ordering::Relaxed)
    }

    /// Room for `bytes` more.
    ///
    /// # Errors
    /// There is none, for this source or at all.
    pub(super) fn grow(&self, bytes: u64) -> Result<(), NoRoom> {
        let used = self
            .used
            .fetch_add(bytes, Ordering::Relaxed)
            .saturating_add(bytes);
        let taken = self.taken.load(Ordering::Relaxed);
        if used <= taken {
            return Ok(());
        }
        let step = (used - taken).next_multiple_of(STEP_BYTES);
        take(&self.share.buffered, step, self.budget.most / SOURCE_PART)?;
        if let Err(full) = take(&self.budget.taken, step, self.budget.most) {
            self.share.buffered.fetch_sub(step, Ordering::Relaxed);
            return Err(full);
        }
        self.taken.fetch_add(step, Ordering::Relaxed);
        Ok(())
    }
}

/// `bytes` more on `counter`, which goes to `most`.
pub(super) fn take(counter: &AtomicU64, bytes: u64, most: u64) -> Result<(), NoRoom> {
    let more = |taken: u64| taken.checked_add(bytes).filter(|sum| *sum <= most);
    let taken = counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    taken.map(drop).map_err(|_| NoRoom)
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let taken = *self.taken.get_mut();
        self.budget.taken.fetch_sub(taken, Ordering::Relaxed);
        self.share.buffered.fetch_sub(taken, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BUDGET: u64 = 8 * STEP_BYTES;

    #[test]
    fn one_source_gets_its_part_and_all_together_the_whole() {
        let budget = Budget::new(BUDGET);
        let sources: Vec<Arc<Share>> = (0..5).map(|_| Arc::default()).collect();
        let mut held = Vec::new();
        for share in &sources[..4] {
            let request = budget.reserve(share);
            request.grow(1).unwrap();
            request.grow(2 * STEP_BYTES - 1).unwrap();
            assert_eq!(
                budget.reserve(share).grow(1),
                Err(NoRoom),
                "a second step too many"
            );
            held.push(request);
        }
        assert_eq!(budget.reserve(&sources[4]).grow(1), Err(NoRoom));
        assert_eq!(sources[4].buffered.load(Ordering::Relaxed), 0);
        drop(held.pop());
        budget.reserve(&sources[4]).grow(1).unwrap();
    }

    #[test]
    fn what_can_never_fit_is_refused_without_overflow() {
        let budget = Budget::new(u64::MAX);
        let share = Arc::default();
        let request = budget.reserve(&share);
        assert_eq!(request.grow(u64::MAX - STEP_BYTES), Err(NoRoom));
    }

    proptest! {
        /// Whatever comes and goes, the budget holds and nothing is left behind.
        #[test]
        fn everything_is_given_back(steps in prop::collection::vec((0usize..3, 0u64..3 * STEP_BYTES, any::<bool>()), 0..60)) {
            let budget = Budget::new(BUDGET);
            let shares: Vec<Arc<Share>> = (0..3).map(|_| Arc::default()).collect();
            let mut open: Vec<Arc<Reservation>> = Vec::new();
            for (source, bytes, close) in steps {
                if close {
                    open.pop();
                }
                let request = budget.reserve(&shares[source]);
                if request.grow(bytes).is_ok() {
                    open.push(request);
                }
                prop_assert!(budget.taken.load(Ordering::Relaxed) <= BUDGET);
                let of_sources: u64 = shares.iter().map(|share| share.buffered.load(Ordering::Relaxed)).sum();
                prop_assert_eq!(of_sources, budget.taken.load(Ordering::Relaxed));
                prop_assert!(shares.iter().all(|share| share.buffered.load(Ordering::Relaxed) <= BUDGET / SOURCE_PART));
            }
            drop(open);
            prop_assert_eq!(budget.taken.load(Ordering::Relaxed), 0);
        }
    }
}
