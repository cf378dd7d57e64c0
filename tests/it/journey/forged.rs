//! The attacker's view: what only the gate may say cannot be said from outside (HDR-01, HDR-02).

use crate::support::{Draft, PAYMENT, Protocol, TestGateway};

/// Headers that claim to come from a gate, a proxy or a certificate.
const FORGED: [(&str, &str); 24] = [
    ("txn-token", "eyJhbGciOiJub25lIn0.e30."),
    ("forwarded", "for=10.0.0.1;host=\"bank.internal\";proto=https"),
    ("x-forwarded-for", "10.0.0.1"),
    ("x-forwarded-host", "bank.internal"),
    ("x-forwarded-proto", "http"),
    ("x-real-ip", "10.0.0.1"),
    ("client-cert", ":AAAA:"),
    ("client-cert-chain", ":AAAA:"),
    ("x-client-cert", "AAAA"),
    ("x-ssl-client-s-dn", "CN=alice"),
    ("x-user", "alice"),
    ("x-authenticated-user", "alice"),
    ("cookie", "session=alice"),
    ("proxy-authorization", "Basic AAAA"),
    ("via", "1.1 bank"),
    ("request-id", "forged"),
    ("x-request-id", "forged"),
    ("x-http-method-override", "DELETE"),
    ("x-original-url", "/admin"),
    ("x-rewrite-url", "/admin"),
    ("te", "trailers"),
    ("origin", "https://evil.example"),
    ("baggage", "user=alice"),
    ("x-anything", "else"),
];

/// Everything that a backend may find, whatever was sent.
const ALLOWED: [&str; 22] = [
    "accept",
    "accept-language",
    "content-type",
    "content-encoding",
    "content-digest",
    "content-length",
    "idempotency-key",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-unmodified-since",
    "prefer",
    "range",
    "tracestate",
    "traceparent",
    "forwarded",
    "txn-token",
    "signature",
    "signature-input",
    "host",
    "connection",
    "date",
];

fn forge<'g>(mut draft: Draft<'g>, protocol: Protocol) -> Draft<'g> {
    for (name, value) in FORGED {
        draft = draft.then_header(name, value);
    }
    draft.over(protocol)
}

#[tokio::test]
async fn forged_headers_never_reach_a_backend() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    for protocol in [Protocol::Http1, Protocol::Http2] {
        for draft in [
            Draft::new(&gateway, "GET", "/rates/eur"),
            alice.get("/orders"),
            alice.post("/consents", "{}"),
            alice.pay(PAYMENT),
        ] {
            forge(draft, protocol).expect_answer().await;
            let seen = gateway.backend.last();
            for name in seen.headers.keys() {
                assert!(ALLOWED.contains(&name.as_str()), "{name} reached the backend");
            }
            let host = gateway.authority();
            assert_eq!(seen.header("forwarded"), format!("host=\"{host}\";proto=https"));
            for (name, value) in FORGED {
                assert!(
                    !seen.headers.get_all(name).iter().any(|seen| seen == value),
                    "{name}"
                );
            }
        }
    }
}

/// HDR-02, TXN-07: credentials stay here.
#[tokio::test]
async fn a_backend_never_sees_token_or_proof() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    for draft in [alice.get("/orders"), alice.pay(PAYMENT).with_proof(&alice)] {
        draft.expect_answer().await;
        let seen = gateway.backend.last();
        assert!(!format!("{seen:?}").contains(&alice.token));
        for name in ["authorization", "dpop", "cookie"] {
            assert!(!seen.headers.contains_key(name), "{name}");
        }
    }
}

/// TXN-04: a public request with the marks of a checked one arrives without them.
#[tokio::test]
async fn a_public_request_cannot_pass_for_a_checked_one() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    alice.get("/orders").expect_answer().await;
    let genuine = gateway.backend.last();
    let mut draft = Draft::new(&gateway, "GET", "/rates/eur");
    for name in ["txn-token", "traceparent"] {
        draft = draft.header(name, genuine.header(name));
    }
    for name in ["signature", "signature-input"] {
        for value in genuine.headers.get_all(name) {
            draft = draft.line(name, value.to_str().unwrap());
        }
    }
    draft.expect_answer().await;
    let seen = gateway.backend.last();
    for name in ["txn-token", "signature", "signature-input"] {
        assert!(!seen.headers.contains_key(name), "{name}");
    }
}

/// A client that labels its signatures as the gate does changes nothing: labels are given anew.
#[tokio::test]
async fn labels_of_the_gate_are_given_by_the_gate() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let keyid = alice.key.public_key().thumbprint().to_string();
    let draft = alice
        .pay(PAYMENT)
        .signature(|signature| signature.label = "countersign".to_owned())
        .with_payment_signature(&alice.key, &keyid)
        .last_signature(|signature| signature.label = "client".to_owned())
        .another_signature(|signature| {
            signature.label = "payment".to_owned();
            signature.set_text("tag", "countersign-forward");
        });
    draft.expect_answer().await;
    let seen = gateway.backend.last();
    assert_eq!(seen.labels(), ["client", "payment", "countersign"]);
    let signatures = countersign_signatures::Signatures::parse(&seen.headers).unwrap();
    let tag = |label: &str| signatures.by_label(label).unwrap().tag().unwrap().to_owned();
    assert_eq!(tag("client"), "fapi-2-request");
    assert_eq!(tag("payment"), "countersign-payment");
    assert_eq!(tag("countersign"), "countersign-forward");
}

/// HTTP-07: `Connection` cannot take away what the gate relies on.
#[tokio::test]
async fn connection_cannot_name_headers_of_the_gate() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let named = "close, content-digest, idempotency-key, signature, txn-token, forwarded, authorization";
    alice
        .pay(PAYMENT)
        .then_header("connection", named)
        .expect_answer()
        .await;
    let seen = gateway.backend.last();
    for name in ["content-digest", "idempotency-key", "txn-token", "forwarded"] {
        seen.header(name);
    }
}

/// HDR-06
#[tokio::test]
async fn a_trace_is_carried_on_when_it_is_one() {
    let gateway = TestGateway::start().await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let parent = format!("00-{trace}-b7ad6b7169203331-01");
    Draft::new(&gateway, "GET", "/rates/eur")
        .header("traceparent", &parent)
        .expect_answer()
        .await;
    let carried = gateway.backend.last().header("traceparent").to_owned();
    assert!(
        carried.starts_with(&format!("00-{trace}-")) && carried != parent,
        "{carried}"
    );
    for bad in [
        "x",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-ZZ-1-1",
    ] {
        Draft::new(&gateway, "GET", "/rates/eur")
            .header("traceparent", bad)
            .expect_answer()
            .await;
        let made = gateway.backend.last().header("traceparent").to_owned();
        assert!(made.len() == 55 && !made.contains("0000000000000000"), "{made}");
    }
}
