//! One DPoP proof, read and judged by what stands in it (RFC 9449, section 4.3). Pure.

use countersign_jose::jwk::Jwk;
use countersign_jose::jws::{Header, JwsError};
use countersign_jose::{PublicKey, Thumbprint, base64url, sha256};
use http::{HeaderMap, HeaderName};
use serde::Deserialize;

use super::target::normalise;
use crate::base::{Timestamp, limits};

/// The header that carries the proof.
pub(super) const DPOP: HeaderName = HeaderName::from_static("dpop");

/// Why a proof was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DpopRefusal {
    /// There is no `DPoP` header.
    #[error("there is no DPoP header")]
    Missing,
    /// There is more than one.
    #[error("there is more than one DPoP header")]
    Multiple,
    /// It is not a proof: what is wrong with it.
    #[error("the DPoP proof is malformed: {0}")]
    Malformed(&'static str),
    /// The signature does not verify with the key in the proof.
    #[error("the DPoP proof's signature does not verify")]
    BadSignature,
    /// `htm` is another method.
    #[error("the DPoP proof is for another method")]
    WrongMethod,
    /// `htu` is another URL.
    #[error("the DPoP proof is for another URL")]
    WrongUrl,
    /// It is signed by another key than the one expected.
    #[error("the DPoP proof is by another key")]
    WrongKey,
    /// `ath` is not the hash of the access token.
    #[error("the DPoP proof is for another access token")]
    WrongToken,
    /// A nonce is needed, or the one in the proof has ended; here is a fresh one.
    #[error("the DPoP proof needs a nonce")]
    NonceRequired {
        /// For the `DPoP-Nonce` header.
        fresh: String,
    },
    /// `iat` is outside the window, or before this process began to remember.
    #[error("the DPoP proof is stale")]
    Stale,
    /// The `jti` was used before.
    #[error("the DPoP proof was used before")]
    Replayed,
    /// Nothing more can be remembered now, so nothing more is accepted.
    #[error("too many proofs are remembered, or one cannot be remembered durably")]
    Overloaded,
}

/// A proof that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Thumbprint of the key that signed it (RFC 7638).
    pub thumbprint: Thumbprint,
    /// The key itself.
    pub key: PublicKey,
}

#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    pub(super) jti: String,
    htm: String,
    htu: String,
    pub(super) iat: f64,
    ath: Option<String>,
    pub(super) nonce: Option<String>,
}

/// A proof whose signature verifies with the key inside it.
pub(super) struct SignedProof {
    pub(super) claims: Claims,
    pub(super) thumbprint: Thumbprint,
    pub(super) key: PublicKey,
}

/// The text of the one `DPoP` header.
pub(super) fn single_header(headers: &HeaderMap) -> Result<&str, DpopRefusal> {
    let mut values = headers.get_all(DPOP).iter();
    let value = values.next().ok_or(DpopRefusal::Missing)?;
    if values.next().is_some() {
        return Err(DpopRefusal::Multiple);
    }
    let text = value
        .to_str()
        .map_err(|_| DpopRefusal::Malformed("it is not ASCII"))?;
    if text.contains(',') {
        // Two headers that a hop joined into one (RFC 9110, section 5.3).
        return Err(DpopRefusal::Multiple);
    }
    if text.len() > limits::DPOP_PROOF_BYTES {
        return Err(DpopRefusal::Malformed("it is too long"));
    }
    Ok(text)
}

/// Checks 2 to 7 of RFC 9449, section 4.3: form, type, algorithm, a public key, its signature.
pub(super) fn read(proof: &str) -> Result<SignedProof, DpopRefusal> {
    let header = Header::parse(proof).map_err(|error| DpopRefusal::Malformed(reason(error)))?;
    if !header.has_type("dpop+jwt") {
        return Err(DpopRefusal::Malformed("typ is not dpop+jwt"));
    }
    if header.algorithm().is_none() {
        return Err(DpopRefusal::Malformed("alg is not ES256, PS256 or EdDSA"));
    }
    let jwk = header
        .object("jwk")
        .ok_or(DpopRefusal::Malformed("it has no jwk"))?;
    let key = Jwk::from_object(jwk)
        .map_err(|_| DpopRefusal::Malformed("jwk is not a usable public key"))?
        .key;
    let claims: Claims = header
        .verify(&key, Some("dpop+jwt"))
        .map_err(|error| match error {
            JwsError::Signature => DpopRefusal::BadSignature,
            other => DpopRefusal::Malformed(reason(other)),
        })?;
    if claims.jti.is_empty() || claims.jti.len() > limits::NONCE_BYTES {
        return Err(DpopRefusal::Malformed("jti is empty or too long"));
    }
    let thumbprint = key.thumbprint();
    Ok(SignedProof {
        claims,
        thumbprint,
        key,
    })
}

const fn reason(error: JwsError) -> &'static str {
    match error {
        JwsError::TooLong => "it is too long",
        JwsError::Algorithm => "alg does not fit the key",
        JwsError::Type => "typ is not dpop+jwt",
        JwsError::Critical => "it demands an extension",
        JwsError::Key(_) => "jwk is not a usable public key",
        JwsError::Malformed | JwsError::Signature => "it is not a JWT with jti, htm, htu and iat",
    }
}

impl SignedProof {
    /// Checks 8 and 9: method and URL.
    pub(super) fn check_target(&self, method: &str, url: &str) -> Result<(), DpopRefusal> {
        if self.claims.htm != method {
            return Err(DpopRefusal::WrongMethod);
        }
        match (normalise(&self.claims.htu), normalise(url)) {
            (Some(claimed), Some(actual)) if claimed == actual => Ok(()),
            _ => Err(DpopRefusal::WrongUrl),
        }
    }

    /// Check 12: the access token, and the key it is bound to.
    pub(super) fn check_binding(
        &self,
        access_token: Option<&str>,
        expected_key: Option<Thumbprint>,
    ) -> Result<(), DpopRefusal> {
        if expected_key.is_some_and(|expected| expected != self.thumbprint) {
            return Err(DpopRefusal::WrongKey);
        }
        let hash = access_token.map(|token| base64url(sha256(token.as_bytes())));
        if hash.is_some() && hash != self.claims.ath {
            return Err(DpopRefusal::WrongToken);
        }
        Ok(())
    }

    /// Check 11: `iat` at most 60 s old and 10 s ahead (DPOP-06, FAPI-12).
    pub(super) fn check_time(&self, now: Timestamp) -> Result<(), DpopRefusal> {
        let issued = self.issued();
        let too_old = issued < now.minus(limits::PROOF_AGE);
        let too_new = issued > now.plus(limits::CLOCK_AHEAD);
        if too_old || too_new {
            return Err(DpopRefusal::Stale);
        }
        Ok(())
    }

    /// `iat`; a NumericDate may have a fraction (RFC 7519, section 2).
    pub(super) fn issued(&self) -> Timestamp {
        // The cast saturates, and a date beyond its range is stale anyway.
        Timestamp::from_micros((self.claims.iat * 1e6) as i64)
    }

    /// What is remembered of it: key and `jti`.
    pub(super) fn replay_key(&self) -> [u8; 32] {
        sha256(
            &[
                b"dpop/".as_slice(),
                self.thumbprint.as_bytes(),
                self.claims.jti.as_bytes(),
            ]
            .concat(),
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 9449, section 4.1, figure 2; its thumbprint stands in section 6.1, figure 9.
    const RFC_PROOF: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";

    #[test]
    fn the_proof_of_the_rfc_holds_where_and_when_it_was_made() {
        let proof = read(RFC_PROOF).unwrap();
        assert_eq!(
            proof.thumbprint.to_string(),
            "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
        );
        assert_eq!(
            proof.check_target("POST", "https://server.example.com/token"),
            Ok(())
        );
        assert_eq!(
            proof.check_target("GET", "https://server.example.com/token"),
            Err(DpopRefusal::WrongMethod)
        );
        let made = Timestamp::from_seconds(1_562_262_616);
        assert_eq!(proof.check_time(made), Ok(()));
        assert_eq!(
            proof.check_time(Timestamp::from_seconds(1_562_262_616 + 600)),
            Err(DpopRefusal::Stale)
        );
    }

    /// DPOP-08
    #[test]
    fn a_token_needs_its_own_hash_and_its_own_key() {
        let mut proof = read(RFC_PROOF).unwrap();
        let token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
        assert_eq!(
            proof.check_binding(Some(token), None),
            Err(DpopRefusal::WrongToken)
        );
        // RFC 9449, section 7.1, figure 13.
        proof.claims.ath = Some("fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo".to_owned());
        assert_eq!(proof.check_binding(Some(token), Some(proof.thumbprint)), Ok(()));
        assert_eq!(
            proof.check_binding(Some("another"), None),
            Err(DpopRefusal::WrongToken)
        );
        let other = Thumbprint::from_bytes([0; 32]);
        assert_eq!(
            proof.check_binding(Some(token), Some(other)),
            Err(DpopRefusal::WrongKey)
        );
    }

    proptest! {
        #[test]
        fn a_proof_with_any_changed_character_is_refused(at in 0_usize..RFC_PROOF.len(), to in "[A-Za-z0-9_.-]") {
            let mut changed = RFC_PROOF.to_owned();
            changed.replace_range(at..=at, &to);
            // The last character of a part carries bits that base64url ignores; strict decoding refuses those too.
            prop_assert!(changed == RFC_PROOF || read(&changed).is_err());
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,300}") {
            prop_assert!(read(&text).is_err());
        }
    }
}
