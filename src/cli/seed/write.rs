//! Writes a seed in one batch.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::SeedError;
use super::file::{Seed, SeedAdmin, SeedClient, SeedCustomer, SeedPassword};
use crate::admin::{self, Admins, NewAdmin};
use crate::base::{Clock, CustomerId, Entropy, Event, Timestamp};
use crate::identity::credentials::{self, Credentials};
use crate::identity::password::{Caller, PhcError};
use crate::identity::{Customers, Passwords, Settings};
use crate::keys::Keyring;
use crate::oauth::clients;
use crate::privacy::{Pseudonyms, Vault, VaultError};
use crate::server::DEVELOPMENT;
use crate::store::{Batch, Db, StoreError};
use crate::transaction::payee;

/// What a seed is written with.
pub struct Stores {
    db: Db,
    vault: Vault,
    customers: Customers,
    passwords: Passwords,
    pseudonyms: Arc<Pseudonyms>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// Why the stores cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store failed, or the keyring does not open what it holds.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The parameters of password hashes cannot be used.
    #[error("[identity.password] {0}")]
    Parameters(#[from] PhcError),
}

/// What came of a seed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Clients that are new.
    pub clients: usize,
    /// Customers that are new.
    pub customers: usize,
    /// Admins that are new.
    pub admins: usize,
    /// Tables that were there already, just so.
    pub unchanged: usize,
    /// Whether the seed holds plaintext secrets, which marks the store.
    pub development: bool,
}

impl Stores {
    /// Over an open store and its keyring.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(
        db: Db,
        keyring: Arc<Keyring>,
        settings: &Settings,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, OpenError> {
        let pseudonyms = Arc::new(Pseudonyms::open(&db, &keyring, &entropy).await?);
        let vault = Vault::new(db.clone(), Arc::clone(&keyring), Arc::clone(&entropy));
        let customers = Customers::new(
            db.clone(),
            vault.clone(),
            Arc::clone(&pseudonyms),
            Arc::clone(&entropy),
        );
        let passwords = Passwords::start(settings, keyring, Arc::clone(&entropy))?;
        Ok(Self {
            db,
            vault,
            customers,
            passwords,
            pseudonyms,
            clock,
            entropy,
        })
    }
}

/// Writes everything that is new, or nothing.
///
/// # Errors
/// [`SeedError`] that names the table which contradicts what is there, or the failure of the store.
pub async fn write(seed: &Seed, stores: &Stores) -> Result<Written, SeedError> {
    let now = stores.clock.now();
    let mut batch = Batch::new();
    let mut written = Written::default();
    for client in &seed.clients {
        let is_new = add_client(&mut batch, client, stores, now).await?;
        count(is_new, &mut written.clients, &mut written.unchanged);
    }
    for customer in &seed.customers {
        let is_new = add_customer(&mut batch, customer, stores, now).await?;
        count(is_new, &mut written.customers, &mut written.unchanged);
        written.development |= customer.has_plaintext();
    }
    for admin in &seed.admins {
        let is_new = add_admin(&mut batch, admin, stores, now).await?;
        count(is_new, &mut written.admins, &mut written.unchanged);
    }
    if written.development {
        batch.run(
            "INSERT INTO meta (name, value) VALUES ($1, 'seed') ON CONFLICT (name) DO NOTHING",
            vec![DEVELOPMENT.into()],
        );
    }
    if written.clients + written.customers + written.admins > 0 {
        let event = Event::Seeded {
            clients: written.clients,
            customers: written.customers,
            admins: written.admins,
        };
        batch.record(now, stores.entropy.as_ref(), &event);
    }
    stores.db.commit(batch).await.map_err(|error| match error {
        StoreError::Guard(guard) => failed(guard, "it contradicts what is registered already"),
        other => failed("store", other),
    })?;
    Ok(written)
}

impl SeedCustomer {
    const fn has_plaintext(&self) -> bool {
        matches!(self.password, SeedPassword::Plaintext(_)) || self.totp.is_some()
    }
}

fn count(is_new: bool, new: &mut usize, unchanged: &mut usize) {
    *(if is_new { new } else { unchanged }) += 1;
}

fn failed(table: &str, message: impl std::fmt::Display) -> SeedError {
    SeedError {
        line: None,
        table: table.to_owned(),
        message: message.to_string(),
    }
}

fn conflict(line: usize, kind: &str, name: &str) -> SeedError {
    SeedError {
        line: Some(line),
        table: format!("[[{kind}]] {name}"),
        message: "is registered already, with other data; a seed adds and never changes".to_owned(),
    }
}

async fn add_client(
    batch: &mut Batch,
    seed: &SeedClient,
    stores: &Stores,
    now: Timestamp,
) -> Result<bool, SeedError> {
    let client = &seed.client;
    let sql = "SELECT metadata FROM client WHERE client_id = $1";
    let row = stores.db.query_one(sql, vec![client.id.as_str().into()]).await;
    let Some(row) = row.map_err(|error| failed("store", error))? else {
        clients::add(batch, client, now);
        return Ok(true);
    };
    let registered = row.text(0).ok().and_then(|text| serde_json::from_str(text).ok());
    if registered.as_ref() == Some(&client.registration) {
        Ok(false)
    } else {
        Err(conflict(seed.line, "client", client.id.as_str()))
    }
}

async fn add_customer(
    batch: &mut Batch,
    seed: &SeedCustomer,
    stores: &Stores,
    now: Timestamp,
) -> Result<bool, SeedError> {
    let name = stores.customers.index(&seed.username);
    // No device has the thumbprint of nothing.
    let no_key = countersign_jose::Thumbprint::from_bytes([0; 32]);
    let found = credentials::find(&stores.db, &stores.vault, name, &no_key).await;
    let found = found.map_err(|error| failed("store", error))?;
    let customer = match &found.customer {
        Some(customer) => {
            if !is_same(seed, customer, &found, stores).await? {
                return Err(conflict(seed.line, "customer", &seed.profile.username));
            }
            customer.clone()
        }
        None => new_customer(batch, seed, stores, now).await?,
    };
    for trusted in &seed.trusted_payees {
        payee::trust(batch, &stores.pseudonyms, &customer, &trusted.payee, now);
    }
    Ok(found.customer.is_none())
}

async fn new_customer(
    batch: &mut Batch,
    seed: &SeedCustomer,
    stores: &Stores,
    now: Timestamp,
) -> Result<CustomerId, SeedError> {
    let added = stores
        .customers
        .add(batch, &seed.username, &seed.profile, &seed.accounts, now);
    let (customer, key) = added.map_err(|error| failed("store", error))?;
    let stored = match &seed.password {
        SeedPassword::Hash(stored) => {
            let admitted = stores.passwords.admit(stored);
            admitted.map_err(|error| SeedError {
                line: Some(seed.line),
                table: format!("[[customer]] {}", seed.profile.username),
                message: format!("password_hash {error}"),
            })?;
            stored.clone()
        }
        SeedPassword::Plaintext(password) => stores
            .passwords
            .hash(password, caller())
            .await
            .map_err(|error| failed("[[customer]]", error))?,
    };
    credentials::add_password(batch, &customer, &stored, now);
    if let Some(secret) = &seed.totp {
        credentials::add_totp(batch, &customer, &key, secret, now, stores.entropy.as_ref());
    }
    Ok(customer)
}

/// Whether a customer is registered with just these data and factors.
async fn is_same(
    seed: &SeedCustomer,
    customer: &CustomerId,
    found: &Credentials,
    stores: &Stores,
) -> Result<bool, SeedError> {
    let broken = |error: VaultError| failed("store", error);
    let profile = stores.customers.profile(customer).await.map_err(broken)?;
    let accounts = stores.customers.accounts(customer).await.map_err(broken)?;
    let same_password = match &seed.password {
        SeedPassword::Hash(stored) => found.imported == Some(credentials::digest(&stored.phc)),
        SeedPassword::Plaintext(password) => {
            let compared = stores
                .passwords
                .compare(password, found.password.as_ref(), caller())
                .await;
            compared.map_err(|error| failed("[[customer]]", error))?.matches
        }
    };
    let exposed =
        |secret: Option<&crate::identity::TotpSecret>| secret.map(|secret| secret.expose().to_vec());
    let registered = found.totp.as_ref().map(|(secret, _)| secret);
    let same_totp = exposed(registered) == exposed(seed.totp.as_ref());
    Ok(profile == seed.profile && accounts == seed.accounts && same_password && same_totp)
}

async fn add_admin(
    batch: &mut Batch,
    seed: &SeedAdmin,
    stores: &Stores,
    now: Timestamp,
) -> Result<bool, SeedError> {
    let register = Admins::new(stores.db.clone());
    let broken = |error: StoreError| failed("store", error);
    let by_name = register.by_name(&seed.name).await.map_err(broken)?;
    let by_certificate = register.by_certificate(&seed.certificate).await.map_err(broken)?;
    if let Some(found) = by_name.as_ref().or(by_certificate.as_ref()) {
        let same = found.name == seed.name
            && found.person == seed.person
            && found.roles == seed.roles
            && found.certificate == seed.certificate;
        return if same {
            Ok(false)
        } else {
            Err(conflict(seed.line, "admin", seed.name.as_str()))
        };
    }
    let row = NewAdmin {
        name: seed.name.clone(),
        person: seed.person.clone(),
        roles: seed.roles.clone(),
        certificate: seed.certificate,
    };
    admin::add_to_batch(batch, &row, now);
    Ok(true)
}

/// Hashes are asked for by this process itself.
fn caller() -> Caller {
    Caller::new(IpAddr::V4(Ipv4Addr::LOCALHOST), true)
}
