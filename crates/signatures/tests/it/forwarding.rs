//! Several signatures on one message, and passing one on (SIG-17).

use countersign_jose::{KeyKind, PublicKey};
use countersign_signatures::{
    Algorithm, AppendError, BaseFault, Component, ParseError, RenameError, SIGNATURE, Signatures,
    VerifyError, sign, signature_base,
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

/// SIG-17: a value that the signer holds is signed as if it had been read, and one that is not in the message does
/// not verify.
#[test]
fn a_known_value_is_signed_as_if_it_had_been_read() {
    let (client, gateway) = (key(KeyKind::P256), key(KeyKind::Ed25519));
    let mut request = payment();
    sign_into(&mut request, "client", &client);
    let signatures = Signatures::parse(&request.headers).unwrap();
    let members = signatures.by_label("client").unwrap().renamed("client").unwrap();
    let read = [
        Component::field("signature").key("client"),
        Component::field("signature-input").key("client"),
    ];
    let [signature, input] = read.clone();
    let known = [
        signature.known(members.signature_value()),
        input.known(members.input_value()),
    ];
    let base = |components: &[Component<'_>]| signature_base(components, ";created=1", &request.get());
    assert_eq!(base(&known), base(&read));
    assert!(base(&known).unwrap().contains(members.signature_value()));
    let [signature, _] = read.clone();
    assert_ne!(base(&[signature.known(":AA==:")]), base(&read[..1]));
    for bad in [":AA==:\n", "\u{e9}", "\0", "a\tb"] {
        let [signature, _] = read.clone();
        let refused = base(&[signature.known(bad)]).map_err(|error| error.reason);
        assert_eq!(refused, Err(BaseFault::KnownInvalid), "{bad:?}");
    }
    let forged = [read[0].clone().known(":AA==:"), read[1].clone()];
    let own = sign(
        &request.get(),
        "own",
        &forged,
        &parameters(),
        &gateway,
        Algorithm::Ed25519,
    );
    own.unwrap().members.append_to(&mut request.headers).unwrap();
    let received = Signatures::parse(&request.headers).unwrap();
    let verified =
        received
            .by_label("own")
            .unwrap()
            .verify(&request.get(), gateway.public_key(), Algorithm::Ed25519);
    assert_eq!(verified, Err(VerifyError::BadSignature));
}

/// SIG-17: beside labels that are known nothing is read, and the rules are the same.
#[test]
fn appending_beside_known_labels_refuses_what_appending_refuses() {
    let key = key(KeyKind::Ed25519);
    let mut request = payment();
    let signed = || {
        sign(
            &payment().get(),
            "b",
            &covered(),
            &parameters(),
            &key,
            Algorithm::Ed25519,
        )
        .unwrap()
        .members
    };
    let before = request.headers.clone();
    assert_eq!(
        signed().append_beside(&["a", "b"], &mut request.headers),
        Err(AppendError::LabelTaken)
    );
    assert_eq!(
        signed().append_beside(&["a", "c", "d", "e", "f", "g", "h", "i"], &mut request.headers),
        Err(AppendError::TooManyLabels)
    );
    assert_eq!(request.headers, before);
    sign_into(&mut request, "a", &key);
    let mut read = request.headers.clone();
    signed().append_to(&mut read).unwrap();
    signed().append_beside(&["a"], &mut request.headers).unwrap();
    assert_eq!(request.headers, read);
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
