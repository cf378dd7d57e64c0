//! Reading the intent out of a request body that is a closed set of members.

use crate::batch::MAX_PAYMENTS;
use crate::json::{JsonError, Limits, parse_closed};
use crate::mapping::{BatchMapping, Mapping, Source};
use crate::{Draft, Intent, IntentError, ListedDraft, Member, Pointer};
use serde_json::Value;
use std::borrow::Cow;

/// The intent of a body. Whatever stands in the body is either mapped to a member of the intent, or named in `also`:
/// a backend cannot find in it a second amount or payee that the customer was not shown.
///
/// # Errors
/// An [`ExtractError`] that says what is wrong.
pub fn extract(body: &[u8], mapping: &Mapping, limits: &Limits) -> Result<Intent, ExtractError> {
    let document = parse_closed(body, limits)?;
    if !document.is_object() {
        return Err(ExtractError::NotAnObject);
    }
    Shape {
        mapped: mapping.mapped().map(|(_, pointer)| pointer).collect(),
        open: &mapping.also,
    }
    .check(&document, &mut Vec::new())?;
    Ok(Intent::build(draft(&document, mapping)?)?)
}

/// Why a body has no intent. No message repeats what the customer wrote.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExtractError {
    /// The body is not JSON, or JSON that could be read in two ways.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// The body is not a JSON object.
    #[error("the body is not a JSON object")]
    NotAnObject,
    /// A member is neither mapped nor named in `also`.
    #[error("the body has a member that may not be there")]
    UnknownMember {
        /// Where it stands, as a JSON Pointer of at most 256 characters. It is what the client wrote: it may answer the
        /// client, but does not belong in a log.
        pointer: String,
    },
    /// A mapped member is not a string, or something on the way to it neither object nor list.
    #[error(transparent)]
    Intent(#[from] IntentError),
}

impl ExtractError {
    /// The name by which vectors and logs know this error.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Json(error) => error.name(),
            Self::NotAnObject => "not-an-object",
            Self::UnknownMember { .. } => "unknown-member",
            Self::Intent(error) => error.name(),
        }
    }

    /// The member of the intent that is at fault, where it is one.
    #[must_use]
    pub fn member(&self) -> Option<Member> {
        match self {
            Self::Intent(error) => error.member(),
            Self::Json(_) | Self::NotAnObject | Self::UnknownMember { .. } => None,
        }
    }
}

/// Which members may stand in a document: mapped ones, and open ones with all that lies below them.
struct Shape<'a> {
    mapped: Vec<&'a Pointer>,
    open: &'a [Pointer],
}

impl Shape<'_> {
    /// Walks down to the mapped and open members; anything else on the way is unknown.
    fn check<'d>(&self, here: &'d Value, way: &mut Vec<Cow<'d, str>>) -> Result<(), ExtractError> {
        match here {
            Value::Object(members) => members
                .iter()
                .try_for_each(|(name, value)| self.step(name.into(), value, way)),
            Value::Array(items) => items
                .iter()
                .enumerate()
                .try_for_each(|(index, value)| self.step(index.to_string().into(), value, way)),
            _ => self.plain(way),
        }
    }

    fn step<'d>(
        &self,
        step: Cow<'d, str>,
        value: &'d Value,
        way: &mut Vec<Cow<'d, str>>,
    ) -> Result<(), ExtractError> {
        way.push(step);
        if !self.ends_at(way) {
            self.leads_to(way)?;
            self.check(value, way)?;
        }
        way.pop();
        Ok(())
    }

    /// A plain value where other members should lie below: of a mapped one the look-up tells the wrong type.
    fn plain(&self, way: &[Cow<'_, str>]) -> Result<(), ExtractError> {
        let looked_up = self.mapped.iter().any(|pointer| lies_on(way, pointer));
        if looked_up { Ok(()) } else { Err(unknown(way)) }
    }

    fn ends_at(&self, way: &[Cow<'_, str>]) -> bool {
        self.pointers().any(|pointer| pointer.steps() == way)
    }

    fn leads_to(&self, way: &[Cow<'_, str>]) -> Result<(), ExtractError> {
        let known = self.pointers().any(|pointer| lies_on(way, pointer));
        if known { Ok(()) } else { Err(unknown(way)) }
    }

    fn pointers(&self) -> impl Iterator<Item = &Pointer> {
        self.mapped.iter().copied().chain(self.open)
    }
}

/// Whether the way to what `pointer` points at begins with `way`.
fn lies_on(way: &[Cow<'_, str>], pointer: &Pointer) -> bool {
    let begins = pointer.steps().get(..way.len());
    begins.is_some_and(|steps| steps == way)
}

fn unknown(way: &[Cow<'_, str>]) -> ExtractError {
    let escaped = |step: &Cow<'_, str>| format!("/{}", step.replace('~', "~0").replace('/', "~1"));
    let pointer: String = way.iter().map(escaped).collect();
    ExtractError::UnknownMember {
        pointer: pointer.chars().take(256).collect(),
    }
}

fn draft(document: &Value, mapping: &Mapping) -> Result<Draft, ExtractError> {
    let text = |member, pointer: &Option<Pointer>| optional(document, member, pointer.as_ref());
    Ok(Draft {
        kind: Some(mapping.kind.clone()),
        amount: optional(document, Member::Amount, Some(&mapping.amount))?,
        currency: match &mapping.currency {
            Source::Constant(currency) => Some(currency.code().to_owned()),
            Source::Body(pointer) => optional(document, Member::Currency, Some(pointer))?,
        },
        payee: text(Member::Payee, &mapping.payee)?,
        payee_name: text(Member::PayeeName, &mapping.payee_name)?,
        debtor: text(Member::Debtor, &mapping.debtor)?,
        reference: text(Member::Reference, &mapping.reference)?,
        execution_date: text(Member::ExecutionDate, &mapping.execution_date)?,
        recurrence: text(Member::Recurrence, &mapping.recurrence)?,
        payees: mapping
            .batch
            .as_ref()
            .map(|batch| listed(document, batch))
            .transpose()?,
    })
}

fn listed(document: &Value, batch: &BatchMapping) -> Result<Vec<ListedDraft>, ExtractError> {
    let wrong = IntentError::WrongType(Member::Payees);
    let list = batch
        .list
        .find(document)
        .map_err(|_| wrong.clone())?
        .ok_or(IntentError::Missing(Member::Payees))?;
    let items = list.as_array().ok_or(wrong)?;
    if items.len() > MAX_PAYMENTS {
        return Err(IntentError::BatchLength.into());
    }
    items
        .iter()
        .enumerate()
        .map(|(index, item)| listed_draft(index, item, batch))
        .collect()
}

fn listed_draft(index: usize, item: &Value, batch: &BatchMapping) -> Result<ListedDraft, ExtractError> {
    let within = |error| IntentError::Listed {
        index,
        error: Box::new(error),
    };
    if !item.is_object() {
        return Err(within(IntentError::NotAnObject).into());
    }
    let mut way = batch.list.steps().to_vec();
    way.push(index.to_string());
    let shape = Shape {
        mapped: batch.mapped().into_iter().map(|(_, pointer)| pointer).collect(),
        open: &[],
    };
    shape
        .check(item, &mut Vec::new())
        .map_err(|error| below(&way, error))?;
    let text = |member, pointer: Option<&Pointer>| optional(item, member, pointer).map_err(within);
    Ok(ListedDraft {
        amount: text(Member::Amount, Some(&batch.amount))?,
        payee: text(Member::Payee, Some(&batch.payee))?,
        payee_name: text(Member::PayeeName, batch.payee_name.as_ref())?,
        reference: text(Member::Reference, batch.reference.as_ref())?,
    })
}

/// An unknown member of an item is told by its place in the whole body.
fn below(way: &[String], error: ExtractError) -> ExtractError {
    match error {
        ExtractError::UnknownMember { pointer } => {
            let whole = format!("/{}{pointer}", way.join("/"));
            ExtractError::UnknownMember {
                pointer: whole.chars().take(256).collect(),
            }
        }
        other => other,
    }
}

fn optional(
    document: &Value,
    member: Member,
    pointer: Option<&Pointer>,
) -> Result<Option<String>, IntentError> {
    let Some(pointer) = pointer else { return Ok(None) };
    let found = pointer
        .find_str(document)
        .map_err(|_| IntentError::WrongType(member))?;
    Ok(found.map(str::to_owned))
}
