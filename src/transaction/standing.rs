//! What the store says about a customer's payment before the policies decide: whether they trust its payee (SCA-17),
//! and what passed without approval since they last authenticated strongly (SCA-19).
//!
//! Both are facts of one moment and asked for together: a question costs more than the rows it finds.

use crate::base::{CustomerId, Timestamp};
use crate::policy::Counters;
use crate::store::{Db, Row, StoreError};

/// Three questions for a value each: SQLite makes a plan for them once, and for the same tables joined a new one
/// every time, because both are asked for the same customer.
pub(super) const SQL: &str = "SELECT (SELECT since FROM trusted_payee WHERE customer_id = $1 AND payee = $2), \
     (SELECT payments FROM low_value WHERE customer_id = $1 AND account = $3), \
     (SELECT sum_minor FROM low_value WHERE customer_id = $1 AND account = $3)";

/// How a payment stands with its customer.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// Since when the customer trusts the payee; `None` when they do not.
    pub trusted_since: Option<Timestamp>,
    /// What passed without approval.
    pub counters: Counters,
}

/// How a payment of `customer` stands: `payee` is its [`super::payee::place`], `account` its
/// [`super::exemption::account`].
///
/// # Errors
/// [`StoreError`] when it cannot be read; the caller then has no such facts, and they open nothing (SCA-28).
pub async fn find(
    db: &Db,
    customer: &CustomerId,
    payee: &[u8; 32],
    account: &[u8; 32],
) -> Result<Standing, StoreError> {
    let key = vec![
        customer.as_str().into(),
        payee.as_slice().into(),
        account.as_slice().into(),
    ];
    let row = db.find(SQL, key).await?;
    let row = row.ok_or(StoreError::Corrupt("a row for every question"))?;
    Ok(Standing {
        trusted_since: row.optional_time(0)?,
        counters: Counters {
            low_value_count: count(&row, 1)?,
            low_value_sum_minor: count(&row, 2)?,
        },
    })
}

/// Nothing counted yet is zero; what no count can be is the largest, which is under no limit.
fn count(row: &Row, index: usize) -> Result<u64, StoreError> {
    let value = row.optional_integer(index)?.unwrap_or_default();
    Ok(u64::try_from(value).unwrap_or(u64::MAX))
}
