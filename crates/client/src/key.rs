//! The key of an app: its tokens are bound to it, its proofs and signatures are made with it.

use countersign_jose::jwk::Jwk;
use countersign_jose::{KeyError, KeyKind, PrivateKey, Thumbprint};
use serde_json::{Map, Value};

use crate::secret::Secret;

/// A private key with its JWK, so that an app can keep it beside its session. Keep one per installation, not one per
/// app.
#[derive(Debug)]
pub struct ClientKey {
    key: PrivateKey,
    jwk: Secret,
    kid: Option<String>,
}

impl ClientKey {
    /// A fresh Ed25519 or P-256 key.
    ///
    /// # Errors
    /// [`KeyError`] for RSA, which cannot be generated here: import one.
    pub fn generate(kind: KeyKind) -> Result<Self, KeyError> {
        let generated = PrivateKey::generate(kind)?;
        let jwk = Secret::new(Value::Object(generated.private_jwk()).to_string());
        Ok(Self {
            key: generated.key,
            jwk,
            kid: None,
        })
    }

    /// Reads a private JWK (RFC 7517), with its `kid` where it has one.
    ///
    /// # Errors
    /// [`KeyError`] when it is no private Ed25519, P-256 or RSA key.
    pub fn from_jwk(json: &str) -> Result<Self, KeyError> {
        let object: Map<String, Value> = serde_json::from_str(json).map_err(|_| KeyError::Malformed)?;
        Ok(Self {
            key: PrivateKey::from_jwk(&object)?,
            jwk: Secret::new(json),
            kid: object.get("kid").and_then(Value::as_str).map(str::to_owned),
        })
    }

    /// The private JWK, to be kept where only this app reads it.
    #[must_use]
    pub const fn private_jwk(&self) -> &Secret {
        &self.jwk
    }

    /// The public JWK, without a name.
    #[must_use]
    pub fn public_jwk(&self) -> Jwk {
        Jwk::new(self.key.public_key().clone())
    }

    /// The thumbprint (RFC 7638): what tokens are bound to, and `keyid` of signatures.
    #[must_use]
    pub fn thumbprint(&self) -> Thumbprint {
        self.key.public_key().thumbprint()
    }

    pub(crate) const fn signing(&self) -> &PrivateKey {
        &self.key
    }

    /// The name under which the key is registered, when it has one.
    pub(crate) fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }
}
