//! Several signatures on one message, and passing one on (SIG-17).

use countersign_jose::{KeyKind, PublicKey};
use countersign_signatures::{
    Algorithm, AppendError, Component, ParseError, RenameError, SIGNATURE, Signatures, VerifyError, sign,
};
use http::HeaderValue;

use crate::support::{OwnedRequest, covered, fields_of, key, parameters, payment, sign_into};

/// SIG-17: a second signature stands beside the first, which does not change.
#[test]
fn appending_keeps_what_is_there_and_refuses_a_taken_label() {
    let key = key(KeyKind::Ed25519);
    let mut request = payment();
    sign_into(&mut request, "a", &key);
    let before = request.headers.clone();
    let again = sign(
        &request.get(),
        "a",
        &covered(),
        &parameters(),
        &key,
        Algorithm::Ed25519,
    )
    .unwrap();
    assert_eq!(
        again.members.append_to(&mut request.headers),
        Err(AppendError::LabelTaken)
    );
    assert_eq!(request.headers, before);
    for n in 1..8 {
        sign_into(&mut request, &format!("l{n}"), &key);
    }
    assert_eq!(
        request.headers.get_all(SIGNATURE).iter().next(),
        before.get(SIGNATURE)
    );
    let ninth = sign(
        &request.get(),
        "l9",
        &covered(),
        &parameters(),
        &key,
        Algorithm::Ed25519,
    )
    .unwrap();
    assert_eq!(
        ninth.members.append_to(&mut request.headers),
        Err(AppendError::TooManyLabels)
    );
    let mut broken = payment().with("signature-input", "((").headers;
    assert_eq!(
        ninth.members.append_to(&mut broken),
        Err(AppendError::Existing(ParseError::InputMalformed))
    );
}

/// SIG-17: what the gateway forwards verifies under its new label, and the gateway's own signature covers it.
#[test]
fn a_renamed_signature_still_verifies_and_can_be_covered() {
    let (client, gateway) = (key(KeyKind::P256), key(KeyKind::Ed25519));
    let mut request = payment();
    sign_into(&mut request, "whatever", &client);
    let signatures = Signatures::parse(&request.headers).unwrap();
    let members = signatures
        .by_label("whatever")
        .unwrap()
        .renamed("client")
        .unwrap();
    let refused = signatures.by_label("whatever").unwrap().renamed("Not A Label");
    assert_eq!(refused, Err(RenameError::LabelInvalid));
    let mut forwarded = payment();
    members.append_to(&mut forwarded.headers).unwrap();
    let both = [
        Component::field("signature").key("client"),
        Component::field("signature-input").key("client"),
    ];
    let own = sign(
        &forwarded.get(),
        "countersign",
        &both,
        &parameters(),
        &gateway,
        Algorithm::Ed25519,
    )
    .unwrap();
    own.members.append_to(&mut forwarded.headers).unwrap();
    let received = Signatures::parse(&forwarded.headers).unwrap();
    let verify = |label: &str, key: &PublicKey| {
        received
            .by_label(label)
            .unwrap()
            .verify(&forwarded.get(), key, Algorithm::of(key))
    };
    assert_eq!(verify("client", client.public_key()), Ok(()));
    assert_eq!(verify("countersign", gateway.public_key()), Ok(()));
    let mut swapped = fields_of(&own.members);
    let (_, value) = members.signature_input.split_once('=').unwrap();
    let other = format!("client={}", value.replace("k1", "k2"));
    swapped.append("signature-input", HeaderValue::from_str(&other).unwrap());
    swapped.append("signature", HeaderValue::from_str(&members.signature).unwrap());
    let swapped = OwnedRequest {
        headers: swapped,
        ..payment()
    };
    let received = Signatures::parse(&swapped.headers).unwrap();
    let verified = received.by_label("countersign").unwrap().verify(
        &swapped.get(),
        gateway.public_key(),
        Algorithm::Ed25519,
    );
    assert_eq!(verified, Err(VerifyError::BadSignature));
}
