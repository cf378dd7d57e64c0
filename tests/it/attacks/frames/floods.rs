//! Floods of frames: the connection ends by name, an honest client beside it does not notice, and the gateway does not grow.

use crate::support::Besieged;
use crate::support::frames::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, Frames, GOAWAY, HEADERS, PING,
    PRIORITY, RST_STREAM, SETTINGS, WINDOW_UPDATE, block, frame, request,
};

/// Frames of each flood: many times what any bound allows, and still sent within a second or two.
const FRAMES: u32 = 20_000;
/// Connections that flood at the same time.
const CONNECTIONS: usize = 4;

/// A kind of flood: its word in the metrics, and the frames it repeats.
struct Flood {
    reason: &'static str,
    make: fn(u32) -> Vec<u8>,
}

/// A request for `path` on a stream of its own, with these flags.
fn ask(stream: u32, path: &str, flags: u8) -> Vec<u8> {
    frame(HEADERS, flags, stream, &block(&request("GET", path, "localhost")))
}

const FLOODS: [Flood; 11] = [
    // Requests that are reset in the same breath: h2 counts those it has not given to hyper yet, and is stricter.
    Flood {
        reason: "parser-flood",
        make: |n| {
            let stream = 3 + 2 * n;
            let mut bytes = ask(stream, "/rates/eur", END_HEADERS | END_STREAM);
            bytes.extend(frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]));
            bytes
        },
    },
    Flood {
        reason: "resets",
        make: |_| frame(RST_STREAM, 0, 1, &[0, 0, 0, 8]),
    },
    Flood {
        reason: "settings",
        make: |n| frame(SETTINGS, 0, 0, &[&[0, 4][..], &n.to_be_bytes()].concat()),
    },
    Flood {
        reason: "pings",
        make: |_| frame(PING, 0, 0, &[0; 8]),
    },
    Flood {
        reason: "acknowledgement",
        make: |_| frame(PING, ACK, 0, &[0; 8]),
    },
    Flood {
        reason: "priorities",
        make: |n| frame(PRIORITY, 0, 3 + 2 * n, &[0, 0, 0, 0, 9]),
    },
    Flood {
        reason: "window-updates",
        make: |_| frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]),
    },
    Flood {
        reason: "empty-data",
        make: |_| frame(DATA, 0, 1, &[]),
    },
    Flood {
        reason: "continuations",
        make: |n| match n {
            0 => frame(HEADERS, 0, 3, &[]),
            _ => frame(CONTINUATION, 0, 3, &[]),
        },
    },
    Flood {
        reason: "unknown-frames",
        make: |_| frame(0xee, 0, 0, &[0; 64]),
    },
    Flood {
        reason: "goaways",
        make: |_| frame(GOAWAY, 0, 0, &[0; 8]),
    },
];

/// H2-03, H2-04, H2-06, H2-08
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_of_frames_end_their_connection_and_nobody_elses() {
    let besieged = Besieged::start(&[]).await;
    for Flood { reason, make } in FLOODS {
        let wire = besieged.public();
        let endings = besieged
            .endures(async move {
                let mut floods = tokio::task::JoinSet::new();
                for _ in 0..CONNECTIONS {
                    let wire = wire.clone();
                    floods.spawn(async move {
                        let mut frames = Frames::open(&wire).await;
                        // A body that has begun, for floods that need a stream.
                        frames.send(&ask(1, "/rates/eur", END_HEADERS)).await;
                        frames.flood(FRAMES, make).await;
                        frames.ending().await
                    });
                }
                floods.join_all().await
            })
            .await;
        for ending in endings {
            // Bytes that nobody reads any more can overtake the farewell.
            assert!(
                ending.is_none_or(|code| code == ENHANCE_YOUR_CALM || reason == "acknowledgement"),
                "{reason}"
            );
        }
        let metrics = besieged.metrics().await;
        let line = format!("countersign_http2_refused_total{{reason=\"{reason}\"}} {CONNECTIONS}");
        assert!(metrics.contains(&line), "{line}\n{metrics}");
    }
}
