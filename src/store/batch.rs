//! A batch: statements with guards and the events of what they do, written whole or not at all.

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

/// Statements that happen together.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub(super) statements: Vec<Statement>,
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

    /// Adds the record of what the batch does. `salt` keeps anyone from guessing an entry from its hash (design 9).
    pub fn record(&mut self, at: Timestamp, entropy: &dyn Entropy, event: &Event) -> &mut Self {
        // Serialising an Event cannot fail: its variants hold text, numbers and lists only.
        let body = serde_json::to_string(event).unwrap_or_default();
        let salt = entropy.bytes::<32>().to_vec();
        self.run(
            "INSERT INTO event (at, body, salt) VALUES ($1, $2, $3)",
            vec![at.into(), body.into(), salt.into()],
        )
    }

    /// Adds everything of `other` behind what is here.
    pub fn append(&mut self, other: Self) -> &mut Self {
        self.statements.extend(other.statements);
        self
    }

    /// Whether nothing was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    fn add(&mut self, sql: &'static str, parameters: Vec<Value>, guard: Guard) -> &mut Self {
        self.statements.push(Statement {
            sql,
            parameters,
            guard,
        });
        self
    }
}
