//! Searching the log: by what an auditor knows, a stretch at a time, so that no search holds up the store.

use super::log::{Leaf, LogError, leaf};
use super::records;
use crate::base::Timestamp;
use crate::store::{Db, Value};

/// Entries looked at in one go.
const STRETCH: i64 = 20_000;

/// What is searched for. What is absent does not matter.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// Only what comes after this sequence.
    pub after: i64,
    /// So many at most.
    pub limit: u32,
    /// The kind of event, as its member `kind` has it.
    pub kind: Option<String>,
    /// Whom it is about.
    pub customer: Option<String>,
    /// Which transaction it is about.
    pub transaction: Option<String>,
    /// Text that stands in the event.
    pub contains: Option<String>,
    /// Not before this moment.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The entries, in order.
    pub leaves: Vec<Leaf>,
    /// The `after` to go on with; `None` when the end of the log was reached.
    pub next: Option<i64>,
}

impl Search {
    /// Largest limit.
    pub const MOST: u32 = 1000;

    pub(super) async fn run(&self, db: &Db, last: i64) -> Result<Found, LogError> {
        let limit = self.limit.clamp(1, Self::MOST);
        let to = match self.transaction {
            // The index finds them wherever they are.
            Some(_) => last,
            None => self.after.saturating_add(STRETCH).min(last),
        };
        let rows = records::search(db, self.parameters(to, limit)).await?;
        let full = rows.len() == limit as usize;
        let leaves: Vec<Leaf> = rows.into_iter().map(leaf).collect::<Result<_, _>>()?;
        let reached = match leaves.last() {
            Some(leaf) if full => leaf.entry.sequence,
            _ => to,
        };
        Ok(Found {
            leaves,
            next: (reached < last).then_some(reached),
        })
    }

    fn parameters(&self, to: i64, limit: u32) -> Vec<Value> {
        let member = |name: &str, value: &String| {
            like(&format!("\"{name}\":{}", serde_json::Value::from(value.as_str())))
        };
        vec![
            self.after.into(),
            to.into(),
            self.since.unwrap_or_default().into(),
            self.until.unwrap_or(Timestamp::from_micros(i64::MAX)).into(),
            self.transaction.clone().into(),
            self.kind.as_ref().map(|kind| member("kind", kind)).into(),
            self.customer
                .as_ref()
                .map(|customer| member("customer", customer))
                .into(),
            self.contains.as_deref().map(like).into(),
            i64::from(limit).into(),
        ]
    }
}

/// The text as a pattern that means only itself.
fn like(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}
