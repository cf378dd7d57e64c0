//! A few bytes that stand for many: indexed fields, cookies in crumbs, answers nobody takes (CVE-2026-49975).

use countersign::base::limits::HEADER_COUNT;

use crate::support::frames::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, Frames, HEADERS, PREFACE, SETTINGS,
    block, frame, request,
};
use crate::support::{Besieged, Protocol, TestGateway};

/// A field that is put into the table (RFC 7541, section 6.2.1), of about the table's whole size.
fn large_field() -> Vec<u8> {
    let mut bytes = vec![0x40, 1, b'x', 0x7f];
    // 3900 bytes: an integer of seven bits' prefix.
    bytes.extend([0xbd, 0x1d]);
    bytes.extend([b'a'; 3_900]);
    bytes
}

/// The newest entry of the table, in one byte.
const NEWEST: u8 = 0x80 | 62;

/// HEADERS and CONTINUATION frames of one header block.
fn headers(stream: u32, block: &[u8]) -> Vec<u8> {
    let parts: Vec<_> = block.chunks(16_000).collect();
    let mut bytes = Vec::new();
    for (n, part) in parts.iter().enumerate() {
        let last = if n + 1 == parts.len() { END_HEADERS } else { 0 };
        let (kind, flags) = if n == 0 {
            (HEADERS, END_STREAM | last)
        } else {
            (CONTINUATION, last)
        };
        bytes.extend(frame(kind, flags, stream, part));
    }
    bytes
}

/// A request whose list is `count` times as large as the largest entry of a table.
fn bomb(stream: u32, authority: &str, count: usize) -> Vec<u8> {
    let mut fields = block(&request("GET", "/rates/eur", authority));
    fields.extend(large_field());
    fields.extend(std::iter::repeat_n(NEWEST, count));
    headers(stream, &fields)
}

/// H2-07: a list over the limit is answered by 431 and nothing of it kept, one far over it ends the connection.
#[tokio::test]
async fn a_list_that_grows_when_it_is_unpacked_is_refused() {
    let gateway = TestGateway::start().await;
    let authority = gateway.authority();
    for count in [4, 12, 40] {
        let mut frames = Frames::open(&gateway.public()).await;
        frames.send(&bomb(1, &authority, count)).await;
        let answer = frames.next_on(1).await.unwrap();
        // 431 is not in the static table, 200 is.
        assert_eq!(
            (answer.kind, answer.payload[0] & 0xf0),
            (HEADERS, 0x40),
            "{count}"
        );
    }
    for count in [60, 15_000, 45_000] {
        let mut frames = Frames::open(&gateway.public()).await;
        frames.send(&bomb(1, &authority, count)).await;
        assert_eq!(frames.ending().await, Some(ENHANCE_YOUR_CALM), "{count}");
    }
    assert!(
        gateway
            .services
            .metrics
            .render()
            .contains("{reason=\"parser-flood\"} 3")
    );
    assert_eq!(gateway.backend.count(), 0);
}

/// H2-07: a cookie may come in crumbs (RFC 9113, section 8.2.3), and each of them counts.
#[tokio::test]
async fn each_crumb_of_a_cookie_counts() {
    let gateway = TestGateway::start().await;
    let authority = gateway.authority();
    for (count, status) in [(HEADER_COUNT, 0x88), (HEADER_COUNT + 1, 0x48)] {
        let mut fields = block(&request("GET", "/rates/eur", &authority));
        // `cookie: a=1`, put into the table by the first, one byte each for the others.
        fields.extend(*b"\x40\x06cookie\x03a=1");
        fields.extend(std::iter::repeat_n(NEWEST, count - 1));
        let mut frames = Frames::open(&gateway.public()).await;
        frames.send(&headers(1, &fields)).await;
        assert_eq!(frames.next_on(1).await.unwrap().payload[0], status, "{count}");
    }
    assert_eq!(gateway.backend.count(), 1);
}

/// H2-07: bombs of every size and windows that stay shut, on many connections at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bombs_and_stalled_windows_cost_next_to_nothing() {
    let besieged = Besieged::start(&[]).await;
    let (wire, authority) = (
        besieged.public(),
        format!("localhost:{}", besieged.home.public_port()),
    );
    let held = besieged
        .endures(async move {
            let mut held = Vec::new();
            for _ in 0..20 {
                // INITIAL_WINDOW_SIZE 0: nothing of any answer can be sent.
                let stream = wire.connect(Protocol::Http2).await.unwrap();
                let mut frames = Frames::over(stream).greet(&[(4, 0)]).await;
                for n in 0..40 {
                    let mut fields = block(&request(
                        "GET",
                        "/.well-known/oauth-authorization-server",
                        &authority,
                    ));
                    fields.extend(block(&[("x-a", &[b'a'; 8_000])]));
                    frames.send(&headers(1 + 4 * n, &fields)).await;
                    frames.send(&bomb(3 + 4 * n, &authority, 40)).await;
                }
                held.push(frames);
                let mut frames = Frames::open(&wire).await;
                for n in 0..100 {
                    if !frames.send(&bomb(1 + 2 * n, &authority, 15_000)).await {
                        break;
                    }
                }
            }
            held
        })
        .await;
    drop(held);
    assert_eq!(besieged.backend.count(), 0);
}

/// H2-07: a few bytes of a body keep no more memory than they are, whatever the client sends around them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_few_bytes_among_many_keep_nothing_else_in_memory() {
    let besieged = Besieged::start(&[]).await;
    let (wire, authority) = (
        besieged.public(),
        format!("localhost:{}", besieged.home.public_port()),
    );
    let held = besieged
        .endures(async move {
            let mut held = Vec::new();
            let body = [b'x'; 256];
            // Of a kind that nobody knows, and as large as a frame may be.
            let filler = frame(0xee, 0, 0, &[0; 16_000]);
            for _ in 0..28 {
                let mut frames = Frames::open(&wire).await;
                for n in 0..90 {
                    let mut fields = request("POST", "/rates/eur", &authority);
                    fields.push(("content-length", b"1000"));
                    frames
                        .send(&frame(HEADERS, END_HEADERS, 1 + 2 * n, &block(&fields)))
                        .await;
                    for _ in 0..3 {
                        let pair = [frame(DATA, 0, 1 + 2 * n, &body), filler.clone()].concat();
                        assert!(frames.send(&pair).await);
                    }
                }
                held.push(frames);
            }
            held
        })
        .await;
    drop(held);
    assert_eq!(besieged.backend.count(), 0);
}

/// H2-08: a flood of acknowledgements before anything was sent, and settings that never stop growing.
#[tokio::test]
async fn nothing_can_be_acknowledged_that_was_not_sent() {
    let gateway = TestGateway::start().await;
    let stream = gateway.public().connect(Protocol::Http2).await.unwrap();
    let mut frames = Frames::over(stream).greet(&[]).await;
    frames.send(&frame(SETTINGS, ACK, 0, &[])).await;
    assert_eq!(frames.ending().await, Some(1));
    let stream = gateway.public().connect(Protocol::Http2).await.unwrap();
    let mut frames = Frames::over(stream);
    let many = [&[0, 0x99, 0, 0, 0, 1][..]; 2_000].concat();
    frames
        .send(&[PREFACE, &frame(SETTINGS, 0, 0, &many)].concat())
        .await;
    assert_eq!(frames.ending().await, Some(ENHANCE_YOUR_CALM));
}
