//! The customer's trusted payees (SCA-17; Delegated Regulation (EU) 2018/389, article 13).

use crate::base::{CustomerId, Timestamp};
use crate::privacy::Pseudonyms;
use crate::store::Batch;

/// Puts a payee on the customer's list; one that stands there keeps its date.
pub fn trust(batch: &mut Batch, pseudonyms: &Pseudonyms, customer: &CustomerId, payee: &str, now: Timestamp) {
    let key = place(pseudonyms, customer, payee);
    batch.run(
        "INSERT INTO trusted_payee (customer_id, payee, since) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        vec![customer.as_str().into(), key.to_vec().into(), now.into()],
    );
}

/// Where a payee stands on the customer's list, under a keyed hash.
#[must_use]
pub fn place(pseudonyms: &Pseudonyms, customer: &CustomerId, payee: &str) -> [u8; 32] {
    pseudonyms.place("trusted-payee", &[customer.as_str(), payee])
}
