//! The gateway's signature: every covered part changed, every demanded part left out, every bound crossed.

use bytes::Bytes;
use countersign_jose::{KeyKind, PrivateKey};
use countersign_signatures::{Component, Parameters, PolicyError};
use countersign_verify::Refusal;
use http::HeaderValue;
use http::request::Parts;

use crate::forger::{AUTHORITY, Gateway, NOW, put};

type Change = fn(&mut Parts);

fn set(parts: &mut Parts, name: &'static str, value: &'static str) {
    parts.headers.insert(name, HeaderValue::from_static(value));
}

/// Changes one line of the signature fields.
fn rewrite(parts: &mut Parts, name: &'static str, prefix: &str, change: impl Fn(&str) -> String) {
    let lines: Vec<HeaderValue> = parts
        .headers
        .get_all(name)
        .iter()
        .map(|line| {
            let text = line.to_str().unwrap();
            if text.starts_with(prefix) {
                change(text).parse().unwrap()
            } else {
                line.clone()
            }
        })
        .collect();
    parts.headers.remove(name);
    for line in lines {
        parts.headers.append(name, line);
    }
}

/// SIG-07, DIG-02: any changed covered part is refused.
#[tokio::test]
async fn every_covered_part_that_is_changed_is_found() {
    let gateway = Gateway::new();
    let changes: [(&str, Change); 13] = [
        ("method", |parts| parts.method = http::Method::PUT),
        ("authority", |parts| set(parts, "host", "bank2.internal")),
        ("path", |parts| parts.uri = "/payments/?dry=no".parse().unwrap()),
        ("query", |parts| parts.uri = "/payments?dry=yes".parse().unwrap()),
        ("no query", |parts| parts.uri = "/payments".parse().unwrap()),
        ("forwarded", |parts| {
            set(parts, "forwarded", "host=other.example;proto=https")
        }),
        ("content-type", |parts| set(parts, "content-type", "text/plain")),
        ("content-digest", |parts| {
            set(
                parts,
                "content-digest",
                "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:",
            );
        }),
        ("idempotency-key", |parts| {
            set(parts, "idempotency-key", "\"key-2\"")
        }),
        ("traceparent", |parts| {
            set(
                parts,
                "traceparent",
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
            );
        }),
        ("client's signature", |parts| {
            rewrite(parts, "signature", "client", |_| {
                format!("client=:{}:", "AAAA".repeat(16))
            });
        }),
        ("client's parameters", |parts| {
            rewrite(parts, "signature-input", "client", |line| {
                line.replace("created=", "created=1")
            });
        }),
        ("gateway's parameters", |parts| {
            rewrite(parts, "signature-input", "countersign", |line| {
                line.replace("0123456789012345678901", "9123456789012345678901")
            });
        }),
    ];
    for (what, change) in changes {
        let (mut parts, body) = gateway.payment().build();
        change(&mut parts);
        let verifier = gateway.builder().authority("bank2.internal").build().unwrap();
        let refusal = verifier.verify(&parts, &body).await.expect_err(what);
        assert_eq!(refusal.name(), "signature-invalid", "{what}: {refusal}");
    }
}

/// The token of another good request does not fit under this signature.
#[tokio::test]
async fn a_token_taken_from_another_request_is_found() {
    let gateway = Gateway::new();
    let (other, _) = gateway.payment().claim("/txn", "txn-2").build();
    let (mut parts, body) = gateway.payment().build();
    parts
        .headers
        .insert("txn-token", other.headers["txn-token"].clone());
    let refusal = gateway.verifier().verify(&parts, &body).await.unwrap_err();
    assert_eq!(refusal.name(), "signature-invalid");
}

/// SIG-07: what verifies but covers too little is refused, each component by its name.
#[tokio::test]
async fn every_component_that_is_not_covered_is_named() {
    let gateway = Gateway::new();
    let demanded = [
        r#""@method""#,
        r#""@authority""#,
        r#""@path""#,
        r#""@query""#,
        r#""txn-token""#,
        r#""forwarded""#,
        r#""content-digest""#,
        r#""content-type""#,
        r#""idempotency-key""#,
        r#""traceparent""#,
        r#""signature";key="client""#,
        r#""signature-input";key="client""#,
        r#""signature";key="payment""#,
        r#""signature-input";key="payment""#,
    ];
    for identifier in demanded {
        let forwarded = gateway
            .payment()
            .with_evidence()
            .signing(|signing| signing.leave_out.push(identifier));
        assert_eq!(
            gateway.judge(forwarded).await.unwrap_err(),
            Refusal::SignatureTooWeak(PolicyError::NotCovered(identifier.to_owned()))
        );
    }
}

#[tokio::test]
async fn every_parameter_that_is_missing_or_short_is_refused() {
    let gateway = Gateway::new();
    let changes: [fn(&mut Parameters<'static>); 4] = [
        |parameters| parameters.created = None,
        |parameters| parameters.nonce = None,
        |parameters| parameters.keyid = None,
        |parameters| parameters.nonce = Some("012345678901234567890".into()),
    ];
    for change in changes {
        let forwarded = gateway
            .payment()
            .signing(|signing| change(&mut signing.parameters));
        assert_eq!(gateway.refusal(forwarded).await, "signature-too-weak");
    }
    let endless = gateway
        .payment()
        .signing(|signing| signing.parameters.expires = None);
    assert_eq!(gateway.refusal(endless).await, "signature-too-weak");
}

/// SIG-10
#[tokio::test]
async fn signatures_outside_their_time_are_stale() {
    let gateway = Gateway::new();
    // (created, expires) of the signature, all against NOW.
    for (created, expires, good) in [
        (0, 60, true),
        (10, 70, true),
        (-59, 1, true),
        (11, 71, false),
        (-61, 5, false),
        (-60, 0, false),
        (0, 61, false),
        (5, 4, false),
    ] {
        let forwarded = gateway.payment().signing(|signing| {
            signing.parameters.created = Some(NOW + created);
            signing.parameters.expires = Some(NOW + expires);
        });
        let (parts, body) = forwarded.build();
        gateway.clock.set(NOW - 100);
        let verifier = gateway.verifier();
        gateway.clock.set(NOW);
        let judged = verifier
            .verify(&parts, &body)
            .await
            .map_err(|refusal| refusal.name());
        assert_eq!(
            judged.map(drop),
            if good { Ok(()) } else { Err("signature-stale") },
            "{created} {expires}"
        );
    }
}

/// A process that starts has forgotten the nonces of the last minute.
#[tokio::test]
async fn a_message_from_before_the_start_is_refused() {
    let gateway = Gateway::new();
    let forwarded = gateway.payment().signing(|signing| {
        signing.parameters.created = Some(NOW - 1);
        signing.parameters.expires = Some(NOW + 59);
    });
    assert_eq!(gateway.refusal(forwarded).await, "signature-before-start");
}

/// SIG-12: chosen by tag, exactly one, under its own label.
#[tokio::test]
async fn the_signature_is_there_once_and_under_its_label() {
    let gateway = Gateway::new();
    let untagged = gateway
        .payment()
        .signing(|signing| signing.parameters.tag = Some("other".into()));
    assert_eq!(gateway.refusal(untagged).await, "signature-missing");
    let mislabelled = gateway.payment().signing(|signing| signing.label = "gateway");
    assert_eq!(gateway.refusal(mislabelled).await, "signature-label");

    let (mut parts, body) = gateway.payment().build();
    let parameters = Parameters {
        tag: Some("countersign-forward".into()),
        ..Parameters::default()
    };
    put(
        &mut parts,
        "second",
        &[Component::derived("@method")],
        &parameters,
        &gateway.client,
        AUTHORITY,
    );
    assert_eq!(
        gateway.verifier().verify(&parts, &body).await.unwrap_err(),
        Refusal::SignatureRepeated
    );

    let (mut parts, body) = gateway.payment().build();
    parts.headers.remove("signature");
    assert_eq!(
        gateway.verifier().verify(&parts, &body).await.unwrap_err().name(),
        "signatures-malformed"
    );
    parts.headers.remove("signature-input");
    assert_eq!(
        gateway.verifier().verify(&parts, &body).await.unwrap_err(),
        Refusal::SignatureMissing
    );
}

/// SIG-08, SIG-13: only a message key of the gateway, and only Ed25519.
#[tokio::test]
async fn only_a_published_message_key_counts() {
    let gateway = Gateway::new();
    let stranger = PrivateKey::generate(KeyKind::Ed25519).unwrap().key;
    let forged = gateway.payment().signing(|signing| signing.key = &stranger);
    assert_eq!(gateway.refusal(forged).await, "signature-invalid");
    let unknown = gateway
        .payment()
        .signing(|signing| signing.parameters.keyid = Some("m2".into()));
    assert_eq!(gateway.refusal(unknown).await, "key-unknown");

    gateway.publish(&stranger, "l1", &[("purpose", "log".into())]);
    let by_log_key = gateway.payment().signing(|signing| {
        signing.key = &stranger;
        signing.parameters.keyid = Some("l1".into());
    });
    assert_eq!(gateway.refusal(by_log_key).await, "key-unknown");
    gateway.publish(&gateway.txn, "p1", &[("purpose", "message".into())]);
    let by_ecdsa = gateway.payment().signing(|signing| {
        signing.key = &gateway.txn;
        signing.parameters.keyid = Some("p1".into());
    });
    assert_eq!(gateway.refusal(by_ecdsa).await, "key-unknown");
}

/// A key signs within its validity only: the gateway's old keys stay published for receipts.
#[tokio::test]
async fn a_key_whose_time_is_over_counts_no_more() {
    let gateway = Gateway::new();
    for (members, refusal) in [
        (
            [("purpose", "message".into()), ("exp", (NOW - 61).into())],
            Some("key-unknown"),
        ),
        ([("purpose", "message".into()), ("exp", (NOW - 59).into())], None),
        (
            [("purpose", "message".into()), ("nbf", (NOW + 61).into())],
            Some("key-unknown"),
        ),
        (
            [("purpose", "message".into()), ("state", "compromised".into())],
            Some("key-unknown"),
        ),
        (
            [("purpose", "message".into()), ("state", "retiring".into())],
            None,
        ),
    ] {
        gateway.publish(&gateway.message, "m1", &members);
        let other = PrivateKey::generate(KeyKind::Ed25519).unwrap().key;
        gateway.publish(&other, "m9", &[("purpose", "message".into())]);
        let judged = gateway
            .judge(gateway.payment())
            .await
            .err()
            .map(|refusal| refusal.name());
        assert_eq!(judged, refusal, "{members:?}");
    }
}

#[tokio::test]
async fn headers_that_stand_once_stand_once() {
    let gateway = Gateway::new();
    for name in [
        "host",
        "txn-token",
        "forwarded",
        "content-type",
        "content-digest",
        "idempotency-key",
        "traceparent",
    ] {
        let (mut parts, body) = gateway.payment().build();
        let value = parts.headers[name].clone();
        parts.headers.append(http::HeaderName::from_static(name), value);
        assert_eq!(
            gateway.verifier().verify(&parts, &body).await.unwrap_err(),
            Refusal::HeaderRepeated(name)
        );
    }
    for name in ["host", "txn-token", "forwarded"] {
        let (mut parts, body) = gateway.payment().build();
        parts.headers.remove(name);
        assert_eq!(
            gateway.verifier().verify(&parts, &body).await.unwrap_err(),
            Refusal::HeaderMissing(name)
        );
    }
    for (name, value) in [
        ("forwarded", "for=192.0.2.1"),
        ("forwarded", "host=pay.example, host=evil.example"),
    ] {
        let forwarded = gateway.payment().with(|request| {
            request.headers.retain(|(present, _)| *present != name);
            request.headers.push((name, value.to_owned()));
        });
        assert_eq!(
            gateway.judge(forwarded).await.unwrap_err(),
            Refusal::HeaderMalformed(name)
        );
    }
}

#[tokio::test]
async fn a_request_for_another_host_is_refused() {
    let gateway = Gateway::new();
    let elsewhere = gateway
        .payment()
        .with(|request| request.authority = "merchant.internal:8500");
    assert_eq!(gateway.refusal(elsewhere).await, "authority-foreign");
}

/// DIG-01 to DIG-04
#[tokio::test]
async fn the_body_has_to_be_the_signed_one() {
    let gateway = Gateway::new();
    let (parts, body) = gateway.payment().build();
    for changed in [
        Bytes::from(
            String::from_utf8(body.to_vec())
                .unwrap()
                .replace("12.50", "12.51"),
        ),
        Bytes::new(),
        Bytes::from([&body[..], b" "].concat()),
    ] {
        let refusal = gateway.verifier().verify(&parts, &changed).await.unwrap_err();
        assert_eq!(refusal.name(), "digest-refused");
    }
    for value in ["md5=:1B2M2Y8AsgTpgAmY7PhCfg==:", "sha-256=1"] {
        let weak = gateway.payment().with(|request| {
            request.headers.retain(|(name, _)| *name != "content-digest");
            request.headers.push(("content-digest", value.to_owned()));
        });
        assert_eq!(gateway.refusal(weak).await, "digest-refused");
    }
}
