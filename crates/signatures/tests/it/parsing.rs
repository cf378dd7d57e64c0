//! Signature fields that must not be accepted, each by the name of its error. SIG-01, SIG-02, SIG-06, SIG-09, SIG-12.

use countersign_jose::KeyKind;
use countersign_signatures::{
    Algorithm, AlgorithmError, InputError, MAX_COMPONENTS, ParameterName, ParseError, RenameError, SIGNATURE,
    SelectError, Signatures, VerifyError,
};
use http::{HeaderMap, HeaderValue};

use crate::support::{key, payment, sign_into, signature_fields};

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
