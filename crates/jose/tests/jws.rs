//! Compact JWS: published examples, and every way a token can pretend.

#![cfg(test)]

use countersign_jose::jwk::Jwk;
use countersign_jose::jws::{self, Header, JwsError, MAX_BYTES};
use countersign_jose::{KeyKind, PrivateKey, base64url};
use serde_json::{Map, Value, json};

fn token(key: &PrivateKey, typ: &str) -> String {
    jws::sign(typ, Map::new(), &json!({"sub": "alice"}), key).unwrap()
}

fn key(kind: KeyKind) -> PrivateKey {
    PrivateKey::generate(kind).unwrap().key
}

/// The token with another header in front of the same payload and signature.
fn with_header(token: &str, header: &Value) -> String {
    let (_, rest) = token.split_once('.').unwrap();
    format!("{}.{rest}", base64url(header.to_string()))
}

/// RFC 7515, appendix A.3.
#[test]
fn the_es256_example_of_the_standard_verifies() {
    let jwk = Jwk::from_json(
        r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
    )
    .unwrap();
    let token = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    let claims: Value = jws::verify(token, &jwk.key, None).unwrap();
    assert_eq!(claims["iss"], "joe");
}

#[test]
fn what_is_signed_verifies_with_each_kind_of_key() {
    for kind in [KeyKind::Ed25519, KeyKind::P256] {
        let key = key(kind);
        let claims: Value = jws::verify(&token(&key, "at+jwt"), key.public_key(), Some("at+jwt")).unwrap();
        assert_eq!(claims["sub"], "alice");
    }
}

/// RFC 9864 gives EdDSA over Ed25519 a name of its own; both are read.
#[test]
fn the_fully_specified_name_of_ed25519_is_read() {
    let key = key(KeyKind::Ed25519);
    let head = base64url(json!({"alg": "Ed25519", "typ": "at+jwt"}).to_string());
    let message = format!("{head}.{}", base64url(json!({"sub": "alice"}).to_string()));
    let signature = base64url(key.sign(key.default_scheme(), message.as_bytes()).unwrap());
    let claims: Value = jws::verify(
        &format!("{message}.{signature}"),
        key.public_key(),
        Some("at+jwt"),
    )
    .unwrap();
    assert_eq!(claims["sub"], "alice");
    let other = PrivateKey::generate(KeyKind::Ed25519).unwrap().key;
    let forged = jws::verify::<Value>(&format!("{message}.{signature}"), other.public_key(), None);
    assert_eq!(forged.unwrap_err(), JwsError::Signature);
}

/// ATJWT-01: the type is compared as a media type, with or without its prefix.
#[test]
fn a_token_of_another_type_is_refused() {
    let key = key(KeyKind::P256);
    assert!(
        jws::verify::<Value>(
            &token(&key, "application/AT+JWT"),
            key.public_key(),
            Some("at+jwt")
        )
        .is_ok()
    );
    for typ in ["JWT", "dpop+jwt", "at+jwtx", "application/", ""] {
        let refused = jws::verify::<Value>(&token(&key, typ), key.public_key(), Some("at+jwt"));
        assert_eq!(refused.unwrap_err(), JwsError::Type, "{typ}");
    }
}

/// FAPI-25, ASVS-04: `none`, symmetric algorithms and those of other keys.
#[test]
fn an_algorithm_that_the_key_does_not_fix_is_refused() {
    let key = key(KeyKind::P256);
    let good = token(&key, "at+jwt");
    for alg in ["none", "None", "HS256", "RS256", "ES384", "EdDSA", "PS256", ""] {
        let forged = with_header(&good, &json!({"alg": alg, "typ": "at+jwt"}));
        assert_eq!(
            jws::verify::<Value>(&forged, key.public_key(), None).unwrap_err(),
            JwsError::Algorithm,
            "{alg}"
        );
    }
    let missing = with_header(&good, &json!({"typ": "at+jwt"}));
    assert_eq!(
        jws::verify::<Value>(&missing, key.public_key(), None).unwrap_err(),
        JwsError::Algorithm
    );
}

/// A key in the header is never used by itself.
#[test]
fn a_key_that_a_token_brings_along_is_not_believed() {
    let (ours, theirs) = (key(KeyKind::P256), key(KeyKind::P256));
    let mut extra = Map::new();
    extra.insert("jwk".to_owned(), json!(Jwk::new(theirs.public_key().clone())));
    let forged = jws::sign("at+jwt", extra, &json!({"sub": "alice"}), &theirs).unwrap();
    assert_eq!(
        jws::verify::<Value>(&forged, ours.public_key(), None).unwrap_err(),
        JwsError::Signature
    );
}

/// Both ways to sign write the same header and the same claims.
#[test]
fn a_token_signed_with_its_kid_is_the_same_as_with_any_other_member() {
    let claims = json!({"sub": "alice", "note": "\u{e9}\"\\"});
    for kind in [KeyKind::Ed25519, KeyKind::P256] {
        let key = key(kind);
        let extra = Map::from_iter([("kid".to_owned(), json!("k\"1"))]);
        let whole = jws::sign("txntoken+jwt", extra, &claims, &key).unwrap();
        let short = jws::sign_with_kid("txntoken+jwt", "k\"1", &claims, &key).unwrap();
        let signed = |token: &str| token.rsplit_once('.').unwrap().0.to_owned();
        assert_eq!(signed(&short), signed(&whole));
        let read: Value = jws::verify(&short, key.public_key(), Some("txntoken+jwt")).unwrap();
        assert_eq!(read, claims);
        assert_eq!(Header::parse(&short).unwrap().text("kid"), Some("k\"1"));
    }
}

/// A list in the order of the claims would be read as they are by `serde`, and by nobody else.
#[test]
fn a_payload_that_is_no_object_is_refused() {
    #[derive(Debug, serde::Deserialize)]
    struct Claims {
        #[expect(dead_code, reason = "what is refused is not read")]
        sub: String,
    }
    for kind in [KeyKind::Ed25519, KeyKind::P256] {
        let key = key(kind);
        for claims in [json!(["alice"]), json!("alice"), json!(1), json!(null)] {
            let token = jws::sign("at+jwt", Map::new(), &claims, &key).unwrap();
            let refused = jws::verify::<Claims>(&token, key.public_key(), Some("at+jwt")).unwrap_err();
            assert_eq!(refused, JwsError::Malformed, "{claims}");
            let refused = jws::verify::<Value>(&token, key.public_key(), None).unwrap_err();
            assert_eq!(refused, JwsError::Malformed, "{claims}");
        }
    }
}

#[test]
fn malformed_tokens_are_refused() {
    let key = key(KeyKind::Ed25519);
    let good = token(&key, "at+jwt");
    let parts: Vec<&str> = good.split('.').collect();
    let many = [
        String::new(),
        "..".to_owned(),
        "a.b".to_owned(),
        format!("{good}."),
        format!("{good}.x"),
        format!("{}=.{}.{}", parts[0], parts[1], parts[2]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{}.{}.{}", base64url("[]"), parts[1], parts[2]),
        format!("{}.{}.{}", base64url("{"), parts[1], parts[2]),
        format!(
            "{}.{}.{}",
            base64url(r#"{"alg":"none","typ":"at+jwt","alg":"EdDSA"}"#),
            parts[1],
            parts[2]
        ),
    ];
    for bad in many {
        assert_eq!(
            jws::verify::<Value>(&bad, key.public_key(), None).unwrap_err(),
            JwsError::Malformed,
            "{bad}"
        );
    }
    let critical = with_header(&good, &json!({"alg": "EdDSA", "crit": ["b64"], "b64": false}));
    assert_eq!(
        jws::verify::<Value>(&critical, key.public_key(), None).unwrap_err(),
        JwsError::Critical
    );
    let long = format!("{}.{}.{}", parts[0], "A".repeat(MAX_BYTES), parts[2]);
    assert_eq!(
        jws::verify::<Value>(&long, key.public_key(), None).unwrap_err(),
        JwsError::TooLong
    );
    let cut = good.get(..good.len() - 4).unwrap();
    assert!(jws::verify::<Value>(cut, key.public_key(), None).is_err());
}

#[test]
fn a_changed_payload_is_refused() {
    let key = key(KeyKind::P256);
    let good = token(&key, "at+jwt");
    let parts: Vec<&str> = good.split('.').collect();
    let forged = format!(
        "{}.{}.{}",
        parts[0],
        base64url(json!({"sub": "mallory"}).to_string()),
        parts[2]
    );
    assert_eq!(
        jws::verify::<Value>(&forged, key.public_key(), None).unwrap_err(),
        JwsError::Signature
    );
    assert_eq!(Header::parse(&forged).unwrap().text("typ"), Some("at+jwt"));
}
