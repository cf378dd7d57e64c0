//! The seed file as it is written: TOML with the member names that docs/operations.md tells.

use std::ops::Range;
use std::path::Path;

use countersign_intent::{Currency, Iban, Party};
use countersign_jose::{Thumbprint, sha256};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde::Deserialize;
use toml::{Spanned, Table, Value};

use super::SeedError;
use crate::base::{AdminName, Secret};
use crate::identity::password::{Password, StoredPassword, check_new};
use crate::identity::{Account, Profile, TotpSecret, Username};
use crate::oauth::Client;
use crate::oauth::client::Registration;

const USERNAME_FAULT: &str = "username is empty, has control characters, or is longer than 256 bytes, as written or in its \
                              normal form (NFKC, lower case)";
const PASSWORD_FAULT: &str =
    "password is empty, or longer than 1024 bytes, as written or in its normal form (NFKC)";

/// Everything a seed file holds.
#[derive(Debug, Default)]
pub struct Seed {
    /// Clients to register.
    pub clients: Vec<SeedClient>,
    /// Customers to register.
    pub customers: Vec<SeedCustomer>,
    /// Admins to register.
    pub admins: Vec<SeedAdmin>,
}

/// A client to register.
#[derive(Debug)]
pub struct SeedClient {
    /// The line its table begins on.
    pub line: usize,
    /// The client.
    pub client: Client,
}

/// A customer to register, with their factors.
#[derive(Debug)]
pub struct SeedCustomer {
    /// The line its table begins on.
    pub line: usize,
    /// The username in its normal form.
    pub username: Username,
    /// What they are called.
    pub profile: Profile,
    /// Their accounts.
    pub accounts: Vec<Account>,
    /// Their password.
    pub password: SeedPassword,
    /// The secret in their authenticator.
    pub totp: Option<TotpSecret>,
    /// Payees they trust.
    pub trusted_payees: Vec<TrustedPayee>,
}

/// A password in a seed.
#[derive(Debug)]
pub enum SeedPassword {
    /// In plaintext: the store becomes one for development.
    Plaintext(Password),
    /// As a PHC string that was made elsewhere.
    Hash(StoredPassword),
}

/// A payee that a customer trusts (SCA-17).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedPayee {
    /// The account, in the spelling of intents.
    pub payee: String,
    /// What the customer calls them.
    pub payee_name: Option<String>,
}

/// An admin to register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedAdmin {
    /// The line its table begins on.
    pub line: usize,
    /// The name.
    pub name: AdminName,
    /// The person behind it.
    pub person: String,
    /// What they may do.
    pub roles: Vec<String>,
    /// SHA-256 of their certificate's DER.
    pub certificate: Thumbprint,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSeed {
    #[serde(default)]
    client: Vec<Spanned<Table>>,
    #[serde(default)]
    customer: Vec<Spanned<RawCustomer>>,
    #[serde(default)]
    admin: Vec<Spanned<RawAdmin>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCustomer {
    username: String,
    password: Option<String>,
    password_hash: Option<String>,
    totp_secret: Option<String>,
    display_name: Option<String>,
    locale: Option<String>,
    #[serde(default)]
    accounts: Vec<Account>,
    #[serde(default)]
    trusted_payees: Vec<RawTrustedPayee>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTrustedPayee {
    payee: String,
    payee_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAdmin {
    name: String,
    person: String,
    roles: Vec<String>,
    certificate: String,
}

/// Reads a seed. Relative paths in it resolve from `folder`.
///
/// # Errors
/// [`SeedError`] for the first fault, with its line.
pub fn parse(text: &str, folder: &Path) -> Result<Seed, SeedError> {
    let raw: RawSeed = toml::from_str(text).map_err(|error| SeedError {
        line: error.span().map(|span| line(text, span)),
        table: "TOML".to_owned(),
        message: error.message().to_owned(),
    })?;
    let mut seed = Seed::default();
    for table in raw.client {
        let place = Place::of(
            text,
            &table,
            "client",
            table.get_ref().get("client_id").and_then(Value::as_str),
        );
        seed.clients.push(client(table.into_inner(), folder, &place)?);
    }
    for table in raw.customer {
        let place = Place::of(text, &table, "customer", Some(&table.get_ref().username));
        seed.customers.push(customer(table.into_inner(), &place)?);
    }
    for table in raw.admin {
        let place = Place::of(text, &table, "admin", Some(&table.get_ref().name));
        seed.admins.push(admin(table.into_inner(), folder, &place)?);
    }
    Ok(seed)
}

/// Where a table stands, for faults in it.
struct Place {
    line: usize,
    table: String,
}

impl Place {
    fn of<T>(text: &str, table: &Spanned<T>, kind: &str, name: Option<&str>) -> Self {
        Self {
            line: line(text, table.span()),
            table: format!("[[{kind}]] {}", name.unwrap_or("without a name")),
        }
    }

    fn fault(&self, message: impl std::fmt::Display) -> SeedError {
        SeedError {
            line: Some(self.line),
            table: self.table.clone(),
            message: message.to_string(),
        }
    }
}

fn line(text: &str, span: Range<usize>) -> usize {
    text.bytes()
        .take(span.start)
        .filter(|byte| *byte == b'\n')
        .count()
        + 1
}

fn client(mut table: Table, folder: &Path, place: &Place) -> Result<SeedClient, SeedError> {
    if let Some(Value::String(reference)) = table.get("jwks") {
        let keys = read_keys(reference, folder).map_err(|message| place.fault(format!("jwks: {message}")))?;
        table.insert("jwks".to_owned(), keys);
    }
    let registration: Registration = Value::Table(table)
        .try_into()
        .map_err(|error: toml::de::Error| place.fault(error.message()))?;
    let client = Client::new(registration).map_err(|error| place.fault(error))?;
    Ok(SeedClient {
        line: place.line,
        client,
    })
}

fn read_keys(reference: &str, folder: &Path) -> Result<Value, String> {
    let path = reference
        .strip_prefix("file:")
        .ok_or("takes an inline table or file:PATH")?;
    let path = folder.join(path);
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = std::fs::read_to_string(&path).map_err(|error| told(&error))?;
    serde_json::from_str(&text).map_err(|error| told(&error))
}

fn customer(raw: RawCustomer, place: &Place) -> Result<SeedCustomer, SeedError> {
    let username = Username::parse(&raw.username).ok_or_else(|| place.fault(USERNAME_FAULT))?;
    let totp = match &raw.totp_secret {
        Some(text) => {
            let secret = TotpSecret::from_base32(text);
            Some(secret.map_err(|error| place.fault(format!("totp_secret {error}")))?)
        }
        None => None,
    };
    for account in &raw.accounts {
        Iban::parse(&account.iban).map_err(|error| place.fault(format!("accounts: iban: {error}")))?;
        Currency::from_code(&account.currency).ok_or_else(|| {
            place.fault(format!(
                "accounts: {} is no currency of ISO 4217",
                account.currency
            ))
        })?;
    }
    let password = password(&raw, totp.is_some(), place)?;
    let trusted_payees = raw.trusted_payees.into_iter().map(|payee| {
        let party = Party::parse(&payee.payee);
        let party = party.map_err(|error| place.fault(format!("trusted_payees: payee: {error}")))?;
        Ok(TrustedPayee {
            payee: party.to_string(),
            payee_name: payee.payee_name,
        })
    });
    Ok(SeedCustomer {
        line: place.line,
        username,
        totp,
        password,
        trusted_payees: trusted_payees.collect::<Result<_, _>>()?,
        accounts: raw.accounts,
        profile: Profile {
            username: raw.username,
            display_name: raw.display_name,
            locale: raw.locale,
        },
    })
}

fn password(raw: &RawCustomer, has_second_factor: bool, place: &Place) -> Result<SeedPassword, SeedError> {
    match (&raw.password, &raw.password_hash) {
        (Some(text), None) => {
            let text = Secret::new(text.clone());
            let password = Password::parse(text.expose()).ok_or_else(|| place.fault(PASSWORD_FAULT))?;
            let context = [
                raw.username.as_str(),
                raw.display_name.as_deref().unwrap_or_default(),
                "countersign",
            ];
            check_new(&password, &context, has_second_factor)
                .map_err(|error| place.fault(format!("password {error}")))?;
            Ok(SeedPassword::Plaintext(password))
        }
        (None, Some(phc)) => StoredPassword::import(phc)
            .map(SeedPassword::Hash)
            .map_err(|error| place.fault(format!("password_hash {error}"))),
        _ => Err(place.fault("takes either password or password_hash")),
    }
}

fn admin(raw: RawAdmin, folder: &Path, place: &Place) -> Result<SeedAdmin, SeedError> {
    if raw.name.is_empty() || raw.roles.is_empty() {
        return Err(place.fault("name and roles must not be empty"));
    }
    let certificate = read_certificate(&raw.certificate, folder)
        .map_err(|message| place.fault(format!("certificate: {message}")))?;
    Ok(SeedAdmin {
        line: place.line,
        name: AdminName::new(&raw.name),
        person: raw.person,
        roles: raw.roles,
        certificate: Thumbprint::from_bytes(sha256(&certificate)),
    })
}

/// The first certificate of a PEM file (`file:PATH` or a path), or of PEM text.
fn read_certificate(reference: &str, folder: &Path) -> Result<CertificateDer<'static>, String> {
    if reference.contains("-----BEGIN") {
        return CertificateDer::from_pem_slice(reference.as_bytes()).map_err(|error| error.to_string());
    }
    let path = folder.join(reference.strip_prefix("file:").unwrap_or(reference));
    CertificateDer::from_pem_file(&path).map_err(|error| format!("{}: {error}", path.display()))
}
