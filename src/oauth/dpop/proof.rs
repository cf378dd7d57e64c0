//! One DPoP proof, read and judged by what stands in it (RFC 9449, section 4.3). Pure.

use countersign_jose::jwk::Jwk;
use countersign_jose::jws::{self, Header, JwsError};
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
    let claims: Claims = jws::verify(proof, &key, Some("dpop+jwt")).map_err(|error| match error {
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
