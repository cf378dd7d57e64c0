//! The public keys with which the gateway signs its answers.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use countersign_jose::jwk::Jwk;
use countersign_jose::{KeyKind, PublicKey};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::Error;
use crate::transport::Answer;

/// Where the document stands.
pub(crate) const PATH: &str = "/.well-known/countersign/keys";

/// The `message` keys, by name.
#[derive(Debug, Default)]
pub(crate) struct GatewayKeys(RwLock<HashMap<String, PublicKey>>);

#[derive(Deserialize)]
struct Document {
    keys: Vec<Map<String, Value>>,
}

impl GatewayKeys {
    /// The key called `keyid`, when it is known here.
    pub(crate) fn get(&self, keyid: &str) -> Option<PublicKey> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(keyid)
            .cloned()
    }

    /// Replaces the known keys by those of `answer`.
    pub(crate) fn learn(&self, answer: &Answer) -> Result<(), Error> {
        let document: Document = serde_json::from_slice(&answer.body).map_err(|_| Error::Document("keys"))?;
        let keys = document.keys.iter().filter_map(message_key).collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }
}

/// A key that signs messages and can be trusted now.
fn message_key(object: &Map<String, Value>) -> Option<(String, PublicKey)> {
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    let trusted = text("state").is_none_or(|state| matches!(state, "pre-active" | "active" | "retiring"));
    if text("purpose") != Some("message") || !trusted {
        return None;
    }
    let jwk = Jwk::from_object(object).ok()?;
    (jwk.key.kind() == KeyKind::Ed25519).then_some((jwk.kid?, jwk.key))
}
