//! The tower layer in front of a service.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use countersign_jose::{KeyKind, PrivateKey};
use countersign_verify::{AnswerSigner, Verified, VerifyLayer};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use serde_json::Value;
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::answers::verifies;
use crate::forger::Gateway;

/// Sends one request through `layer` to a service that answers with the customer's name; returns the answer and how
/// often the service was called.
async fn through(layer: VerifyLayer, request: Request<Full<Bytes>>) -> (http::response::Parts, Bytes, usize) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let service = service_fn(move |request: Request<Full<Bytes>>| {
        counted.fetch_add(1, Ordering::SeqCst);
        let subject = request.extensions().get::<Verified>().unwrap().subject.clone();
        async move { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(subject)))) }
    });
    let answer = layer.layer(service).oneshot(request).await.unwrap();
    let (parts, body) = answer.into_parts();
    (
        parts,
        body.collect().await.unwrap().to_bytes(),
        calls.load(Ordering::SeqCst),
    )
}

#[tokio::test]
async fn a_verified_request_reaches_the_service_with_who_sent_it() {
    let gateway = Gateway::new();
    let (parts, body) = gateway.payment().build();
    let request = Request::from_parts(parts, Full::new(body));
    let (answer, body, calls) = through(VerifyLayer::new(gateway.verifier()), request).await;
    assert_eq!(
        (answer.status.as_u16(), &body[..], calls),
        (200, &b"pairwise-alice"[..], 1)
    );
}

#[tokio::test]
async fn a_refused_request_gets_a_problem_and_never_reaches_the_service() {
    let gateway = Gateway::new();
    let (parts, _) = gateway.payment().build();
    let request = Request::from_parts(parts, Full::new(Bytes::from_static(b"{}")));
    let (answer, body, calls) = through(VerifyLayer::new(gateway.verifier()), request).await;
    assert_eq!((answer.status.as_u16(), calls), (400, 0));
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    let problem: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(problem["type"], "urn:countersign:verify:digest-refused");
    assert!(problem["detail"].as_str().unwrap().ends_with('.'));
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_not_buffered() {
    let gateway = Gateway::new();
    let (parts, body) = gateway.payment().build();
    let layer = VerifyLayer::new(gateway.verifier()).body_limit(body.len() - 1);
    let (answer, _, calls) = through(layer, Request::from_parts(parts, Full::new(body))).await;
    assert_eq!((answer.status.as_u16(), calls), (413, 0));
}

#[tokio::test]
async fn a_body_that_is_cut_off_is_refused() {
    let gateway = Gateway::new();
    let (parts, body) = gateway.payment().build();
    let service = service_fn(|_: Request<Full<Bytes>>| async {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::new())))
    });
    let answer = VerifyLayer::new(gateway.verifier())
        .layer(service)
        .oneshot(Request::from_parts(parts, CutOff(Some(body))))
        .await
        .unwrap();
    assert_eq!(answer.status().as_u16(), 400);
}

/// A body that breaks off after its first piece.
struct CutOff(Option<Bytes>);

impl http_body::Body for CutOff {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, std::io::Error>>> {
        let piece = self.0.take().map(http_body::Frame::data);
        Poll::Ready(Some(piece.ok_or_else(|| std::io::Error::other("cut"))))
    }
}

/// FSIG-08
#[tokio::test]
async fn answers_are_signed_where_the_layer_is_told_to() {
    let gateway = Gateway::new();
    let pkcs8 = PrivateKey::generate(KeyKind::Ed25519).unwrap().pkcs8;
    let signer = || {
        AnswerSigner::new(
            "bank-1",
            PrivateKey::from_pkcs8(KeyKind::Ed25519, &pkcs8).unwrap(),
        )
    };
    let (parts, body) = gateway.payment().build();
    let layer = VerifyLayer::new(gateway.verifier()).sign_answers(signer());
    let (answer, _, _) = through(layer, Request::from_parts(parts.clone(), Full::new(body))).await;
    assert!(verifies(&signer(), &parts, &answer));
}
