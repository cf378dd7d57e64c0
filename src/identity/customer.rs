//! Customer records: found by the keyed index of the username, readable only with the customer's own key.

use std::sync::Arc;

use countersign_jose::Thumbprint;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

use super::normal_form;
use crate::base::{CustomerId, DeviceId, Entropy, Timestamp, limits};
use crate::privacy::{DataKey, Pseudonyms, UsernameIndex, Vault, VaultError};
use crate::store::{Batch, Db, StoreError};

/// An account a customer may read and pay from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// The account's IBAN (ISO 13616).
    pub iban: String,
    /// What the customer calls it.
    pub name: String,
    /// Its currency (ISO 4217).
    pub currency: String,
}

/// What a person is called and how they are spoken to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// The username as it was registered.
    pub username: String,
    /// The name on screens.
    pub display_name: Option<String>,
    /// Language and region (BCP 47).
    pub locale: Option<String>,
}

/// A username in its normal form: NFKC, lower case, without white space around it.
#[derive(Clone, PartialEq, Eq)]
pub struct Username(String);

impl Username {
    /// Brings `text` to its normal form; `None` when it is empty or has control characters, or either of the two is too long.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > limits::USERNAME_BYTES || text.chars().any(char::is_control) {
            return None;
        }
        let normal = text.trim().nfkc().flat_map(char::to_lowercase).nfkc();
        let normal = normal_form::within(normal, limits::USERNAME_BYTES)?;
        (!normal.is_empty()).then_some(Self(normal))
    }

    /// The normal form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Username {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[username]")
    }
}

/// The customers.
#[derive(Clone)]
pub struct Customers {
    db: Db,
    vault: Vault,
    pseudonyms: Arc<Pseudonyms>,
    entropy: Arc<dyn Entropy>,
}

impl Customers {
    /// Records in `db`.
    #[must_use]
    pub fn new(db: Db, vault: Vault, pseudonyms: Arc<Pseudonyms>, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            db,
            vault,
            pseudonyms,
            entropy,
        }
    }

    /// What `username` is found by.
    #[must_use]
    pub fn index(&self, username: &Username) -> UsernameIndex {
        self.pseudonyms.username(username.as_str())
    }

    /// The customer called `username`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find(&self, username: &Username) -> Result<Option<CustomerId>, StoreError> {
        let index = self.index(username);
        let row = self
            .db
            .query_one(
                "SELECT id FROM customer WHERE username_index = $1",
                vec![index.as_bytes().as_slice().into()],
            )
            .await?;
        row.map(|row| Ok(CustomerId::new(row.text(0)?))).transpose()
    }

    /// The accounts of `customer`.
    ///
    /// # Errors
    /// [`VaultError::Erased`] when there is no such customer; [`VaultError::Sealed`], [`VaultError::Store`].
    pub async fn accounts(&self, customer: &CustomerId) -> Result<Vec<Account>, VaultError> {
        self.field(
            customer,
            "accounts",
            "SELECT customer_key.sealed, customer.accounts FROM customer \
             JOIN customer_key ON customer_key.customer = customer.id WHERE customer.id = $1",
        )
        .await
    }

    /// What `customer` is called.
    ///
    /// # Errors
    /// As [`Customers::accounts`].
    pub async fn profile(&self, customer: &CustomerId) -> Result<Profile, VaultError> {
        self.field(
            customer,
            "profile",
            "SELECT customer_key.sealed, customer.profile FROM customer \
             JOIN customer_key ON customer_key.customer = customer.id WHERE customer.id = $1",
        )
        .await
    }

    /// The known device of `customer` that holds the key `jkt`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn known_device(
        &self,
        customer: &CustomerId,
        jkt: &Thumbprint,
    ) -> Result<Option<DeviceId>, StoreError> {
        super::device::find(&self.db, customer, jkt).await
    }

    /// Adds a new customer to `batch`; returns its name and its key, for the factors that go with it.
    ///
    /// # Errors
    /// [`VaultError::Sealed`] when the keyring has no data key.
    pub fn add(
        &self,
        batch: &mut Batch,
        username: &Username,
        profile: &Profile,
        accounts: &[Account],
        now: Timestamp,
    ) -> Result<(CustomerId, DataKey), VaultError> {
        let customer = CustomerId::random(self.entropy.as_ref());
        let key = self.vault.create(batch, &customer)?;
        let seal = |field: &str, json: serde_json::Result<Vec<u8>>| {
            key.seal(field, &json.unwrap_or_default(), self.entropy.as_ref())
        };
        batch.run(
            "INSERT INTO customer (id, username_index, profile, accounts, created_at) VALUES ($1, $2, $3, $4, $5)",
            vec![
                customer.as_str().into(),
                self.index(username).as_bytes().as_slice().into(),
                seal("profile", serde_json::to_vec(profile)).into(),
                seal("accounts", serde_json::to_vec(accounts)).into(),
                now.into(),
            ],
        );
        Ok((customer, key))
    }

    /// Locks `customer`: no login, no token, no payment, until unlocked.
    pub fn lock(&self, batch: &mut Batch, customer: &CustomerId, now: Timestamp) {
        batch.one_row(
            "customer exists",
            "UPDATE customer SET locked_at = $2 WHERE id = $1",
            vec![customer.as_str().into(), now.into()],
        );
    }

    /// Lets `customer` in again.
    pub fn unlock(&self, batch: &mut Batch, customer: &CustomerId) {
        batch.one_row(
            "customer exists",
            "UPDATE customer SET locked_at = NULL WHERE id = $1",
            vec![customer.as_str().into()],
        );
    }

    async fn field<T: serde::de::DeserializeOwned>(
        &self,
        customer: &CustomerId,
        field: &str,
        sql: &'static str,
    ) -> Result<T, VaultError> {
        let row = self
            .db
            .query_one(sql, vec![customer.as_str().into()])
            .await?
            .ok_or(VaultError::Erased)?;
        let key = self.vault.unseal(customer, row.bytes(0)?)?;
        let json = key.open(field, row.bytes(1)?)?;
        serde_json::from_slice(&json).map_err(|_| StoreError::Corrupt("a customer's record").into())
    }
}

#[cfg(test)]
mod tests {
    use super::Username;

    #[test]
    fn spellings_of_one_name_are_one_name() {
        let alice = Username::parse("alice").unwrap();
        for spelling in ["Alice", " ALICE ", "ａｌｉｃｅ"] {
            assert_eq!(Username::parse(spelling).unwrap(), alice, "{spelling}");
        }
        for bad in ["", "   ", "a\0b", "line\nbreak", &"x".repeat(257)] {
            assert!(Username::parse(bad).is_none(), "{bad:?}");
        }
        assert_eq!(format!("{alice:?}"), "[username]");
    }

    #[test]
    fn a_username_whose_normal_form_is_too_long_is_none() {
        let three_bytes_to_33 = "\u{fdfa}";
        assert!(Username::parse(&three_bytes_to_33.repeat(85)).is_none());
        assert!(Username::parse(&three_bytes_to_33.repeat(8)).is_none());
        assert_eq!(
            Username::parse(&three_bytes_to_33.repeat(7))
                .unwrap()
                .as_str()
                .len(),
            231
        );
    }
}
