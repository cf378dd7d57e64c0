//! One data key per customer. What it seals can be read until the key is erased, and never again after that.

use std::sync::Arc;

use zeroize::Zeroizing;

use crate::base::{CustomerId, Entropy};
use crate::keys::{Keyring, SealError, SealKey};
use crate::store::{Batch, Db, StoreError};

/// Why sealed personal data cannot be read or written.
#[derive(Clone, Debug, thiserror::Error)]
pub enum VaultError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The sealed value or the customer's key does not open: it was changed, or stands in another place.
    #[error("a customer's sealed data cannot be opened")]
    Sealed(#[from] SealError),
    /// The customer's key is gone: the person was erased, or never was.
    #[error("there is no data key for this customer")]
    Erased,
}

/// The data keys of all customers.
#[derive(Clone)]
pub struct Vault {
    db: Db,
    keyring: Arc<Keyring>,
    entropy: Arc<dyn Entropy>,
}

/// One customer's data key.
#[derive(Clone, Debug)]
pub struct DataKey {
    customer: CustomerId,
    key: SealKey,
}

impl Vault {
    /// Keys in `db`, sealed by `keyring`.
    #[must_use]
    pub fn new(db: Db, keyring: Arc<Keyring>, entropy: Arc<dyn Entropy>) -> Self {
        Self { db, keyring, entropy }
    }

    /// Makes a key for a new customer and adds it to `batch`.
    ///
    /// # Errors
    /// [`VaultError::Sealed`] when the keyring has no data key.
    pub fn create(&self, batch: &mut Batch, customer: &CustomerId) -> Result<DataKey, VaultError> {
        let bytes = Zeroizing::new(self.entropy.bytes::<32>());
        let sealed =
            self.keyring
                .current()
                .seal(&place(customer), bytes.as_slice(), self.entropy.as_ref())?;
        batch.run(
            "INSERT INTO customer_key (customer, sealed) VALUES ($1, $2)",
            vec![customer.as_str().into(), sealed.into()],
        );
        Ok(DataKey {
            customer: customer.clone(),
            key: SealKey::new(&bytes),
        })
    }

    /// The key of `customer`.
    ///
    /// # Errors
    /// [`VaultError::Erased`] when there is none; [`VaultError::Sealed`], [`VaultError::Store`].
    pub async fn open(&self, customer: &CustomerId) -> Result<DataKey, VaultError> {
        let row = self
            .db
            .find(
                "SELECT sealed FROM customer_key WHERE customer = $1",
                vec![customer.as_str().into()],
            )
            .await?
            .ok_or(VaultError::Erased)?;
        self.unseal(customer, row.bytes(0)?)
    }

    /// The key of `customer` from its sealed form, as a query that joined `customer_key` found it.
    ///
    /// # Errors
    /// [`VaultError::Sealed`].
    pub fn unseal(&self, customer: &CustomerId, sealed: &[u8]) -> Result<DataKey, VaultError> {
        let bytes = self.keyring.current().open(&place(customer), sealed)?;
        let bytes = Zeroizing::new(<[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| SealError)?);
        Ok(DataKey {
            customer: customer.clone(),
            key: SealKey::new(&bytes),
        })
    }

    /// Erases the key of `customer`, and with it everything it sealed.
    pub fn erase(&self, batch: &mut Batch, customer: &CustomerId) {
        batch.one_row(
            "customer has a data key",
            "DELETE FROM customer_key WHERE customer = $1",
            vec![customer.as_str().into()],
        );
    }
}

impl DataKey {
    /// Seals `plaintext` for `field` of this customer.
    #[must_use]
    pub fn seal(&self, field: &str, plaintext: &[u8], entropy: &dyn Entropy) -> Vec<u8> {
        self.key
            .seal(self.context(field).as_bytes(), plaintext, entropy.bytes())
    }

    /// Opens what [`DataKey::seal`] made for the same field of the same customer.
    ///
    /// # Errors
    /// [`VaultError::Sealed`].
    pub fn open(&self, field: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        Ok(self.key.open(self.context(field).as_bytes(), sealed)?)
    }

    fn context(&self, field: &str) -> String {
        format!("customer/{}/{field}", self.customer)
    }
}

fn place(customer: &CustomerId) -> String {
    format!("customer-key/{customer}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SystemEntropy;

    fn key(customer: &str, byte: u8) -> DataKey {
        DataKey {
            customer: CustomerId::new(customer),
            key: SealKey::new(&[byte; 32]),
        }
    }

    #[test]
    fn a_field_opens_only_for_its_customer_its_name_and_its_key() {
        let entropy = SystemEntropy::default();
        let sealed = key("a", 1).seal("totp", b"secret", &entropy);
        assert_eq!(key("a", 1).open("totp", &sealed).unwrap().as_slice(), b"secret");
        assert!(key("a", 1).open("profile", &sealed).is_err());
        assert!(key("b", 1).open("totp", &sealed).is_err());
        assert!(key("a", 2).open("totp", &sealed).is_err());
    }
}
