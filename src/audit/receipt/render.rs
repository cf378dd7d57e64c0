//! Terms, outcome, leaf, proof and checkpoint as one file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::keep::ReceiptError;
use super::terms::{Outcome, Terms};
use crate::audit::{Leaf, Log, LogError, Published};
use crate::base::TransactionId;

/// What there is under a name.
#[derive(Clone, Debug)]
pub enum Found {
    /// Nothing that this customer may see.
    Nothing,
    /// A payment of which the outcome is not known or not in a checkpoint yet.
    NotYet,
    /// The receipt.
    Receipt(Box<Receipt>),
}

/// A receipt, ready to be given to its owner.
#[derive(Clone, Debug, PartialEq)]
pub struct Receipt(Map<String, Value>);

impl Receipt {
    /// The members of the file.
    #[must_use]
    pub const fn members(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The file, indented for people.
    #[must_use]
    pub fn to_text(&self) -> String {
        // Cannot fail: the members are JSON.
        let mut text = serde_json::to_string_pretty(&self.0).unwrap_or_default();
        text.push('\n');
        text
    }
}

/// Puts the proof under the latest checkpoint beside what the receipt says.
pub(super) async fn receipt(log: &Log, terms: &Terms<'_>) -> Result<Found, ReceiptError> {
    let Some((leaf, outcome)) = vouched(log, &terms.id).await? else {
        return Ok(Found::NotYet);
    };
    let Some(published) = log
        .checkpoint()
        .filter(|latest| latest.checkpoint.size() > leaf.index)
    else {
        return Ok(Found::NotYet);
    };
    let proof = log.inclusion(leaf.index, &published.checkpoint).await?;
    let proof: Vec<String> = proof.iter().map(ToString::to_string).collect();
    let (checkpoint, cosignatures) = signatures_apart(&published);
    let mut members = terms.with(&outcome).ok_or(ReceiptError::Damaged)?;
    let added = [
        ("leaf", Value::from(STANDARD.encode(&leaf.bytes))),
        ("index", leaf.index.into()),
        ("proof", proof.into()),
        ("checkpoint", checkpoint.into()),
        ("cosignatures", cosignatures.into()),
    ];
    members.extend(added.map(|(name, value)| (name.to_owned(), value)));
    Ok(Found::Receipt(Box::new(Receipt(members))))
}

/// The entry that vouches for the receipt, the one about the payment that carries its digests, and the outcome it
/// tells.
async fn vouched(log: &Log, transaction: &TransactionId) -> Result<Option<(Leaf, Outcome)>, LogError> {
    let leaves = log.find_by_transaction(transaction).await?;
    let mut latest_first = leaves.into_iter().rev();
    Ok(latest_first.find_map(|leaf| {
        let outcome = outcome(&leaf)?;
        Some((leaf, outcome))
    }))
}

/// What became of the payment by an entry that vouches for its receipt; `None` for any other entry.
fn outcome(leaf: &Leaf) -> Option<Outcome> {
    let event: Value = serde_json::from_str(&leaf.entry.event).ok()?;
    event.get("receipt")?.as_object()?;
    let status = event.get("status").and_then(Value::as_u64);
    let content = event.get("content").and_then(Value::as_str);
    Some(Outcome {
        status: status.and_then(|status| u16::try_from(status).ok()),
        content_digest: content.map(str::to_owned),
        at: leaf.entry.at.to_string(),
    })
}

/// The note with the log's own signatures, and the lines of its witnesses.
fn signatures_apart(published: &Published) -> (String, Vec<String>) {
    let origin = published.checkpoint.origin();
    let (own, others): (Vec<_>, Vec<_>) = published
        .note
        .signatures()
        .iter()
        .partition(|line| line.name() == origin);
    let own: String = own.iter().map(|line| format!("{line}\n")).collect();
    let note = format!("{}\n{own}", published.note.text());
    (note, others.iter().map(ToString::to_string).collect())
}
