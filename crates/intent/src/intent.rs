//! The intent: what a customer agreed to, checked, in normal form, with its digest.

use crate::batch::{self, ListedDraft, ListedPayment};
use crate::digest::IntentDigest;
use crate::draft::{self, Draft};
use crate::{Currency, ExecutionDate, IntentError, Member, Money, Party, Recurrence, canonical, json, text};
use serde::Deserialize;
use serde_json::Value;
use std::fmt;

/// Longest `type`, in characters.
const MAX_TYPE: usize = 64;

/// Longest name or reference, in characters (ISO 20022, `Max140Text`).
const MAX_TEXT: usize = 140;

/// What a customer agreed to. Whoever holds one knows that every member was checked and stands in its one normal form,
/// so that equal intents have equal digests and different ones do not.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub struct Intent {
    pub(crate) kind: String,
    pub(crate) money: Money,
    pub(crate) destination: Destination,
    pub(crate) debtor: Option<Party>,
    pub(crate) reference: Option<String>,
    pub(crate) execution_date: Option<ExecutionDate>,
    pub(crate) recurrence: Option<Recurrence>,
    canonical: Vec<u8>,
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Destination {
    One {
        payee: Party,
        payee_name: Option<String>,
    },
    Batch(Vec<ListedPayment>),
}

impl Intent {
    /// Checks a draft and brings it to normal form.
    ///
    /// # Errors
    /// An [`IntentError`] that names the member; the first in the order of [`Member::ALL`] where there are several.
    pub fn build(draft: Draft) -> Result<Self, IntentError> {
        let kind = kind(required(Member::Type, draft.kind)?)?;
        let amount = required(Member::Amount, draft.amount)?;
        let money = Money::parse(&amount, &required(Member::Currency, draft.currency)?)?;
        if money.amount_minor() == 0 {
            return Err(IntentError::Zero);
        }
        let mut intent = Self {
            kind,
            money,
            destination: Destination::build(draft.payee, draft.payee_name, draft.payees, money)?,
            debtor: draft
                .debtor
                .map(|text| party(Member::Debtor, &text))
                .transpose()?,
            reference: optional_text(Member::Reference, draft.reference)?,
            execution_date: parsed(
                draft.execution_date,
                ExecutionDate::parse,
                IntentError::ExecutionDate,
            )?,
            recurrence: parsed(draft.recurrence, Recurrence::parse, IntentError::Recurrence)?,
            canonical: Vec::new(),
        };
        intent.canonical = canonical::to_vec(&intent)?;
        Ok(intent)
    }

    /// Reads the JSON of an intent again, as it stands in a token or a receipt.
    ///
    /// # Errors
    /// As [`Intent::build`]; besides a member that intents do not know, one of another JSON type, and
    /// [`IntentError::NotNormal`] for one that normalisation would change, since whoever wrote it had not built it.
    pub fn from_json(value: &Value) -> Result<Self, IntentError> {
        let intent = Self::build(draft::from_json(value)?)?;
        let normal = intent.to_json();
        let differs = |member: &Member| value.get(member.name()) != normal.get(member.name());
        match Member::ALL.into_iter().find(differs) {
            Some(member) => Err(IntentError::NotNormal(member)),
            None => Ok(intent),
        }
    }

    /// Reads the bytes of an intent's JSON, which need not be canonical but may not repeat a member.
    ///
    /// # Errors
    /// [`ParseError`] for JSON that is no JSON, or no intent.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        Ok(Self::from_json(&json::parse_closed(
            bytes,
            &json::Limits::default(),
        )?)?)
    }

    /// The JSON object; absent members are left out.
    #[must_use]
    pub fn to_json(&self) -> Value {
        // Cannot fail: its members are texts, and a list of objects of texts.
        serde_json::to_value(self).unwrap_or_default()
    }

    /// The canonical JSON (RFC 8785).
    #[must_use]
    pub fn canonical(&self) -> &[u8] {
        &self.canonical
    }

    /// SHA-256 over `countersign/intent/v1`, a line feed, and the canonical JSON.
    #[must_use]
    pub fn digest(&self) -> IntentDigest {
        IntentDigest::of(&self.canonical)
    }

    /// The type of the transaction.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Amount and currency; of a batch the total.
    #[must_use]
    pub const fn money(&self) -> Money {
        self.money
    }

    /// The amount in minor units; of a batch the total.
    #[must_use]
    pub const fn amount_minor(&self) -> u64 {
        self.money.amount_minor()
    }

    /// The amount as text, with the currency's minor digits.
    #[must_use]
    pub fn amount(&self) -> String {
        self.money.amount()
    }

    /// The currency.
    #[must_use]
    pub const fn currency(&self) -> Currency {
        self.money.currency()
    }

    /// Account that is paid; `None` for a batch.
    #[must_use]
    pub const fn payee(&self) -> Option<&Party> {
        match &self.destination {
            Destination::One { payee, .. } => Some(payee),
            Destination::Batch(_) => None,
        }
    }

    /// Name of the payee, as the client claims it.
    #[must_use]
    pub fn payee_name(&self) -> Option<&str> {
        match &self.destination {
            Destination::One { payee_name, .. } => payee_name.as_deref(),
            Destination::Batch(_) => None,
        }
    }

    /// The ordered payments of a batch; empty for a single payment.
    #[must_use]
    pub fn payees(&self) -> &[ListedPayment] {
        match &self.destination {
            Destination::One { .. } => &[],
            Destination::Batch(payments) => payments,
        }
    }

    /// Account that pays.
    #[must_use]
    pub const fn debtor(&self) -> Option<&Party> {
        self.debtor.as_ref()
    }

    /// What the payee reads beside the payment.
    #[must_use]
    pub fn reference(&self) -> Option<&str> {
        self.reference.as_deref()
    }

    /// The day of execution.
    #[must_use]
    pub const fn execution_date(&self) -> Option<ExecutionDate> {
        self.execution_date
    }

    /// How often the payment repeats.
    #[must_use]
    pub const fn recurrence(&self) -> Option<Recurrence> {
        self.recurrence
    }
}

impl Destination {
    fn build(
        payee: Option<String>,
        payee_name: Option<String>,
        payees: Option<Vec<ListedDraft>>,
        total: Money,
    ) -> Result<Self, IntentError> {
        let Some(payments) = payees else {
            let payee = party(Member::Payee, &required(Member::Payee, payee)?)?;
            return Ok(Self::One {
                payee,
                payee_name: optional_text(Member::PayeeName, payee_name)?,
            });
        };
        if payee.is_some() || payee_name.is_some() {
            return Err(IntentError::PayeeBesideList);
        }
        Ok(Self::Batch(batch::build(payments, total)?))
    }
}

fn kind(text: String) -> Result<String, IntentError> {
    if is_kind(&text) {
        Ok(text)
    } else {
        Err(IntentError::Type)
    }
}

pub(crate) fn is_kind(text: &str) -> bool {
    let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    let goes_on = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.".contains(&byte);
    begins && text.len() <= MAX_TYPE && text.bytes().all(goes_on)
}

pub(crate) fn required(member: Member, value: Option<String>) -> Result<String, IntentError> {
    value.ok_or(IntentError::Missing(member))
}

pub(crate) fn party(member: Member, text: &str) -> Result<Party, IntentError> {
    Party::parse(text).map_err(|error| IntentError::Party(member, error))
}

pub(crate) fn optional_text(member: Member, value: Option<String>) -> Result<Option<String>, IntentError> {
    let normal =
        |value: String| text::normalise(value, MAX_TEXT).map_err(|error| IntentError::Text(member, error));
    value.map(normal).transpose()
}

fn parsed<T>(
    value: Option<String>,
    parse: impl Fn(&str) -> Option<T>,
    error: IntentError,
) -> Result<Option<T>, IntentError> {
    value.map(|text| parse(&text).ok_or(error)).transpose()
}

impl From<Intent> for Value {
    fn from(intent: Intent) -> Self {
        intent.to_json()
    }
}

impl TryFrom<Value> for Intent {
    type Error = IntentError;

    fn try_from(value: Value) -> Result<Self, Self::Error> {
        Self::from_json(&value)
    }
}

/// Whom somebody pays, and how much, is personal: a log sees the type only.
impl fmt::Debug for Intent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Intent")
            .field("type", &self.kind)
            .finish_non_exhaustive()
    }
}

/// Why bytes are not the JSON of an intent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// They are not JSON, or JSON that could be read in two ways.
    #[error(transparent)]
    Json(#[from] json::JsonError),
    /// The JSON is no intent.
    #[error(transparent)]
    Intent(#[from] IntentError),
}
