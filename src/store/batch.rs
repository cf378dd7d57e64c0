//! A batch: statements with guards and the events of what they do, written whole or not at all.

use super::chain::Recorded;
use super::entry::{SALT_BYTES, canonical_text};
use super::row::Value;
use crate::base::{Entropy, Event, Timestamp};

/// What must be true of a statement for its batch to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Nothing.
    None,
    /// The statement changed exactly one row. The name says in [`super::StoreError::Guard`] which guard failed.
    OneRow(&'static str),
    /// The statement changed no row.
    NoRow(&'static str),
}

#[derive(Clone, Debug)]
pub(super) struct Statement {
    pub(super) sql: &'static str,
    pub(super) parameters: Vec<Value>,
    pub(super) guard: Guard,
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    Run(Statement),
    /// `None` when the event could not be written down: the batch then fails, for what it does would leave no trace.
    Record(Option<Recorded>),
}

/// Statements that happen together.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub(super) steps: Vec<Step>,
}

impl Batch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a statement that may change any number of rows.
    pub fn run(&mut self, sql: &'static str, parameters: Vec<Value>) -> &mut Self {
        self.add(sql, parameters, Guard::None)
    }

    /// Adds a statement that must change exactly one row, or nothing of the batch happens and the commit returns
    /// [`super::StoreError::Guard`] with `guard`.
    pub fn one_row(&mut self, guard: &'static str, sql: &'static str, parameters: Vec<Value>) -> &mut Self {
        self.add(sql, parameters, Guard::OneRow(guard))
    }

    /// Adds a statement that must change no row.
    pub fn no_row(&mut self, guard: &'static str, sql: &'static str, parameters: Vec<Value>) -> &mut Self {
        self.add(sql, parameters, Guard::NoRow(guard))
    }

    /// Adds the record of what the batch does: the next entry of the log, with a salt of its own.
    pub fn record(&mut self, at: Timestamp, entropy: &dyn Entropy, event: &Event) -> &mut Self {
        let salt = entropy.bytes::<SALT_BYTES>().to_vec();
        let recorded = canonical_text(event).map(|body| Recorded {
            at,
            body,
            salt,
            transaction: event.transaction().cloned(),
        });
        self.steps.push(Step::Record(recorded));
        self
    }

    /// Adds everything of `other` behind what is here.
    pub fn append(&mut self, other: Self) -> &mut Self {
        self.steps.extend(other.steps);
        self
    }

    /// Whether nothing was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    fn add(&mut self, sql: &'static str, parameters: Vec<Value>, guard: Guard) -> &mut Self {
        self.steps.push(Step::Run(Statement {
            sql,
            parameters,
            guard,
        }));
        self
    }
}
