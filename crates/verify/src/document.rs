//! The two key documents of the gateway: `/.well-known/countersign/keys` and
//! `/.well-known/countersign/txn-keys`.

use std::collections::HashMap;

use countersign_jose::jwk::Jwk;
use countersign_jose::jws::algorithm_name;
use countersign_jose::{KeyKind, PublicKey};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::fetch::FetchError;

/// Most keys that are read from one document.
const MAX_KEYS: usize = 4096;

/// Which document, and what its keys are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Signs forwarded requests; Ed25519 only.
    Message,
    /// Signs Txn-Tokens.
    Txn,
}

/// A key with the time during which it signs.
#[derive(Clone, Debug)]
pub(crate) struct PublishedKey {
    pub(crate) key: PublicKey,
    not_before: Option<i64>,
    not_after: Option<i64>,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Map<String, Value>>,
}

impl Purpose {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Txn => "txn",
        }
    }

    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Message => "/.well-known/countersign/keys",
            Self::Txn => "/.well-known/countersign/txn-keys",
        }
    }
}

impl PublishedKey {
    /// Whether the key signs at `moment`, give or take `grace` seconds for requests that were under way at a rotation.
    pub(crate) fn signs_at(&self, moment: i64, grace: i64) -> bool {
        let begun = self
            .not_before
            .is_none_or(|begin| moment.saturating_add(grace) >= begin);
        let over = self
            .not_after
            .is_some_and(|end| moment > end.saturating_add(grace));
        begun && !over
    }
}

/// Reads the keys of `purpose` by their names. Keys in a form that is not known here are left out: a gateway may
/// publish newer kinds beside those that this version can use.
pub(crate) fn read(body: &[u8], purpose: Purpose) -> Result<HashMap<String, PublishedKey>, FetchError> {
    let document: Document =
        serde_json::from_slice(body).map_err(|_| FetchError::new("the key document is not a JWK Set"))?;
    if document.keys.len() > MAX_KEYS {
        return Err(FetchError::new("the key document holds too many keys"));
    }
    let mut keys = HashMap::new();
    for object in &document.keys {
        if let Some((name, key)) = usable(object, purpose)
            && keys.insert(name, key).is_some()
        {
            return Err(FetchError::new("the key document has two keys of one name"));
        }
    }
    if keys.is_empty() {
        return Err(FetchError::new(format!(
            "the key document holds no usable {} key",
            purpose.name()
        )));
    }
    Ok(keys)
}

fn usable(object: &Map<String, Value>, purpose: Purpose) -> Option<(String, PublishedKey)> {
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    let for_purpose = match purpose {
        Purpose::Message => text("purpose") == Some(purpose.name()),
        Purpose::Txn => text("purpose").is_none_or(|named| named == purpose.name()),
    };
    let trusted = text("state").is_none_or(|state| matches!(state, "pre-active" | "active" | "retiring"));
    if !for_purpose || !trusted {
        return None;
    }
    let jwk = Jwk::from_object(object).ok()?;
    let fits = purpose != Purpose::Message || jwk.key.kind() == KeyKind::Ed25519;
    let expected = algorithm_name(jwk.key.algorithm());
    let named = jwk
        .alg
        .as_deref()
        .is_none_or(|alg| alg == expected || (alg == "Ed25519" && expected == "EdDSA"));
    let for_signing = jwk.public_key_use.as_deref().is_none_or(|used| used == "sig");
    let seconds = |name: &str| object.get(name).and_then(Value::as_i64);
    let published = PublishedKey {
        key: jwk.key,
        not_before: seconds("nbf"),
        not_after: seconds("exp"),
    };
    (fits && named && for_signing).then_some((jwk.kid?, published))
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_jose::PrivateKey;

    fn key(kind: KeyKind, kid: &str, members: &[(&str, Value)]) -> Value {
        let key = PrivateKey::generate(kind).unwrap().key;
        let mut object = Jwk::new(key.public_key().clone()).to_object();
        object.insert("kid".into(), kid.into());
        for (name, value) in members {
            object.insert((*name).into(), value.clone());
        }
        Value::Object(object)
    }

    fn names(keys: Vec<Value>, purpose: Purpose) -> Result<Vec<String>, FetchError> {
        let document = serde_json::json!({"keys": keys}).to_string();
        let mut names: Vec<_> = read(document.as_bytes(), purpose)?.into_keys().collect();
        names.sort();
        Ok(names)
    }

    #[test]
    fn only_keys_of_the_purpose_that_can_be_trusted_are_taken() {
        let message = ("purpose", Value::from("message"));
        let keys = vec![
            key(KeyKind::Ed25519, "good", std::slice::from_ref(&message)),
            key(KeyKind::P256, "wrong-kind", std::slice::from_ref(&message)),
            key(KeyKind::Ed25519, "log", &[("purpose", "log".into())]),
            key(KeyKind::Ed25519, "no-purpose", &[]),
            key(
                KeyKind::Ed25519,
                "leaked",
                &[message.clone(), ("state", "compromised".into())],
            ),
            key(KeyKind::Ed25519, "enc", &[message.clone(), ("use", "enc".into())]),
            key(KeyKind::Ed25519, "other-alg", &[message, ("alg", "ES256".into())]),
            serde_json::json!({"kty": "AKP", "kid": "future", "purpose": "message"}),
        ];
        assert_eq!(names(keys, Purpose::Message).unwrap(), ["good"]);
    }

    #[test]
    fn documents_that_cannot_be_used_are_refused() {
        assert!(read(b"[]", Purpose::Txn).is_err());
        assert!(names(vec![], Purpose::Txn).is_err());
        let twice = vec![key(KeyKind::P256, "a", &[]), key(KeyKind::P256, "a", &[])];
        assert!(names(twice, Purpose::Txn).is_err());
    }

    #[test]
    fn a_key_signs_within_its_time_and_a_grace() {
        let object = key(KeyKind::P256, "a", &[("nbf", 100.into()), ("exp", 200.into())]);
        let (_, key) = usable(object.as_object().unwrap(), Purpose::Txn).unwrap();
        assert!(key.signs_at(90, 10) && key.signs_at(150, 0) && key.signs_at(210, 10));
        assert!(!key.signs_at(89, 10) && !key.signs_at(211, 10));
    }
}
