//! JSON Web Keys (RFC 7517, RFC 7518 section 6, RFC 8037 section 2).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::key::{KeyError, PublicKey, Repr};
use crate::{base64url, from_base64url};

/// Members that only a private or symmetric key has (RFC 7518, section 6).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// A public JSON Web Key as it is published and registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwk {
    /// The key itself.
    pub key: PublicKey,
    /// `kid`, when the key has a name.
    pub kid: Option<String>,
    /// `alg`, when the key is for one algorithm only.
    pub alg: Option<String>,
    /// `use`: `sig` or `enc`, when given.
    pub public_key_use: Option<String>,
}

/// A set of JSON Web Keys (RFC 7517, section 5).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JwkSet {
    /// The keys, in the order of the document.
    pub keys: Vec<Jwk>,
}

impl Jwk {
    /// A key without name, algorithm and use.
    #[must_use]
    pub const fn new(key: PublicKey) -> Self {
        Self {
            key,
            kid: None,
            alg: None,
            public_key_use: None,
        }
    }

    /// Reads a JWK from a JSON object.
    ///
    /// # Errors
    /// [`KeyError::PrivateMembers`] when a private member is present, [`KeyError::Weak`] for a key that is too weak,
    /// [`KeyError::Malformed`] for everything else that is not one of the three kinds of key.
    pub fn from_object(object: &Map<String, Value>) -> Result<Self, KeyError> {
        if PRIVATE_MEMBERS.iter().any(|member| object.contains_key(*member)) {
            return Err(KeyError::PrivateMembers);
        }
        Ok(Self {
            key: public_key(object)?,
            kid: optional_text(object, "kid")?,
            alg: optional_text(object, "alg")?,
            public_key_use: optional_text(object, "use")?,
        })
    }

    /// Reads a JWK from JSON text.
    ///
    /// # Errors
    /// As [`Jwk::from_object`]; text that is no JSON object is [`KeyError::Malformed`].
    pub fn from_json(text: &str) -> Result<Self, KeyError> {
        Self::from_object(&serde_json::from_str(text).map_err(|_| KeyError::Malformed)?)
    }

    /// This key as a JSON object: `kty` and the key's members, then `kid`, `alg` and `use` where set.
    #[must_use]
    pub fn to_object(&self) -> Map<String, Value> {
        let mut object = public_members(&self.key);
        let named = [
            ("kid", &self.kid),
            ("alg", &self.alg),
            ("use", &self.public_key_use),
        ];
        for (name, value) in named {
            if let Some(value) = value {
                object.insert(name.to_owned(), Value::String(value.clone()));
            }
        }
        object
    }
}

impl Serialize for Jwk {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_object().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Jwk {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_object(&Map::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// The members that make up the public part of `key`.
pub(crate) fn public_members(key: &PublicKey) -> Map<String, Value> {
    let members: Vec<(&str, String)> = match key.repr() {
        Repr::Ed25519(x) => vec![
            ("kty", "OKP".into()),
            ("crv", "Ed25519".into()),
            ("x", base64url(x.bytes())),
        ],
        Repr::P256(point) => {
            let (x, y) = point
                .get(1..)
                .unwrap_or_default()
                .split_at_checked(32)
                .unwrap_or_default();
            vec![
                ("kty", "EC".into()),
                ("crv", "P-256".into()),
                ("x", base64url(x)),
                ("y", base64url(y)),
            ]
        }
        Repr::Rsa { n, e } => vec![("kty", "RSA".into()), ("n", base64url(n)), ("e", base64url(e))],
    };
    members
        .into_iter()
        .map(|(name, value)| (name.to_owned(), Value::String(value)))
        .collect()
}

/// The public key in `object`, whether or not private members stand beside it.
pub(crate) fn public_key(object: &Map<String, Value>) -> Result<PublicKey, KeyError> {
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    let bytes = |name: &str| text(name).and_then(from_base64url).ok_or(KeyError::Malformed);
    let array = |name: &str| <[u8; 32]>::try_from(bytes(name)?).map_err(|_| KeyError::Malformed);
    match (text("kty"), text("crv")) {
        (Some("OKP"), Some("Ed25519")) => PublicKey::ed25519(array("x")?),
        (Some("EC"), Some("P-256")) => Ok(PublicKey::p256(array("x")?, array("y")?)),
        (Some("RSA"), None) => PublicKey::rsa(&bytes("n")?, &bytes("e")?),
        _ => Err(KeyError::Malformed),
    }
}

fn optional_text(object: &Map<String, Value>, name: &str) -> Result<Option<String>, KeyError> {
    match object.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(KeyError::Malformed),
    }
}
