//! Every example of RFC 9421 that can be computed: sections 2 to 4 and appendix B.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_jose::PrivateKey;
use countersign_signatures::{
    Algorithm, AlgorithmError, InputError, SIGNATURE, SIGNATURE_INPUT, Signatures, VerifyError, sign,
};
use http::HeaderValue;
use serde::Deserialize;

use crate::support::{OwnedMessage, signature_fields};

#[derive(Deserialize)]
struct Vectors {
    keys: BTreeMap<String, serde_json::Map<String, serde_json::Value>>,
    signatures: Vec<SignatureVector>,
    bases: Vec<BaseVector>,
}

#[derive(Deserialize)]
struct SignatureVector {
    section: String,
    algorithm: String,
    key: String,
    outcome: String,
    exact: bool,
    message: OwnedMessage,
    label: String,
    input: String,
    signature: String,
    base: String,
}

#[derive(Deserialize)]
struct BaseVector {
    section: String,
    message: OwnedMessage,
    covered: String,
    lines: Vec<String>,
}

impl SignatureVector {
    /// The message with the signature in it.
    fn signed(&self) -> OwnedMessage {
        let mut message = self.message.clone();
        let line = |value: String| HeaderValue::from_str(&value).unwrap();
        message
            .headers_mut()
            .append(SIGNATURE_INPUT, line(format!("{}={}", self.label, self.input)));
        message
            .headers_mut()
            .append(SIGNATURE, line(format!("{}=:{}:", self.label, self.signature)));
        message
    }

    fn algorithm(&self) -> Algorithm {
        Algorithm::from_name(&self.algorithm).unwrap()
    }
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../vectors/rfc9421.json")).unwrap()
}

#[test]
fn every_signature_base_is_the_published_one() {
    let vectors = vectors();
    assert!(vectors.signatures.len() >= 16);
    for vector in vectors.signatures {
        let message = vector.signed();
        let signatures = Signatures::parse(message.headers()).unwrap();
        let entry = signatures.by_label(&vector.label).unwrap();
        let base = message.with(|message| entry.base(message)).unwrap();
        assert_eq!(base, vector.base, "{}", vector.section);
    }
}

#[test]
fn every_published_signature_verifies_or_is_refused_as_it_should() {
    let vectors = vectors();
    for vector in &vectors.signatures {
        let message = vector.signed();
        let signatures = Signatures::parse(message.headers()).unwrap();
        let entry = signatures.by_label(&vector.label).unwrap();
        let key = PrivateKey::from_jwk(&vectors.keys[&vector.key]).unwrap();
        let verified = message.with(|message| entry.verify(message, key.public_key(), vector.algorithm()));
        let expected = match vector.outcome.as_str() {
            "verifies" => Ok(()),
            "bad signature" => Err(VerifyError::BadSignature),
            "wrong length" => Err(VerifyError::SignatureLength),
            "rsa-v1_5 refused" => Err(VerifyError::Input(InputError::Algorithm(
                AlgorithmError::RsaPkcs1Refused,
            ))),
            other => panic!("unknown outcome {other}"),
        };
        assert_eq!(verified, expected, "{}", vector.section);
    }
}

/// Signs every published message anew: the same base, for Ed25519 the same bytes, and always a signature that verifies.
#[test]
fn signing_the_published_messages_gives_the_published_result() {
    let vectors = vectors();
    for vector in vectors
        .signatures
        .iter()
        .filter(|vector| vector.outcome == "verifies")
    {
        let fields = signature_fields(&format!("x={}", vector.input), "x=:AA==:");
        let parsed = Signatures::parse(&fields).unwrap();
        let entry = parsed.by_label("x").unwrap();
        let key = PrivateKey::from_jwk(&vectors.keys[&vector.key]).unwrap();
        let signed = vector.message.with(|message| {
            let (components, parameters) = (entry.components(), entry.parameters());
            sign(
                message,
                &vector.label,
                components,
                parameters,
                &key,
                vector.algorithm(),
            )
            .unwrap()
        });
        let mut message = vector.message.clone();
        signed.members.append_to(message.headers_mut()).unwrap();
        let signatures = Signatures::parse(message.headers()).unwrap();
        let entry = signatures.by_label(&vector.label).unwrap();
        let verified = message.with(|message| entry.verify(message, key.public_key(), vector.algorithm()));
        assert_eq!(verified, Ok(()), "{}", vector.section);
        if vector.exact {
            assert_eq!(signed.base, vector.base, "{}", vector.section);
            assert_eq!(
                STANDARD.encode(entry.signature()),
                vector.signature,
                "{}",
                vector.section
            );
            assert_eq!(
                signed.members.signature_input,
                format!("{}={}", vector.label, vector.input)
            );
        }
    }
}

#[test]
fn every_component_value_of_section_2_is_the_published_one() {
    let vectors = vectors();
    assert!(vectors.bases.len() >= 16);
    for vector in vectors.bases {
        let input = format!("x=({});created=1", vector.covered);
        let fields = signature_fields(&input, "x=:AA==:");
        let signatures = Signatures::parse(&fields).unwrap();
        let entry = signatures.by_label("x").unwrap();
        let base = vector.message.with(|message| entry.base(message)).unwrap();
        let expected = format!(
            "{}\n\"@signature-params\": ({});created=1",
            vector.lines.join("\n"),
            vector.covered
        );
        assert_eq!(base, expected, "{}", vector.section);
    }
}

/// Any flipped bit in a published signature is refused.
#[test]
fn published_signatures_with_one_bit_changed_are_refused() {
    let vectors = vectors();
    for vector in vectors
        .signatures
        .iter()
        .filter(|vector| vector.outcome == "verifies")
    {
        let mut signature = STANDARD.decode(&vector.signature).unwrap();
        signature[7] ^= 0x10;
        let fields = signature_fields(
            &format!("x={}", vector.input),
            &format!("x=:{}:", STANDARD.encode(signature)),
        );
        let signatures = Signatures::parse(&fields).unwrap();
        let key = PrivateKey::from_jwk(&vectors.keys[&vector.key]).unwrap();
        let entry = signatures.by_label("x").unwrap();
        let verified = vector
            .message
            .with(|message| entry.verify(message, key.public_key(), vector.algorithm()));
        assert_eq!(verified, Err(VerifyError::BadSignature), "{}", vector.section);
    }
}
