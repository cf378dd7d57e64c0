//! A registered client: its metadata as RFC 7591 names it, and what the gateway makes of it.

use countersign_jose::jwk::{Jwk, JwkSet};
use countersign_jose::jws::{self, Algorithm};
use serde::{Deserialize, Serialize};

use super::scope::{self, Scope};
use crate::base::{ClientId, Timestamp};
use crate::identity::assurance;

/// Which rules a client follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// An app of the operator itself: it may take the customer's credentials (draft-ietf-oauth-first-party-apps).
    FirstParty,
    /// FAPI 2.0 Security Profile.
    Fapi2Security,
    /// FAPI 2.0 Security Profile with Message Signing.
    Fapi2MessageSigning,
}

impl Profile {
    /// The name in registrations.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FirstParty => "first-party",
            Self::Fapi2Security => "fapi2-security",
            Self::Fapi2MessageSigning => "fapi2-message-signing",
        }
    }
}

/// How a client proves at OAuth endpoints that it is itself (RFC 7591, section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthenticationMethod {
    /// Not at all: an app on the customer's device, bound by its DPoP key.
    None,
    /// A signed assertion (RFC 7523).
    PrivateKeyJwt,
    /// A certificate from a trusted authority (RFC 8705, section 2.1).
    TlsClientAuth,
    /// A certificate whose key is registered (RFC 8705, section 2.2).
    SelfSignedTlsClientAuth,
}

/// What a client may exchange at the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// A code.
    AuthorizationCode,
    /// A refresh token.
    RefreshToken,
}

/// Client metadata as it is registered: the member names of RFC 7591 and its extensions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// The client's name in requests.
    pub client_id: String,
    /// The client's name on screens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_name: Option<String>,
    /// Which rules it follows.
    pub profile: Profile,
    /// How it authenticates; without it `none` for first-party apps and `private_key_jwt` for others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_method: Option<AuthenticationMethod>,
    /// The algorithm of its assertions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_signing_alg: Option<String>,
    /// The algorithm of its ID tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_token_signed_response_alg: Option<String>,
    /// Its public keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks: Option<JwkSet>,
    /// Where its public keys can be fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// Where browsers are sent back to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redirect_uris: Vec<String>,
    /// What it may exchange for tokens; without it an authorization code.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grant_types: Vec<GrantType>,
    /// The most it may ask for.
    #[serde(default)]
    pub scope: String,
    /// Types of authorization details it may ask for (RFC 9396).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authorization_details_types: Vec<String>,
    /// The class a login has when the request names none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub default_acr_values: Vec<String>,
    /// Whether its tokens are always bound to a DPoP key (RFC 9449, section 5.2).
    #[serde(default)]
    pub dpop_bound_access_tokens: bool,
    /// Whether its authorization requests must be signed (RFC 9101).
    #[serde(default)]
    pub require_signed_request_object: bool,
    /// The DNS name in its certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_client_auth_san_dns: Option<String>,
    /// Whether its tokens are bound to its certificate.
    #[serde(default)]
    pub tls_client_certificate_bound_access_tokens: bool,
}

/// Why a registration is refused; each says what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{member}: {reason}")]
pub struct RegistrationError {
    /// The member at fault.
    pub member: &'static str,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// A registered client.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its name in requests.
    pub id: ClientId,
    /// The rules it follows.
    pub profile: Profile,
    /// How it authenticates.
    pub authentication: AuthenticationMethod,
    /// The algorithm its assertions are pinned to.
    pub assertion_algorithm: Option<Algorithm>,
    /// The most it may ask for.
    pub scope: Scope,
    /// What it may exchange for tokens.
    pub grant_types: Vec<GrantType>,
    /// The class a login has when the request names none.
    pub default_acr: Option<u8>,
    /// When it was disabled.
    pub disabled_at: Option<Timestamp>,
    /// Everything as it was registered.
    pub registration: Registration,
    keys: Vec<Jwk>,
}

impl Client {
    /// What the gateway makes of a registration.
    ///
    /// # Errors
    /// [`RegistrationError`], for the first member that cannot stand.
    pub fn new(registration: Registration) -> Result<Self, RegistrationError> {
        let authentication = authentication(&registration)?;
        let keys = registration.jwks.clone().unwrap_or_default().keys;
        check_keys(&registration, &keys, authentication)?;
        check_redirects(&registration)?;
        let fault = |member, reason| RegistrationError { member, reason };
        let id = &registration.client_id;
        if id.is_empty() || id.len() > 255 || !id.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(fault("client_id", "takes 1 to 255 visible ASCII characters"));
        }
        let scope = Scope::parse(&registration.scope)
            .ok_or_else(|| fault("scope", "takes scope tokens separated by single spaces"))?;
        if scope.contains(scope::SETTLEMENT) {
            let reason = "settlement is what the gateway's own questions to backends carry";
            return Err(fault("scope", reason));
        }
        let grant_types = match registration.grant_types.as_slice() {
            [] => vec![GrantType::AuthorizationCode],
            given => given.to_vec(),
        };
        let default_acr = match registration.default_acr_values.first() {
            None => None,
            Some(name) => Some(
                assurance::from_name(name)
                    .filter(|class| *class <= assurance::STRONGEST)
                    .ok_or_else(|| fault("default_acr_values", "takes urn:countersign:acr:1 or :2"))?,
            ),
        };
        Ok(Self {
            id: ClientId::new(id),
            profile: registration.profile,
            authentication,
            assertion_algorithm: assertion_algorithm(&registration)?,
            scope,
            grant_types,
            default_acr,
            disabled_at: None,
            keys,
            registration,
        })
    }

    /// Its keys that verify signatures: those registered for it, and those registered for anything.
    pub fn signature_keys(&self) -> impl Iterator<Item = &Jwk> {
        let signs = |key: &&Jwk| matches!(key.public_key_use.as_deref(), None | Some("sig"));
        self.keys.iter().filter(signs)
    }

    /// Whether it may exchange `grant`.
    #[must_use]
    pub fn may_exchange(&self, grant: GrantType) -> bool {
        self.grant_types.contains(&grant)
    }

    /// Whether its tokens are bound to its certificate instead of a DPoP key.
    #[must_use]
    pub const fn is_certificate_bound(&self) -> bool {
        self.registration.tls_client_certificate_bound_access_tokens
            && !self.registration.dpop_bound_access_tokens
    }
}

fn authentication(registration: &Registration) -> Result<AuthenticationMethod, RegistrationError> {
    let fault = |member, reason| RegistrationError { member, reason };
    let first_party = registration.profile == Profile::FirstParty;
    let method = registration.token_endpoint_auth_method.unwrap_or(if first_party {
        AuthenticationMethod::None
    } else {
        AuthenticationMethod::PrivateKeyJwt
    });
    match method {
        AuthenticationMethod::None if !first_party => Err(fault(
            "token_endpoint_auth_method",
            "is none only for first-party clients (FAPI-06)",
        )),
        AuthenticationMethod::TlsClientAuth if registration.tls_client_auth_san_dns.is_none() => Err(fault(
            "tls_client_auth_san_dns",
            "is needed for tls_client_auth: the DNS name in the client's certificate",
        )),
        method => Ok(method),
    }
}

fn check_keys(
    registration: &Registration,
    keys: &[Jwk],
    method: AuthenticationMethod,
) -> Result<(), RegistrationError> {
    let fault = |member, reason| Err(RegistrationError { member, reason });
    if registration.jwks.is_some() && registration.jwks_uri.is_some() {
        return fault("jwks_uri", "cannot stand beside jwks (RFC 7591, section 2)");
    }
    let needs_keys = matches!(
        method,
        AuthenticationMethod::PrivateKeyJwt | AuthenticationMethod::SelfSignedTlsClientAuth
    );
    if needs_keys && keys.is_empty() {
        return fault("jwks", "is needed for this token_endpoint_auth_method");
    }
    let mut kids = std::collections::HashSet::new();
    if keys
        .iter()
        .filter_map(|key| key.kid.as_deref())
        .any(|kid| !kids.insert(kid))
    {
        return fault("jwks", "has two keys of one kid (FAPI-27)");
    }
    Ok(())
}

fn check_redirects(registration: &Registration) -> Result<(), RegistrationError> {
    let allowed = |uri: &String| {
        let Ok(parsed) = uri.parse::<http::Uri>() else {
            return false;
        };
        let loopback = matches!(parsed.host(), Some("127.0.0.1" | "[::1]"));
        let secure =
            parsed.scheme_str() == Some("https") || (parsed.scheme_str() == Some("http") && loopback);
        secure && parsed.host().is_some() && !uri.contains('#')
    };
    if registration.redirect_uris.iter().all(allowed) {
        return Ok(());
    }
    Err(RegistrationError {
        member: "redirect_uris",
        reason: "takes https URLs without a fragment, or http on 127.0.0.1 and [::1] (FAPI-18)",
    })
}

fn assertion_algorithm(registration: &Registration) -> Result<Option<Algorithm>, RegistrationError> {
    let read = |member, name: &Option<String>| {
        let Some(name) = name else { return Ok(None) };
        let reason = "takes PS256, ES256 or EdDSA (FAPI-25)";
        jws::algorithm(name)
            .map(Some)
            .ok_or(RegistrationError { member, reason })
    };
    read(
        "id_token_signed_response_alg",
        &registration.id_token_signed_response_alg,
    )?;
    read(
        "token_endpoint_auth_signing_alg",
        &registration.token_endpoint_auth_signing_alg,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registration(json: serde_json::Value) -> Result<Client, String> {
        let registration: Registration = serde_json::from_value(json).map_err(|error| error.to_string())?;
        Client::new(registration).map_err(|error| error.to_string())
    }

    #[test]
    fn a_first_party_app_needs_little() {
        let client = registration(serde_json::json!({
            "client_id": "app", "profile": "first-party", "scope": "accounts payments",
        }))
        .unwrap();
        assert_eq!(client.authentication, AuthenticationMethod::None);
        assert!(
            client.may_exchange(GrantType::AuthorizationCode)
                && !client.may_exchange(GrantType::RefreshToken)
        );
    }

    /// FAPI-06, FAPI-18, FAPI-25, FAPI-27
    #[test]
    fn registrations_that_weaken_a_profile_are_refused() {
        let key = serde_json::json!({"kty": "OKP", "crv": "Ed25519", "kid": "1",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        for (bad, member) in [
            (serde_json::json!({"profile": "fapi2-security"}), "jwks"),
            (
                serde_json::json!({"profile": "fapi2-security", "token_endpoint_auth_method": "none"}),
                "none",
            ),
            (
                serde_json::json!({"profile": "fapi2-security", "token_endpoint_auth_method": "client_secret_basic"}),
                "client_secret_basic",
            ),
            (
                serde_json::json!({"profile": "fapi2-security", "token_endpoint_auth_method": "tls_client_auth"}),
                "san_dns",
            ),
            (
                serde_json::json!({"profile": "first-party", "jwks": {"keys": [key, key]}}),
                "two keys",
            ),
            (
                serde_json::json!({"profile": "first-party", "redirect_uris": ["http://app.example/"]}),
                "redirect_uris",
            ),
            (
                serde_json::json!({"profile": "first-party", "token_endpoint_auth_signing_alg": "RS256"}),
                "signing_alg",
            ),
            (
                serde_json::json!({"profile": "first-party", "scope": "a  b"}),
                "scope",
            ),
            (
                serde_json::json!({"profile": "first-party", "scope": "accounts settlement"}),
                "settlement",
            ),
            (
                serde_json::json!({"profile": "first-party", "default_acr_values": ["urn:countersign:acr:3"]}),
                "acr:1 or :2",
            ),
            (
                serde_json::json!({"profile": "first-party", "client_secret": "x"}),
                "client_secret",
            ),
            (serde_json::json!({"profile": "third-party"}), "third-party"),
        ] {
            let mut bad = bad;
            bad["client_id"] = "app".into();
            let error = registration(bad).unwrap_err();
            assert!(error.contains(member), "{error}");
        }
    }
}
