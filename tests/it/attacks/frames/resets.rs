//! Streams that end early: reset by the client, or by the gateway because the client made it so.

use crate::support::frames::{
    DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, Frames, HEADERS, PRIORITY, PROTOCOL_ERROR, RST_STREAM,
    WINDOW_UPDATE, block, frame, request,
};
use crate::support::{Deed, TestGateway, in_the_end};

/// REFUSED_STREAM (RFC 9113, section 7).
const REFUSED_STREAM: u32 = 7;
/// Requests that may run at once on a connection.
const STREAMS: u32 = 100;

fn ask(stream: u32, authority: &str) -> Vec<u8> {
    frame(
        HEADERS,
        END_HEADERS | END_STREAM,
        stream,
        &block(&request("GET", "/rates/eur", authority)),
    )
}

/// The connection has ended for `reason`, and no more requests than may run at once came to the backend.
async fn ended_by(mut frames: Frames, gateway: &TestGateway, reason: &str) {
    assert!(frames.ending().await.is_none_or(|code| code == ENHANCE_YOUR_CALM));
    refused(gateway, reason, 1).await;
    let came = gateway.backend.count();
    assert!(came <= STREAMS as usize, "{came}");
}

/// Waits until the gateway has counted `count` refusals with this reason.
async fn refused(gateway: &TestGateway, reason: &str, count: u32) {
    let line = format!("countersign_http2_refused_total{{reason=\"{reason}\"}} {count}\n");
    in_the_end(&line, async || gateway.services.metrics.render().contains(&line)).await;
}

/// H2-03: work that was begun is bounded by streams, not by resets; the rest of the flood starts nothing.
#[tokio::test]
async fn a_rapid_reset_starts_no_more_work_than_streams_may_be_open() {
    let gateway = TestGateway::start().await;
    for _ in 0..2 * STREAMS {
        gateway.backend.next(Deed::Never);
    }
    let authority = gateway.authority();
    let mut frames = Frames::open(&gateway.public()).await;
    let flood = move |n: u32| {
        let stream = 1 + 2 * n;
        [
            ask(stream, &authority),
            frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]),
        ]
        .concat()
    };
    frames.flood(5_000, flood).await;
    ended_by(frames, &gateway, "parser-flood").await;
}

/// H2-05: what makes the gateway reset a stream, one way after the other.
#[tokio::test]
async fn frames_that_would_make_the_gateway_reset_end_the_connection_at_once() {
    let gateway = TestGateway::start().await;
    gateway.backend.next(Deed::Hold);
    let authority = gateway.authority();
    let mut held = Frames::open(&gateway.public()).await;
    held.send(&ask(1, &authority)).await;
    gateway.backend.wait_for(1).await;
    // A request that has begun runs to its end, although its client has gone too far.
    held.send(&frame(WINDOW_UPDATE, 0, 1, &[0; 4])).await;
    assert_eq!(held.ending().await, Some(PROTOCOL_ERROR));
    gateway.backend.release();
    for (reason, bytes, code) in [
        (
            "no-increment",
            frame(WINDOW_UPDATE, 0, 0, &[0; 4]),
            PROTOCOL_ERROR,
        ),
        ("length", frame(PRIORITY, 0, 1, &[0; 4]), 6),
        (
            "self-dependency",
            frame(PRIORITY, 0, 1, &[0, 0, 0, 1, 9]),
            PROTOCOL_ERROR,
        ),
        ("trailers", frame(HEADERS, END_HEADERS, 1, &[]), PROTOCOL_ERROR),
        ("stream", frame(DATA, 0, 3, b"x"), PROTOCOL_ERROR),
        ("frame-size", frame(DATA, 0, 1, &[0; 16_385]), 6),
    ] {
        let mut frames = Frames::open(&gateway.public()).await;
        let body = frame(
            HEADERS,
            END_HEADERS,
            1,
            &block(&request("POST", "/rates/eur", &authority)),
        );
        frames.send(&[body, bytes].concat()).await;
        assert_eq!(frames.ending().await, Some(code), "{reason}");
        refused(&gateway, reason, if reason == "no-increment" { 2 } else { 1 }).await;
    }
    assert_eq!(
        gateway.backend.count(),
        1,
        "nothing of the others reached the backend"
    );
}

/// H2-05: resets that only the parser sees are counted as well. A window that overflows is a fault of its stream.
#[tokio::test]
async fn making_the_gateway_reset_streams_is_counted() {
    let gateway = TestGateway::start().await;
    for _ in 0..1_000 {
        gateway.backend.next(Deed::Never);
    }
    let authority = gateway.authority();
    let mut frames = Frames::open(&gateway.public()).await;
    let flood = move |n: u32| {
        let stream = 1 + 2 * n;
        [
            ask(stream, &authority),
            frame(WINDOW_UPDATE, 0, stream, &[0x7f, 0xff, 0xff, 0xff]),
        ]
        .concat()
    };
    for n in 0..2_000 {
        if !frames.send(&flood(n)).await {
            break;
        }
    }
    ended_by(frames, &gateway, "own-resets").await;
}

/// H2-08: streams over the limit are refused one by one, and those within it go on.
#[tokio::test]
async fn streams_over_the_limit_are_refused_and_the_others_go_on() {
    let gateway = TestGateway::start().await;
    for _ in 0..STREAMS {
        gateway.backend.next(Deed::Hold);
    }
    let authority = gateway.authority();
    let mut frames = Frames::open(&gateway.public()).await;
    for n in 0..STREAMS + 5 {
        frames.send(&ask(1 + 2 * n, &authority)).await;
    }
    for n in STREAMS..STREAMS + 5 {
        let refused = frames.next_on(1 + 2 * n).await.unwrap();
        assert_eq!(
            (refused.kind, refused.payload),
            (RST_STREAM, REFUSED_STREAM.to_be_bytes().to_vec())
        );
    }
    gateway.backend.wait_for(STREAMS as usize).await;
    refused(&gateway, "stream-refused", 5).await;
    for _ in 0..STREAMS {
        gateway.backend.release();
        // Each answer is HEADERS and DATA; the next is let go when one has come.
        while frames.next().await.unwrap().flags & END_STREAM == 0 {}
    }
    frames.send(&ask(1 + 2 * (STREAMS + 5), &authority)).await;
    assert_eq!(frames.next_on(1 + 2 * (STREAMS + 5)).await.unwrap().kind, HEADERS);
    assert_eq!(gateway.backend.count(), STREAMS as usize + 1);
}
