//! An upstream with `answer_keys`: an answer counts only under the backend's own signature.

use std::convert::Infallible;
use std::sync::LazyLock;

use bytes::Bytes;
use countersign::telemetry::Metrics;
use countersign::upstream::{Answer, Clusters, SendError, UpstreamSettings, send};
use countersign_jose::{KeyKind, PrivateKey};
use countersign_signatures::{Algorithm, Component, Parameters, Request as SignedRequest, sign};
use countersign_verify::AnswerSigner;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::backend::{Payment, settings};

const BODY: &[u8] = br#"{"status":"accepted"}"#;

/// What stands between the backend's signature and the gateway.
type Change = fn(&mut http::response::Parts, &mut Vec<u8>);

fn key() -> PrivateKey {
    PrivateKey::generate(KeyKind::Ed25519).unwrap().key
}

/// The backend, which the gateway knows as `bank-1`.
fn signer() -> AnswerSigner {
    static PKCS8: LazyLock<Vec<u8>> =
        LazyLock::new(|| PrivateKey::generate(KeyKind::Ed25519).unwrap().pkcs8.to_vec());
    let key = PrivateKey::from_pkcs8(KeyKind::Ed25519, &PKCS8).unwrap();
    AnswerSigner::new("bank-1", key)
}

fn view<'a>(authority: &'a str, headers: &'a HeaderMap) -> SignedRequest<'a> {
    SignedRequest {
        method: "POST",
        scheme: "http",
        authority,
        path: "/payments",
        query: None,
        headers,
        trailers: None,
    }
}

/// Puts a signature under the request, as the gate does.
fn countersigned(authority: &str, nonce: &'static str) -> Request<Bytes> {
    let mut request = Request::post("/payments")
        .body(Bytes::from_static(b"{}"))
        .unwrap();
    let parameters = Parameters {
        nonce: Some(nonce.into()),
        ..Parameters::default()
    };
    let components = [Component::derived("@method"), Component::derived("@path")];
    let signed = sign(
        &view(authority, request.headers()),
        "countersign",
        &components,
        &parameters,
        &key(),
        Algorithm::Ed25519,
    );
    signed.unwrap().members.append_to(request.headers_mut()).unwrap();
    request
}

fn answer(
    signer: Option<&AnswerSigner>,
    request: &Request<Incoming>,
    change: Change,
) -> Response<Full<Bytes>> {
    let (mut head, ()) = Response::builder()
        .status(201)
        .header("content-type", "application/json")
        .header("set-cookie", "stripped=1")
        .body(())
        .unwrap()
        .into_parts();
    let mut body = BODY.to_vec();
    let authority = request.headers()["host"].to_str().unwrap();
    if let Some(signer) = signer {
        signer
            .sign_answer(
                &view(authority, request.headers()),
                &mut head,
                &body,
                1_800_000_000,
            )
            .unwrap();
    }
    change(&mut head, &mut body);
    Response::from_parts(head, Full::new(body.into()))
}

/// Sends one payment to a backend that signs with `signer`, of which the gateway knows `known`.
async fn pay(
    signer: Option<AnswerSigner>,
    known: &AnswerSigner,
    change: Change,
    payment: Payment,
) -> Result<Answer, SendError> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let authority = format!("127.0.0.1:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let service = service_fn(|request: Request<Incoming>| {
            let made = answer(signer.as_ref(), &request, change);
            async move {
                request.into_body().collect().await.unwrap();
                Ok::<_, Infallible>(made)
            }
        });
        http1::Builder::new()
            .serve_connection(TokioIo::new(socket), service)
            .await
    });
    let url = format!("http://{authority}");
    let upstream = UpstreamSettings {
        answer_keys: Some(vec![known.jwk()]),
        ..settings(&[&url])
    };
    let clusters = Clusters::new(vec![upstream], Metrics::default()).unwrap();
    let request = countersigned(&authority, "0123456789abcdefghijkl");
    send(&clusters, Payment { request, ..payment }).await
}

fn must_be_signed() -> Payment {
    Payment {
        answer_must_be_signed: true,
        ..Payment::default()
    }
}

const UNCHANGED: Change = |_, _| {};

#[tokio::test]
async fn the_backends_own_answer_passes_and_loses_what_no_backend_may_say() {
    let answer = pay(Some(signer()), &signer(), UNCHANGED, must_be_signed())
        .await
        .unwrap();
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (201, BODY));
    assert!(!answer.headers.contains_key("set-cookie"));
}

#[tokio::test]
async fn an_answer_that_anybody_could_have_given_is_no_answer() {
    let changes: [(&str, Change); 6] = [
        ("another status", |head, _| head.status = http::StatusCode::OK),
        ("another body", |_, body| {
            *body = br#"{"status":"rejected"}"#.to_vec()
        }),
        ("another type", |head, _| {
            head.headers.insert("content-type", "text/html".parse().unwrap());
        }),
        ("no signature", |head, _| {
            head.headers.remove("signature");
        }),
        ("no digest", |head, _| {
            head.headers.remove("content-digest");
        }),
        ("a type that is not covered", |head, _| {
            head.headers.append("content-type", "text/html".parse().unwrap());
        }),
    ];
    for (what, change) in changes {
        let outcome = pay(Some(signer()), &signer(), change, must_be_signed()).await;
        assert!(
            matches!(outcome, Err(SendError::Unproven(_))),
            "{what}: {outcome:?}"
        );
    }
    let impostor = AnswerSigner::new("bank-1", key());
    let stranger = AnswerSigner::new("bank-2", key());
    for (what, made_by) in [
        ("not signed", None),
        ("by another key of that name", Some(impostor)),
        ("by an unknown key", Some(stranger)),
    ] {
        let outcome = pay(made_by, &signer(), UNCHANGED, must_be_signed()).await;
        let Err(error @ SendError::Unproven(_)) = outcome else {
            panic!("{what}: {outcome:?}");
        };
        assert!(error.may_have_been_sent(), "whoever answered has the request");
    }
}

/// An answer to another request, by the same backend and just as well signed.
#[tokio::test]
async fn the_answer_to_another_request_is_not_the_answer_to_this_one() {
    let replay: Change = |head, body| {
        let other = countersigned("127.0.0.1:1", "another-nonce-of-22-chars");
        head.headers.remove("signature");
        head.headers.remove("signature-input");
        signer()
            .sign_answer(&view("127.0.0.1:1", other.headers()), head, body, 1_800_000_000)
            .unwrap();
    };
    let outcome = pay(Some(signer()), &signer(), replay, must_be_signed()).await;
    assert!(matches!(outcome, Err(SendError::Unproven(_))), "{outcome:?}");
}

#[tokio::test]
async fn what_is_too_large_to_be_proven_is_unproven() {
    let small = Payment {
        answer_limit: 4,
        ..must_be_signed()
    };
    let outcome = pay(Some(signer()), &signer(), UNCHANGED, small).await;
    assert!(matches!(outcome, Err(SendError::Unproven(_))), "{outcome:?}");
}

#[tokio::test]
async fn where_answers_need_no_signature_none_is_asked_for() {
    let known = AnswerSigner::new("bank-1", key());
    let answer = pay(None, &known, UNCHANGED, Payment::default()).await.unwrap();
    assert_eq!(answer.status.as_u16(), 201);
}
