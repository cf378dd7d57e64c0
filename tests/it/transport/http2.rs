//! HTTP/2 at the doors, frame by frame: what is not whole in time, answers that are not taken, a drain, and clients so busy
//! that they could be taken for a flood.

use std::time::Duration;

use bytes::Bytes;
use countersign::base::Door;
use countersign::edge::{ClientAuthentication, Limits};
use countersign_framing::http2::bounds::{self, Allowance};
use countersign_framing::http2::{Counted, Refusal};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use tokio::task::JoinSet;

use super::client::{Client, Sender};
use super::gateway::{Opened, open, public};
use crate::support::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, Frames, GOAWAY, HEADERS, PREFACE,
    SETTINGS, WINDOW_UPDATE, block, frame, request,
};

/// SETTINGS_INITIAL_WINDOW_SIZE (RFC 9113, section 6.5.2).
const INITIAL_WINDOW_SIZE: u16 = 4;

fn door(limits: Limits) -> Opened {
    open(Door::Public, &ClientAuthentication::None, limits)
}

async fn silent(opened: &Opened) -> Frames {
    let client = Client::new(&opened.authority, None, &["h2"]);
    Frames::over(client.connect(opened.address, "localhost").await.unwrap())
}

fn ask(stream: u32, path: &str) -> Vec<u8> {
    let fields = block(&request("GET", path, "localhost"));
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &fields)
}

fn refused(opened: &Opened, reason: &str) -> bool {
    let line = format!("countersign_http2_refused_total{{reason=\"{reason}\"}} ");
    opened.metrics.render().contains(&line)
}

/// H2-04
#[tokio::test]
async fn what_is_not_whole_in_time_ends_the_connection() {
    let settings = frame(SETTINGS, 0, 0, &[]);
    let begun = [PREFACE, &settings].concat();
    for (name, bytes) in [
        ("nothing at all", vec![]),
        ("half a preface", PREFACE[..10].to_vec()),
        ("half a head", [&begun[..], &settings[..4]].concat()),
        ("half a frame", [&begun[..], &ask(1, "/")[..20]].concat()),
        (
            "a block without end",
            [&begun[..], &frame(HEADERS, END_STREAM, 1, &[0x82])].concat(),
        ),
        (
            "a block that goes on",
            [
                &begun[..],
                &frame(HEADERS, END_STREAM, 1, &[0x82]),
                &frame(CONTINUATION, 0, 1, &[0x84]),
            ]
            .concat(),
        ),
    ] {
        let opened = door(Limits {
            head: Duration::from_millis(20),
            ..Limits::default()
        });
        let mut frames = silent(&opened).await;
        frames.send(&bytes).await;
        assert_eq!(frames.ending().await, Some(ENHANCE_YOUR_CALM), "{name}");
        assert!(refused(&opened, "slow"), "{name}");
        assert!(opened.behind.seen.lock().unwrap().is_empty());
    }
}

/// H2-07: the answer to a tiny request is not kept for a client whose window stays shut.
#[tokio::test]
async fn an_answer_that_is_not_taken_ends_the_connection() {
    let opened = door(Limits {
        answer: Duration::from_secs(1),
        ..Limits::default()
    });
    let mut frames = silent(&opened).await.greet(&[(INITIAL_WINDOW_SIZE, 0)]).await;
    frames.send(&ask(1, "/paid")).await;
    assert_eq!(frames.next_on(1).await.unwrap().kind, HEADERS);
    assert_eq!(frames.ending().await, Some(ENHANCE_YOUR_CALM));
    assert!(refused(&opened, "stalled"));
}

/// H2-07: taking it byte by byte, and asking for more meanwhile, does not keep it longer.
#[tokio::test]
async fn an_answer_that_is_taken_byte_by_byte_ends_the_connection() {
    let opened = door(Limits {
        answer: Duration::from_millis(200),
        ..Limits::default()
    });
    let mut frames = silent(&opened).await.greet(&[(INITIAL_WINDOW_SIZE, 0)]).await;
    let path = format!("/{}", "a".repeat(8_000));
    frames.send(&ask(1, &path)).await;
    let mut taken = 0;
    while frames.send(&frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1])).await {
        match frames.next().await {
            Some(frame) if frame.kind == DATA => taken += frame.payload.len(),
            Some(frame) if frame.kind == GOAWAY => break,
            Some(_) => {}
            None => break,
        }
    }
    assert!(taken < 8_000, "{taken}");
    // By its deadline, or on a fast machine by so many updates of its window before.
    assert!(refused(&opened, "stalled") || refused(&opened, "window-updates"));
}

/// H2-08
#[tokio::test]
async fn a_drain_announces_itself_and_finishes_what_runs() {
    let mut opened = public();
    let mut frames = silent(&opened).await.greet(&[]).await;
    frames.send(&ask(1, "/hold")).await;
    assert_eq!(opened.begins().await, "/hold");
    opened.edge.drain().begin();
    let goaway = loop {
        let frame = frames.next().await.unwrap();
        if frame.kind == GOAWAY {
            break frame;
        }
    };
    assert_eq!(goaway.payload[4..8], [0; 4], "NO_ERROR");
    opened.behind.release.notify_one();
    assert_eq!(frames.next_on(1).await.unwrap().kind, HEADERS);
    assert_eq!(frames.next_on(1).await.unwrap().payload, b"/hold");
}

/// H2-08: no push, no CONNECT protocol, and the limits that the gateway keeps are those that it announces.
#[tokio::test]
async fn the_settings_say_what_holds() {
    let opened = public();
    let mut frames = silent(&opened).await;
    frames
        .send(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat())
        .await;
    let settings = frames.next().await.unwrap();
    let mut announced: Vec<(u8, u32)> = settings
        .payload
        .chunks(6)
        .map(|entry| (entry[1], u32::from_be_bytes(entry[2..].try_into().unwrap())))
        .collect();
    announced.sort_unstable();
    // HEADER_TABLE_SIZE, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE.
    let expected = [(1, 4_096), (3, 100), (4, 65_536), (5, 16_384), (6, 49_152)];
    assert_eq!(announced, expected);
}

/// A client that flushes every few bytes is a bad client, and an honest one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_writes_a_few_bytes_at_a_time_is_no_flood() {
    let opened = public();
    let mut frames = silent(&opened).await.greet(&[]).await;
    for stream in (1..9).step_by(2) {
        let fields = block(&request("POST", "/echo", "localhost"));
        assert!(frames.send(&frame(HEADERS, END_HEADERS, stream, &fields)).await);
    }
    // h2 takes about two thousand such pieces that nobody has read yet (RUSTSEC-2026-0258), so these may all wait at once.
    for _ in 0..500 {
        let pieces: Vec<u8> = (1..9)
            .step_by(2)
            .flat_map(|stream| frame(DATA, 0, stream, b"a few bytes"))
            .collect();
        assert!(frames.send(&pieces).await);
    }
    for stream in (1..9).step_by(2) {
        assert!(frames.send(&frame(DATA, END_STREAM, stream, &[])).await);
    }
    let mut answered = 0;
    while answered < 4 {
        let frame = frames.next().await.unwrap();
        assert_ne!(frame.kind, GOAWAY);
        answered += usize::from(frame.kind == HEADERS);
    }
    assert!(
        !opened
            .metrics
            .render()
            .contains("countersign_http2_refused_total{")
    );
}

/// What operators read is what holds.
#[test]
fn every_reason_stands_in_the_table_with_its_numbers() {
    let counted = [
        (Counted::Resets, bounds::RESETS),
        (Counted::OwnResets, bounds::OWN_RESETS),
        (Counted::Settings, bounds::SETTINGS),
        (Counted::Pings, bounds::PINGS),
        (Counted::Priorities, bounds::PRIORITIES),
        (Counted::WindowUpdates, bounds::WINDOW_UPDATES),
        (Counted::EmptyData, bounds::EMPTY_DATA),
        (Counted::TinyData, bounds::TINY_DATA),
        (Counted::Trailers, bounds::TRAILERS),
        (Counted::Unknown, bounds::UNKNOWN),
        (Counted::Goaways, bounds::GOAWAYS),
    ];
    let table = include_str!("../../../docs/operations.md");
    for (counted, Allowance { burst, per_second }) in counted {
        let reason = Refusal::Flood(counted).reason();
        let row = table
            .lines()
            .find(|line| line.starts_with(&format!("| `{reason}`:")))
            .unwrap();
        assert!(row.contains(&format!(" | {burst} | {per_second} |")), "{row}");
    }
    for counted in Counted::ALL {
        let reason = Refusal::Flood(counted).reason();
        assert!(table.contains(&format!("`{reason}`")), "{reason}");
    }
}

/// Issue 4: however busy, an honest client is never taken for a flood. hyper's client speaks through h2, as fast as it can.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_client_is_no_flood() {
    let opened = public();
    let client = Client::new(&opened.authority, None, &["h2"]);
    let conversation = client.open(opened.address).await.unwrap();
    let Sender::Two(sender) = conversation.sender else {
        panic!("HTTP/2 was negotiated");
    };
    let mut clients = JoinSet::new();
    for n in 0..100_usize {
        let mut sender = sender.clone();
        clients.spawn(async move {
            for round in 0..4_usize {
                // Some are large, some are a few bytes; their pieces fill the windows as they happen to fall.
                let body = Bytes::from(vec![b'x'; if (n + round) % 4 == 0 { 200_000 } else { 17 * n }]);
                let request = Request::post("https://localhost/echo")
                    .body(Full::new(body.clone()))
                    .unwrap();
                sender.ready().await.unwrap();
                let asked = sender.send_request(request);
                if (n + round) % 7 == 3 {
                    // An app that has lost its patience.
                    drop(asked);
                    continue;
                }
                let answer = asked.await.unwrap();
                assert_eq!(answer.status(), StatusCode::OK);
                assert!(answer.into_body().collect().await.unwrap().to_bytes() == body);
            }
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
    let metrics = opened.metrics.render();
    assert!(!metrics.contains("countersign_http2_refused_total{"), "{metrics}");
}
