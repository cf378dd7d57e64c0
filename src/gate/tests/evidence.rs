//! Which signature counts (SIG-12, FSIG-05), and what a backend can demand of the client.

use countersign_jose::jwk::Jwk;
use countersign_jose::{KeyKind, PrivateKey};
use countersign_signatures::digest::{DigestAlgorithm, content_digest};
use countersign_signatures::{Algorithm, Component, Parameters, Request, Signatures, sign};
use http::HeaderMap;

use super::super::attest::select;
use super::super::evidence::payment_evidence;
use super::{NOW, world};
use crate::base::{Code, Fault};

const NONCE: &str = "0123456789abcdefghijkl";

fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "application/json".parse().unwrap());
    headers.insert("idempotency-key", "\"k\"".parse().unwrap());
    headers.insert("content-digest", content_digest(b"{}", DigestAlgorithm::Sha256));
    headers
}

fn view(headers: &HeaderMap) -> Request<'_> {
    Request {
        method: "POST",
        scheme: "https",
        authority: "pay.example.com",
        path: "/strict/payments",
        query: None,
        headers,
        trailers: None,
    }
}

/// Adds a signature of `key` with this tag over `components`.
fn add(
    headers: &mut HeaderMap,
    label: &str,
    tag: &'static str,
    key: &PrivateKey,
    components: &[Component<'_>],
) {
    let parameters = Parameters {
        created: Some(NOW.seconds()),
        nonce: Some(NONCE.into()),
        keyid: Some(key.public_key().thumbprint().to_string().into()),
        tag: Some(tag.into()),
        ..Parameters::default()
    };
    let signed = sign(
        &view(headers),
        label,
        components,
        &parameters,
        key,
        Algorithm::Ed25519,
    )
    .unwrap();
    signed.members.append_to(headers).unwrap();
}

fn payment_components() -> Vec<Component<'static>> {
    vec![
        Component::derived("@method"),
        Component::derived("@target-uri"),
        Component::field("content-digest"),
        Component::field("content-type"),
        Component::field("idempotency-key"),
    ]
}

fn key() -> PrivateKey {
    PrivateKey::generate(KeyKind::Ed25519).unwrap().key
}

fn tagged(tags: &[&'static str]) -> Result<String, Code> {
    let (mut headers, key) = (headers(), key());
    for (place, tag) in tags.iter().enumerate() {
        add(
            &mut headers,
            &format!("sig{place}"),
            tag,
            &key,
            &[Component::derived("@method")],
        );
    }
    let signatures = Signatures::parse(&headers).unwrap();
    let entry = select(&signatures).map_err(|fault| fault.code)?;
    Ok(entry.label().to_owned())
}

#[test]
fn the_signature_is_chosen_by_its_tag_and_a_second_of_the_family_sinks_it() {
    assert_eq!(tagged(&["fapi-2-request"]), Ok("sig0".to_owned()));
    assert_eq!(
        tagged(&["countersign-payment", "fapi-2-request"]),
        Ok("sig1".to_owned())
    );
    assert_eq!(
        tagged(&["other", "fapi-2-request", "web-bot-auth"]),
        Ok("sig1".to_owned())
    );
    for tags in [
        &[][..],
        &["countersign-payment"],
        &["fapi-2-response"],
        &["FAPI-2-REQUEST"],
    ] {
        assert_eq!(tagged(tags), Err(Code::SignatureMissing), "{tags:?}");
    }
    for tags in [
        ["fapi-2-request", "fapi-2-request"],
        ["fapi-2-request", "fapi-2-response"],
        ["fapi-2-request", "fapi-2-"],
    ] {
        assert_eq!(tagged(&tags), Err(Code::SignatureInvalid), "{tags:?}");
    }
}

fn judge(headers: &HeaderMap, keys: &[Jwk], demanded: bool) -> Result<bool, Fault> {
    let signatures = Signatures::parse(headers).unwrap();
    payment_evidence(&signatures, &view(headers), keys, NOW, demanded).map(|evidence| evidence.is_some())
}

#[test]
fn a_backend_that_demands_the_clients_evidence_gets_it_or_no_request() {
    let key = key();
    let keys = [Jwk::new(key.public_key().clone())];
    let mut signed = headers();
    add(
        &mut signed,
        "pay",
        "countersign-payment",
        &key,
        &payment_components(),
    );
    assert!(judge(&signed, &keys, true).unwrap());
    assert!(judge(&signed, &keys, false).unwrap());

    let mut other_tag = headers();
    add(
        &mut other_tag,
        "pay",
        "fapi-2-request",
        &key,
        &payment_components(),
    );
    for without in [headers(), other_tag] {
        assert!(!judge(&without, &keys, false).unwrap());
        let fault = judge(&without, &keys, true).unwrap_err();
        assert_eq!(fault.code, Code::SignatureMissing);
        assert!(fault.detail.unwrap().contains("countersign-payment"));
    }
}

/// SIG-13: evidence that does not hold sinks the request, demanded or not.
#[test]
fn evidence_that_does_not_hold_sinks_the_request() {
    let key = key();
    let keys = [Jwk::new(key.public_key().clone())];
    let mut good = headers();
    add(
        &mut good,
        "pay",
        "countersign-payment",
        &key,
        &payment_components(),
    );

    let mut changed = good.clone();
    changed.insert("idempotency-key", "\"another\"".parse().unwrap());
    let mut narrow = headers();
    let without_digest: Vec<_> = payment_components()
        .into_iter()
        .filter(|component| component.name() != "content-digest")
        .collect();
    add(&mut narrow, "pay", "countersign-payment", &key, &without_digest);
    let mut twice = good.clone();
    add(
        &mut twice,
        "again",
        "countersign-payment",
        &key,
        &payment_components(),
    );
    let stranger = [Jwk::new(self::key().public_key().clone())];
    for demanded in [true, false] {
        for (headers, keys) in [
            (&changed, &keys),
            (&narrow, &keys),
            (&twice, &keys),
            (&good, &stranger),
        ] {
            let fault = judge(headers, keys, demanded).unwrap_err();
            assert_eq!(fault.code, Code::SignatureInvalid, "{fault}");
        }
    }
}

#[tokio::test]
async fn only_payments_to_a_backend_that_says_so_need_the_clients_evidence() {
    let world = world().await;
    let demands = |path: &str| {
        let request = http::Request::post(path).header("host", "pay.example.com");
        world.admit(request).unwrap().demands_payment_signature()
    };
    assert!(demands("/strict/payments"));
    assert!(!demands("/strict/notes"), "moves no money");
    assert!(!demands("/payments"), "its backend believes the gateway");
}
