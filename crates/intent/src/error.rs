//! What can be wrong with an intent, each fault by its own name and with the member it concerns.

use crate::canonical::CanonicalError;
use crate::{MoneyError, PartyError, TextError};
use std::fmt;

/// A member of an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Member {
    /// `type`
    Type,
    /// `amount`
    Amount,
    /// `currency`
    Currency,
    /// `payee`
    Payee,
    /// `payee_name`
    PayeeName,
    /// `debtor`
    Debtor,
    /// `reference`
    Reference,
    /// `execution_date`
    ExecutionDate,
    /// `recurrence`
    Recurrence,
    /// `payees`, the list of a batch
    Payees,
}

impl Member {
    /// Every member, in the order in which a person would read them.
    pub const ALL: [Self; 10] = [
        Self::Type,
        Self::Amount,
        Self::Currency,
        Self::Payee,
        Self::PayeeName,
        Self::Debtor,
        Self::Reference,
        Self::ExecutionDate,
        Self::Recurrence,
        Self::Payees,
    ];

    /// The name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Amount => "amount",
            Self::Currency => "currency",
            Self::Payee => "payee",
            Self::PayeeName => "payee_name",
            Self::Debtor => "debtor",
            Self::Reference => "reference",
            Self::ExecutionDate => "execution_date",
            Self::Recurrence => "recurrence",
            Self::Payees => "payees",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|member| member.name() == name)
    }
}

impl fmt::Display for Member {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Why there is no intent. No message repeats what the customer wrote.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntentError {
    /// A member that every intent needs is absent.
    #[error("{0} is missing")]
    Missing(Member),
    /// The JSON of an intent is not an object.
    #[error("an intent is a JSON object")]
    NotAnObject,
    /// The JSON of an intent, or of a payment in its list, has a member that intents do not know.
    #[error("a member is not known")]
    UnknownMember,
    /// A member is not a string (or, for `payees`, not a list of objects).
    #[error("{0} has the wrong JSON type")]
    WrongType(Member),
    /// The type is not one to 64 lower-case letters, digits, `_`, `-` or `.`, beginning with a letter.
    #[error("type is not a name of 1 to 64 lower-case letters, digits, \"_\", \"-\" or \".\"")]
    Type,
    /// Amount or currency is wrong.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// The amount is zero.
    #[error("the amount is zero")]
    Zero,
    /// `payee` or `debtor` names no party.
    #[error("{0}: {1}")]
    Party(Member, PartyError),
    /// A text cannot be shown.
    #[error("{0} {1}")]
    Text(Member, TextError),
    /// `execution_date` is not a day written `YYYY-MM-DD`.
    #[error("execution_date is not a day written YYYY-MM-DD")]
    ExecutionDate,
    /// `recurrence` is not a series like `R12/P1M`.
    #[error("recurrence is not a series like R12/P1M")]
    Recurrence,
    /// A batch has its payees in the list, and nowhere else.
    #[error("a batch has neither payee nor payee_name beside its list")]
    PayeeBesideList,
    /// A batch has no payment, or too many.
    #[error("a batch has 1 to {max} payments", max = crate::batch::MAX_PAYMENTS)]
    BatchLength,
    /// The total of a batch is not the sum of its payments.
    #[error("the total is not the sum of the listed payments")]
    BatchTotal,
    /// One payment of a batch is wrong.
    #[error("payment {index} of the list: {error}")]
    Listed {
        /// Its place, from 0.
        index: usize,
        /// What is wrong with it.
        error: Box<IntentError>,
    },
    /// The JSON of an intent has a member in a form that normalisation would change.
    #[error("{0} is not in its normal form")]
    NotNormal(Member),
    /// There is no canonical form.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
}

impl IntentError {
    /// The name by which vectors and logs know this error.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Missing(_) => "missing",
            Self::NotAnObject => "not-an-object",
            Self::UnknownMember => "unknown-member",
            Self::WrongType(_) => "wrong-type",
            Self::Type => "type",
            Self::Money(error) => error.name(),
            Self::Zero => "zero",
            Self::Party(_, error) => error.name(),
            Self::Text(_, error) => error.name(),
            Self::ExecutionDate => "execution-date",
            Self::Recurrence => "recurrence",
            Self::PayeeBesideList => "payee-beside-list",
            Self::BatchLength => "batch-length",
            Self::BatchTotal => "batch-total",
            Self::Listed { error, .. } => error.name(),
            Self::NotNormal(_) => "not-normal",
            Self::Canonical(_) => "canonical",
        }
    }

    /// The member that is at fault, where it is one; within a batch the member of the listed payment.
    #[must_use]
    pub fn member(&self) -> Option<Member> {
        match self {
            Self::Missing(member) | Self::WrongType(member) | Self::NotNormal(member) => Some(*member),
            Self::Party(member, _) | Self::Text(member, _) => Some(*member),
            Self::Type => Some(Member::Type),
            Self::Money(MoneyError::UnknownCurrency | MoneyError::CurrencyMismatch) => Some(Member::Currency),
            Self::Money(_) | Self::Zero | Self::BatchTotal => Some(Member::Amount),
            Self::ExecutionDate => Some(Member::ExecutionDate),
            Self::Recurrence => Some(Member::Recurrence),
            Self::PayeeBesideList | Self::BatchLength => Some(Member::Payees),
            Self::Listed { error, .. } => error.member(),
            Self::NotAnObject | Self::UnknownMember | Self::Canonical(_) => None,
        }
    }
}
