//! Which transactions were accepted for execution (TXN-06). A backend that moves money keeps this beside its books, in
//! the same database, and gives its own [`Executions`]; the memory here serves one process until it ends.

use std::collections::{HashSet, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

/// Whether a transaction is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Execution {
    /// It was not accepted before, and from now on it is.
    First,
    /// It was accepted before.
    Before,
}

/// The record of executions cannot be asked or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ExecutionsError(String);

impl ExecutionsError {
    /// An error that reads like this.
    #[must_use]
    pub fn new(message: impl std::fmt::Display) -> Self {
        Self(message.to_string())
    }
}

/// An entry being made.
pub type Recording<'a> = Pin<Box<dyn Future<Output = Result<Execution, ExecutionsError>> + Send + 'a>>;

/// The record of transactions that were accepted for execution.
///
/// An implementation over SQL is one statement: insert `transaction` under a unique constraint; no row inserted means
/// [`Execution::Before`].
pub trait Executions: Send + Sync + 'static {
    /// Enters `transaction`, atomically: of two calls with one name, whatever the process, exactly one is
    /// [`Execution::First`]. `now` is in seconds since 1970.
    fn record<'a>(&'a self, transaction: &'a str, now: i64) -> Recording<'a>;
}

/// How long an entry is never given up, in seconds: longer than any Txn-Token with that name can live.
const HELD: i64 = 24 * 3600;

/// The last transactions, in memory. It forgets when the process ends: a message from before the start is refused
/// for that reason, and a gateway never repeats a payment by itself.
pub struct MemoryExecutions {
    capacity: usize,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    accepted: HashSet<String>,
    oldest_first: VecDeque<(i64, String)>,
}

impl MemoryExecutions {
    /// A memory of at most `capacity` transactions a day; beyond that it refuses.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            memory: Mutex::default(),
        }
    }

    fn enter(&self, transaction: &str, now: i64) -> Result<Execution, ExecutionsError> {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.forget(now);
        if memory.accepted.contains(transaction) {
            return Ok(Execution::Before);
        }
        if memory.accepted.len() >= self.capacity {
            return Err(ExecutionsError::new(
                "the memory of executed transactions is full",
            ));
        }
        memory.accepted.insert(transaction.to_owned());
        memory.oldest_first.push_back((now, transaction.to_owned()));
        Ok(Execution::First)
    }
}

impl Default for MemoryExecutions {
    /// Room for a million transactions a day.
    fn default() -> Self {
        Self::new(1_000_000)
    }
}

impl Memory {
    fn forget(&mut self, now: i64) {
        while let Some((at, transaction)) = self.oldest_first.front() {
            if now.saturating_sub(*at) <= HELD {
                break;
            }
            self.accepted.remove(transaction);
            self.oldest_first.pop_front();
        }
    }
}

impl Executions for MemoryExecutions {
    fn record<'a>(&'a self, transaction: &'a str, now: i64) -> Recording<'a> {
        Box::pin(std::future::ready(self.enter(transaction, now)))
    }
}

impl std::fmt::Debug for MemoryExecutions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryExecutions").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TXN-06
    #[test]
    fn a_transaction_is_first_once_and_a_full_memory_refuses() {
        let executions = MemoryExecutions::new(2);
        assert_eq!(executions.enter("a", 0), Ok(Execution::First));
        assert_eq!(executions.enter("a", HELD), Ok(Execution::Before));
        assert_eq!(executions.enter("b", HELD), Ok(Execution::First));
        assert!(executions.enter("c", HELD).is_err());
        assert_eq!(executions.enter("c", HELD + 1), Ok(Execution::First));
    }
}
