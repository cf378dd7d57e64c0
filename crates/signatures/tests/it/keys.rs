//! Keys, algorithms and signature bytes that do not belong together. SIG-08, SIG-09, SIG-15.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_jose::{KeyError, KeyKind, PublicKey};
use countersign_signatures::{Algorithm, SignError, Signatures, VerifyError, sign};

use crate::support::{covered, key, parameters, payment, sign_into, signature_fields};

/// SIG-08
#[test]
fn an_algorithm_that_fits_neither_key_nor_parameter_is_refused() {
    let (ed25519, p256) = (key(KeyKind::Ed25519), key(KeyKind::P256));
    let mut request = payment();
    sign_into(&mut request, "a", &ed25519);
    let signatures = Signatures::parse(&request.headers).unwrap();
    let entry = signatures.by_label("a").unwrap();
    let verify = |key: &PublicKey, algorithm| entry.verify(&request.get(), key, algorithm);
    assert_eq!(
        verify(p256.public_key(), Algorithm::Ed25519),
        Err(VerifyError::AlgorithmKeyMismatch)
    );
    assert_eq!(
        verify(ed25519.public_key(), Algorithm::RsaPssSha512),
        Err(VerifyError::AlgorithmKeyMismatch)
    );
    assert_eq!(
        verify(p256.public_key(), Algorithm::EcdsaP256Sha256),
        Err(VerifyError::BadSignature)
    );
    let named = signature_fields("a=();alg=\"ecdsa-p256-sha256\"", "a=:AA==:");
    let signatures = Signatures::parse(&named).unwrap();
    let disagrees =
        signatures
            .by_label("a")
            .unwrap()
            .verify(&request.get(), ed25519.public_key(), Algorithm::Ed25519);
    assert_eq!(disagrees, Err(VerifyError::AlgorithmDisagrees));
}

/// SIG-15, and the issue's own demand: DER is told from a wrong signature.
#[test]
fn ecdsa_in_der_and_wrong_lengths_are_named() {
    let key = key(KeyKind::P256);
    let mut request = payment();
    sign_into(&mut request, "a", &key);
    let signatures = Signatures::parse(&request.headers).unwrap();
    let entry = signatures.by_label("a").unwrap();
    let (r, s) = entry.signature().split_at(32);
    let integer = |bytes: &[u8]| {
        let mut value = if bytes[0] & 0x80 == 0 { Vec::new() } else { vec![0] };
        value.extend_from_slice(bytes);
        [&[2, u8::try_from(value.len()).unwrap()][..], &value].concat()
    };
    let pair = [integer(r), integer(s)].concat();
    let der = [&[0x30, u8::try_from(pair.len()).unwrap()][..], &pair].concat();
    let zero_s = [r, &[0; 32]].concat();
    for (signature, expected) in [
        (der, VerifyError::EcdsaInDer),
        (r.to_vec(), VerifyError::SignatureLength),
        (Vec::new(), VerifyError::SignatureLength),
        (zero_s, VerifyError::BadSignature),
        (vec![0; 64], VerifyError::BadSignature),
    ] {
        let input = format!(
            "a={}",
            entry
                .renamed("a")
                .unwrap()
                .signature_input
                .split_once('=')
                .unwrap()
                .1
        );
        let fields = signature_fields(&input, &format!("a=:{}:", STANDARD.encode(signature)));
        let forged = Signatures::parse(&fields).unwrap();
        let verified = forged.by_label("a").unwrap().verify(
            &request.get(),
            key.public_key(),
            Algorithm::EcdsaP256Sha256,
        );
        assert_eq!(verified, Err(expected));
    }
}

/// A key that is too weak cannot even become a key to verify with.
#[test]
fn weak_keys_are_named() {
    assert_eq!(PublicKey::ed25519([0; 32]).unwrap_err(), KeyError::Weak);
    assert_eq!(
        PublicKey::rsa(&[0xff; 128], &[1, 0, 1]).unwrap_err(),
        KeyError::Weak
    );
}

#[test]
fn signing_refuses_what_verifying_would_refuse() {
    let key = key(KeyKind::Ed25519);
    let request = payment();
    let attempt = |label: &str, parameters, algorithm| {
        sign(&request.get(), label, &covered(), &parameters, &key, algorithm).unwrap_err()
    };
    for label in ["", "A", "1a", "a b", "a=b"] {
        assert_eq!(
            attempt(label, parameters(), Algorithm::Ed25519),
            SignError::LabelInvalid,
            "{label}"
        );
    }
    assert_eq!(
        attempt("a", parameters(), Algorithm::RsaPssSha512),
        SignError::AlgorithmKeyMismatch
    );
    let mut disagreeing = parameters();
    disagreeing.alg = Some(Algorithm::EcdsaP256Sha256);
    assert_eq!(
        attempt("a", disagreeing, Algorithm::Ed25519),
        SignError::AlgorithmDisagrees
    );
    let mut broken = parameters();
    broken.keyid = Some("a\nb".into());
    assert!(matches!(
        attempt("a", broken, Algorithm::Ed25519),
        SignError::Parameter(_)
    ));
}
