//! What an endpoint makes of requests that are no good forms, and the documents anyone may read.

use http::Request;
use serde_json::{Value, json};

use super::app::{Gateway, ISSUER, MTLS, post};
use crate::answer::Body;

const ENDPOINTS: [&str; 4] = [
    "/oauth/authorize-challenge",
    "/oauth/token",
    "/oauth/revoke",
    "/oauth/introspect",
];
const FORM: &str = "application/x-www-form-urlencoded";

/// HTTP-12, RFC 6749 section 3.2
#[tokio::test]
async fn bodies_that_are_no_forms_are_refused() {
    let gateway = Gateway::start().await;
    let long = format!("client_id=app&x={}", "x".repeat(64 * 1024));
    for path in ENDPOINTS {
        for (content_type, body, status) in [
            ("application/json", r#"{"client_id":"app"}"#, 400),
            ("multipart/form-data; boundary=x", "client_id=app", 400),
            (
                "application/x-www-form-urlencoded; charset=iso-8859-1",
                "client_id=app",
                400,
            ),
            (FORM, "client_id=app&client_id=app", 400),
            (FORM, "client_id=app&scope=%4", 400),
            (FORM, "client_id=app&scope=%ff", 400),
            (FORM, long.as_str(), 413),
        ] {
            let request = Request::post(path)
                .header("content-type", content_type)
                .body(Body::from(body.to_owned()));
            let answer = gateway.send(request.unwrap()).await;
            assert_eq!(
                answer.refusal(),
                (status, "invalid_request".to_owned()),
                "{path} {content_type}"
            );
            assert_eq!(answer.headers["cache-control"], "no-store");
        }
        let nameless = gateway
            .send(Request::post(path).body(Body::from("client_id=app")).unwrap())
            .await;
        assert_eq!(nameless.refusal().0, 400, "no Content-Type");
        let in_url = format!("{path}?client_id=app");
        assert_eq!(
            gateway
                .send(post(&in_url, &[("client_id", "app")]))
                .await
                .refusal()
                .0,
            400
        );
        let not_utf8 = Request::post(path)
            .header("content-type", FORM)
            .body(Body::from(vec![b'a', b'=', 0xff]));
        assert_eq!(gateway.send(not_utf8.unwrap()).await.refusal().0, 400);
        let get = gateway
            .send(Request::get(path).body(Body::empty()).unwrap())
            .await;
        assert_eq!(
            (get.status.as_u16(), get.headers["allow"].to_str().unwrap()),
            (405, "POST")
        );
        let empty = gateway.send(post(path, &[])).await;
        assert_eq!(empty.refusal(), (401, "invalid_client".to_owned()));
    }
}

/// FAPI-04, MTLS-04, DPOP-14, FIPA-01: it says what there is and nothing else.
#[tokio::test]
async fn metadata_is_the_same_at_both_paths_and_true() {
    let gateway = Gateway::start().await;
    let read = async |path: &str| {
        let answer = gateway
            .send(Request::get(path).body(Body::empty()).unwrap())
            .await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.headers["cache-control"], "public, max-age=300");
        answer.json()
    };
    let metadata = read("/.well-known/oauth-authorization-server").await;
    assert_eq!(metadata, read("/.well-known/openid-configuration").await);
    for (member, value) in [
        ("issuer", json!(ISSUER)),
        ("token_endpoint", json!(format!("{ISSUER}/oauth/token"))),
        (
            "authorization_challenge_endpoint",
            json!(format!("{ISSUER}/oauth/authorize-challenge")),
        ),
        ("jwks_uri", json!(format!("{ISSUER}/oauth/jwks"))),
        ("require_pushed_authorization_requests", json!(true)),
        ("authorization_response_iss_parameter_supported", json!(true)),
        ("code_challenge_methods_supported", json!(["S256"])),
        ("response_types_supported", json!(["code"])),
        (
            "acr_values_supported",
            json!(["urn:countersign:acr:1", "urn:countersign:acr:2"]),
        ),
    ] {
        assert_eq!(metadata[member], value, "{member}");
    }
    assert_eq!(
        metadata["mtls_endpoint_aliases"]["token_endpoint"],
        format!("{MTLS}/oauth/token")
    );
    let methods = &metadata["token_endpoint_auth_methods_supported"];
    assert_eq!(
        *methods,
        json!([
            "private_key_jwt",
            "tls_client_auth",
            "self_signed_tls_client_auth"
        ])
    );
    for absent in [
        "authorization_endpoint",
        "pushed_authorization_request_endpoint",
        "userinfo_endpoint",
    ] {
        assert_eq!(metadata.get(absent), None, "{absent} does not exist yet");
    }
    let post = gateway.send(post("/oauth/jwks", &[])).await;
    assert_eq!(
        (post.status.as_u16(), post.headers["allow"].to_str().unwrap()),
        (405, "GET, HEAD")
    );
}

/// KEY-01, FAPI-27
#[tokio::test]
async fn keys_are_published_by_purpose_and_without_private_members() {
    let gateway = Gateway::start().await;
    let mut kids = Vec::new();
    for path in [
        "/oauth/jwks",
        "/.well-known/countersign/txn-keys",
        "/.well-known/countersign/keys",
    ] {
        let answer = gateway
            .send(Request::get(path).body(Body::empty()).unwrap())
            .await;
        let keys = answer.json()["keys"].as_array().unwrap().clone();
        assert!(!keys.is_empty());
        for key in &keys {
            assert!(
                key["kid"].is_string() && key["alg"].is_string() && key["use"] == "sig",
                "{key}"
            );
            assert_eq!(key.get("d"), None);
        }
        kids.push(keys.iter().map(|key| key["kid"].clone()).collect::<Vec<Value>>());
        if path.ends_with("/keys") {
            let log = &answer.json()["log"];
            let vkey = log["vkeys"][0].as_str().unwrap();
            assert!(
                log["origin"] == "localhost" && vkey.starts_with("localhost+"),
                "{log}"
            );
            assert!(keys.iter().all(|key| key["purpose"].is_string()));
        }
    }
    assert!(
        kids[0].iter().all(|kid| !kids[1].contains(kid)),
        "one key, one purpose"
    );
    assert!(kids[0].iter().chain(&kids[1]).all(|kid| kids[2].contains(kid)));
}
