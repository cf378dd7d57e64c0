//! Compact JSON Web Signatures (RFC 7515) as this product uses them: one algorithm and one key, both named by the
//! caller; an explicit `typ` (RFC 8725, section 3.11); no `crit`, no key taken from a header by itself.
//!
//! Times are not judged here: `exp`, `nbf` and `iat` are compared by the caller with the clock it was given.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{DecodingKey, Validation};
use serde::de::{DeserializeOwned, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

pub use jsonwebtoken::Algorithm;

use crate::key::{KeyError, KeyKind, PublicKey, Repr, Scheme};
use crate::private::PrivateKey;
use crate::{from_base64url, provider};

/// The longest compact JWS that is looked at, in bytes.
pub const MAX_BYTES: usize = 16 * 1024;

/// Why a JWS was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// Not three base64url parts, or a header or payload that is no JSON object of the expected form.
    #[error("the JWS is malformed")]
    Malformed,
    /// Longer than [`MAX_BYTES`].
    #[error("the JWS is too long")]
    TooLong,
    /// `alg` is missing or is not the one expected.
    #[error("the JWS is signed with an algorithm that is not allowed here")]
    Algorithm,
    /// `typ` is not the one expected.
    #[error("the JWS is of another type")]
    Type,
    /// The header has `crit`: an extension that must be understood, and none is.
    #[error("the JWS demands an extension")]
    Critical,
    /// The signature does not verify.
    #[error("the signature does not verify")]
    Signature,
    /// The key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// A compact JWS whose header is read and whose signature is not verified. Nothing here is to be believed before
/// [`Header::verify`].
#[derive(Clone, Debug)]
pub struct Header<'t> {
    token: &'t str,
    members: Map<String, Value>,
}

impl<'t> Header<'t> {
    /// Reads the header of `token` without verifying anything.
    ///
    /// # Errors
    /// [`JwsError::TooLong`], [`JwsError::Malformed`] or [`JwsError::Critical`].
    pub fn parse(token: &'t str) -> Result<Self, JwsError> {
        if token.len() > MAX_BYTES {
            return Err(JwsError::TooLong);
        }
        let mut parts = token.split('.');
        let (Some(header), Some(_), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(JwsError::Malformed);
        };
        let bytes = from_base64url(header).ok_or(JwsError::Malformed)?;
        let Members(members) = serde_json::from_slice(&bytes).map_err(|_| JwsError::Malformed)?;
        if members.contains_key("crit") {
            return Err(JwsError::Critical);
        }
        Ok(Self { token, members })
    }

    /// The text member `name`.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.members.get(name).and_then(Value::as_str)
    }

    /// The object member `name`.
    #[must_use]
    pub fn object(&self, name: &str) -> Option<&Map<String, Value>> {
        self.members.get(name).and_then(Value::as_object)
    }

    /// `alg`, when it is one of PS256, ES256, EdDSA; `Ed25519` (RFC 9864) reads as EdDSA.
    #[must_use]
    pub fn algorithm(&self) -> Option<Algorithm> {
        algorithm(self.text("alg")?)
    }

    /// Whether `typ` is `expected`, with or without the prefix `application/`, in any case (RFC 7515, section 4.1.9).
    #[must_use]
    pub fn has_type(&self, expected: &str) -> bool {
        let Some(typ) = self.text("typ") else { return false };
        let bare = typ
            .get(..12)
            .filter(|p| p.eq_ignore_ascii_case("application/"))
            .and_then(|_| typ.get(12..));
        bare.unwrap_or(typ).eq_ignore_ascii_case(expected)
    }
}

/// The members of a header, each of which stands once (RFC 7515, section 4): whoever reads the last of two and whoever reads the
/// first would read two tokens.
struct Members(Map<String, Value>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Once;

        impl<'de> Visitor<'de> for Once {
            type Value = Members;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object whose members stand once")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Members, A::Error> {
                let mut members = Map::new();
                while let Some((name, value)) = access.next_entry::<String, Value>()? {
                    if members.insert(name, value).is_some() {
                        return Err(A::Error::custom("a member stands twice"));
                    }
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Once)
    }
}

/// The JOSE algorithm called `name`, when this product accepts it.
#[must_use]
pub fn algorithm(name: &str) -> Option<Algorithm> {
    match name {
        "ES256" => Some(Algorithm::ES256),
        "EdDSA" | "Ed25519" => Some(Algorithm::EdDSA),
        "PS256" => Some(Algorithm::PS256),
        _ => None,
    }
}

/// The JOSE name of `algorithm`.
#[must_use]
pub const fn algorithm_name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::ES256 => "ES256",
        Algorithm::PS256 => "PS256",
        Algorithm::EdDSA => "EdDSA",
        _ => "unsupported",
    }
}

impl PublicKey {
    /// The JOSE algorithm this key verifies.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        match self.repr() {
            Repr::Ed25519(_) => Algorithm::EdDSA,
            Repr::P256(_) => Algorithm::ES256,
            Repr::Rsa { .. } => Algorithm::PS256,
        }
    }

    fn decoding_key(&self) -> DecodingKey {
        match self.repr() {
            Repr::Ed25519(x) => DecodingKey::from_ed_der(x.bytes()),
            Repr::P256(point) => DecodingKey::from_ec_der(point),
            Repr::Rsa { n, e } => DecodingKey::from_rsa_raw_components(n, e),
        }
    }
}

/// Verifies `token` with `key`, whose kind fixes the algorithm, and returns its claims.
///
/// `typ` is the type that must be named in the header, `None` where a standard leaves it open.
///
/// # Errors
/// See [`JwsError`].
pub fn verify<T: DeserializeOwned>(token: &str, key: &PublicKey, typ: Option<&str>) -> Result<T, JwsError> {
    Header::parse(token)?.verify(key, typ)
}

impl Header<'_> {
    /// [`verify`] for the token this header was read from.
    ///
    /// # Errors
    /// See [`JwsError`].
    pub fn verify<T: DeserializeOwned>(&self, key: &PublicKey, typ: Option<&str>) -> Result<T, JwsError> {
        if self.algorithm() != Some(key.algorithm()) {
            return Err(JwsError::Algorithm);
        }
        if typ.is_some_and(|typ| !self.has_type(typ)) {
            return Err(JwsError::Type);
        }
        match key.kind() {
            KeyKind::Ed25519 => return verify_by(Scheme::Ed25519, self.token, key),
            KeyKind::P256 => return verify_by(Scheme::EcdsaP256Sha256, self.token, key),
            KeyKind::Rsa => {}
        }
        provider::install();
        let mut validation = Validation::new(key.algorithm());
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        jsonwebtoken::decode(self.token, &key.decoding_key(), &validation)
            .map(|data| data.claims)
            .map_err(|error| match error.kind() {
                jsonwebtoken::errors::ErrorKind::InvalidSignature => JwsError::Signature,
                jsonwebtoken::errors::ErrorKind::InvalidAlgorithm => JwsError::Algorithm,
                _ => JwsError::Malformed,
            })
    }
}

/// The two kinds of key that tokens and proofs of every request are signed with. `jsonwebtoken` does not read `alg:
/// Ed25519` (RFC 9864), and it would prepare the key and read header and claims once more for every token.
fn verify_by<T: DeserializeOwned>(scheme: Scheme, token: &str, key: &PublicKey) -> Result<T, JwsError> {
    let (message, signature) = token.rsplit_once('.').ok_or(JwsError::Malformed)?;
    let signature = from_base64url(signature).ok_or(JwsError::Malformed)?;
    key.verify(scheme, message.as_bytes(), &signature)
        .map_err(|_| JwsError::Signature)?;
    let payload = message
        .split_once('.')
        .and_then(|(_, payload)| from_base64url(payload))
        .ok_or(JwsError::Malformed)?;
    // A list of values would do for claims whose order is known; a payload is an object (RFC 7519, section 7.2).
    if payload.trim_ascii_start().first() != Some(&b'{') {
        return Err(JwsError::Malformed);
    }
    serde_json::from_slice(&payload).map_err(|_| JwsError::Malformed)
}

/// Signs `claims` with `key`. `extra` adds header members, such as `kid` or `jwk`, after `alg` and `typ`, which it must not name.
///
/// The key pair is the one that was parsed when `key` was built; `jsonwebtoken::encode` would parse it for every token.
///
/// # Errors
/// [`JwsError::Key`] when signing failed, [`JwsError::Malformed`] when the claims cannot be written as JSON.
pub fn sign<C: Serialize>(
    typ: &str,
    extra: Map<String, Value>,
    claims: &C,
    key: &PrivateKey,
) -> Result<String, JwsError> {
    let alg = algorithm_name(key.public_key().algorithm());
    compact(&SigningHeader { alg, typ, extra }, claims, key)
}

/// [`sign`] for tokens whose only other header member is `kid`: those that are made for every request.
///
/// # Errors
/// See [`sign`].
pub fn sign_with_kid<C: Serialize>(
    typ: &str,
    kid: &str,
    claims: &C,
    key: &PrivateKey,
) -> Result<String, JwsError> {
    let alg = algorithm_name(key.public_key().algorithm());
    compact(&KidHeader { alg, typ, kid }, claims, key)
}

/// Header, claims and signature, each written once.
fn compact(header: &impl Serialize, claims: &impl Serialize, key: &PrivateKey) -> Result<String, JwsError> {
    let mut json = Vec::with_capacity(JSON_ROOM);
    serde_json::to_writer(&mut json, header).map_err(|_| JwsError::Malformed)?;
    let header_bytes = json.len();
    serde_json::to_writer(&mut json, claims).map_err(|_| JwsError::Malformed)?;
    let (header, claims) = json.split_at_checked(header_bytes).unwrap_or_default();
    // Exactly what it takes, the signature included, so that the token can become a header without being copied.
    let characters = [header, claims].map(|part| part.len().saturating_mul(4).div_ceil(3));
    let mut token = String::with_capacity(characters.iter().sum::<usize>().saturating_add(SIGNATURE_ROOM));
    URL_SAFE_NO_PAD.encode_string(header, &mut token);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(claims, &mut token);
    let signature = key.sign(key.default_scheme(), token.as_bytes())?;
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    Ok(token)
}

/// Bytes of header and claims that most tokens stay below, so that the buffer seldom grows: a Txn-Token has about
/// 1,000.
const JSON_ROOM: usize = 1024;

/// Characters of an Ed25519 or ES256 signature, with two dots; RSA signatures let the buffer grow.
const SIGNATURE_ROOM: usize = 88;

#[derive(Serialize)]
struct KidHeader<'a> {
    alg: &'a str,
    typ: &'a str,
    kid: &'a str,
}

#[derive(Serialize)]
struct SigningHeader<'a> {
    alg: &'a str,
    typ: &'a str,
    #[serde(flatten)]
    extra: Map<String, Value>,
}
