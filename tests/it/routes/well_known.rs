//! `/.well-known/…` and `/oauth/jwks`: what the gateway publishes about itself.

use std::collections::HashSet;

use countersign::base::AdminName;
use countersign::keys::Purpose;
use serde_json::Value;

use crate::support::{Draft, Protocol, TestGateway};

const DOCUMENTS: [&str; 5] = [
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
    "/oauth/jwks",
    "/.well-known/countersign/keys",
    "/.well-known/countersign/txn-keys",
];

async fn document(gateway: &TestGateway, path: &str) -> Value {
    let answer = Draft::new(gateway, "GET", path).expect_answer().await;
    assert_eq!(answer.header("content-type"), "application/json", "{path}");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    answer.json()
}

/// FAPI-04: the same document at both paths, with the issuer that it is fetched from.
#[tokio::test]
async fn the_metadata_are_those_of_the_issuer() {
    let gateway = TestGateway::start().await;
    let metadata = document(&gateway, DOCUMENTS[0]).await;
    assert_eq!(metadata, document(&gateway, DOCUMENTS[1]).await);
    assert_eq!(metadata["issuer"], gateway.public_url());
    assert_eq!(metadata["require_pushed_authorization_requests"], true);
    assert_eq!(
        metadata["code_challenge_methods_supported"],
        serde_json::json!(["S256"])
    );
    let listed = |member: &str| -> HashSet<String> {
        let values = metadata[member].as_array().unwrap_or_else(|| panic!("{member}"));
        values
            .iter()
            .map(|value| value.as_str().unwrap().to_owned())
            .collect()
    };
    let methods = listed("token_endpoint_auth_methods_supported");
    assert!(!methods.contains("none") && methods.contains("private_key_jwt"));
    for algorithm in listed("dpop_signing_alg_values_supported") {
        assert!(
            ["PS256", "ES256", "EdDSA"].contains(&algorithm.as_str()),
            "{algorithm}"
        );
    }
    let twin = format!("https://{}/", gateway.mutual_authority());
    let alias = metadata["mtls_endpoint_aliases"]["token_endpoint"]
        .as_str()
        .unwrap();
    assert!(alias.starts_with(&twin), "{alias}");
}

#[tokio::test]
async fn both_doors_and_both_protocols_publish_the_same() {
    let gateway = TestGateway::start().await;
    for path in DOCUMENTS {
        let expected = document(&gateway, path).await;
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let twin = Draft::new(&gateway, "GET", path)
                .through(gateway.mutual(None), gateway.mutual_authority())
                .over(protocol);
            assert_eq!(twin.expect_answer().await.json(), expected, "{path}");
        }
    }
}

/// The keys that sign now are among those published, and no private member ever is.
#[tokio::test]
async fn published_keys_are_public_and_named() {
    let gateway = TestGateway::start().await;
    for (path, purpose) in [
        ("/oauth/jwks", Purpose::Token),
        ("/.well-known/countersign/txn-keys", Purpose::Txn),
        ("/.well-known/countersign/keys", Purpose::Message),
    ] {
        let kid = gateway
            .services
            .keyring
            .current()
            .signing(purpose)
            .unwrap()
            .kid
            .clone();
        let keys = document(&gateway, path).await["keys"].as_array().unwrap().clone();
        assert!(keys.iter().any(|key| key["kid"] == kid.as_str()), "{path}");
        for key in keys {
            for member in ["kid", "alg", "use", "kty"] {
                assert!(key[member].is_string(), "{path}: {member}");
            }
            for secret in ["d", "p", "q", "k"] {
                assert!(key.get(secret).is_none(), "{path}: {secret}");
            }
        }
    }
}

/// KEY-03: a key is published before it signs, and the old one as long as what it signed lives.
#[tokio::test]
async fn a_rotation_is_published_before_it_takes_effect() {
    let gateway = TestGateway::start().await;
    let kids = async || -> HashSet<String> {
        let keys = document(&gateway, "/oauth/jwks").await["keys"]
            .as_array()
            .unwrap()
            .clone();
        keys.iter()
            .map(|key| key["kid"].as_str().unwrap().to_owned())
            .collect()
    };
    let before = kids().await;
    let signer = || {
        gateway
            .services
            .keyring
            .current()
            .signing(Purpose::Token)
            .unwrap()
            .kid
            .clone()
    };
    let old = signer();
    let admin = AdminName::new("anna");
    let rotation = gateway
        .services
        .keyring
        .rotate(Purpose::Token, false, &admin)
        .await
        .unwrap();
    let published = kids().await;
    assert!(published.is_superset(&before) && published.len() == before.len() + 1);
    assert_eq!(signer(), old, "it is published, and does not sign yet");
    gateway.advance(rotation.active_at.since(gateway.now())).await;
    gateway.services.keyring.tick().await.unwrap();
    assert_ne!(signer(), old);
    assert!(kids().await.contains(&old), "what it signed still lives");
}

#[tokio::test]
async fn documents_take_no_other_method() {
    let gateway = TestGateway::start().await;
    for path in DOCUMENTS {
        for method in ["POST", "DELETE", "PUT"] {
            let answer = Draft::new(&gateway, method, path).send().await;
            assert_eq!(answer.status(), 405, "{method} {path}");
        }
    }
}

/// The paths that are ours cannot be had by another spelling.
#[tokio::test]
async fn own_paths_in_another_spelling_lead_nowhere() {
    let gateway = TestGateway::start().await;
    for path in [
        "/.well-known/",
        "/.well-known/other",
        "/oauth",
        "/oauth/JWKS",
        "/log/checkpointt",
        "/%2ewell-known/x",
    ] {
        Draft::new(&gateway, "GET", path)
            .expect_refusal("route-unknown")
            .await;
    }
}
