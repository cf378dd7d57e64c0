//! Keys: published thumbprints, strict forms, and what is too weak or in the wrong place.

#![cfg(test)]

use countersign_jose::jwk::{Jwk, JwkSet};
use countersign_jose::{KeyError, KeyKind, PrivateKey, PublicKey, Scheme, Thumbprint, from_base64url};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn object(value: Value) -> Map<String, Value> {
    value.as_object().expect("an object").clone()
}

fn read(value: Value) -> Result<Jwk, KeyError> {
    Jwk::from_object(&object(value))
}

/// RFC 7638, section 3.1, and RFC 8037, appendix A.3.
#[test]
fn thumbprints_are_those_of_the_standards() {
    let rsa = read(json!({
        "kty": "RSA",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCi\
              FV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9\
              c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1j\
              F44-csFCur-kEgU8awapJzKnqDKgw",
        "e": "AQAB", "alg": "RS256", "kid": "2011-04-29",
    }))
    .unwrap();
    assert_eq!(
        rsa.key.thumbprint().to_string(),
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    );
    let ed =
        read(json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}))
            .unwrap();
    assert_eq!(
        ed.key.thumbprint().to_string(),
        "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    );
    assert_eq!(
        Thumbprint::parse("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"),
        Some(ed.key.thumbprint())
    );
    assert_eq!(Thumbprint::parse("kPrK"), None);
}

/// DPOP-02: a private or symmetric member where a public key stands is named.
#[test]
fn private_members_are_refused() {
    for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        let mut jwk = object(
            json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}),
        );
        jwk.insert(member.to_owned(), json!("AAAA"));
        assert_eq!(
            Jwk::from_object(&jwk).unwrap_err(),
            KeyError::PrivateMembers,
            "{member}"
        );
    }
}

#[test]
fn malformed_keys_are_refused() {
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    for bad in [
        json!({}),
        json!({"kty": "oct"}),
        json!({"kty": "OKP", "crv": "X25519", "x": x}),
        json!({"kty": "OKP", "crv": "Ed25519"}),
        json!({"kty": "OKP", "crv": "Ed25519", "x": 7}),
        json!({"kty": "OKP", "crv": "Ed25519", "x": format!("{x}=")}),
        json!({"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}),
        json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": 7}),
        json!({"kty": "EC", "crv": "P-256", "x": x}),
        json!({"kty": "EC", "crv": "P-384", "x": x, "y": x}),
        json!({"kty": "RSA", "n": "AQAB", "e": ""}),
        json!({"kty": "RSA", "crv": "P-256", "n": "AQAB", "e": "AQAB"}),
    ] {
        assert_eq!(read(bad.clone()).unwrap_err(), KeyError::Malformed, "{bad}");
    }
    assert!(Jwk::from_json("[]").is_err() && Jwk::from_json("not json").is_err());
    assert!(serde_json::from_value::<JwkSet>(json!({"keys": [{"kty": "oct", "k": "AA"}]})).is_err());
}

/// FAPI-26: RSA below 2048 bits; an Ed25519 point of small order, in every encoding of it.
#[test]
fn weak_keys_are_refused() {
    assert_eq!(
        PublicKey::rsa(&[0xff; 255], &[1, 0, 1]).unwrap_err(),
        KeyError::Weak
    );
    assert_eq!(
        PublicKey::rsa(&[0x7f; 256], &[1, 0, 1]).unwrap_err(),
        KeyError::Weak
    );
    assert!(PublicKey::rsa(&[0xff; 256], &[1, 0, 1]).is_ok());
    assert_eq!(
        PublicKey::rsa(&[0xff; 1025], &[1, 0, 1]).unwrap_err(),
        KeyError::Weak
    );
    for exponent in [&[1][..], &[2], &[0, 1, 0, 1], &[1, 0, 0, 0, 1]] {
        assert_eq!(
            PublicKey::rsa(&[0xff; 256], exponent).unwrap_err(),
            KeyError::Malformed
        );
    }
    let small = [
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "7P_______________________________________38",
        "7f_______________________________________38",
        "7v_______________________________________38",
        "JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU",
        "xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA3o",
    ];
    for text in small {
        let mut bytes: [u8; 32] = from_base64url(text).unwrap().try_into().unwrap();
        assert_eq!(PublicKey::ed25519(bytes).unwrap_err(), KeyError::Weak, "{text}");
        bytes[31] |= 0x80;
        assert_eq!(
            PublicKey::ed25519(bytes).unwrap_err(),
            KeyError::Weak,
            "{text} with the sign bit"
        );
    }
}

#[test]
fn a_private_jwk_reads_back_as_the_same_key() {
    for kind in [KeyKind::Ed25519, KeyKind::P256] {
        let generated = PrivateKey::generate(kind).unwrap();
        let jwk = generated.private_jwk();
        let again = PrivateKey::from_jwk(&jwk).unwrap();
        assert_eq!(again.public_key(), generated.key.public_key());
        let signature = again.sign(again.default_scheme(), b"message").unwrap();
        generated
            .key
            .public_key()
            .verify(again.default_scheme(), b"message", &signature)
            .unwrap();
        assert!(
            !format!("{again:?}").contains(jwk["d"].as_str().unwrap()),
            "a private key prints its public name only"
        );
    }
}

/// A public part that is not the private part's own must not be believed.
#[test]
fn members_of_two_keys_do_not_make_one() {
    for kind in [KeyKind::Ed25519, KeyKind::P256] {
        let (one, other) = (
            PrivateKey::generate(kind).unwrap(),
            PrivateKey::generate(kind).unwrap(),
        );
        let mut mixed = one.private_jwk();
        mixed.insert("d".to_owned(), other.private_jwk()["d"].clone());
        assert_eq!(PrivateKey::from_jwk(&mixed).unwrap_err(), KeyError::Malformed);
    }
    assert_eq!(
        PrivateKey::generate(KeyKind::Rsa).unwrap_err(),
        KeyError::Malformed
    );
}

/// SIG-09: the scheme fits the key or nothing is verified.
#[test]
fn a_scheme_of_another_kind_is_refused() {
    let ed = PrivateKey::generate(KeyKind::Ed25519).unwrap();
    let signature = ed.key.sign(Scheme::Ed25519, b"m").unwrap();
    for scheme in [
        Scheme::EcdsaP256Sha256,
        Scheme::RsaPssSha256,
        Scheme::RsaPssSha512,
    ] {
        assert_eq!(
            ed.key.public_key().verify(scheme, b"m", &signature),
            Err(KeyError::SchemeMismatch)
        );
        assert_eq!(ed.key.sign(scheme, b"m"), Err(KeyError::SchemeMismatch));
    }
}

proptest! {
    #[test]
    fn any_changed_byte_breaks_a_signature(message in prop::collection::vec(any::<u8>(), 1..200), at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let key = PrivateKey::generate(KeyKind::Ed25519).unwrap().key;
        let mut signature = key.sign(Scheme::Ed25519, &message).unwrap();
        key.public_key().verify(Scheme::Ed25519, &message, &signature).unwrap();
        let mut changed = message.clone();
        changed[at.index(message.len())] ^= 1 << bit;
        prop_assert!(key.public_key().verify(Scheme::Ed25519, &changed, &signature).is_err());
        let place = at.index(signature.len());
        signature[place] ^= 1 << bit;
        prop_assert!(key.public_key().verify(Scheme::Ed25519, &message, &signature).is_err());
    }
}
