//! What a backend never sees, whatever a client sends (HDR-01, HDR-02).

use http::{HeaderMap, Request};

use super::super::outbound_head::passed_on;
use super::world;
use crate::base::SystemEntropy;

/// Claims about the caller, credentials, and everything that only the gate may say.
const NEVER: [&str; 22] = [
    "authorization",
    "dpop",
    "cookie",
    "proxy-authorization",
    "txn-token",
    "client-cert",
    "client-cert-chain",
    "signature",
    "signature-input",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-client-cert",
    "x-real-ip",
    "x-original-url",
    "x-rewrite-url",
    "x-http-method-override",
    "x-user",
    "via",
    "connection",
    "te",
    "expect",
];

async fn passed(headers: &[(&str, &str)]) -> HeaderMap {
    let request = Request::post("/payments").header("host", "pay.example.com");
    let request = headers
        .iter()
        .fold(request, |request, (name, value)| request.header(*name, *value));
    let exchange = world().await.admit(request).unwrap();
    passed_on(&exchange, &SystemEntropy::default())
}

#[tokio::test]
async fn what_is_not_on_the_list_does_not_pass() {
    let sent: Vec<(&str, &str)> = NEVER.iter().map(|name| (*name, "forged")).collect();
    let headers = passed(&sent).await;
    let names: Vec<&str> = headers.keys().map(http::HeaderName::as_str).collect();
    for name in NEVER {
        assert!(!headers.contains_key(name), "{name} passed");
    }
    // What is left the gate made itself.
    assert_eq!(names, ["forwarded", "traceparent"]);
    assert!(headers.values().all(|value| value != "forged"));
}

#[tokio::test]
async fn forwarded_says_what_the_gate_knows_and_not_what_the_client_claims() {
    let headers = passed(&[("forwarded", "for=203.0.113.9;host=evil.example.com")]).await;
    let lines: Vec<_> = headers.get_all("forwarded").iter().collect();
    assert_eq!(lines, ["host=\"pay.example.com\";proto=https"]);
}

/// HDR-06
#[tokio::test]
async fn the_state_of_a_trace_passes_with_its_trace_only() {
    assert!(!passed(&[("tracestate", "a=b")]).await.contains_key("tracestate"));
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let headers = passed(&[("tracestate", "a=b"), ("traceparent", trace)]).await;
    assert_eq!(headers["tracestate"], "a=b");
    let parent = headers["traceparent"].to_str().unwrap();
    assert!(
        parent.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"),
        "{parent}"
    );
    assert_ne!(parent, trace, "this hop is the parent now");
}

#[tokio::test]
async fn what_a_backend_needs_of_the_request_passes_unchanged() {
    let sent = [
        ("accept", "application/json"),
        ("content-type", "application/json"),
        ("content-digest", "sha-256=:x:"),
        ("idempotency-key", "\"k\""),
        ("prefer", "respond-async"),
    ];
    let headers = passed(&sent).await;
    for (name, value) in sent {
        assert_eq!(headers[name], value);
    }
}
