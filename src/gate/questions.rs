//! The questions under way: a line for each upstream, so that a backend that hangs keeps only its own payments waiting.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use crate::base::TransactionId;
use crate::store::StoreError;

/// Payments of one upstream asked for at once.
const AT_ONCE: usize = 16;

/// Questions of one upstream under way or waiting for their turn; a later run puts the others.
const IN_LINE: usize = 1024;

/// All questions under way; they end with it.
#[derive(Default)]
pub(super) struct Questions {
    running: JoinSet<Result<(), StoreError>>,
    about: Arc<Mutex<HashSet<TransactionId>>>,
    lines: HashMap<String, Line>,
}

struct Line {
    places: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

/// A question's place in its line. Dropping it ends it also where the question panics.
struct Place {
    transaction: TransactionId,
    about: Arc<Mutex<HashSet<TransactionId>>>,
    _permit: OwnedSemaphorePermit,
}

impl Questions {
    /// The payments that are asked for, or wait for it.
    pub(super) fn under_way(&self) -> HashSet<TransactionId> {
        let about = self.about.lock().unwrap_or_else(PoisonError::into_inner);
        about.clone()
    }

    /// Asks when it is this question's turn at its upstream, unless too many wait there already.
    pub(super) fn ask(
        &mut self,
        upstream: &str,
        transaction: TransactionId,
        question: impl Future<Output = Result<(), StoreError>> + Send + 'static,
    ) {
        let line = self.lines.entry(upstream.to_owned()).or_default();
        let Ok(permit) = Arc::clone(&line.places).try_acquire_owned() else {
            return;
        };
        let turns = Arc::clone(&line.turns);
        let place = Place::new(transaction, Arc::clone(&self.about), permit);
        self.running.spawn(async move {
            let _place = place;
            let _turn = turns.acquire_owned().await;
            question.await
        });
    }

    /// The first failure of those that ended since this was asked last.
    pub(super) fn ended(&mut self) -> Result<(), StoreError> {
        let mut outcome = Ok(());
        while let Some(ended) = self.running.try_join_next() {
            // A panic ends one question; a later run asks again.
            outcome = outcome.and(ended.unwrap_or(Ok(())));
        }
        outcome
    }
}

impl Default for Line {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(IN_LINE)),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }
}

impl Place {
    fn new(
        transaction: TransactionId,
        about: Arc<Mutex<HashSet<TransactionId>>>,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        about
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(transaction.clone());
        Self {
            transaction,
            about,
            _permit: permit,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut about = self.about.lock().unwrap_or_else(PoisonError::into_inner);
        about.remove(&self.transaction);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;

    #[tokio::test]
    async fn one_upstream_that_hangs_delays_no_other() {
        let mut questions = Questions::default();
        for place in 0..=IN_LINE {
            let transaction = TransactionId::new(format!("hung-{place}"));
            questions.ask("hung", transaction, std::future::pending());
        }
        assert_eq!(questions.under_way().len(), IN_LINE);
        let (answered, mut answers) = mpsc::unbounded_channel();
        let one = TransactionId::new("txn-1");
        questions.ask("other", one.clone(), async move {
            let _ = answered.send(());
            Ok(())
        });
        assert!(questions.under_way().contains(&one));
        answers.recv().await.unwrap();
        assert!(questions.ended().is_ok());
        assert!(questions.under_way().contains(&TransactionId::new("hung-0")));
    }

    #[tokio::test]
    async fn a_question_that_panics_may_be_asked_again() {
        let mut questions = Questions::default();
        let one = TransactionId::new("txn-1");
        questions.ask("bank", one.clone(), async { panic!("a question that fails") });
        assert!(questions.under_way().contains(&one));
        let ended = questions.running.join_next().await.unwrap();
        assert!(ended.unwrap_err().is_panic());
        assert!(questions.under_way().is_empty());
    }
}
