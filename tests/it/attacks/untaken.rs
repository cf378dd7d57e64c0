//! H2-07: answers that nobody takes: whoever asks and shuts the window holds what their source may hold, and nobody else's.

use http::StatusCode;

use crate::support::frames::{END_HEADERS, END_STREAM, Frames, HEADERS, block, frame, request};
use crate::support::{Deed, Draft, PAYMENT, Protocol, Setting, TestGateway, in_the_end};

const HOARDER: [u8; 4] = [127, 0, 0, 2];
const HONEST: [u8; 4] = [127, 0, 0, 3];

const MEBIBYTE: usize = 1 << 20;
/// As many as an upstream has room for.
const ANSWERS: u32 = 64;
/// What the part of a source has room for.
const HELD: usize = 8;
/// A field of which the static table says `:status: 200` (RFC 7541, appendix A).
const STATUS_200: u8 = 0x88;

/// Asks for so many answers and lets none of them through. Returns with the connection how many have begun to come.
async fn hoard(gateway: &TestGateway) -> (Frames, usize) {
    let wire = gateway.public().from(HOARDER);
    let stream = wire.connect(Protocol::Http2).await.unwrap();
    // INITIAL_WINDOW_SIZE 0: nothing of any answer can be sent.
    let mut frames = Frames::over(stream).greet(&[(4, 0)]).await;
    let authority = gateway.authority();
    for n in 0..ANSWERS {
        let head = block(&request("GET", "/rates/eur", &authority));
        let head = frame(HEADERS, END_STREAM | END_HEADERS, 1 + 2 * n, &head);
        assert!(frames.send(&head).await);
    }
    let (mut heads, mut good) = (0, 0);
    while heads < ANSWERS {
        let frame = frames.next().await.expect("the connection goes on");
        if frame.kind == HEADERS {
            heads += 1;
            good += usize::from(frame.payload.first() == Some(&STATUS_200));
        }
    }
    (frames, good)
}

fn rates(gateway: &TestGateway, from: [u8; 4]) -> Draft<'_> {
    Draft::new(gateway, "GET", "/rates/eur").from(from)
}

/// H2-07: the room that an upstream has for long answers is everybody's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_no_answer_keeps_nobody_else_from_theirs() {
    let gateway = TestGateway::with(&[Setting(
        "body_limit = \"1KiB\"\nanswer_limit = \"4KiB\"",
        "body_limit = \"1KiB\"\nanswer_limit = \"1MiB\"\ntimeout = \"10s\"",
    )])
    .await;
    let alice = gateway.alice().await;
    let long = || Deed::respond(200, "", &"a".repeat(MEBIBYTE));
    for _ in 0..ANSWERS {
        gateway.backend.next(long());
    }
    let (hoard, held) = hoard(&gateway).await;
    assert_eq!(held, HELD, "a quarter of `buffered_bytes`");
    // Those that came when the part was full were not even asked for.
    let replaced = gateway.backend.count() - HELD;
    gateway.backend.forget();
    gateway.backend.next(long());
    let answer = rates(&gateway, HONEST).expect_answer().await;
    assert_eq!(answer.body().len(), MEBIBYTE);

    // Who has their part is asked for nothing more, and nothing is done for them that they would not hear of.
    let asked = gateway.backend.count();
    let refused = rates(&gateway, HOARDER).expect_refusal("overloaded").await;
    assert_eq!(refused.header("retry-after"), "1");
    alice
        .pay(PAYMENT)
        .from(HOARDER)
        .expect_refusal("overloaded")
        .await;
    assert_eq!(gateway.backend.count(), asked);
    alice.pay(PAYMENT).from(HONEST).expect_answer().await;

    // With the connection, all of it is given back.
    drop(hoard);
    in_the_end("the source is answered again", async || {
        rates(&gateway, HOARDER).send().await.status() == StatusCode::OK
    })
    .await;
    let metrics = gateway.services.metrics.render();
    let counted = r#"countersign_answers_undelivered_total{door="public",outcome="replaced"}"#;
    let counted = format!("{counted} {replaced}\n");
    assert!(
        replaced == 0 || metrics.contains(&counted),
        "{counted} in {metrics}"
    );
}
