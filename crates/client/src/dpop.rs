//! DPoP proofs (RFC 9449) and the nonces that the gateway gives for them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use countersign_jose::{base64url, jws, sha256};
use http::{HeaderName, Uri};
use serde_json::{Map, Value, json};

use crate::error::Error;
use crate::key::ClientKey;
use crate::transport::Answer;
use crate::url;

/// The header a proof stands in.
pub(crate) const DPOP: HeaderName = HeaderName::from_static("dpop");

/// What one proof is for.
pub(crate) struct Proof<'a> {
    pub(crate) method: &'a str,
    pub(crate) url: &'a Uri,
    /// The token that is used, at resources.
    pub(crate) access_token: Option<&'a str>,
    pub(crate) nonce: Option<&'a str>,
    pub(crate) id: &'a str,
    pub(crate) now: i64,
}

impl Proof<'_> {
    /// Signs the proof with `key`.
    pub(crate) fn sign(&self, key: &ClientKey) -> Result<String, Error> {
        let mut claims = Map::new();
        claims.insert("jti".to_owned(), self.id.into());
        claims.insert("htm".to_owned(), self.method.into());
        claims.insert("htu".to_owned(), url::without_query(self.url).into());
        claims.insert("iat".to_owned(), self.now.into());
        if let Some(token) = self.access_token {
            claims.insert("ath".to_owned(), base64url(sha256(token.as_bytes())).into());
        }
        if let Some(nonce) = self.nonce {
            claims.insert("nonce".to_owned(), nonce.into());
        }
        let mut header = Map::new();
        header.insert("jwk".to_owned(), Value::Object(key.public_jwk().to_object()));
        Ok(jws::sign("dpop+jwt", header, &claims, key.signing())?)
    }
}

/// The last nonce of every origin.
#[derive(Debug, Default)]
pub(crate) struct Nonces(Mutex<HashMap<String, String>>);

impl Nonces {
    pub(crate) fn of(&self, url: &Uri) -> Option<String> {
        self.lock().get(&url::origin(url)).cloned()
    }

    /// Keeps the nonce that came with `answer`, on whatever status (RFC 9449, section 8.2). Whether there was one.
    pub(crate) fn learn(&self, url: &Uri, answer: &Answer) -> bool {
        let Some(nonce) = answer.header("dpop-nonce") else {
            return false;
        };
        self.lock().insert(url::origin(url), nonce.to_owned());
        true
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether `answer` refuses only because a nonce was missing: in the body at the authorization server, in the
/// challenge at a resource (RFC 9449, sections 8 and 9).
pub(crate) fn wants_nonce(answer: &Answer) -> bool {
    let named = json!("use_dpop_nonce");
    match answer.status.as_u16() {
        400 => {
            serde_json::from_slice::<Value>(&answer.body).is_ok_and(|body| body.get("error") == Some(&named))
        }
        401 => crate::challenge::Challenge::of(answer)
            .is_some_and(|challenge| challenge.get("error") == Some("use_dpop_nonce")),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_jose::KeyKind;

    fn claims(proof: &Proof<'_>, key: &ClientKey) -> Value {
        let token = proof.sign(key).unwrap();
        let header = jws::Header::parse(&token).unwrap();
        let jwk = countersign_jose::jwk::Jwk::from_object(header.object("jwk").unwrap()).unwrap();
        jws::verify(&token, &jwk.key, Some("dpop+jwt")).unwrap()
    }

    /// DPOP-02, DPOP-04, DPOP-08
    #[test]
    fn a_proof_names_method_url_token_and_nonce() {
        let url: Uri = "https://pay.example:8443/a?b=c".parse().unwrap();
        let proof = Proof {
            method: "GET",
            url: &url,
            access_token: Some("token"),
            nonce: Some("n"),
            id: "1",
            now: 5,
        };
        for kind in [KeyKind::Ed25519, KeyKind::P256] {
            let claims = claims(&proof, &ClientKey::generate(kind).unwrap());
            assert_eq!(
                claims,
                json!({"jti": "1", "htm": "GET", "htu": "https://pay.example:8443/a", "iat": 5, "nonce": "n",
                       "ath": "PEaenWxYddN6Q_NT1PiOYfz4EsZu7jRXRlpAsNpBU-A"})
            );
        }
    }

    #[test]
    fn a_proof_for_the_token_endpoint_names_no_token() {
        let url: Uri = "https://pay.example/oauth/token".parse().unwrap();
        let proof = Proof {
            method: "POST",
            url: &url,
            access_token: None,
            nonce: None,
            id: "1",
            now: 5,
        };
        let claims = claims(&proof, &ClientKey::generate(KeyKind::P256).unwrap());
        assert!(claims.get("ath").is_none() && claims.get("nonce").is_none());
    }
}
