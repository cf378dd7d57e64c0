//! Where receipts are kept: terms from the Sealed write on. What became of a payment stands in the log, in the entry
//! that vouches for the receipt.

use std::sync::Arc;

use serde::Serialize;

use super::render::{self, Found};
use super::terms::{Outcome, TermDigests, Terms};
use crate::audit::{Log, LogError};
use crate::base::event::ReceiptDigests;
use crate::base::{CustomerId, Entropy, Fault, Timestamp, TransactionId};
use crate::privacy::{Vault, VaultError};
use crate::store::{Batch, Db, StoreError};

/// Why a receipt cannot be kept or made.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReceiptError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The customer's data key is gone, or does not open what is kept.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// What is kept is no receipt.
    #[error("a receipt cannot be read")]
    Damaged,
}

impl From<ReceiptError> for Fault {
    fn from(error: ReceiptError) -> Self {
        match error {
            ReceiptError::Store(error) => error.into(),
            ReceiptError::Log(error) => error.into(),
            other => Self::new(crate::base::Code::StoreUnavailable).cause(other),
        }
    }
}

/// For the write that a receipt is part of: it fails with it.
impl From<ReceiptError> for StoreError {
    fn from(error: ReceiptError) -> Self {
        match error {
            ReceiptError::Store(error) => error,
            other => Self::Failed(other.to_string()),
        }
    }
}

/// The receipts of all customers.
pub struct Receipts {
    db: Db,
    vault: Vault,
    log: Arc<Log>,
    entropy: Arc<dyn Entropy>,
}

impl Receipts {
    /// Receipts in `db`, whose entries are in `log`.
    #[must_use]
    pub fn new(db: Db, vault: Vault, log: Arc<Log>, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            db,
            vault,
            log,
            entropy,
        }
    }

    /// Adds to the Sealed write what the receipt will say. The event of its outcome has to carry the digests.
    ///
    /// # Errors
    /// [`ReceiptError::Vault`] when the customer has no data key; the payment must then not be sent.
    pub async fn open<I: Serialize>(
        &self,
        batch: &mut Batch,
        customer: &CustomerId,
        terms: &Terms<'_, I>,
        now: Timestamp,
    ) -> Result<TermDigests, ReceiptError> {
        let digests = terms.digests().ok_or(ReceiptError::Damaged)?;
        let text = serde_json::to_vec(terms).map_err(|_| ReceiptError::Damaged)?;
        let key = self.vault.open(customer).await?;
        let sealed = key.seal(&field(&terms.id), &text, &*self.entropy);
        batch.run(
            "INSERT INTO receipt (txn, customer_id, opened_at, terms) VALUES ($1, $2, $3, $4)",
            vec![
                terms.id.as_str().into(),
                customer.as_str().into(),
                now.into(),
                sealed.into(),
            ],
        );
        Ok(digests)
    }

    /// What the event of an outcome that became known later has to carry, maybe written by another process. `None`
    /// where there is no receipt: no money was to move, or the customer was erased.
    ///
    /// # Errors
    /// [`ReceiptError`] when what is kept cannot be read.
    pub async fn digests_of(
        &self,
        transaction: &TransactionId,
        outcome: &Outcome,
    ) -> Result<Option<ReceiptDigests>, ReceiptError> {
        let Some(kept) = self.kept(transaction).await? else {
            return Ok(None);
        };
        match self.terms(transaction, &kept).await {
            Ok(terms) => Ok(terms.digests().and_then(|digests| digests.with(outcome))),
            Err(ReceiptError::Vault(VaultError::Erased)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Adds to the write of an outcome that nothing was sent: there is nothing to show.
    pub fn withdraw(batch: &mut Batch, transaction: &TransactionId) {
        batch.run(
            "DELETE FROM receipt WHERE txn = $1",
            vec![transaction.as_str().into()],
        );
    }

    /// The receipt called `id`, for `customer` alone: of others' receipts nothing is said, not even that they exist.
    ///
    /// # Errors
    /// [`ReceiptError`].
    pub async fn find(&self, customer: &CustomerId, id: &TransactionId) -> Result<Found, ReceiptError> {
        let Some(kept) = self.kept(id).await?.filter(|kept| kept.customer == *customer) else {
            return Ok(Found::Nothing);
        };
        match self.terms(id, &kept).await {
            Ok(terms) => render::receipt(&self.log, &terms).await,
            Err(ReceiptError::Vault(VaultError::Erased)) => Ok(Found::Nothing),
            Err(error) => Err(error),
        }
    }

    async fn kept(&self, transaction: &TransactionId) -> Result<Option<Kept>, StoreError> {
        let sql = "SELECT customer_id, terms FROM receipt WHERE txn = $1";
        let row = self.db.query_one(sql, vec![transaction.as_str().into()]).await?;
        row.map(|row| {
            Ok(Kept {
                customer: CustomerId::new(row.text(0)?),
                terms: row.bytes(1)?.to_vec(),
            })
        })
        .transpose()
    }

    async fn terms(&self, transaction: &TransactionId, kept: &Kept) -> Result<Terms<'static>, ReceiptError> {
        let key = self.vault.open(&kept.customer).await?;
        let text = key.open(&field(transaction), &kept.terms)?;
        serde_json::from_slice(&text).map_err(|_| ReceiptError::Damaged)
    }
}

/// A row.
struct Kept {
    customer: CustomerId,
    terms: Vec<u8>,
}

/// What the terms are sealed for.
fn field(transaction: &TransactionId) -> String {
    format!("receipt/{transaction}")
}
