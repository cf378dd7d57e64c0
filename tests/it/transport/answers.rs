//! Backends that do not answer as they should: what they send is framed as strictly as what clients send, what they say
//! unasked is nobody's answer, and none of it harms another request.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use countersign::telemetry::Metrics;
use countersign::upstream::{Clusters, SendError, UpstreamLimits, UpstreamSettings, send};
use http::{Method, Request};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::backend::{Backend, Payment, clusters, pay, read_request, settings};

const GOOD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ngood";

/// A backend that answers the first request of its first connection with `first`, and then everything as it should.
async fn spoilt_once(first: impl Into<Vec<u8>>) -> Backend {
    let first = Arc::new(first.into());
    let connections = AtomicUsize::new(0);
    Backend::start(move |mut socket| {
        let is_first = connections.fetch_add(1, Ordering::SeqCst) == 0;
        let first = Arc::clone(&first);
        async move {
            let mut spoilt = is_first.then_some(first);
            while read_request(&mut socket).await.is_some() {
                let answer = spoilt.take();
                let bytes = answer.as_ref().map_or(GOOD, |first| first.as_slice());
                // The gateway may have heard enough before all was written.
                if socket.write_all(bytes).await.is_err() {
                    return;
                }
            }
        }
    })
    .await
}

/// The answer is refused, and the next request gets its own over another connection.
async fn is_refused(answer: impl Into<Vec<u8>>) -> SendError {
    let backend = spoilt_once(answer).await;
    let clusters = clusters(&[&backend.url]);
    let error = send(&clusters, Payment::default()).await.unwrap_err();
    assert!(error.may_have_been_sent(), "{error:?}");
    assert_eq!(send(&clusters, Payment::default()).await.unwrap().body, "good");
    assert_eq!(backend.accepted.load(Ordering::SeqCst), 2);
    error
}

/// HTTP-01, HTTP-02, HTTP-03, HTTP-05, HTTP-06, read for answers.
#[tokio::test]
async fn an_answer_that_could_be_framed_in_two_ways_is_no_answer() {
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 4\r\ncontent-length: 4\r\n\r\ngood",
        "HTTP/1.1 200 OK\r\ncontent-length: 4, 4\r\n\r\ngood",
        "HTTP/1.1 200 OK\r\ncontent-length: +4\r\n\r\ngood",
        "HTTP/1.1 200 OK\r\ncontent-length: 0x4\r\n\r\ngood",
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\ngood",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: identity\r\n\r\ngood",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length : 4\r\n\r\ngood",
        "HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 4\r\n\r\ngood",
        "HTTP/1.1 200 OK\ncontent-length: 4\n\ngood",
        "HTTP/1.1 200 OK\r\nx: a\rb\r\ncontent-length: 4\r\n\r\ngood",
        "HTTP/1.1 200 OK\r\nx: a\0b\r\ncontent-length: 4\r\n\r\ngood",
        "HTTP/1.1 200 OK\r\ncontent_length: 4\r\ncontent-length: 2\r\n\r\ngood",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4;a=b\r\ngood\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\ngood\n0\n\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\ngoodbye\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-4\r\ngood\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\ngood\r\n0\r\ncontent-length: 4\r\n\r\n",
        "HTTP/2 200 OK\r\ncontent-length: 4\r\n\r\ngood",
        "HTTP/1.1 20 OK\r\ncontent-length: 4\r\n\r\ngood",
        "ICY 200 OK\r\ncontent-length: 4\r\n\r\ngood",
        "\r\nHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ngood",
        "<html>good</html>\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n",
        "HTTP/1.1 204 No Content\r\ncontent-length: 4\r\n\r\ngood",
    ] {
        let error = is_refused(answer).await;
        assert!(matches!(error, SendError::Garbage(_)), "{answer:?}: {error:?}");
    }
}

/// Without a length its end would be the end of the connection, and nobody could tell a whole answer from half of one.
#[tokio::test]
async fn an_answer_without_a_length_is_no_answer() {
    let backend = Backend::answering_once(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\ngood").await;
    let error = pay(&backend.url).await.unwrap_err();
    assert!(matches!(error, SendError::Garbage(_)), "{error:?}");
}

/// Interim answers are passed over, but not for ever.
#[tokio::test]
async fn a_flood_of_interim_answers_is_no_answer() {
    let hints = |count| "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(count);
    let good = String::from_utf8_lossy(GOOD);
    let backend = spoilt_once(hints(8) + &good).await;
    assert_eq!(pay(&backend.url).await.unwrap().body, "good");
    let error = is_refused(hints(9) + &good).await;
    assert!(matches!(error, SendError::Garbage(_)), "{error:?}");
    let error = is_refused(hints(100_000)).await;
    assert!(matches!(error, SendError::Garbage(_)), "{error:?}");
}

/// HTTP-11, read for answers.
#[tokio::test]
async fn a_head_with_too_much_in_it_is_too_large() {
    let mut thousand = String::from("HTTP/1.1 200 OK\r\n");
    for number in 0..1000 {
        write!(thousand, "x-{number}: 1\r\n").unwrap();
    }
    let endless = format!("HTTP/1.1 200 OK\r\nx: {}", "a".repeat(1 << 20));
    let names = format!("HTTP/1.1 200 OK\r\n{}: 1\r\n\r\n", "a".repeat(1 << 16));
    for head in [thousand + "\r\n", endless, names] {
        let error = is_refused(head).await;
        assert!(matches!(error, SendError::HeadersTooLarge), "{error:?}");
    }
}

/// HTTP-06: trailers never become headers.
#[tokio::test]
async fn trailers_of_an_answer_stay_behind() {
    let backend = Backend::answering(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-late\r\n\r\n4\r\ngood\r\n0\r\nx-late: 1\r\n\r\n",
    )
    .await;
    let clusters = clusters(&[&backend.url]);
    for _ in 0..2 {
        let answer = send(&clusters, Payment::default()).await.unwrap();
        assert_eq!(answer.body, "good");
        assert!(answer.headers.is_empty(), "{:?}", answer.headers);
    }
    assert_eq!(backend.accepted.load(Ordering::SeqCst), 1);
}

/// How the bytes are cut into pieces on the way makes no difference.
#[tokio::test]
async fn an_answer_byte_by_byte_is_the_same_answer() {
    let text = "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\netag: \"1\"\r\ntransfer-encoding: chunked\r\n\r\n\
                2\r\ngo\r\n2\r\nod\r\n0\r\n\r\n";
    let backend = Backend::start(move |mut socket| async move {
        socket.set_nodelay(true).unwrap();
        while read_request(&mut socket).await.is_some() {
            for byte in text.bytes() {
                socket.write_all(&[byte]).await.unwrap();
                tokio::task::yield_now().await;
            }
        }
    })
    .await;
    let clusters = clusters(&[&backend.url]);
    for _ in 0..2 {
        let answer = send(&clusters, Payment::default()).await.unwrap();
        assert_eq!((answer.body, answer.headers.len()), ("good".into(), 1));
    }
    assert_eq!(backend.accepted.load(Ordering::SeqCst), 1);
}

/// HTTP-08, read for answers: what follows an answer in one piece with it is not the answer to the next request.
#[tokio::test]
async fn bytes_behind_an_answer_are_nobodys_answer() {
    let forged = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged";
    for first in [
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfirst",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n0\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\ncontent-length: 50\r\n\r\n",
    ] {
        for behind in [forged, "H", "\r\n", "garbage"] {
            let backend = spoilt_once(format!("{first}{behind}")).await;
            let clusters = clusters(&[&backend.url]);
            send(&clusters, Payment::default()).await.unwrap();
            assert_eq!(send(&clusters, Payment::default()).await.unwrap().body, "good");
            assert_eq!(backend.accepted.load(Ordering::SeqCst), 2, "{first:?} {behind:?}");
        }
    }
}

/// An answer to HEAD has no body; one that comes all the same is not the next answer.
#[tokio::test]
async fn a_body_behind_an_answer_to_head_is_nobodys_answer() {
    let backend = spoilt_once("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil").await;
    let clusters = clusters(&[&backend.url]);
    let head = Payment {
        request: Request::builder()
            .method(Method::HEAD)
            .uri("/")
            .body(bytes::Bytes::new())
            .unwrap(),
        ..Payment::default()
    };
    assert!(send(&clusters, head).await.unwrap().body.is_empty());
    assert_eq!(send(&clusters, Payment::default()).await.unwrap().body, "good");
    assert_eq!(backend.accepted.load(Ordering::SeqCst), 2);
}

/// A backend that speaks on a connection that stands idle has spoken to nobody.
#[tokio::test]
async fn what_comes_over_an_idle_connection_is_nobodys_answer() {
    let (answered, spoke) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let connections = AtomicUsize::new(0);
    let heard = (Arc::clone(&answered), Arc::clone(&spoke));
    let backend = Backend::start(move |mut socket: TcpStream| {
        let is_first = connections.fetch_add(1, Ordering::SeqCst) == 0;
        let (answered, spoke) = heard.clone();
        async move {
            while read_request(&mut socket).await.is_some() {
                socket.write_all(GOOD).await.unwrap();
                if is_first {
                    answered.notified().await;
                    let forged = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged";
                    socket.write_all(forged).await.unwrap();
                    spoke.notify_one();
                }
            }
        }
    })
    .await;
    let clusters = clusters(&[&backend.url]);
    send(&clusters, Payment::default()).await.unwrap();
    answered.notify_one();
    spoke.notified().await;
    // The bytes are in the kernel; this runtime looks there every 61 turns at the latest.
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    assert_eq!(send(&clusters, Payment::default()).await.unwrap().body, "good");
    assert_eq!(backend.accepted.load(Ordering::SeqCst), 2);
}

/// A head that comes a byte at a time has no longer than the whole answer.
#[tokio::test]
async fn an_answer_that_never_becomes_whole_ends_at_its_deadline() {
    for drip in [&b"x: 1\r\n"[..], b"HTTP/1.1 103 Early Hints"] {
        let backend = Backend::start(move |mut socket| async move {
            read_request(&mut socket).await.unwrap();
            let _ = socket.write_all(b"HTTP/1.1 200 OK\r\n").await;
            for byte in drip.iter().cycle() {
                if socket.write_all(&[*byte]).await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        let payment = Payment {
            deadline: Duration::from_secs(1),
            ..Payment::default()
        };
        let error = send(&clusters(&[&backend.url]), payment).await.unwrap_err();
        assert!(matches!(error, SendError::Timeout { sent: true }), "{error:?}");
    }
}

/// A backend that floods is read as far as its route allows, then by its digest for a while, and no further.
#[tokio::test]
async fn an_answer_without_end_is_given_up() {
    let backend = Backend::start(|mut socket| async move {
        read_request(&mut socket).await.unwrap();
        let chunk = format!("10000\r\n{}\r\n", "a".repeat(0x1_0000));
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let mut written = socket.write_all(head.as_bytes()).await;
        while written.is_ok() {
            written = socket.write_all(chunk.as_bytes()).await;
        }
    })
    .await;
    let payment = Payment {
        deadline: Duration::from_secs(1),
        ..Payment::default()
    };
    let error = send(&clusters(&[&backend.url]), payment).await.unwrap_err();
    assert!(
        matches!(error, SendError::TooLarge { digest: None, .. }),
        "{error:?}"
    );
}

/// An answer that takes room of its own is the same answer.
#[tokio::test]
async fn a_long_answer_is_read_whole() {
    let body: String = (0..60_000).map(|number| format!("{number:06}")).collect();
    let chunks: String = body
        .as_bytes()
        .chunks(9999)
        .map(|chunk| format!("{:x}\r\n{}\r\n", chunk.len(), std::str::from_utf8(chunk).unwrap()))
        .collect();
    for framed in [
        format!("content-length: {}\r\n\r\n{body}", body.len()),
        format!("transfer-encoding: chunked\r\n\r\n{chunks}0\r\n\r\n"),
    ] {
        let backend = spoilt_once(format!("HTTP/1.1 200 OK\r\n{framed}")).await;
        let payment = Payment {
            answer_limit: body.len(),
            ..Payment::default()
        };
        let answer = send(&clusters(&[&backend.url]), payment).await.unwrap();
        assert!(answer.body == body, "{} bytes", answer.body.len());
    }
}

/// A replica that lies is passed over; the honest one takes everything and stays in.
#[tokio::test]
async fn a_replica_that_lies_takes_no_other_out() {
    let liar = Backend::answering("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx").await;
    let honest = Backend::answering("HTTP/1.1 204 No Content\r\n\r\n").await;
    let clusters = clusters(&[&liar.url, &honest.url]);
    let mut lies = 0;
    for _ in 0..20 {
        match send(&clusters, Payment::default()).await {
            Ok(answer) => assert_eq!(answer.status.as_u16(), 204),
            Err(error) => {
                assert!(matches!(error, SendError::Garbage(_)), "{error:?}");
                lies += 1;
            }
        }
    }
    assert!(lies <= 4, "{lies} requests went to the liar");
}

/// A backend that stalls holds what it may hold; who comes then is told at once, and other backends do not notice.
#[tokio::test]
async fn a_backend_that_stalls_fills_its_own_room_only() {
    let stalled =
        Backend::start(|mut socket| async move { while read_request(&mut socket).await.is_some() {} }).await;
    let good = Backend::answering("HTTP/1.1 204 No Content\r\n\r\n").await;
    let bank = UpstreamSettings {
        limits: UpstreamLimits {
            requests: 2,
            waiting: 1,
            ..UpstreamLimits::default()
        },
        ..settings(&[&stalled.url])
    };
    let merchant = UpstreamSettings {
        name: "merchant".to_owned(),
        ..settings(&[&good.url])
    };
    let clusters = Clusters::new(vec![bank, merchant], Metrics::default()).unwrap();
    let to = |upstream, deadline| Payment {
        upstream,
        deadline: Duration::from_millis(deadline),
        ..Payment::default()
    };
    let (one, two, three, four, other) = tokio::join!(
        send(&clusters, to("bank", 2_000)),
        send(&clusters, to("bank", 2_000)),
        send(&clusters, to("bank", 1_000)),
        send(&clusters, to("bank", 60_000)),
        send(&clusters, to("merchant", 60_000)),
    );
    assert_eq!(other.unwrap().status.as_u16(), 204);
    let full = four.unwrap_err();
    assert!(
        matches!(full, SendError::Full) && !full.may_have_been_sent(),
        "{full:?}"
    );
    assert!(matches!(three.unwrap_err(), SendError::Timeout { sent: false }));
    for stalled in [one, two] {
        assert!(matches!(stalled.unwrap_err(), SendError::Timeout { sent: true }));
    }
}
