//! A backend that is down, slow, cut off in the middle, or answers garbage: each has its name, and whether a byte of the
//! request has left is never guessed.

use std::time::Duration;

use countersign::telemetry::Metrics;
use countersign::upstream::{Clusters, SendError, UpstreamLimits, UpstreamSettings, send};
use tokio::io::AsyncWriteExt as _;

use super::backend::{Backend, Payment, clusters, nobody, pay, read_request, settings};

/// Long enough for a slow machine to send a request, and short enough to wait for.
const SHORT: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_backend_that_is_down_gets_nothing() {
    let error = pay(&nobody().await).await.unwrap_err();
    assert!(
        matches!(&error, SendError::Unsent(cause) if cause.contains("refused")),
        "{error:?}"
    );
    assert!(!error.may_have_been_sent());
}

#[tokio::test]
async fn a_backend_that_hangs_up_after_the_request_has_cut_it() {
    let backend = Backend::answering_once(b"").await;
    let error = pay(&backend.url).await.unwrap_err();
    assert!(
        matches!(error, SendError::Cut(_)) && error.may_have_been_sent(),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_backend_that_hangs_up_within_its_answer_has_cut_it() {
    for answer in [
        &b"HTTP/1.1 200 OK\r\ncontent-le"[..],
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ] {
        let backend = Backend::answering_once(answer).await;
        let error = pay(&backend.url).await.unwrap_err();
        assert!(matches!(error, SendError::Cut(_)), "{error:?}");
    }
}

#[tokio::test]
async fn what_is_not_http_is_garbage() {
    for answer in [
        &b"SSH-2.0-OpenSSH_9.2\r\n"[..],
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5, 7\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhalf\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    ] {
        let backend = Backend::answering_once(answer).await;
        let error = pay(&backend.url).await.unwrap_err();
        let text = String::from_utf8_lossy(answer);
        assert!(matches!(error, SendError::Garbage(_)), "{text}: {error:?}");
        assert!(error.may_have_been_sent());
    }
}

#[tokio::test]
async fn a_slow_backend_times_out_with_the_request_sent() {
    for begun in ["", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"] {
        let backend = Backend::start(move |mut socket| async move {
            read_request(&mut socket).await.unwrap();
            socket.write_all(begun.as_bytes()).await.unwrap();
            // The connection stays open until the gateway closes it.
            read_request(&mut socket).await;
        })
        .await;
        let payment = Payment {
            deadline: SHORT,
            ..Payment::default()
        };
        let error = send(&clusters(&[&backend.url]), payment).await.unwrap_err();
        assert!(matches!(error, SendError::Timeout { sent: true }), "{error:?}");
    }
}

/// A TLS server that never answers the handshake: time passes, but nothing of the request has left.
#[tokio::test]
async fn a_handshake_that_hangs_times_out_with_nothing_sent() {
    let backend = Backend::start(|mut socket| async move {
        read_request(&mut socket).await;
    })
    .await;
    let authority = super::certificates::Authority::new("backend authority");
    let url = backend.url.replace("http://", "https://");
    let with = |connect| {
        let settings = UpstreamSettings {
            authorities: Some(vec![authority.der()]),
            limits: UpstreamLimits {
                connect,
                ..UpstreamLimits::default()
            },
            ..settings(&[&url])
        };
        Clusters::new(vec![settings], Metrics::default()).unwrap()
    };
    let payment = || Payment {
        deadline: SHORT,
        ..Payment::default()
    };
    let error = send(&with(Duration::from_secs(60)), payment()).await.unwrap_err();
    assert!(
        matches!(error, SendError::Timeout { sent: false }) && !error.may_have_been_sent(),
        "{error:?}"
    );
    let error = send(&with(SHORT / 4), Payment::default()).await.unwrap_err();
    assert!(
        matches!(&error, SendError::Unsent(cause) if cause.contains("no connection within")),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_request_that_waits_for_room_until_its_deadline_was_not_sent() {
    let backend = Backend::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let settings = UpstreamSettings {
        limits: UpstreamLimits {
            requests: 0,
            ..UpstreamLimits::default()
        },
        ..settings(&[&backend.url])
    };
    let clusters = Clusters::new(vec![settings], Metrics::default()).unwrap();
    let payment = Payment {
        deadline: SHORT,
        ..Payment::default()
    };
    let error = send(&clusters, payment).await.unwrap_err();
    assert!(matches!(error, SendError::Timeout { sent: false }), "{error:?}");
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_known_by_its_digest() {
    let body = "a".repeat(2000);
    for framed in [
        format!("content-length: 2000\r\n\r\n{body}"),
        format!("transfer-encoding: chunked\r\n\r\n7d0\r\n{body}\r\n0\r\n\r\n"),
    ] {
        let answer = format!("HTTP/1.1 201 Created\r\n{framed}");
        let backend = Backend::start(move |mut socket| {
            let answer = answer.clone();
            async move {
                read_request(&mut socket).await.unwrap();
                socket.write_all(answer.as_bytes()).await.unwrap();
            }
        })
        .await;
        let error = pay(&backend.url).await.unwrap_err();
        let expected = countersign_jose::sha256("a".repeat(2000).as_bytes());
        let SendError::TooLarge { status, digest } = error else {
            panic!("{error:?}");
        };
        assert_eq!((status.as_u16(), digest), (201, Some(expected)));
    }
}

#[tokio::test]
async fn an_answer_that_is_too_large_and_never_ends_is_given_up() {
    let backend = Backend::start(|mut socket| async move {
        read_request(&mut socket).await.unwrap();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: 9000\r\n\r\n{}",
            "a".repeat(2000)
        );
        socket.write_all(answer.as_bytes()).await.unwrap();
        read_request(&mut socket).await;
    })
    .await;
    let payment = Payment {
        deadline: SHORT,
        ..Payment::default()
    };
    let error = send(&clusters(&[&backend.url]), payment).await.unwrap_err();
    assert!(
        matches!(error, SendError::TooLarge { digest: None, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let backend = Backend::start(|mut socket| async move {
        read_request(&mut socket).await.unwrap();
        let answer = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "a".repeat(64 * 1024));
        let _ = socket.write_all(answer.as_bytes()).await;
        read_request(&mut socket).await;
    })
    .await;
    let error = pay(&backend.url).await.unwrap_err();
    assert!(matches!(error, SendError::HeadersTooLarge), "{error:?}");
}

#[tokio::test]
async fn an_unknown_upstream_gets_nothing() {
    let clusters = Clusters::new(Vec::new(), Metrics::default()).unwrap();
    let error = send(&clusters, Payment::default()).await.unwrap_err();
    assert!(matches!(error, SendError::Unsent(_)), "{error:?}");
}
