//! `httpsig`, an independent implementation with its own cryptography: what one signs the other verifies.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use countersign_jose::{KeyKind, PrivateKey};
use countersign_signatures::{
    Algorithm, Component, Parameters, SIGNATURE, SIGNATURE_INPUT, Signatures, VerifyError, sign,
};
use http::HeaderValue;
use httpsig::prelude::message_component::HttpMessageComponent;
use httpsig::prelude::{
    AlgorithmName, HttpSignatureBase, HttpSignatureHeaders, HttpSignatureParams, PublicKey, SecretKey,
};

use crate::support::{OwnedRequest, payment};

/// One key pair in both implementations.
struct Pair {
    ours: PrivateKey,
    theirs: SecretKey,
    their_public: PublicKey,
    algorithm: Algorithm,
}

fn pair(kind: KeyKind) -> Pair {
    let generated = PrivateKey::generate(kind).unwrap();
    let jwk = generated.private_jwk();
    let member = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
    let (name, public) = match kind {
        KeyKind::P256 => (
            AlgorithmName::EcdsaP256Sha256,
            [vec![4], member("x"), member("y")].concat(),
        ),
        _ => (AlgorithmName::Ed25519, member("x")),
    };
    Pair {
        theirs: SecretKey::from_bytes(&name, &member("d")).unwrap(),
        their_public: PublicKey::from_bytes(&name, &public).unwrap(),
        algorithm: Algorithm::of(generated.key.public_key()),
        ours: generated.key,
    }
}

fn pairs() -> [Pair; 2] {
    [pair(KeyKind::Ed25519), pair(KeyKind::P256)]
}

fn covered() -> Vec<Component<'static>> {
    vec![
        Component::derived("@method"),
        Component::derived("@authority"),
        Component::derived("@path"),
        Component::derived("@query"),
        Component::field("content-digest"),
        Component::field("content-type"),
        Component::field("content-digest").key("sha-256"),
    ]
}

/// The lines that the peer needs: it takes component values from its caller.
const LINES: [&str; 7] = [
    "\"@method\": POST",
    "\"@authority\": bank.example",
    "\"@path\": /payments/42",
    "\"@query\": ?dry=no&lang=en",
    "\"content-digest\": sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:",
    "\"content-type\": application/json",
    "\"content-digest\";key=\"sha-256\": :X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:",
];

fn their_base(parameters: &HttpSignatureParams) -> HttpSignatureBase {
    let lines: Vec<_> = LINES
        .iter()
        .map(|line| HttpMessageComponent::try_from(*line).unwrap())
        .collect();
    HttpSignatureBase::try_new(&lines, parameters).unwrap()
}

/// The peer compares `expires` with the clock of the machine, so it is left out or far away.
fn parameters() -> Parameters<'static> {
    Parameters {
        created: Some(1_700_000_000),
        expires: Some(99_999_999_999),
        nonce: Some("0123456789abcdefghijkl".into()),
        keyid: Some("k1".into()),
        alg: None,
        tag: Some("fapi-2-request".into()),
    }
}

#[test]
fn what_we_sign_the_peer_verifies() {
    for pair in pairs() {
        let mut parameters = parameters();
        for alg in [None, Some(pair.algorithm)] {
            parameters.alg = alg;
            let request = payment();
            let signed = sign(
                &request.get(),
                "sig1",
                &covered(),
                &parameters,
                &pair.ours,
                pair.algorithm,
            )
            .unwrap();
            let (input, signature) = (&signed.members.signature_input, &signed.members.signature);
            let received = HttpSignatureHeaders::try_parse(signature, input).unwrap();
            let entry = &received["sig1"];
            let base = their_base(entry.signature_params());
            assert_eq!(base.to_string(), signed.base);
            assert!(base.verify_signature_headers(&pair.their_public, entry).is_ok());
            let other = self::pair(pair.ours.public_key().kind());
            assert!(base.verify_signature_headers(&other.their_public, entry).is_err());
        }
    }
}

#[test]
fn what_the_peer_signs_we_verify() {
    for pair in pairs() {
        let written = format!("({}){}", identifiers(), parameters().serialize().unwrap());
        let their_parameters = HttpSignatureParams::try_from(written.as_str()).unwrap();
        let base = their_base(&their_parameters);
        let headers = base.build_signature_headers(&pair.theirs, Some("peer")).unwrap();
        let line = |value: String| HeaderValue::from_str(&value).unwrap();
        let mut request = payment();
        request
            .headers
            .append(SIGNATURE_INPUT, line(headers.signature_input_header_value()));
        request
            .headers
            .append(SIGNATURE, line(headers.signature_header_value()));
        assert_eq!(verify(&request, &pair), Ok(()));
        request.path.push('x');
        assert_eq!(verify(&request, &pair), Err(VerifyError::BadSignature));
    }
}

/// Ed25519 signatures are deterministic here and blinded there, so only the meaning can be compared; the base can be
/// compared byte for byte.
#[test]
fn both_build_the_same_signature_base() {
    let written = format!("({}){}", identifiers(), parameters().serialize().unwrap());
    let theirs = their_base(&HttpSignatureParams::try_from(written.as_str()).unwrap());
    let request = payment();
    let ours = countersign_signatures::signature_base(
        &covered(),
        &parameters().serialize().unwrap(),
        &request.get(),
    )
    .unwrap();
    assert_eq!(theirs.as_bytes(), ours.as_bytes());
    assert!(STANDARD.encode(ours.as_bytes()).len() > 400);
}

fn identifiers() -> String {
    covered()
        .iter()
        .map(Component::identifier)
        .collect::<Vec<_>>()
        .join(" ")
}

fn verify(request: &OwnedRequest, pair: &Pair) -> Result<(), VerifyError> {
    let signatures = Signatures::parse(&request.headers).unwrap();
    signatures
        .by_label("peer")
        .unwrap()
        .verify(&request.get(), pair.ours.public_key(), pair.algorithm)
}
