//! What signs verifies, and any change of a covered byte does not.

use std::sync::LazyLock;

use countersign_jose::{KeyKind, PrivateKey};
use countersign_signatures::digest::{
    CONTENT_DIGEST, DigestAlgorithm, content_digest, verify_content_digest,
};
use countersign_signatures::{Algorithm, Component, Parameters, Signatures, sign};
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

use crate::support::{OwnedRequest, key};

static ED25519: LazyLock<PrivateKey> = LazyLock::new(|| key(KeyKind::Ed25519));
static P256: LazyLock<PrivateKey> = LazyLock::new(|| key(KeyKind::P256));

/// A request with its body, and what its signature says.
#[derive(Clone, Debug)]
struct Case {
    request: OwnedRequest,
    body: Vec<u8>,
    created: i64,
    nonce: String,
}

fn case() -> impl Strategy<Value = Case> {
    (
        "[A-Z]{3,7}",
        "[a-z]{1,8}\\.example(:[1-9][0-9]{3})?",
        "(/[a-zA-Z0-9%._~-]{0,9}){1,3}",
        proptest::option::of("[a-zA-Z0-9=&+%._-]{0,20}"),
        "[!-~]{1,20}",
        proptest::collection::vec(any::<u8>(), 0..64),
        0..4_000_000_000_i64,
        "[ -~]{0,30}",
    )
        .prop_map(|(method, authority, path, query, note, body, created, nonce)| {
            let mut headers = HeaderMap::new();
            headers.insert("x-note", HeaderValue::from_str(&note).unwrap());
            headers.insert(CONTENT_DIGEST, content_digest(&body, DigestAlgorithm::Sha256));
            let scheme = "https".to_owned();
            let request = OwnedRequest {
                method,
                scheme,
                authority,
                path,
                query,
                headers,
                trailers: None,
            };
            Case {
                request,
                body,
                created,
                nonce,
            }
        })
}

fn covered() -> Vec<Component<'static>> {
    vec![
        Component::derived("@method"),
        Component::derived("@target-uri"),
        Component::field("x-note"),
        Component::field("content-digest"),
    ]
}

/// The case's request with a signature by `key` in it.
fn signed(case: &Case, key: &PrivateKey) -> OwnedRequest {
    let parameters = Parameters {
        created: Some(case.created),
        nonce: Some(case.nonce.as_str().into()),
        ..Parameters::default()
    };
    let algorithm = Algorithm::of(key.public_key());
    let signed = sign(&case.request.get(), "s", &covered(), &parameters, key, algorithm).unwrap();
    let mut request = case.request.clone();
    signed.members.append_to(&mut request.headers).unwrap();
    request
}

/// Whether signature and body are accepted; anything else than acceptance counts as refusal.
fn accepted(request: &OwnedRequest, body: &[u8], key: &PrivateKey) -> bool {
    let Ok(signatures) = Signatures::parse(&request.headers) else {
        return false;
    };
    let Some(entry) = signatures.by_label("s") else {
        return false;
    };
    entry
        .verify(&request.get(), key.public_key(), Algorithm::of(key.public_key()))
        .is_ok()
        && verify_content_digest(&request.headers, body).is_ok()
}

/// `text` with the byte at `at` replaced by another printable one.
fn changed(text: &str, at: usize, by: u8) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let at = at % bytes.len();
    bytes[at] = b'!' + (bytes[at] - b' ' + by % 90) % 94;
    String::from_utf8(bytes).unwrap()
}

/// Replaces one byte of the field called `name`.
fn change_field(request: &mut OwnedRequest, name: &'static str, at: usize, by: u8) {
    let value = changed(request.headers[name].to_str().unwrap(), at, by);
    request
        .headers
        .insert(name, HeaderValue::from_str(&value).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_signs_verifies(case in case()) {
        for key in [&*ED25519, &*P256] {
            prop_assert!(accepted(&signed(&case, key), &case.body, key));
        }
    }

    #[test]
    fn a_changed_part_does_not_verify(case in case(), part in 0..7_u8, at in 0..200_usize, by in 1..90_u8) {
        let key = &*ED25519;
        let mut request = signed(&case, key);
        let mut body = case.body.clone();
        match part {
            0 => request.method = changed(&request.method, at, by),
            1 => request.path = changed(&request.path, at, by),
            2 => request.query = Some(request.query.map_or_else(String::new, |query| query + "x")),
            3 => change_field(&mut request, "x-note", at, by),
            4 => change_field(&mut request, "content-digest", at, by),
            5 => request.authority.insert(at % request.authority.len(), 'x'),
            _ => body.insert(at % (body.len() + 1), by),
        }
        prop_assert!(!accepted(&request, &body, key));
    }

    #[test]
    fn a_changed_signature_field_does_not_verify(case in case(), input in any::<bool>(), at in 0..600_usize, by in 1..90_u8) {
        let key = &*ED25519;
        let mut request = signed(&case, key);
        let before = request.headers.clone();
        change_field(&mut request, if input { "signature-input" } else { "signature" }, at, by);
        let same = same_signature(&before, &request.headers);
        prop_assert!(same || !accepted(&request, &case.body, key));
    }

    #[test]
    fn a_signature_of_another_key_does_not_verify(case in case()) {
        let request = signed(&case, &ED25519);
        prop_assert!(!accepted(&request, &case.body, &P256));
        prop_assert!(!accepted(&request, &case.body, &key(KeyKind::Ed25519)));
    }
}

/// Whether the changed text still means the same: RFC 9651 lets a parser ignore the unused bits at the end of Base64.
fn same_signature(before: &HeaderMap, after: &HeaderMap) -> bool {
    let (Ok(before), Ok(after)) = (Signatures::parse(before), Signatures::parse(after)) else {
        return false;
    };
    let (Some(before), Some(after)) = (before.by_label("s"), after.by_label("s")) else {
        return false;
    };
    before.signature() == after.signature()
        && before.raw_parameters() == after.raw_parameters()
        && before.components() == after.components()
}
