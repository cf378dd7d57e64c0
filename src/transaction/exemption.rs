//! The low-value counters: what passed without approval since the customer last authenticated strongly (SCA-19).
//!
//! Reading them gives facts (see [`super::standing`]); only the Sealed write moves them, under the limit that the
//! policy granted, so two payments at once cannot both take the last place.

use crate::base::CustomerId;
use crate::policy::{Consumption, Counter};
use crate::privacy::Pseudonyms;
use crate::store::Batch;

/// The guard that fails when a counter would pass its limit.
pub const UNDER_LIMIT: &str = "the exemption's counter is under its limit";

/// What one payment took of an exemption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumed {
    customer: CustomerId,
    account: [u8; 32],
    amount_minor: u64,
}

/// Uses the exemption up for one payment of `amount_minor`. Both counters move; the one the policy named guards.
pub fn consume(
    batch: &mut Batch,
    customer: &CustomerId,
    account: &[u8; 32],
    amount_minor: u64,
    consumption: Consumption,
) -> Consumed {
    let sql = match consumption.counter {
        Counter::LowValueCount => {
            "INSERT INTO low_value (customer_id, account, payments, sum_minor) SELECT $1, $2, 1, $3 WHERE 1 <= $4 \
             ON CONFLICT (customer_id, account) DO UPDATE SET payments = low_value.payments + 1, \
             sum_minor = low_value.sum_minor + $3 WHERE low_value.payments + 1 <= $4"
        }
        Counter::LowValueSum => {
            "INSERT INTO low_value (customer_id, account, payments, sum_minor) SELECT $1, $2, 1, $3 WHERE $3 <= $4 \
             ON CONFLICT (customer_id, account) DO UPDATE SET payments = low_value.payments + 1, \
             sum_minor = low_value.sum_minor + $3 WHERE low_value.sum_minor + $3 <= $4"
        }
    };
    batch.one_row(
        UNDER_LIMIT,
        sql,
        vec![
            customer.as_str().into(),
            account.to_vec().into(),
            integer(amount_minor).into(),
            integer(consumption.limit).into(),
        ],
    );
    Consumed {
        customer: customer.clone(),
        account: *account,
        amount_minor,
    }
}

/// Gives back what a payment took that was never sent. Where the counters began anew meanwhile, it is gone with them: what
/// stands there was taken by others.
pub fn give_back(batch: &mut Batch, consumed: &Consumed) {
    batch.run(
        "UPDATE low_value SET payments = payments - 1, sum_minor = sum_minor - $3 \
         WHERE customer_id = $1 AND account = $2 AND payments >= 1 AND sum_minor >= $3",
        vec![
            consumed.customer.as_str().into(),
            consumed.account.to_vec().into(),
            integer(consumed.amount_minor).into(),
        ],
    );
}

fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Starts both counters at zero: the customer has just authenticated strongly for a payment.
pub fn reset(batch: &mut Batch, customer: &CustomerId, account: &[u8; 32]) {
    batch.run(
        "DELETE FROM low_value WHERE customer_id = $1 AND account = $2",
        vec![customer.as_str().into(), account.to_vec().into()],
    );
}

/// Where a customer's counters stand, under a keyed hash: one row for each currency, whichever account is said to pay. What
/// the client writes as debtor, or leaves out, must not give it fresh counters.
#[must_use]
pub fn account(pseudonyms: &Pseudonyms, customer: &CustomerId, currency: &str) -> [u8; 32] {
    pseudonyms.place("low-value", &[customer.as_str(), currency])
}
