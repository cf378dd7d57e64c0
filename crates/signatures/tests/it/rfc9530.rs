//! The examples of RFC 9530 and what goes beyond them.

use countersign_signatures::digest::{
    CONTENT_DIGEST, DigestAlgorithm, DigestError, DigestField, Digests, Hasher, Preferences,
    WANT_REPR_DIGEST, WantError, content_digest, repr_digest, verify_content_digest, verify_digest,
    verify_repr_digest,
};
use http::{HeaderMap, HeaderValue};
use serde::Deserialize;

const SHA256: &str = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:";
const BODY: &[u8] = br#"{"hello": "world"}"#;

#[derive(Deserialize)]
struct Vectors {
    digests: Vec<DigestVector>,
    preferences: Vec<PreferenceVector>,
}

#[derive(Deserialize)]
struct DigestVector {
    section: String,
    field: String,
    content_hex: String,
    value: String,
    outcome: String,
}

#[derive(Deserialize)]
struct PreferenceVector {
    section: String,
    value: String,
    choose: Option<String>,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../vectors/rfc9530.json")).unwrap()
}

fn with_digest(value: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_DIGEST, HeaderValue::from_str(value).unwrap());
    headers
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

#[test]
fn published_digests_match_or_are_refused_as_they_should() {
    let vectors = vectors();
    assert!(vectors.digests.len() >= 25);
    for vector in vectors.digests {
        let field = if vector.field == "repr-digest" {
            DigestField::Repr
        } else {
            DigestField::Content
        };
        let mut headers = HeaderMap::new();
        headers.insert(field.name(), HeaderValue::from_str(&vector.value).unwrap());
        let content = unhex(&vector.content_hex);
        let expected = match vector.outcome.as_str() {
            "matches" => Ok(()),
            "mismatch" => Err(DigestError::Mismatch),
            "malformed" => Err(DigestError::Malformed),
            "unsupported" => Err(DigestError::Unsupported),
            other => panic!("unknown outcome {other}"),
        };
        assert_eq!(
            verify_digest(&headers, field, &content),
            expected,
            "{} {}",
            vector.section,
            vector.value
        );
        for algorithm in [DigestAlgorithm::Sha256, DigestAlgorithm::Sha512] {
            let written = content_digest(&content, algorithm);
            if expected.is_ok() && !vector.value.contains(',') && vector.value.starts_with(algorithm.name()) {
                assert_eq!(written, vector.value, "{}", vector.section);
                assert_eq!(written, repr_digest(&content, algorithm));
            }
        }
    }
}

#[test]
fn published_preferences_are_honoured() {
    for vector in vectors().preferences {
        let mut headers = HeaderMap::new();
        headers.insert(WANT_REPR_DIGEST, HeaderValue::from_str(&vector.value).unwrap());
        let preferences = Preferences::parse(&headers, DigestField::Repr).unwrap().unwrap();
        let chosen = preferences.choose().map(DigestAlgorithm::name);
        assert_eq!(chosen, vector.choose.as_deref(), "{}", vector.section);
        assert_eq!(Preferences::parse(&headers, DigestField::Content), Ok(None));
    }
}

#[test]
fn preferences_outside_the_form_are_refused() {
    for value in [
        "sha-256=11",
        "sha-256=-1",
        "sha-256=1.5",
        "sha-256",
        "sha-256=\"1\"",
        "sha-256=(1)",
        "=",
        "sha=11",
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(WANT_REPR_DIGEST, HeaderValue::from_str(value).unwrap());
        assert_eq!(
            Preferences::parse(&headers, DigestField::Repr),
            Err(WantError::Malformed),
            "{value}"
        );
    }
}

#[test]
fn no_weight_and_equal_weights_choose_as_documented() {
    let weights = |sha256, sha512| Preferences { sha256, sha512 }.choose();
    assert_eq!(weights(Some(0), Some(0)), None);
    assert_eq!(weights(Some(0), Some(1)), Some(DigestAlgorithm::Sha512));
    assert_eq!(weights(Some(5), Some(5)), Some(DigestAlgorithm::Sha256));
}

/// DIG-04: all supported digests that are listed have to match, in one line or in two.
#[test]
fn one_wrong_digest_among_right_ones_is_a_mismatch() {
    let right = content_digest(BODY, DigestAlgorithm::Sha512);
    let wrong = content_digest(b"other", DigestAlgorithm::Sha256);
    let mut headers = with_digest(right.to_str().unwrap());
    assert_eq!(verify_content_digest(&headers, BODY), Ok(()));
    headers.append(CONTENT_DIGEST, wrong);
    assert_eq!(verify_content_digest(&headers, BODY), Err(DigestError::Mismatch));
}

/// DIG-01: an insecure digest beside a good one neither helps nor harms.
#[test]
fn insecure_digests_never_count() {
    let headers = with_digest(&format!("md5=:AAAA:, {SHA256}"));
    assert_eq!(verify_content_digest(&headers, BODY), Ok(()));
    assert_eq!(
        verify_content_digest(&headers, b"other"),
        Err(DigestError::Mismatch)
    );
    let headers = with_digest("md5=:Sd/dVLAcvNLSq16eXua5uQ==:, crc32c=:Q3lHIA==:");
    assert_eq!(
        verify_content_digest(&headers, BODY),
        Err(DigestError::Unsupported)
    );
}

#[test]
fn missing_and_malformed_fields_are_told_apart() {
    assert_eq!(
        verify_content_digest(&HeaderMap::new(), BODY),
        Err(DigestError::Missing)
    );
    assert_eq!(
        verify_repr_digest(&with_digest(SHA256), BODY),
        Err(DigestError::Missing)
    );
    assert_eq!(
        verify_content_digest(&with_digest(""), BODY),
        Err(DigestError::Unsupported)
    );
    for value in [
        "sha-256",
        "sha-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=",
        "sha-256=\"X48E\"",
        "sha-256=:X48E:",
        "sha-256=(:X48E:)",
        "sha-256=::",
        "sha-512=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:",
        "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:,",
        "SHA-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:",
        "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:, md5=1",
    ] {
        assert_eq!(
            verify_content_digest(&with_digest(value), BODY),
            Err(DigestError::Malformed),
            "{value}"
        );
    }
}

/// Two readers could take different ones.
#[test]
fn a_repeated_algorithm_is_malformed() {
    let headers = with_digest(&format!("{SHA256}, {SHA256}"));
    assert_eq!(verify_content_digest(&headers, BODY), Err(DigestError::Malformed));
    let mut headers = with_digest(SHA256);
    headers.append(CONTENT_DIGEST, HeaderValue::from_static(SHA256));
    assert_eq!(verify_content_digest(&headers, BODY), Err(DigestError::Malformed));
}

/// A field with very many members must not cost more than reading it.
#[test]
fn too_many_digests_are_malformed() {
    let members = |count: usize| {
        let listed: Vec<_> = (1..count).map(|n| format!("x{n}=:AA==:")).collect();
        with_digest(&format!("{SHA256}, {}", listed.join(", ")))
    };
    assert_eq!(verify_content_digest(&members(16), BODY), Ok(()));
    assert_eq!(
        verify_content_digest(&members(17), BODY),
        Err(DigestError::Malformed)
    );
}

/// DIG-02: hashed while the body arrives, compared at its end.
#[test]
fn a_body_can_be_checked_while_it_arrives() {
    let listed = Digests::parse(&with_digest(SHA256), DigestField::Content).unwrap();
    let mut hasher = listed.hasher();
    for piece in BODY.chunks(5) {
        hasher.update(piece);
    }
    let computed = hasher.finish();
    assert_eq!(listed.verify(&computed), Ok(()));
    assert_eq!(computed.to_header_value(), SHA256);
    let mut cut_off = listed.hasher();
    cut_off.update(&BODY[..BODY.len() - 1]);
    assert_eq!(listed.verify(&cut_off.finish()), Err(DigestError::Mismatch));
    assert_eq!(
        listed.verify(&Hasher::new(&[DigestAlgorithm::Sha512]).finish()),
        Err(DigestError::Mismatch)
    );
}
