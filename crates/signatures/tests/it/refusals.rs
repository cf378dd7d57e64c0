//! What must not be accepted, each by the name of its error. SIG-01 to SIG-09, SIG-12, SIG-15, SIG-16.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_jose::{KeyError, KeyKind, PublicKey};
use countersign_signatures::{
    Algorithm, AlgorithmError, AppendError, BaseFault, Component, InputError, MAX_COMPONENTS, ParameterName,
    ParseError, RenameError, Response, SIGNATURE, SelectError, SignError, Signatures, VerifyError, sign,
    signature_base,
};
use http::{HeaderMap, HeaderValue};

use crate::support::{
    OwnedRequest, covered, fields_of, key, parameters, payment, sign_into, signature_fields,
};

fn parse_error(input: &str, signature: &str) -> ParseError {
    Signatures::parse(&signature_fields(input, signature)).unwrap_err()
}

/// What is wrong with the one entry of this `Signature-Input`.
fn input_error(input: &str) -> InputError {
    let fields = signature_fields(input, "a=:AA==:");
    let signatures = Signatures::parse(&fields).unwrap();
    let entry = signatures.by_label("a").unwrap();
    let error = entry.well_formed().unwrap_err();
    let request = payment();
    let key = key(KeyKind::Ed25519);
    let verified = entry.verify(&request.get(), key.public_key(), Algorithm::Ed25519);
    assert_eq!(verified, Err(VerifyError::Input(error)));
    assert_eq!(entry.renamed("b"), Err(RenameError::Input(error)));
    error
}

fn base_fault(request: &OwnedRequest, component: Component<'_>) -> BaseFault {
    signature_base(&[component], ";created=1", &request.get())
        .unwrap_err()
        .reason
}

/// SIG-01
#[test]
fn fields_that_do_not_fit_together_are_refused() {
    assert_eq!(parse_error("a=(", "a=:AA==:"), ParseError::InputMalformed);
    assert_eq!(parse_error("a=()", "a=:AA=="), ParseError::SignatureMalformed);
    assert_eq!(parse_error("a=1", "a=:AA==:"), ParseError::NotInnerList);
    assert_eq!(parse_error("a", "a=:AA==:"), ParseError::NotInnerList);
    assert_eq!(parse_error("a=()", "a=\"AA==\""), ParseError::NotBytes);
    assert_eq!(parse_error("a=()", "a=(:AA==:)"), ParseError::NotBytes);
    assert_eq!(parse_error("a=(), a=()", "a=:AA==:"), ParseError::LabelRepeated);
    assert_eq!(
        parse_error("a=()", "a=:AA==:, a=:AA==:"),
        ParseError::LabelRepeated
    );
    assert_eq!(parse_error("a=(), b=()", "a=:AA==:"), ParseError::LabelUnmatched);
    assert_eq!(
        parse_error("a=()", "a=:AA==:, b=:AA==:"),
        ParseError::LabelUnmatched
    );
    let mut only_one = HeaderMap::new();
    only_one.insert(SIGNATURE, HeaderValue::from_static("a=:AA==:"));
    assert_eq!(
        Signatures::parse(&only_one).unwrap_err(),
        ParseError::LabelUnmatched
    );
}

/// SIG-01: also when the label repeats on a second line.
#[test]
fn a_label_repeated_on_another_line_is_refused() {
    let mut fields = signature_fields("a=()", "a=:AA==:");
    fields.append(SIGNATURE, HeaderValue::from_static("a=:AA==:"));
    assert_eq!(Signatures::parse(&fields).unwrap_err(), ParseError::LabelRepeated);
}

/// SIG-12
#[test]
fn the_ninth_label_is_refused_and_the_eighth_is_not() {
    let members = |count: usize, value: &str| {
        (0..count)
            .map(|n| format!("l{n}={value}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let eight = signature_fields(&members(8, "()"), &members(8, ":AA==:"));
    assert_eq!(Signatures::parse(&eight).unwrap().len(), 8);
    assert_eq!(
        parse_error(&members(9, "()"), &members(9, ":AA==:")),
        ParseError::TooManyLabels
    );
}

/// SIG-12: chosen by tag, and the tag has to be there once.
#[test]
fn a_tag_that_is_missing_or_there_twice_chooses_nothing() {
    let fields = signature_fields(
        "a=();tag=\"t1\", b=();tag=\"t2\", c=();tag=\"t2\", d=();tag=t3",
        "a=:AA==:, b=:AA==:, c=:AA==:, d=:AA==:",
    );
    let signatures = Signatures::parse(&fields).unwrap();
    assert_eq!(signatures.by_tag("t1").unwrap().label(), "a");
    assert_eq!(signatures.by_tag("t2").unwrap_err(), SelectError::Several);
    assert_eq!(signatures.by_tag("t3").unwrap_err(), SelectError::Missing);
    assert_eq!(signatures.by_tag("a").unwrap_err(), SelectError::Missing);
    assert_eq!(signatures.with_tag_prefix("t").count(), 3);
}

/// SIG-02, SIG-06
#[test]
fn malformed_entries_are_refused_by_name() {
    assert_eq!(input_error("a=(token)"), InputError::ComponentNotString);
    assert_eq!(input_error("a=(\"x\";zz)"), InputError::ComponentParameterUnknown);
    assert_eq!(
        input_error("a=(\"x\";sf;sf)"),
        InputError::ComponentParameterRepeated
    );
    assert_eq!(input_error("a=(\"x\";sf=?0)"), InputError::ComponentParameterType);
    assert_eq!(input_error("a=(\"x\";req=1)"), InputError::ComponentParameterType);
    assert_eq!(input_error("a=(\"x\";key)"), InputError::ComponentParameterType);
    assert_eq!(
        input_error("a=(\"x\";key=tok)"),
        InputError::ComponentParameterType
    );
    assert_eq!(input_error("a=();mood=\"good\""), InputError::ParameterUnknown);
    let repeated = InputError::ParameterRepeated(ParameterName::Created);
    assert_eq!(input_error("a=();created=1;created=2"), repeated);
    for created in ["\"1\"", "1.0", "@1", "?1", "x"] {
        assert_eq!(
            input_error(&format!("a=();created={created}")),
            InputError::CreatedNotInteger,
            "{created}"
        );
        assert_eq!(
            input_error(&format!("a=();expires={created}")),
            InputError::ExpiresNotInteger,
            "{created}"
        );
    }
    assert_eq!(
        input_error("a=();nonce=1"),
        InputError::NotString(ParameterName::Nonce)
    );
    assert_eq!(
        input_error("a=();keyid=:AA==:"),
        InputError::NotString(ParameterName::KeyId)
    );
    let long = "n".repeat(513);
    assert_eq!(
        input_error(&format!("a=();nonce=\"{long}\"")),
        InputError::TooLong(ParameterName::Nonce)
    );
    let many = (0..=MAX_COMPONENTS)
        .map(|n| format!("\"x{n}\""))
        .collect::<Vec<_>>()
        .join(" ");
    assert_eq!(input_error(&format!("a=({many})")), InputError::TooManyComponents);
    let fields = signature_fields("a=()", "a=:AA==:;x=1");
    let signatures = Signatures::parse(&fields).unwrap();
    assert_eq!(
        signatures.by_label("a").unwrap().well_formed(),
        Err(InputError::SignatureParameters)
    );
}

/// SIG-09
#[test]
fn algorithms_that_are_not_accepted_are_refused_by_name() {
    for (name, error) in [
        ("rsa-v1_5-sha256", AlgorithmError::RsaPkcs1Refused),
        ("hmac-sha256", AlgorithmError::HmacRefused),
        ("ecdsa-p384-sha384", AlgorithmError::Unsupported),
        ("none", AlgorithmError::Unknown),
    ] {
        assert_eq!(
            input_error(&format!("a=();alg=\"{name}\"")),
            InputError::Algorithm(error)
        );
    }
}

/// SIG-12: a foreign signature in an unknown form does not hide one's own.
#[test]
fn a_foreign_malformed_signature_does_not_hide_a_good_one() {
    let key = key(KeyKind::Ed25519);
    let foreign = "cdn=(\"x\";zz);alg=\"hmac-sha256\";mood=1";
    let mut request = payment()
        .with("signature-input", foreign)
        .with("signature", "cdn=:AA==:");
    sign_into(&mut request, "sig1", &key);
    let signatures = Signatures::parse(&request.headers).unwrap();
    let entry = signatures.by_tag("fapi-2-request").unwrap();
    assert_eq!(
        entry.verify(&request.get(), key.public_key(), Algorithm::Ed25519),
        Ok(())
    );
}

/// SIG-02, SIG-04, SIG-06
#[test]
fn components_that_make_no_sense_are_refused_by_name() {
    let request = payment();
    let fault = |component: Component<'_>| base_fault(&request, component);
    assert_eq!(fault(Component::derived("@body")), BaseFault::UnknownDerived);
    assert_eq!(fault(Component::derived("@")), BaseFault::UnknownDerived);
    assert_eq!(fault(Component::derived("@METHOD")), BaseFault::UnknownDerived);
    assert_eq!(
        fault(Component::derived("@signature-params")),
        BaseFault::SignatureParamsListed
    );
    assert_eq!(
        fault(Component::field("Content-Type")),
        BaseFault::NameNotLowerCase
    );
    for name in ["", "content type", "x:y", "x\"y", "x\ny", "ü"] {
        assert_eq!(fault(Component::field(name)), BaseFault::NameInvalid, "{name}");
    }
    for odd in [
        Component::derived("@method").sf(),
        Component::derived("@path").bs(),
    ] {
        assert_eq!(fault(odd), BaseFault::ParameterMisplaced);
    }
    assert_eq!(
        fault(Component::derived("@method").tr()),
        BaseFault::ParameterMisplaced
    );
    assert_eq!(
        fault(Component::derived("@query").key("a")),
        BaseFault::ParameterMisplaced
    );
    assert_eq!(
        fault(Component::field("content-type").key("a\nb")),
        BaseFault::ParameterMisplaced
    );
    assert_eq!(
        fault(Component::query_param("a\nb")),
        BaseFault::ParameterMisplaced
    );
    assert_eq!(
        fault(Component::field("content-digest").bs().sf()),
        BaseFault::ParametersExclusive
    );
    assert_eq!(
        fault(Component::field("content-digest").key("sha-256").bs()),
        BaseFault::ParametersExclusive
    );
    assert_eq!(
        fault(Component::derived("@query-param")),
        BaseFault::QueryParamNameMissing
    );
    assert_eq!(
        fault(Component::derived("@method").req()),
        BaseFault::ReqInRequest
    );
    assert_eq!(fault(Component::derived("@status")), BaseFault::StatusInRequest);
}

/// SIG-06
#[test]
fn values_that_are_not_there_are_refused_by_name() {
    let request = payment()
        .with("x-list", "1, 2")
        .with("content-digest", "sha-512=:AA==:, sha-512=:AA==:");
    let fault = |component: Component<'_>| base_fault(&request, component);
    assert_eq!(fault(Component::field("x-none")), BaseFault::FieldMissing);
    assert_eq!(
        fault(Component::field("content-type").tr()),
        BaseFault::TrailersMissing
    );
    assert_eq!(fault(Component::field("x-list").sf()), BaseFault::NotStructured);
    assert_eq!(
        fault(Component::field("x-list").key("a")),
        BaseFault::NotADictionary
    );
    assert_eq!(
        fault(Component::field("content-digest").key("md5")),
        BaseFault::MemberMissing
    );
    assert_eq!(
        fault(Component::field("content-digest").key("sha-512")),
        BaseFault::MemberRepeated
    );
    assert_eq!(
        fault(Component::query_param("none")),
        BaseFault::QueryParamMissing
    );
    let request = payment().with("priority", "\"u");
    assert_eq!(
        base_fault(&request, Component::field("priority").sf()),
        BaseFault::StructuredMalformed
    );
    let mut repeated = payment();
    repeated.query = Some("a=1&a=2".to_owned());
    assert_eq!(
        base_fault(&repeated, Component::query_param("a")),
        BaseFault::QueryParamRepeated
    );
}

/// SIG-02: also when the parameters stand in another order.
#[test]
fn a_component_covered_twice_is_refused() {
    let request = payment();
    let twice = [
        Component::field("content-type"),
        Component::derived("@path"),
        Component::field("content-type"),
    ];
    let error = signature_base(&twice, ";created=1", &request.get()).unwrap_err();
    assert_eq!(error.reason, BaseFault::Repeated);
    assert_eq!(error.component, "\"content-type\"");
    let response = Response {
        status: 200,
        headers: &request.headers,
        trailers: None,
        request: Some(&request.get()),
    };
    let reordered = [
        Component::field("a").req().key("k"),
        Component::field("a").key("k").req(),
    ];
    let error = signature_base(&reordered, "", &response).unwrap_err();
    assert_eq!(error.reason, BaseFault::Repeated);
}

/// SIG-03: nothing that would begin a new line of the base, and nothing outside ASCII.
#[test]
fn values_that_could_forge_a_line_are_refused() {
    let derived = |change: fn(&mut OwnedRequest), name: &'static str| {
        let mut request = payment();
        change(&mut request);
        base_fault(&request, Component::derived(name))
    };
    assert_eq!(
        derived(|r| r.path = "/a\n\"@method\": GET".into(), "@path"),
        BaseFault::LineBreak
    );
    assert_eq!(
        derived(|r| r.query = Some("a\r\nb".into()), "@query"),
        BaseFault::LineBreak
    );
    assert_eq!(
        derived(|r| r.path = "/ü".into(), "@target-uri"),
        BaseFault::NotAscii
    );
    assert_eq!(
        derived(|r| r.path = "/a b".into(), "@path"),
        BaseFault::TargetInvalid
    );
    assert_eq!(
        derived(|r| r.path = "a".into(), "@path"),
        BaseFault::TargetInvalid
    );
    assert_eq!(
        derived(|r| r.path = "/a?b".into(), "@path"),
        BaseFault::TargetInvalid
    );
    assert_eq!(
        derived(|r| r.query = Some("a#b".into()), "@request-target"),
        BaseFault::TargetInvalid
    );
    assert_eq!(
        derived(|r| r.method = "GET\n".into(), "@method"),
        BaseFault::MethodInvalid
    );
    assert_eq!(
        derived(|r| r.method = String::new(), "@method"),
        BaseFault::MethodInvalid
    );
    assert_eq!(
        derived(|r| r.scheme = "https:\n".into(), "@scheme"),
        BaseFault::SchemeInvalid
    );
    for authority in ["", ":443", "a@b", "a b", "a\nb", "a/b", "a,b", "ä"] {
        let mut request = payment();
        authority.clone_into(&mut request.authority);
        assert_eq!(
            base_fault(&request, Component::derived("@authority")),
            BaseFault::AuthorityInvalid,
            "{authority}"
        );
    }
    let mut request = payment();
    request
        .headers
        .insert("x-note", HeaderValue::from_bytes(b"caf\xc3\xa9").unwrap());
    assert_eq!(
        base_fault(&request, Component::field("x-note")),
        BaseFault::NotAscii
    );
    let wrapped = signature_base(&[Component::field("x-note").bs()], "", &request.get()).unwrap();
    assert!(wrapped.starts_with("\"x-note\";bs: :Y2Fmw6k=:\n"));
    let injected = signature_base(&[], ";created=1\n\"x\": y", &request.get()).unwrap_err();
    assert_eq!(injected.reason, BaseFault::Control);
}

/// SIG-16
#[test]
fn a_response_takes_request_parts_only_by_req_and_only_from_its_request() {
    let request = payment();
    let headers = HeaderMap::new();
    let alone = Response {
        status: 200,
        headers: &headers,
        trailers: None,
        request: None,
    };
    let fault = |component: Component<'_>, response: &Response<'_>| {
        signature_base(&[component], "", response).unwrap_err().reason
    };
    assert_eq!(
        fault(Component::derived("@method"), &alone),
        BaseFault::OnlyInRequest
    );
    assert_eq!(
        fault(Component::derived("@method").req(), &alone),
        BaseFault::RequestMissing
    );
    let view = request.get();
    let bound = Response {
        request: Some(&view),
        ..alone
    };
    assert_eq!(
        fault(Component::derived("@status").req(), &bound),
        BaseFault::StatusInRequest
    );
    assert_eq!(
        fault(Component::field("content-type"), &bound),
        BaseFault::FieldMissing
    );
    assert_eq!(
        fault(Component::derived("@status"), &Response { status: 42, ..bound }),
        BaseFault::StatusInvalid
    );
    let base = signature_base(&[Component::field("content-type").req()], "", &bound).unwrap();
    assert!(base.starts_with("\"content-type\";req: application/json\n"));
}

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
