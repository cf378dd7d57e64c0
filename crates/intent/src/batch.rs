//! A batch of payments: its total and its ordered payees are what the customer agrees to (Delegated Regulation (EU)
//! 2018/389, article 5(3)(b)).

use crate::intent::{optional_text, party, required};
use crate::{Currency, IntentError, Member, Money, Party};
use serde_json::Value;
use std::fmt;

/// Most payments of a batch: each is shown to the customer, and all of them travel in one header to the backend.
pub const MAX_PAYMENTS: usize = 100;

/// One payment of a batch, as it was written.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ListedDraft {
    /// Amount in the currency of the batch.
    pub amount: Option<String>,
    /// Account that is paid.
    pub payee: Option<String>,
    /// Name of the payee, as the client claims it.
    pub payee_name: Option<String>,
    /// What the payee reads beside the payment.
    pub reference: Option<String>,
}

/// One payment of a batch, checked.
#[derive(Clone, PartialEq, Eq)]
pub struct ListedPayment {
    money: Money,
    payee: Party,
    payee_name: Option<String>,
    reference: Option<String>,
}

impl ListedPayment {
    /// Amount, in the currency of the batch.
    #[must_use]
    pub const fn money(&self) -> Money {
        self.money
    }

    /// Account that is paid.
    #[must_use]
    pub const fn payee(&self) -> &Party {
        &self.payee
    }

    /// Name of the payee, as the client claims it.
    #[must_use]
    pub fn payee_name(&self) -> Option<&str> {
        self.payee_name.as_deref()
    }

    /// What the payee reads beside the payment.
    #[must_use]
    pub fn reference(&self) -> Option<&str> {
        self.reference.as_deref()
    }

    fn build(draft: ListedDraft, currency: Currency) -> Result<Self, IntentError> {
        let money = Money::parse_in(&required(Member::Amount, draft.amount)?, currency)?;
        if money.amount_minor() == 0 {
            return Err(IntentError::Zero);
        }
        Ok(Self {
            money,
            payee: party(Member::Payee, &required(Member::Payee, draft.payee)?)?,
            payee_name: optional_text(Member::PayeeName, draft.payee_name)?,
            reference: optional_text(Member::Reference, draft.reference)?,
        })
    }
}

/// The payments of a batch whose sum is `total`.
pub(crate) fn build(drafts: Vec<ListedDraft>, total: Money) -> Result<Vec<ListedPayment>, IntentError> {
    if !(1..=MAX_PAYMENTS).contains(&drafts.len()) {
        return Err(IntentError::BatchLength);
    }
    let listed = |(index, draft)| {
        ListedPayment::build(draft, total.currency()).map_err(|error| IntentError::Listed {
            index,
            error: Box::new(error),
        })
    };
    let payments: Vec<ListedPayment> = drafts
        .into_iter()
        .enumerate()
        .map(listed)
        .collect::<Result<_, _>>()?;
    let nothing = Money::from_minor(0, total.currency())?;
    let sum = payments
        .iter()
        .try_fold(nothing, |sum, payment| sum.checked_add(payment.money));
    // A sum that no amount can hold is not the total either.
    if sum == Ok(total) {
        Ok(payments)
    } else {
        Err(IntentError::BatchTotal)
    }
}

/// Reads the JSON list of a batch.
pub(crate) fn from_json(list: &Value) -> Result<Vec<ListedDraft>, IntentError> {
    let items = list.as_array().ok_or(IntentError::WrongType(Member::Payees))?;
    if items.len() > MAX_PAYMENTS {
        return Err(IntentError::BatchLength);
    }
    let listed = |(index, item)| {
        draft_from_json(item).map_err(|error| IntentError::Listed {
            index,
            error: Box::new(error),
        })
    };
    items.iter().enumerate().map(listed).collect()
}

fn draft_from_json(item: &Value) -> Result<ListedDraft, IntentError> {
    let mut draft = ListedDraft::default();
    for (name, value) in item.as_object().ok_or(IntentError::NotAnObject)? {
        let (member, place) = match Member::from_name(name) {
            Some(member @ Member::Amount) => (member, &mut draft.amount),
            Some(member @ Member::Payee) => (member, &mut draft.payee),
            Some(member @ Member::PayeeName) => (member, &mut draft.payee_name),
            Some(member @ Member::Reference) => (member, &mut draft.reference),
            _ => return Err(IntentError::UnknownMember),
        };
        *place = Some(value.as_str().ok_or(IntentError::WrongType(member))?.to_owned());
    }
    Ok(draft)
}

/// Whom somebody pays is personal: a log sees none of it.
impl fmt::Debug for ListedDraft {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ListedDraft").finish_non_exhaustive()
    }
}

/// Whom somebody pays is personal: a log sees none of it.
impl fmt::Debug for ListedPayment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ListedPayment").finish_non_exhaustive()
    }
}
