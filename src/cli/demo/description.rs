//! `demo.json`: what a script needs to know to go on from where the demonstration stands.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::layout::Layout;
use super::people::{ADMIN, Account, Authentication, BOOKSHOP, Client, Customer, REDIRECT_URI};

/// The document. Members of features that this version does not have are left out.
pub(super) fn document(layout: &Layout, log_vkey: Option<Value>) -> Value {
    let url = |port: u16| format!("https://localhost:{port}");
    let public = layout.public_url();
    let mut document = json!({
        "public_url": public,
        "mtls_url": url(layout.ports.mtls),
        "admin_url": url(layout.ports.admin),
        "ops_url": format!("http://127.0.0.1:{}", layout.ports.ops),
        "ca": layout.certificates.root,
        "log_url": format!("{public}/log"),
        "redirect_uri": REDIRECT_URI,
        "routes": {
            "public": { "method": "GET", "url": format!("{public}/public") },
            "proof": { "method": "GET", "url": format!("{public}/accounts") },
            "signed": { "method": "POST", "url": format!("{public}/messages") },
            "payment": { "method": "POST", "url": format!("{public}/payments") },
        },
        "payment_body": payment_body(&layout.people.customers[0]),
        "customers": layout.people.customers.iter().map(customer).collect::<Vec<_>>(),
        "clients": layout.people.clients.iter().map(|each| client(each, layout)).collect::<Vec<_>>(),
        "admins": [{
            "name": ADMIN,
            "certificate": layout.certificates.admin.chain,
            "key": layout.certificates.admin.key,
        }],
    });
    if let (Some(members), Some(vkey)) = (document.as_object_mut(), log_vkey) {
        members.insert("log_vkey".to_owned(), vkey);
    }
    document
}

/// A complete body for the payment route: 12.50 from the customer's first account to the bookshop.
fn payment_body(customer: &Customer) -> Value {
    json!({
        "amount": "12.50",
        "currency": "EUR",
        "payee": BOOKSHOP.iban,
        "payee_name": BOOKSHOP.name,
        "debtor": customer.accounts.first().map(|account| account.iban),
        "reference": "Two paperbacks",
    })
}

/// Where a client's private JWK lies in the folder.
pub(super) fn jwk_file(client: &Client) -> String {
    format!("clients/{}.jwk.json", client.client_id)
}

fn customer(customer: &Customer) -> Value {
    let account = |account: &Account| json!({ "iban": account.iban, "name": account.name, "currency": account.currency });
    json!({
        "username": customer.username,
        "password": customer.password.as_str(),
        "totp_secret": customer.totp_secret.as_str(),
        "accounts": customer.accounts.iter().map(account).collect::<Vec<_>>(),
        "trusted_payee": customer.trusted_payee,
    })
}

fn client(client: &Client, layout: &Layout) -> Value {
    let mut members = Map::new();
    let path = |path: &Path| Value::from(path.display().to_string());
    members.insert("client_id".to_owned(), client.client_id.into());
    members.insert("profile".to_owned(), client.profile.into());
    members.insert("scope".to_owned(), client.scope.into());
    if matches!(client.authentication, Authentication::PrivateKeyJwt { .. }) {
        members.insert("jwk".to_owned(), path(&layout.folder.at(&jwk_file(client))));
    }
    let pairs = &layout.certificates.clients;
    if let Some((_, pair)) = pairs.iter().find(|(id, _)| *id == client.client_id) {
        members.insert("certificate".to_owned(), path(&pair.chain));
        members.insert("key".to_owned(), path(&pair.key));
    }
    Value::Object(members)
}
