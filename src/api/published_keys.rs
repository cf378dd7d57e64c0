//! The gateway's public keys as they are published: JWK sets for tokens, and all of them with their times
//! and the log's verifier keys.

use base64::Engine as _;
use countersign_jose::{from_base64url, sha256};
use serde_json::{Value, json};

use crate::keys::{KeySet, PublishedKey, Purpose};

/// The signature type of Ed25519 in C2SP signed notes.
const NOTE_ED25519: u8 = 1;

/// The JWK set of one purpose.
pub(super) fn jwks(keys: &KeySet, purpose: Purpose) -> Value {
    let keys: Vec<_> = keys.published(purpose).map(|key| &key.jwk).collect();
    json!({ "keys": keys })
}

/// Every public key with its purpose, state and times, and the verifier keys of the log at `origin`.
pub(super) fn all(keys: &KeySet, origin: &str) -> Value {
    let described: Vec<_> = Purpose::ALL
        .into_iter()
        .flat_map(|purpose| keys.published(purpose).map(describe))
        .collect();
    let vkeys: Vec<_> = keys
        .published(Purpose::Log)
        .filter_map(|key| verifier_key(key, origin))
        .collect();
    json!({ "keys": described, "log": { "origin": origin, "vkeys": vkeys } })
}

fn describe(key: &PublishedKey) -> Value {
    let mut members = key.jwk.to_object();
    members.insert("purpose".to_owned(), key.purpose.name().into());
    members.insert("state".to_owned(), key.state.name().into());
    members.insert("nbf".to_owned(), key.not_before.seconds().into());
    if let Some(end) = key.not_after {
        members.insert("exp".to_owned(), end.seconds().into());
    }
    Value::Object(members)
}

/// `<origin>+<8 hex>+<base64>` (C2SP signed-note).
fn verifier_key(key: &PublishedKey, origin: &str) -> Option<String> {
    let object = key.jwk.to_object();
    let public = from_base64url(object.get("x")?.as_str()?)?;
    let typed = [&[NOTE_ED25519], public.as_slice()].concat();
    let hash = sha256(&[origin.as_bytes(), b"\n", &typed].concat());
    let id = data_encoding::HEXLOWER.encode(hash.get(..4)?);
    let encoded = base64::engine::general_purpose::STANDARD.encode(typed);
    Some(format!("{origin}+{id}+{encoded}"))
}
