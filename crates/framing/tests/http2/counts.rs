//! How much of each kind.

use std::time::Duration;

use countersign_framing::http2::bounds::{
    self, Allowance, CONTINUATIONS, HEADER_BLOCK_BYTES, TINY_DATA_BYTES, TRAILER_BYTES,
};
use countersign_framing::http2::{Counted, Guard, Refusal, Sent};

use crate::*;

/// What may be sent so often, and how it is made.
type Flood = (Counted, Allowance, fn(u32) -> Vec<u8>);

const FLOODS: [Flood; 10] = [
    (Counted::Resets, bounds::RESETS, |_| {
        frame(RST_STREAM, 0, 1, &[0, 0, 0, 8])
    }),
    (Counted::Settings, bounds::SETTINGS, |_| {
        frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0])
    }),
    (Counted::Pings, bounds::PINGS, |n| {
        frame(PING, 0, 0, &[n.to_be_bytes(), [0; 4]].concat())
    }),
    (Counted::Priorities, bounds::PRIORITIES, |_| {
        frame(PRIORITY, 0, 1, &[0; 5])
    }),
    (Counted::WindowUpdates, bounds::WINDOW_UPDATES, |n| {
        frame(WINDOW_UPDATE, 0, n % 2, &[0, 0, 0, 1])
    }),
    (Counted::EmptyData, bounds::EMPTY_DATA, |_| frame(DATA, 0, 1, &[])),
    (Counted::TinyData, bounds::TINY_DATA, |_| frame(DATA, 0, 1, b"x")),
    (Counted::Trailers, bounds::TRAILERS, |_| {
        frame(HEADERS, END_HEADERS | END_STREAM, 1, &[])
    }),
    (Counted::Unknown, bounds::UNKNOWN, |n| {
        frame(UNKNOWN, 0, n, b"u=1")
    }),
    (Counted::Goaways, bounds::GOAWAYS, |_| {
        frame(GOAWAY, 0, 0, &[0; 8])
    }),
];

/// How many frames passed before one was refused.
fn passes(guard: &mut Guard, flood: Flood, now: Duration) -> u32 {
    let (counted, _, make) = flood;
    for n in 0..100_000 {
        if let Err(refused) = guard.judge(&make(n), now) {
            assert_eq!((refused.refusal, refused.passed), (Refusal::Flood(counted), 0));
            return n;
        }
    }
    u32::MAX
}

/// H2-03, H2-06, H2-08
#[test]
fn each_kind_has_its_burst_and_then_its_rate() {
    for flood @ (counted, allowance, make) in FLOODS {
        let first = passes(&mut opened(), flood, Duration::ZERO);
        // One SETTINGS stood in the opening.
        let burst = allowance.burst - u32::from(counted == Counted::Settings);
        assert_eq!(first, burst, "{counted:?}");
        let mut guard = opened();
        let mut now = Duration::ZERO;
        for n in 0..burst {
            guard.judge(&make(n), now).unwrap();
        }
        // At the rate it goes on as long as one likes, and not a bit faster.
        if let Some(pause) = Duration::from_secs(1).checked_div(allowance.per_second) {
            for n in 0..10 {
                now += pause + Duration::from_micros(1);
                guard.judge(&make(n), now).unwrap();
            }
            now += pause / 2;
        }
        assert_eq!(passes(&mut guard, flood, now), 0, "{counted:?}");
    }
}

/// An empty frame can be padded; it is empty all the same.
#[test]
fn padding_does_not_make_data() {
    let padded = [&[200][..], &[0; 200]].concat();
    let flood: Flood = (Counted::EmptyData, bounds::EMPTY_DATA, |_| {
        frame(DATA, PADDED, 1, &[&[200][..], &[0; 200]].concat())
    });
    assert_eq!(padded.len(), 201);
    assert_eq!(
        passes(&mut opened(), flood, Duration::ZERO),
        bounds::EMPTY_DATA.burst
    );
}

/// Many settings in one frame cost as much as many frames.
#[test]
fn settings_are_counted_within_a_frame() {
    let flood: Flood = (Counted::Settings, bounds::SETTINGS, |_| {
        frame(SETTINGS, 0, 0, &[0; 6 * 2_000])
    });
    assert_eq!(passes(&mut opened(), flood, Duration::ZERO), 0);
}

/// H2-04
#[test]
fn a_header_block_is_bounded_in_frames_and_bytes() {
    let block = |count: u32, bytes: usize| {
        let mut frames = vec![frame(HEADERS, 0, 3, &vec![0; bytes])];
        frames.extend((1..count).map(|_| frame(CONTINUATION, 0, 3, &vec![0; bytes])));
        frames.push(frame(CONTINUATION, END_HEADERS, 3, &vec![0; bytes]));
        refusal(&frames)
    };
    assert_eq!(block(CONTINUATIONS, 0), None);
    assert_eq!(
        block(CONTINUATIONS + 1, 0),
        Some(Refusal::Flood(Counted::Continuations))
    );
    let parts = CONTINUATIONS as usize + 1;
    assert_eq!(block(CONTINUATIONS, HEADER_BLOCK_BYTES as usize / parts), None);
    let over = Some(Refusal::Flood(Counted::HeaderBytes));
    assert_eq!(
        block(CONTINUATIONS, HEADER_BLOCK_BYTES as usize / parts + 1),
        over
    );
}

/// One byte of trailers can stand for a field that is kept.
#[test]
fn trailers_are_small() {
    let trailers = |parts: &[usize]| {
        let frames = parts.iter().enumerate().map(|(n, part)| {
            let kind = if n == 0 { HEADERS } else { CONTINUATION };
            let end = if n + 1 == parts.len() { END_HEADERS } else { 0 };
            let flags = if n == 0 { END_STREAM | end } else { end };
            frame(kind, flags, 1, &vec![0xbe; *part])
        });
        refusal(&frames.collect::<Vec<_>>())
    };
    let most = TRAILER_BYTES as usize;
    assert_eq!(trailers(&[most]), None);
    assert_eq!(trailers(&[most - 1, 1]), None);
    let over = Some(Refusal::Flood(Counted::HeaderBytes));
    assert_eq!(trailers(&[most + 1]), over);
    assert_eq!(trailers(&[most, 1]), over);
}

/// A client that opens its window byte by byte makes us send a frame for each; those do not pay for the next.
#[test]
fn data_sent_byte_by_byte_earns_no_window_updates() {
    let mut guard = opened();
    let update = frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]);
    let passed = (0..100_000).take_while(|_| {
        guard.sent(&frame(DATA, 0, 1, b"x"), Duration::ZERO);
        guard.judge(&update, Duration::ZERO).is_ok()
    });
    assert_eq!(passed.count(), bounds::WINDOW_UPDATES.burst as usize);
}

/// H2-05
#[test]
fn resets_that_the_client_provokes_are_counted_whoever_sends_them() {
    let reset = |code: u8| frame(RST_STREAM, 0, 1, &[0, 0, 0, code]);
    let mut guard = opened();
    // NO_ERROR, INTERNAL_ERROR and CANCEL are the server's own affair.
    for code in [0, 2, 8] {
        for _ in 0..1_000 {
            assert_eq!(guard.sent(&reset(code), Duration::ZERO), Sent::default());
        }
    }
    assert_eq!(guard.refused(), None);
    for n in 0..bounds::OWN_RESETS.burst {
        assert_eq!(guard.refused(), None, "{n}");
        let sent = guard.sent(&reset(1), Duration::ZERO);
        assert_eq!((sent.malformed, sent.refused), (1, 0));
    }
    assert_eq!(guard.refused(), None);
    assert_eq!(guard.sent(&reset(7), Duration::ZERO).refused, 1);
    assert_eq!(guard.refused(), Some(Refusal::Flood(Counted::OwnResets)));
    assert!(guard.judge(&frame(PING, 0, 0, &[0; 8]), Duration::ZERO).is_err());
}

#[test]
fn the_server_ending_the_connection_is_told() {
    let goaway = |code: u8| frame(GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, code]);
    assert_eq!(opened().sent(&goaway(0), Duration::ZERO).ended, None);
    assert_eq!(opened().sent(&goaway(11), Duration::ZERO).ended, Some(11));
}

/// A client that takes much data, in both directions and with many streams, is never too much.
#[test]
fn what_an_exchange_needs_is_earned_by_it() {
    let mut guard = opened();
    let now = Duration::ZERO;
    let data = frame(DATA, 0, 1, &[0; 1_024]);
    for n in 0..20_000_u32 {
        let stream = 3 + 2 * n;
        let exchange = [
            frame(
                HEADERS,
                END_HEADERS | WITH_PRIORITY,
                stream,
                &[0, 0, 0, 0, 9, 0x82],
            ),
            frame(PRIORITY, 0, stream, &[0; 5]),
            frame(UNKNOWN, 0, 0, b"u=1"),
            frame(DATA, 0, stream, &[0; 4_096]),
            frame(DATA, 0, stream, b"cut"),
            frame(HEADERS, END_HEADERS | END_STREAM, stream, &[0x82]),
        ];
        guard.judge(&exchange.concat(), now).unwrap();
        let answer = [data.clone(), data.clone(), frame(DATA, END_STREAM, stream, &[])];
        guard.sent(&answer.concat(), now);
        let taken = [
            frame(WINDOW_UPDATE, 0, stream, &[0, 0, 4, 0]),
            frame(WINDOW_UPDATE, 0, 0, &[0, 0, 4, 0]),
            frame(WINDOW_UPDATE, 0, 0, &[0, 0, 4, 0]),
            frame(PING, 0, 0, &[0; 8]),
        ];
        guard.judge(&taken.concat(), now).unwrap();
        // One in four is cancelled.
        if n % 4 == 0 {
            guard
                .judge(&frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]), now)
                .unwrap();
        }
    }
}

/// One of each kind is below the size that is called tiny, the other is not.
#[test]
fn only_small_frames_are_tiny() {
    let send = |bytes: u32| {
        let mut guard = opened();
        let frame = frame(DATA, 0, 1, &vec![0; bytes as usize]);
        (0..100_000).all(|_| guard.judge(&frame, Duration::ZERO).is_ok())
    };
    assert!(send(TINY_DATA_BYTES));
    assert!(!send(TINY_DATA_BYTES - 1));
}
