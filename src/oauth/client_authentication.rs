//! How a client proves at our endpoints that it is itself: by a signed assertion (RFC 7523), by a certificate (RFC 8705),
//! or, for apps on a customer's device, not at all. Never by a shared secret (FAPI-06).

use std::sync::Arc;
use std::time::Duration;

use countersign_jose::jws::{self, Header};
use countersign_jose::{PublicKey, sha256};
use serde::Deserialize;
use serde_json::Value;
use x509_parser::prelude::{GeneralName, X509Certificate};

use super::client::{AuthenticationMethod, Client};
use super::error;
use super::replay::ReplayRefusal;
use super::server::{AuthorizationServer, Request};
use crate::answer::OauthError;
use crate::base::{ClientId, Timestamp, limits};

/// The only type of assertion there is (RFC 7523, section 2.2).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Longest life of an assertion (CAUTH-02).
const ASSERTION_LIFE: Duration = Duration::from_secs(300);

#[derive(Debug, Deserialize)]
struct Assertion {
    iss: String,
    sub: String,
    /// Kept as it stands, because one string and an array of one string are not the same here (FAPI-08).
    aud: Value,
    jti: String,
    exp: f64,
    iat: f64,
    nbf: Option<f64>,
}

impl AuthorizationServer {
    /// The client that sent `request`, when it proves that it is.
    pub(super) async fn authenticate(&self, request: &Request<'_>) -> Result<Arc<Client>, OauthError> {
        let client = self.named_client(request)?;
        self.authenticate_as(&client, request).await?;
        Ok(client)
    }

    /// The client that `request` says it comes from; nothing is proven yet.
    pub(super) fn named_client(&self, request: &Request<'_>) -> Result<Arc<Client>, OauthError> {
        let parameters = &request.parameters;
        if request.headers.contains_key(http::header::AUTHORIZATION) {
            return Err(OauthError::invalid_client("client secrets are not used here"));
        }
        if parameters.get("client_secret").is_some() {
            return Err(OauthError::invalid_client("client secrets are not used here"));
        }
        let asserted = parameters.get("client_assertion").and_then(unverified_subject);
        let named = parameters.get("client_id").map(str::to_owned);
        if named.is_some() && asserted.is_some() && named != asserted {
            return Err(OauthError::invalid_request(
                "client_id and client_assertion name two clients",
            ));
        }
        let id = named
            .or(asserted)
            .ok_or_else(|| OauthError::invalid_client("client_id is missing"))?;
        self.services
            .clients
            .find(&ClientId::new(id))
            .ok_or_else(|| OauthError::invalid_client("the client is not known"))
    }

    /// Proof that `request` comes from `client`, by the one method it registered.
    pub(super) async fn authenticate_as(
        &self,
        client: &Client,
        request: &Request<'_>,
    ) -> Result<(), OauthError> {
        let assertion = request.parameters.get("client_assertion");
        let assertion_type = request.parameters.get("client_assertion_type");
        let uses_assertion = assertion.is_some() || assertion_type.is_some();
        match client.authentication {
            AuthenticationMethod::PrivateKeyJwt => {
                let (Some(assertion), Some(ASSERTION_TYPE)) = (assertion, assertion_type) else {
                    return Err(OauthError::invalid_client(
                        "send client_assertion and client_assertion_type",
                    ));
                };
                self.check_assertion(client, assertion).await
            }
            _ if uses_assertion => Err(OauthError::invalid_client(
                "the client is registered for another authentication method",
            )),
            AuthenticationMethod::None => Ok(()),
            AuthenticationMethod::TlsClientAuth => {
                let name = client.registration.tls_client_auth_san_dns.as_deref();
                check_certificate(request, |certificate| has_dns_name(certificate, name))
            }
            AuthenticationMethod::SelfSignedTlsClientAuth => check_certificate(request, |certificate| {
                let key = public_key(certificate);
                key.is_some()
                    && client
                        .signature_keys()
                        .any(|registered| Some(&registered.key) == key.as_ref())
            }),
        }
    }

    /// RFC 7523, section 3, with CAUTH-01 to CAUTH-04 and FAPI-08.
    async fn check_assertion(&self, client: &Client, assertion: &str) -> Result<(), OauthError> {
        let refused = || OauthError::invalid_client("the client assertion is not valid");
        let now = self.now();
        let claims = verified_claims(client, assertion).ok_or_else(refused)?;
        let issued = time(claims.iat);
        let expires = time(claims.exp);
        let latest = now.plus(limits::CLOCK_AHEAD);
        let well_dated = issued <= latest
            && claims.nbf.is_none_or(|nbf| time(nbf) <= latest)
            && expires > now
            && expires <= issued.plus(ASSERTION_LIFE);
        let well_named = claims.iss == client.id.as_str()
            && claims.sub == client.id.as_str()
            && claims.aud.as_str() == Some(self.settings().issuer.as_str())
            && !claims.jti.is_empty()
            && claims.jti.len() <= limits::NONCE_BYTES;
        if !well_dated || !well_named {
            return Err(refused());
        }
        let key = sha256(
            &[
                b"assertion/",
                client.id.as_str().as_bytes(),
                b"/",
                claims.jti.as_bytes(),
            ]
            .concat(),
        );
        let end = expires.plus(Duration::from_secs(1));
        let once = self
            .services
            .dpop
            .used_at_the_entrance()
            .once(key, issued, end, now)
            .await;
        once.map_err(|refusal| match refusal {
            ReplayRefusal::Seen | ReplayRefusal::BeforeStart => refused(),
            ReplayRefusal::Overloaded => error::store(refusal),
        })
    }
}

/// The claims of an assertion that one of the client's registered keys signed. The key is chosen by `kid` among them,
/// never taken from the token (CAUTH-03).
fn verified_claims(client: &Client, assertion: &str) -> Option<Assertion> {
    let header = Header::parse(assertion).ok()?;
    let explicit = |typ: &str| header.has_type(typ);
    if header.text("typ").is_some() && !explicit("JWT") && !explicit("client-authentication+jwt") {
        return None;
    }
    let algorithm = header.algorithm()?;
    if client
        .assertion_algorithm
        .is_some_and(|pinned| pinned != algorithm)
    {
        return None;
    }
    let kid = header.text("kid");
    let fits = |key: &&countersign_jose::jwk::Jwk| {
        key.key.algorithm() == algorithm && kid.is_none_or(|kid| key.kid.as_deref() == Some(kid))
    };
    client
        .signature_keys()
        .filter(fits)
        .find_map(|key| jws::verify(assertion, &key.key, None).ok())
}

/// Who an assertion says it is, only to know whose keys to verify it with.
fn unverified_subject(assertion: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Subject {
        sub: String,
    }
    let payload = countersign_jose::from_base64url(assertion.split('.').nth(1)?)?;
    let subject: Subject = serde_json::from_slice(&payload).ok()?;
    Some(subject.sub)
}

fn time(seconds: f64) -> Timestamp {
    // The cast saturates; dates beyond its range fail the comparisons.
    Timestamp::from_micros((seconds * 1e6) as i64)
}

fn check_certificate(
    request: &Request<'_>,
    fits: impl FnOnce(&X509Certificate<'_>) -> bool,
) -> Result<(), OauthError> {
    let certificate = request.connection.client_certificate.as_ref().ok_or_else(|| {
        OauthError::invalid_client("a client certificate is needed; use the mtls_endpoint_aliases")
    })?;
    let parsed = x509_parser::parse_x509_certificate(&certificate.der);
    match parsed {
        Ok((_, certificate)) if fits(&certificate) => Ok(()),
        _ => Err(OauthError::invalid_client(
            "the client certificate is not the registered one",
        )),
    }
}

/// Whether the certificate names exactly this DNS name among its subject alternative names (RFC 8705, section 2.1.2).
fn has_dns_name(certificate: &X509Certificate<'_>, name: Option<&str>) -> bool {
    let Some(name) = name else { return false };
    let Ok(Some(names)) = certificate.subject_alternative_name() else {
        return false;
    };
    let is_it = |general: &GeneralName<'_>| matches!(general, GeneralName::DNSName(dns) if dns.eq_ignore_ascii_case(name));
    names.value.general_names.iter().any(is_it)
}

/// The key in a certificate, when it is of a kind that can be registered.
fn public_key(certificate: &X509Certificate<'_>) -> Option<PublicKey> {
    use x509_parser::public_key::PublicKey as Parsed;
    const ED25519: &str = "1.3.101.112";
    const P256: &str = "1.2.840.10045.3.1.7";
    let info = certificate.public_key();
    if info.algorithm.algorithm.to_id_string() == ED25519 {
        let bytes = info.subject_public_key.data.as_ref().try_into().ok()?;
        return PublicKey::ed25519(bytes).ok();
    }
    match info.parsed().ok()? {
        Parsed::EC(point) => {
            let curve = info.algorithm.parameters.as_ref()?.as_oid().ok()?;
            (curve.to_id_string() == P256)
                .then(|| PublicKey::p256_point(point.data()).ok())
                .flatten()
        }
        Parsed::RSA(rsa) => {
            let strip = |bytes: &[u8]| {
                bytes
                    .iter()
                    .copied()
                    .skip_while(|byte| *byte == 0)
                    .collect::<Vec<_>>()
            };
            PublicKey::rsa(&strip(rsa.modulus), &strip(rsa.exponent)).ok()
        }
        _ => None,
    }
}
