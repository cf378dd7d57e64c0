//! The payments of this process that are between their two writes: reserved, and not yet concluded.
//!
//! A reserved row that is not among them was cut off in the middle. A conclusion that the store did not take, because its
//! disk was full or failing, waits here until it does.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::base::TransactionId;
use crate::store::{Batch, Db, StoreError};

/// Conclusions that may wait for the store. What is more is left to settlement, as after a crash.
const WAITING: usize = 4096;

/// What is known of a payment under way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It is being sent, or its answer waited for.
    Sending,
    /// Its outcome is known here and waits for the store.
    Unwritten,
}

#[derive(Default)]
struct Inner {
    open: Mutex<HashMap<TransactionId, Phase>>,
    unwritten: Mutex<VecDeque<Unwritten>>,
    /// What equal payments share, of those whose conclusion is unwritten: the store still calls them reserved, their clients
    /// read that the outcome is unknown.
    likenesses: Mutex<HashMap<TransactionId, [u8; 32]>>,
}

/// The payments under way. Cloning shares them.
#[derive(Clone, Default)]
pub struct Underway(Arc<Inner>);

/// One payment under way, as long as this lives.
pub struct Held {
    transaction: TransactionId,
    underway: Underway,
}

/// A conclusion that the store has not taken.
pub struct Unwritten {
    /// What is to be written.
    pub batch: Arc<Batch>,
    /// What equal payments share; `None` where the record makes them wait already, or no money moves.
    pub likeness: Option<[u8; 32]>,
    /// Keeps the payment under way until then.
    pub held: Held,
}

impl Underway {
    /// Takes a payment in, before its first write.
    #[must_use]
    pub fn begin(&self, transaction: &TransactionId) -> Held {
        self.open().insert(transaction.clone(), Phase::Sending);
        Held {
            transaction: transaction.clone(),
            underway: self.clone(),
        }
    }

    /// Whether the payment is between its writes.
    #[must_use]
    pub fn holds(&self, transaction: &TransactionId) -> bool {
        self.open().contains_key(transaction)
    }

    /// Whether its answer is still waited for.
    #[must_use]
    pub fn is_sending(&self, transaction: &TransactionId) -> bool {
        self.open().get(transaction) == Some(&Phase::Sending)
    }

    /// Writes a conclusion, or keeps it until the store takes it.
    ///
    /// # Errors
    /// [`StoreError`]; it is kept unless a guard did not hold, for then somebody else was first.
    pub async fn conclude(&self, db: &Db, unwritten: Unwritten) -> Result<(), StoreError> {
        let outcome = db.commit(Arc::clone(&unwritten.batch)).await;
        if outcome.as_ref().is_err_and(|error| error.guard().is_none()) {
            self.keep(unwritten);
        }
        outcome
    }

    /// Keeps a conclusion that the store has not taken. Without room it is dropped, and its payment is as one cut off.
    fn keep(&self, unwritten: Unwritten) {
        let mut waiting = self.unwritten();
        if waiting.len() < WAITING {
            self.open()
                .insert(unwritten.held.transaction.clone(), Phase::Unwritten);
            if let Some(likeness) = unwritten.likeness {
                self.likenesses()
                    .insert(unwritten.held.transaction.clone(), likeness);
            }
            waiting.push_back(unwritten);
        }
    }

    /// Whether the conclusion of an equal payment waits.
    #[must_use]
    pub fn keeps_equal(&self, likeness: &[u8; 32]) -> bool {
        self.likenesses().values().any(|kept| kept == likeness)
    }

    /// How many conclusions wait.
    #[must_use]
    pub fn count_unwritten(&self) -> usize {
        self.unwritten().len()
    }

    /// The conclusion that has waited longest.
    #[must_use]
    pub fn next_unwritten(&self) -> Option<Unwritten> {
        self.unwritten().pop_front()
    }

    fn open(&self) -> MutexGuard<'_, HashMap<TransactionId, Phase>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn likenesses(&self) -> MutexGuard<'_, HashMap<TransactionId, [u8; 32]>> {
        self.0.likenesses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unwritten(&self) -> MutexGuard<'_, VecDeque<Unwritten>> {
        self.0.unwritten.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.underway.likenesses().remove(&self.transaction);
        self.underway.open().remove(&self.transaction);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unwritten(held: Held) -> Unwritten {
        Unwritten {
            batch: Arc::new(Batch::new()),
            likeness: Some([1; 32]),
            held,
        }
    }

    #[test]
    fn a_payment_is_under_way_until_it_is_let_go_or_its_conclusion_is_written() {
        let underway = Underway::default();
        let transaction = TransactionId::new("txn-1");
        let held = underway.begin(&transaction);
        assert!(underway.holds(&transaction) && underway.is_sending(&transaction));
        underway.keep(unwritten(held));
        assert!(underway.holds(&transaction) && !underway.is_sending(&transaction));
        assert!(underway.keeps_equal(&[1; 32]) && !underway.keeps_equal(&[2; 32]));
        let waiting = underway.next_unwritten().unwrap();
        assert!(underway.holds(&transaction) && underway.keeps_equal(&[1; 32]));
        drop(waiting);
        assert!(!underway.keeps_equal(&[1; 32]));
        assert!(!underway.holds(&transaction) && underway.next_unwritten().is_none());
    }

    #[test]
    fn without_room_a_payment_is_as_one_that_was_cut_off() {
        let underway = Underway::default();
        let keep = |name: &str| {
            underway.keep(unwritten(underway.begin(&TransactionId::new(name))));
        };
        (0..WAITING).for_each(|place| keep(&format!("txn-{place}")));
        keep("one-more");
        assert!(!underway.holds(&TransactionId::new("one-more")));
        assert!(underway.holds(&TransactionId::new("txn-0")));
    }
}
