//! Answers that a backend signs.

use countersign_jose::{KeyKind, PrivateKey};
use countersign_signatures::{Algorithm, Component, Request, Response, Signatures};
use countersign_verify::{ANSWER_TAG, AnswerSigner};
use http::request::Parts;

use crate::forger::{AUTHORITY, Gateway, NOW};

pub(crate) fn view(parts: &Parts) -> Request<'_> {
    Request {
        method: parts.method.as_str(),
        scheme: "https",
        authority: AUTHORITY,
        path: parts.uri.path(),
        query: parts.uri.query(),
        headers: &parts.headers,
        trailers: None,
    }
}

/// Whether `answer` is signed by `signer` as an answer to `request`.
pub(crate) fn verifies(signer: &AnswerSigner, request: &Parts, answer: &http::response::Parts) -> bool {
    let signatures = Signatures::parse(&answer.headers).unwrap();
    let entry = signatures.by_tag(ANSWER_TAG).unwrap();
    let response = Response {
        status: answer.status.as_u16(),
        headers: &answer.headers,
        trailers: None,
        request: Some(&view(request)),
    };
    let covered = [
        Component::derived("@status"),
        Component::field("content-digest"),
        Component::derived("@method").req(),
        Component::derived("@path").req(),
        Component::field("signature").req().key("countersign"),
    ];
    assert!(covered.iter().all(|component| entry.covers_component(component)));
    let key = signer.jwk().key;
    entry.verify(&response, &key, Algorithm::of(&key)).is_ok()
}

/// SIG-16
#[test]
fn an_answer_is_bound_to_status_body_and_request() {
    for kind in [KeyKind::Ed25519, KeyKind::P256] {
        let gateway = Gateway::new();
        let signer = AnswerSigner::new("bank-1", PrivateKey::generate(kind).unwrap().key);
        let (request, _) = gateway.payment().build();
        let (other, _) = gateway.payment().claim("/txn", "txn-2").build();
        let sign = || {
            let (mut answer, ()) = http::Response::builder()
                .status(201)
                .body(())
                .unwrap()
                .into_parts();
            signer
                .sign_answer(&view(&request), &mut answer, b"{}", NOW)
                .unwrap();
            answer
        };
        assert!(verifies(&signer, &request, &sign()));
        assert!(
            !verifies(&signer, &other, &sign()),
            "the answer to another request"
        );
        let mut changed = sign();
        changed.status = http::StatusCode::OK;
        assert!(!verifies(&signer, &request, &changed), "another status");
        let mut changed = sign();
        changed
            .headers
            .insert("content-digest", "sha-256=:AAAA:".parse().unwrap());
        assert!(!verifies(&signer, &request, &changed), "another body");
    }
}

#[test]
fn without_the_gateways_signature_there_is_nothing_to_answer() {
    let gateway = Gateway::new();
    let signer = AnswerSigner::new("bank-1", PrivateKey::generate(KeyKind::Ed25519).unwrap().key);
    let (mut request, _) = gateway.payment().build();
    request.headers.remove("signature");
    let (mut answer, ()) = http::Response::new(()).into_parts();
    assert!(
        signer
            .sign_answer(&view(&request), &mut answer, b"", NOW)
            .is_err()
    );
}
