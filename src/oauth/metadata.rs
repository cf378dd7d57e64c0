//! Authorization server metadata (RFC 8414, OpenID Connect Discovery): only what there is.

use serde_json::{Map, Value, json};

use super::settings::Settings;
use crate::identity::assurance;

/// Algorithms that signatures of clients are accepted in (FAPI-25).
const ALGORITHMS: [&str; 3] = ["ES256", "PS256", "EdDSA"];
/// How clients may authenticate; `none` is for first-party apps and is not advertised.
const CLIENT_AUTHENTICATION: [&str; 3] = [
    "private_key_jwt",
    "tls_client_auth",
    "self_signed_tls_client_auth",
];
/// Endpoints a client may authenticate at by certificate, so they have a twin where certificates are asked for.
const ALIASED: [(&str, &str); 4] = [
    ("token_endpoint", "/oauth/token"),
    ("revocation_endpoint", "/oauth/revoke"),
    ("introspection_endpoint", "/oauth/introspect"),
    ("authorization_challenge_endpoint", "/oauth/authorize-challenge"),
];

/// The document at both well-known paths.
#[must_use]
pub fn metadata(settings: &Settings) -> Value {
    let issuer = &settings.issuer;
    let mut document = json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/oauth/jwks"),
        "scopes_supported": settings.scopes,
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "acr_values_supported": (1..=assurance::STRONGEST).map(assurance::name).collect::<Vec<_>>(),
        "code_challenge_methods_supported": ["S256"],
        "dpop_signing_alg_values_supported": ALGORITHMS,
        "require_pushed_authorization_requests": true,
        "authorization_response_iss_parameter_supported": true,
        "tls_client_certificate_bound_access_tokens": settings.mtls_origin.is_some(),
    });
    let Value::Object(members) = &mut document else {
        return document;
    };
    members.extend(endpoints(issuer));
    for endpoint in ["token", "revocation", "introspection"] {
        members.insert(
            format!("{endpoint}_endpoint_auth_methods_supported"),
            json!(CLIENT_AUTHENTICATION),
        );
        members.insert(
            format!("{endpoint}_endpoint_auth_signing_alg_values_supported"),
            json!(ALGORITHMS),
        );
    }
    if let Some(origin) = &settings.mtls_origin {
        members.insert("mtls_endpoint_aliases".to_owned(), endpoints(origin).into());
    }
    document
}

fn endpoints(origin: &str) -> Map<String, Value> {
    ALIASED
        .iter()
        .map(|(name, path)| ((*name).to_owned(), format!("{origin}{path}").into()))
        .collect()
}
