//! The configuration file: every fault it can have, and what a sound one means.

mod faults;
mod meaning;

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::load::parse;
use super::{Config, Fault};

/// A small file without a fault, which each case spoils in one place.
const SOUND: &str = r#"
[server]
public_url = "https://pay.example.com"
[[tls.certificate]]
chain = "server.pem"
key = "file:server.key.pem"
[auth]
host = "login.example.com"
[keys]
kek = "file:master.key"
[admin]
client_ca = "ca.pem"
[[upstream]]
name = "bank"
urls = ["https://bank.internal:7443"]
ca = "ca.pem"
trust_domain = "bank.internal"
[[route]]
name = "accounts"
methods = ["GET"]
path = "/accounts/{id}"
upstream = "bank"
access = "proof"
scope = ["accounts"]
[[route]]
name = "payments"
methods = "POST"
path = "/payments"
upstream = "bank"
access = "signed"
[route.transaction]
amount = "/amount"
currency = "/currency"
payee = "/payee"
"#;

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let authority = rcgen::generate_simple_self_signed(vec!["ca.example".to_owned()]).unwrap();
    fs::write(folder.path().join("ca.pem"), authority.cert.pem()).unwrap();
    fs::write(folder.path().join("empty.pem"), "nothing\n").unwrap();
    fs::write(
        folder.path().join("damaged.pem"),
        "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n",
    )
    .unwrap();
    folder
}

fn read(text: &str, folder: &Path) -> Result<Config, Vec<Fault>> {
    parse(text, &folder.join("countersign.toml"))
}

fn edited(from: &str, to: &str) -> String {
    assert!(SOUND.contains(from), "the case edits nothing: {from}");
    SOUND.replacen(from, to, 1)
}
