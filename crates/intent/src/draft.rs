//! An intent as it was written, before anything in it is checked.

use crate::batch::{self, ListedDraft};
use crate::{IntentError, Member};
use serde_json::Value;
use std::fmt;

/// An intent as it was written: texts, none of them checked. Absent members are `None`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Draft {
    /// `type`: what kind of transaction this is, like `payment`.
    pub kind: Option<String>,
    /// `amount`, with exactly the currency's minor digits; of a batch the total.
    pub amount: Option<String>,
    /// `currency`, an ISO 4217 code.
    pub currency: Option<String>,
    /// `payee`: an IBAN, or `scheme:rest`.
    pub payee: Option<String>,
    /// `payee_name`, as the client claims it.
    pub payee_name: Option<String>,
    /// `debtor`: the account that pays, written as `payee` is.
    pub debtor: Option<String>,
    /// `reference`: what the payee reads beside the payment.
    pub reference: Option<String>,
    /// `execution_date`, `YYYY-MM-DD`.
    pub execution_date: Option<String>,
    /// `recurrence`, like `R12/P1M`.
    pub recurrence: Option<String>,
    /// `payees`: the ordered payments of a batch, in place of `payee` and `payee_name`.
    pub payees: Option<Vec<ListedDraft>>,
}

/// The draft that the JSON of an intent makes: a closed set of members, each a string but the list.
pub(crate) fn from_json(value: &Value) -> Result<Draft, IntentError> {
    let mut draft = Draft::default();
    for (name, value) in value.as_object().ok_or(IntentError::NotAnObject)? {
        let member = Member::from_name(name).ok_or(IntentError::UnknownMember)?;
        let place = match member {
            Member::Type => &mut draft.kind,
            Member::Amount => &mut draft.amount,
            Member::Currency => &mut draft.currency,
            Member::Payee => &mut draft.payee,
            Member::PayeeName => &mut draft.payee_name,
            Member::Debtor => &mut draft.debtor,
            Member::Reference => &mut draft.reference,
            Member::ExecutionDate => &mut draft.execution_date,
            Member::Recurrence => &mut draft.recurrence,
            Member::Payees => {
                draft.payees = Some(batch::from_json(value)?);
                continue;
            }
        };
        *place = Some(value.as_str().ok_or(IntentError::WrongType(member))?.to_owned());
    }
    Ok(draft)
}

/// Whom somebody pays, and how much, is personal: a log sees none of it.
impl fmt::Debug for Draft {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Draft").finish_non_exhaustive()
    }
}
