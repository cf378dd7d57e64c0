//! Where the members of an intent stand in the body of a route's requests.

use crate::{Currency, Pointer, PointerError};
use serde::Deserialize;

/// A mapping as it is written in `[route.transaction]`. Values that begin with `/` are JSON Pointers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawMapping {
    /// The type of every transaction of the route, like `payment`.
    pub r#type: String,
    /// Pointer to the amount; for a batch to the total.
    pub amount: String,
    /// Pointer to the currency, or the code that all transactions of the route have.
    pub currency: String,
    /// Pointer to the payee; absent for a batch.
    pub payee: Option<String>,
    /// Pointer to the name of the payee.
    pub payee_name: Option<String>,
    /// Pointer to the account that pays.
    pub debtor: Option<String>,
    /// Pointer to the reference.
    pub reference: Option<String>,
    /// Pointer to the execution date.
    pub execution_date: Option<String>,
    /// Pointer to the recurrence.
    pub recurrence: Option<String>,
    /// The list of a batch; absent for single payments.
    pub batch: Option<RawBatchMapping>,
    /// Pointers to what else may stand in the body, each with all that lies below it. None of it is shown or agreed to.
    #[serde(default)]
    pub also: Vec<String>,
}

/// The list of a batch, as it is written. All but `list` are pointers into one item of the list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawBatchMapping {
    /// Pointer to the list of payments.
    pub list: String,
    /// Pointer to the amount.
    pub amount: String,
    /// Pointer to the payee.
    pub payee: String,
    /// Pointer to the name of the payee.
    pub payee_name: Option<String>,
    /// Pointer to the reference.
    pub reference: Option<String>,
}

/// Where the members of an intent stand, checked: [`crate::extract()`] works by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    pub(crate) kind: String,
    pub(crate) amount: Pointer,
    pub(crate) currency: Source,
    pub(crate) payee: Option<Pointer>,
    pub(crate) payee_name: Option<Pointer>,
    pub(crate) debtor: Option<Pointer>,
    pub(crate) reference: Option<Pointer>,
    pub(crate) execution_date: Option<Pointer>,
    pub(crate) recurrence: Option<Pointer>,
    pub(crate) batch: Option<BatchMapping>,
    pub(crate) also: Vec<Pointer>,
}

/// Where the payments of a batch stand, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchMapping {
    pub(crate) list: Pointer,
    pub(crate) amount: Pointer,
    pub(crate) payee: Pointer,
    pub(crate) payee_name: Option<Pointer>,
    pub(crate) reference: Option<Pointer>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Constant(Currency),
    Body(Pointer),
}

impl Mapping {
    /// Checks what was written.
    ///
    /// # Errors
    /// Every fault there is, not just the first.
    pub fn check(raw: &RawMapping) -> Result<Self, Vec<MappingError>> {
        let mut faults = Vec::new();
        let mapping = Self::read(raw, &mut faults);
        match mapping {
            Some(mapping) if faults.is_empty() => {
                faults.extend(mapping.overlaps());
                if faults.is_empty() {
                    Ok(mapping)
                } else {
                    Err(faults)
                }
            }
            _ => Err(faults),
        }
    }

    fn read(raw: &RawMapping, faults: &mut Vec<MappingError>) -> Option<Self> {
        if !crate::intent::is_kind(&raw.r#type) {
            faults.push(MappingError::Type);
        }
        if raw.payee.is_some() == raw.batch.is_some() || (raw.batch.is_some() && raw.payee_name.is_some()) {
            faults.push(MappingError::PayeeOrBatch);
        }
        let amount = required("amount", &raw.amount, faults);
        let currency = source(&raw.currency, faults);
        let payee = optional("payee", raw.payee.as_deref(), faults);
        let payee_name = optional("payee_name", raw.payee_name.as_deref(), faults);
        let debtor = optional("debtor", raw.debtor.as_deref(), faults);
        let reference = optional("reference", raw.reference.as_deref(), faults);
        let execution_date = optional("execution_date", raw.execution_date.as_deref(), faults);
        let recurrence = optional("recurrence", raw.recurrence.as_deref(), faults);
        let also = raw
            .also
            .iter()
            .filter_map(|text| required("also", text, faults))
            .collect();
        let batch = match &raw.batch {
            Some(batch) => Some(BatchMapping::read(batch, faults)?),
            None => None,
        };
        let (kind, amount, currency) = (raw.r#type.clone(), amount?, currency?);
        Some(Self {
            kind,
            amount,
            currency,
            payee,
            payee_name,
            debtor,
            reference,
            execution_date,
            recurrence,
            batch,
            also,
        })
    }

    /// The pointers to members of the intent, but those inside a batch's items.
    pub(crate) fn mapped(&self) -> impl Iterator<Item = (&'static str, &Pointer)> {
        let currency = match &self.currency {
            Source::Body(pointer) => Some(pointer),
            Source::Constant(_) => None,
        };
        let mapped = [
            ("amount", Some(&self.amount)),
            ("currency", currency),
            ("payee", self.payee.as_ref()),
            ("payee_name", self.payee_name.as_ref()),
            ("debtor", self.debtor.as_ref()),
            ("reference", self.reference.as_ref()),
            ("execution_date", self.execution_date.as_ref()),
            ("recurrence", self.recurrence.as_ref()),
            ("batch.list", self.batch.as_ref().map(|batch| &batch.list)),
        ];
        let present = |(name, pointer): (_, Option<_>)| Some((name, pointer?));
        mapped.into_iter().filter_map(present)
    }

    /// Two pointers to one place would make one text mean two things, and an `also` above a mapped member would open
    /// what must stay closed.
    fn overlaps(&self) -> Vec<MappingError> {
        let mut all: Vec<_> = self.mapped().collect();
        all.extend(self.also.iter().map(|pointer| ("also", pointer)));
        let mut faults = overlaps(&all);
        if let Some(batch) = &self.batch {
            faults.extend(overlaps(&batch.mapped()));
        }
        faults
    }
}

impl BatchMapping {
    fn read(raw: &RawBatchMapping, faults: &mut Vec<MappingError>) -> Option<Self> {
        let list = required("batch.list", &raw.list, faults);
        let amount = required("batch.amount", &raw.amount, faults);
        let payee = required("batch.payee", &raw.payee, faults);
        let payee_name = optional("batch.payee_name", raw.payee_name.as_deref(), faults);
        let reference = optional("batch.reference", raw.reference.as_deref(), faults);
        Some(Self {
            list: list?,
            amount: amount?,
            payee: payee?,
            payee_name,
            reference,
        })
    }

    /// The pointers into one item of the list.
    pub(crate) fn mapped(&self) -> Vec<(&'static str, &Pointer)> {
        let mut mapped = vec![("batch.amount", &self.amount), ("batch.payee", &self.payee)];
        mapped.extend(
            self.payee_name
                .as_ref()
                .map(|pointer| ("batch.payee_name", pointer)),
        );
        mapped.extend(
            self.reference
                .as_ref()
                .map(|pointer| ("batch.reference", pointer)),
        );
        mapped
    }
}

fn required(member: &'static str, text: &str, faults: &mut Vec<MappingError>) -> Option<Pointer> {
    match Pointer::parse(text) {
        Ok(pointer) => Some(pointer),
        Err(error) => {
            faults.push(MappingError::Pointer { member, error });
            None
        }
    }
}

fn optional(member: &'static str, text: Option<&str>, faults: &mut Vec<MappingError>) -> Option<Pointer> {
    text.and_then(|text| required(member, text, faults))
}

fn source(text: &str, faults: &mut Vec<MappingError>) -> Option<Source> {
    if text.starts_with('/') {
        return required("currency", text, faults).map(Source::Body);
    }
    let currency = Currency::from_code(text);
    if currency.is_none() {
        faults.push(MappingError::Currency);
    }
    currency.map(Source::Constant)
}

fn overlaps(pointers: &[(&'static str, &Pointer)]) -> Vec<MappingError> {
    let mut rest = pointers;
    let mut faults = Vec::new();
    while let Some(((first, one), others)) = rest.split_first() {
        let overlap = |(_, other): &&(&'static str, &Pointer)| one.contains(other) || other.contains(one);
        let found = others.iter().filter(overlap);
        faults.extend(found.map(|(second, _)| MappingError::Overlap { first, second }));
        rest = others;
    }
    faults
}

/// What is wrong with a mapping.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// The type is no name of a type.
    #[error("type is not a name of 1 to 64 lower-case letters, digits, \"_\", \"-\" or \".\"")]
    Type,
    /// The currency is neither a pointer nor a known code.
    #[error("currency is neither a JSON Pointer nor a code of ISO 4217")]
    Currency,
    /// Neither a payee nor a batch is mapped, or both are.
    #[error("either payee (and payee_name) or batch is mapped")]
    PayeeOrBatch,
    /// A pointer is none.
    #[error("{member}: {error}")]
    Pointer {
        /// Which key.
        member: &'static str,
        /// What is wrong with it.
        error: PointerError,
    },
    /// Two pointers lead to one place, or one above the other.
    #[error("{first} and {second} overlap")]
    Overlap {
        /// One key.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw() -> RawMapping {
        RawMapping {
            r#type: "payment".into(),
            amount: "/amount".into(),
            currency: "/currency".into(),
            payee: Some("/payee/iban".into()),
            also: vec!["/note".into()],
            ..RawMapping::default()
        }
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let wrong = RawMapping {
            r#type: "Payment".into(),
            amount: "amount".into(),
            currency: "eur".into(),
            also: vec!["/a~".into()],
            ..RawMapping::default()
        };
        let faults = Mapping::check(&wrong).unwrap_err();
        assert_eq!(faults.len(), 5, "{faults:?}");
    }

    #[test]
    fn overlapping_pointers_are_refused() {
        let above = RawMapping {
            also: vec!["/payee".into()],
            ..raw()
        };
        let overlap = |first, second| vec![MappingError::Overlap { first, second }];
        assert_eq!(Mapping::check(&above), Err(overlap("payee", "also")));
        let below = RawMapping {
            also: vec!["/amount/x".into()],
            ..raw()
        };
        assert_eq!(Mapping::check(&below), Err(overlap("amount", "also")));
        let twice = RawMapping {
            reference: Some("/currency".into()),
            ..raw()
        };
        assert_eq!(Mapping::check(&twice), Err(overlap("currency", "reference")));
        assert!(Mapping::check(&raw()).is_ok());
    }

    #[test]
    fn a_payee_or_a_batch_but_not_both() {
        let neither = RawMapping { payee: None, ..raw() };
        assert_eq!(Mapping::check(&neither), Err(vec![MappingError::PayeeOrBatch]));
        let batch = RawBatchMapping {
            list: "/p".into(),
            amount: "/a".into(),
            payee: "/b".into(),
            ..Default::default()
        };
        let both = RawMapping {
            batch: Some(batch.clone()),
            ..raw()
        };
        assert_eq!(Mapping::check(&both), Err(vec![MappingError::PayeeOrBatch]));
        assert!(
            Mapping::check(&RawMapping {
                payee: None,
                batch: Some(batch),
                ..raw()
            })
            .is_ok()
        );
    }
}
