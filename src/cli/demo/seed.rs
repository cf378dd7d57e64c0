//! The demonstration's seed file: everyone the gateway knows when it starts.

use std::path::Path;

use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::people::{ADMIN, Authentication, Client, Customer, People, REDIRECT_URI};
use crate::cli::console::CliError;

/// The text of the file. `admin_certificate` is the administrator's.
///
/// # Errors
/// When it cannot be written as TOML.
pub(super) fn text(people: &People, admin_certificate: &Path) -> Result<Zeroizing<String>, CliError> {
    let document = json!({
        "client": people.clients.iter().map(client).collect::<Vec<_>>(),
        "customer": people.customers.iter().map(customer).collect::<Vec<_>>(),
        "admin": [{
            "name": ADMIN,
            "person": "Ada Adler",
            "roles": ["operator", "custodian", "policy", "registrar", "auditor"],
            "certificate": format!("file:{}", admin_certificate.display()),
        }],
    });
    let text = Zeroizing::new(toml::to_string(&document).map_err(CliError::failed)?);
    Ok(Zeroizing::new(format!(
        "# Secrets of one run of `countersign demo`.\n\n{}",
        *text
    )))
}

fn client(client: &Client) -> Value {
    let mut table = json!({
        "client_id": client.client_id,
        "client_name": client.name,
        "profile": client.profile,
        "scope": client.scope,
        "grant_types": ["authorization_code", "refresh_token"],
    });
    let more = match &client.authentication {
        Authentication::None => json!({ "token_endpoint_auth_method": "none" }),
        Authentication::PrivateKeyJwt { public, .. } => json!({
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks": public,
            "redirect_uris": [REDIRECT_URI],
            "authorization_details_types": ["payment_initiation"],
            "dpop_bound_access_tokens": true,
        }),
        Authentication::Certificate { host } => json!({
            "token_endpoint_auth_method": "tls_client_auth",
            "tls_client_auth_san_dns": host,
            "redirect_uris": [REDIRECT_URI],
            "tls_client_certificate_bound_access_tokens": true,
        }),
    };
    if let (Value::Object(table), Value::Object(more)) = (&mut table, more) {
        table.extend(more);
    }
    table
}

fn customer(customer: &Customer) -> Value {
    let account = |account: &super::people::Account| json!({ "iban": account.iban, "name": account.name, "currency": account.currency });
    json!({
        "username": customer.username,
        "password": customer.password.as_str(),
        "totp_secret": customer.totp_secret.as_str(),
        "display_name": customer.display_name,
        "locale": "en",
        "accounts": customer.accounts.iter().map(account).collect::<Vec<_>>(),
        "trusted_payees": [{ "payee": customer.trusted_payee }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SystemEntropy;

    #[test]
    fn the_file_is_toml_with_a_table_for_everyone() {
        let people = People::invent(&SystemEntropy::default()).unwrap();
        let text = text(&people, Path::new("/certs/ada.pem")).unwrap();
        let table: toml::Table = toml::from_str(&text).unwrap();
        for (name, number) in [("client", 4), ("customer", 2), ("admin", 1)] {
            assert_eq!(table[name].as_array().unwrap().len(), number, "{name}");
        }
        let jwks = &table["client"][1]["jwks"]["keys"][0];
        assert!(jwks.get("x").is_some() && jwks.get("d").is_none());
    }
}
