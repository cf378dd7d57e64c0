//! The customer's trusted payees (SCA-17; Delegated Regulation (EU) 2018/389, article 13).

use crate::base::{CustomerId, Timestamp};
use crate::privacy::Pseudonyms;
use crate::store::{Batch, Db, StoreError};

/// Since when the customer trusts this payee; `None` when they do not.
///
/// # Errors
/// [`StoreError`] when the list cannot be read; the caller then grants nothing.
pub async fn trusted_since(
    db: &Db,
    pseudonyms: &Pseudonyms,
    customer: &CustomerId,
    payee: &str,
) -> Result<Option<Timestamp>, StoreError> {
    let sql = "SELECT since FROM trusted_payee WHERE customer_id = $1 AND payee = $2";
    let key = place(pseudonyms, customer, payee);
    let row = db
        .find(sql, vec![customer.as_str().into(), key.to_vec().into()])
        .await?;
    row.map(|row| row.time(0)).transpose()
}

/// Puts a payee on the customer's list; one that stands there keeps its date.
pub fn trust(batch: &mut Batch, pseudonyms: &Pseudonyms, customer: &CustomerId, payee: &str, now: Timestamp) {
    let key = place(pseudonyms, customer, payee);
    batch.run(
        "INSERT INTO trusted_payee (customer_id, payee, since) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        vec![customer.as_str().into(), key.to_vec().into(), now.into()],
    );
}

fn place(pseudonyms: &Pseudonyms, customer: &CustomerId, payee: &str) -> [u8; 32] {
    pseudonyms.place("trusted-payee", &[customer.as_str(), payee])
}
