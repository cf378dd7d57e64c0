//! Credential records: what is kept of a customer's password and of the secret in their authenticator.

use countersign_jose::{Thumbprint, sha256};

use super::password::StoredPassword;
use super::totp::TotpSecret;
use crate::base::{CustomerId, DeviceId, Entropy, Timestamp};
use crate::privacy::{DataKey, UsernameIndex, Vault, VaultError};
use crate::store::{Batch, Db, Row, StoreError};

/// What is known of the customer a username names; everything is absent for a name that does not exist.
#[derive(Debug, Default)]
pub struct Credentials {
    /// The customer.
    pub customer: Option<CustomerId>,
    /// Whether they are locked.
    pub locked: bool,
    /// Their password.
    pub password: Option<StoredPassword>,
    /// SHA-256 of the PHC string that was imported for them, whatever became of it since.
    pub imported: Option<[u8; 32]>,
    /// The secret in their authenticator, and the last step that was used.
    pub totp: Option<(TotpSecret, i64)>,
    /// The known device that was asked for.
    pub device: Option<DeviceId>,
}

const SELECT: &str = "SELECT customer.id, customer.locked_at, customer_key.sealed, password.phc, password.pepper, \
     password.imported, totp.secret, totp.last_step, device.id FROM customer \
     JOIN customer_key ON customer_key.customer = customer.id \
     LEFT JOIN password ON password.customer = customer.id \
     LEFT JOIN totp ON totp.customer = customer.id \
     LEFT JOIN device ON device.customer = customer.id AND device.jkt = $2 \
     WHERE customer.username_index = $1";

/// The credentials of the customer found by `name`, and whether `key` is one of their devices'.
///
/// # Errors
/// [`VaultError`].
pub async fn find(
    db: &Db,
    vault: &Vault,
    name: UsernameIndex,
    key: &Thumbprint,
) -> Result<Credentials, VaultError> {
    let parameters = vec![
        name.as_bytes().as_slice().into(),
        key.as_bytes().as_slice().into(),
    ];
    match db.query_one(SELECT, parameters).await? {
        Some(row) => read(vault, &row),
        None => Ok(Credentials::default()),
    }
}

/// Adds a customer's password to `batch`.
pub fn add_password(batch: &mut Batch, customer: &CustomerId, stored: &StoredPassword, now: Timestamp) {
    let imported = stored.pepper.is_none().then(|| digest(&stored.phc).to_vec());
    batch.run(
        "INSERT INTO password (customer, phc, pepper, imported, changed_at) VALUES ($1, $2, $3, $4, $5)",
        vec![
            customer.as_str().into(),
            stored.phc.clone().into(),
            stored.pepper.clone().into(),
            imported.into(),
            now.into(),
        ],
    );
}

/// Puts another hash of the same password in place of the one there.
pub fn replace_password(batch: &mut Batch, customer: &CustomerId, stored: &StoredPassword, now: Timestamp) {
    batch.run(
        "UPDATE password SET phc = $2, pepper = $3, changed_at = $4 WHERE customer = $1",
        vec![
            customer.as_str().into(),
            stored.phc.clone().into(),
            stored.pepper.clone().into(),
            now.into(),
        ],
    );
}

/// Adds the secret in a customer's authenticator, sealed under the customer's key, to `batch`.
pub fn add_totp(
    batch: &mut Batch,
    customer: &CustomerId,
    key: &DataKey,
    secret: &TotpSecret,
    now: Timestamp,
    entropy: &dyn Entropy,
) {
    let sealed = key.seal("totp", secret.expose(), entropy);
    batch.run(
        "INSERT INTO totp (customer, secret, last_step, bound_at) VALUES ($1, $2, -1, $3)",
        vec![customer.as_str().into(), sealed.into(), now.into()],
    );
}

/// What is remembered of an imported PHC string.
#[must_use]
pub fn digest(phc: &str) -> [u8; 32] {
    sha256(phc.as_bytes())
}

fn read(vault: &Vault, row: &Row) -> Result<Credentials, VaultError> {
    let customer = CustomerId::new(row.text(0)?);
    let key = vault.unseal(&customer, row.bytes(2)?)?;
    let password = match row.optional_text(3)? {
        Some(phc) => Some(StoredPassword {
            phc: phc.to_owned(),
            pepper: row.optional_text(4)?.map(str::to_owned),
        }),
        None => None,
    };
    let imported = row.optional_bytes(5)?.and_then(|digest| digest.try_into().ok());
    let totp = match row.optional_bytes(6)? {
        Some(sealed) => {
            let corrupt = |_| StoreError::Corrupt("totp.secret");
            let secret = TotpSecret::new(&key.open("totp", sealed)?).map_err(corrupt)?;
            Some((secret, row.integer(7)?))
        }
        None => None,
    };
    Ok(Credentials {
        customer: Some(customer),
        locked: row.optional_time(1)?.is_some(),
        password,
        imported,
        totp,
        device: row.optional_text(8)?.map(DeviceId::new),
    })
}
