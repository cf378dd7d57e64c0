//! The intent of a request: read from its body by the route's mapping, never guessed.

use countersign_intent::json::{Limits, Numbers};
use countersign_intent::{ExtractError, Intent, Mapping, MappingError, RawMapping};

use crate::base::{Code, Fault};
use crate::config::Transaction;

/// Deepest nesting of a payment's body; the deepest published payment format of the kind has six levels.
const DEEPEST: usize = 16;

/// The mapping of a route, ready to use.
///
/// # Errors
/// Every fault of the mapping; the configuration's own checks find most of them first.
pub fn mapping(transaction: &Transaction) -> Result<Mapping, Vec<MappingError>> {
    let text = |pointer: &crate::config::JsonPointer| pointer.to_string();
    Mapping::check(&RawMapping {
        r#type: transaction.kind.clone(),
        amount: text(&transaction.amount),
        currency: text(&transaction.currency),
        payee: Some(text(&transaction.payee)),
        payee_name: transaction.payee_name.as_ref().map(text),
        debtor: transaction.debtor.as_ref().map(text),
        reference: transaction.reference.as_ref().map(text),
        execution_date: transaction.execution_date.as_ref().map(text),
        recurrence: None,
        batch: None,
        also: transaction.also.iter().map(text).collect(),
    })
}

/// The intent in `body`.
///
/// # Errors
/// `transaction-invalid`, with a detail that names the member at fault.
pub fn extract(body: &[u8], mapping: &Mapping) -> Result<Intent, Fault> {
    let limits = Limits {
        max_bytes: body.len(),
        max_depth: DEEPEST,
        numbers: Numbers::Interoperable,
    };
    countersign_intent::extract(body, mapping, &limits).map_err(|error| refusal(&error))
}

fn refusal(error: &ExtractError) -> Fault {
    // The text of the error never repeats what the customer wrote, so it may answer the client and stand in the log.
    Fault::new(Code::TransactionInvalid)
        .detail(sentence(&error.to_string()))
        .cause(error.name())
}

fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters
        .next()
        .map(|first| first.to_uppercase().to_string())
        .unwrap_or_default();
    format!("{first}{}.", characters.as_str())
}
