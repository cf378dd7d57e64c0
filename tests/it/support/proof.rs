//! DPoP proofs and other JWTs, made by hand: any member can be anything.

use countersign_jose::{PrivateKey, base64url, sha256};
use serde_json::{Value, json};

/// A compact JWS over any header and claims.
pub(crate) fn jwt(header: &Value, claims: &Value, key: &PrivateKey) -> String {
    let message = format!(
        "{}.{}",
        base64url(header.to_string()),
        base64url(claims.to_string())
    );
    let signature = key.sign(key.default_scheme(), message.as_bytes()).unwrap();
    format!("{message}.{}", base64url(signature))
}

/// A DPoP proof before it is signed.
#[derive(Clone, Debug)]
pub(crate) struct Proof {
    pub(crate) header: Value,
    pub(crate) claims: Value,
}

impl Proof {
    /// What RFC 9449, section 4.2 asks for.
    pub(crate) fn new(
        key: &PrivateKey,
        method: &str,
        url: &str,
        now: i64,
        token: Option<&str>,
        jti: &str,
    ) -> Self {
        let jwk = countersign_jose::jwk::Jwk::new(key.public_key().clone());
        let algorithm = countersign_jose::jws::algorithm_name(key.public_key().algorithm());
        let mut claims = json!({ "jti": jti, "htm": method, "htu": url, "iat": now });
        if let Some(token) = token {
            claims["ath"] = base64url(sha256(token.as_bytes())).into();
        }
        Self {
            header: json!({ "typ": "dpop+jwt", "alg": algorithm, "jwk": jwk }),
            claims,
        }
    }
}
