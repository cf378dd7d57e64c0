//! How a stream is cut into pieces must change nothing.

use countersign_framing::http1::{Asked, Guard, Limits};
use proptest::prelude::*;

use crate::account::judge;

/// Pieces of streams, good and bad, that random order turns into messages that are almost right.
const PIECES: [&str; 40] = [
    "GET / HTTP/1.1\r\n",
    "POST /a HTTP/1.1\r\n",
    "HEAD /b HTTP/1.1\r\n",
    "OPTIONS * HTTP/1.1\r\n",
    "GET / HTTP/1.0\r\n",
    "GET https://a/ HTTP/1.1\r\n",
    "host: a\r\n",
    "Host: b\r\n",
    "content-length: 5\r\n",
    "content-length: 0\r\n",
    "Content-Length: 5, 5\r\n",
    "transfer-encoding: chunked\r\n",
    "transfer-encoding: x\r\n",
    "x: y\r\n",
    " z\r\n",
    "x : y\r\n",
    "x: \0\r\n",
    "\r\n",
    "\r\n",
    "\r\n",
    "\n",
    "\r",
    "money",
    "5\r\n",
    "5\r\nmoney\r\n",
    "0\r\n",
    "0\r\n\r\n",
    "0\r\n\r\n",
    "A\r\n",
    "5;a\r\n",
    "00000000005\r\n",
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.1 204 No Content\r\n",
    "HTTP/1.1 103 Hints\r\n",
    "HTTP/1.1 304 Not\r\n",
    "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
    "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nmoney",
    "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
];

/// Small, so that random streams reach the bounds.
const LIMITS: Limits = Limits {
    target_bytes: 24,
    header_bytes: 96,
    header_count: 4,
    trailer_bytes: 24,
};

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let pieces = proptest::collection::vec(0..PIECES.len(), 1..14);
    let changes = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3);
    (pieces, changes).prop_map(|(pieces, changes)| {
        let mut stream: Vec<u8> = pieces.iter().flat_map(|piece| PIECES[*piece].bytes()).collect();
        for (place, byte) in changes {
            let place = place.index(stream.len());
            stream[place] = byte;
        }
        stream
    })
}

fn answers(asked: Option<Asked>) -> Guard {
    let mut guard = Guard::for_answers(LIMITS);
    if let Some(asked) = asked {
        guard.expect_answer(asked);
    }
    guard
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn cutting_a_stream_changes_nothing(stream in stream(), cuts in proptest::collection::vec(1..20_usize, 0..20)) {
        for guard in [
            Guard::for_requests(LIMITS),
            answers(None),
            answers(Some(Asked::Head)),
            answers(Some(Asked::Other)),
        ] {
            let whole = judge(guard.clone(), &stream, []);
            let by_bytes = judge(guard.clone(), &stream, std::iter::repeat(1));
            let by_cuts = judge(guard, &stream, cuts.clone());
            prop_assert_eq!(&whole, &by_bytes);
            prop_assert_eq!(&whole, &by_cuts);
        }
    }
}
