//! The form of frames.

use std::time::Duration;

use countersign_framing::http2::bounds::FRAME_BYTES;
use countersign_framing::http2::{Counted, Guard, Refusal, Sent};

use crate::*;

#[test]
fn frames_of_the_wrong_form_are_refused() {
    let open_block = frame(HEADERS, 0, 3, &[0x82]);
    let cases: Vec<(Vec<Vec<u8>>, Refusal)> = vec![
        (vec![frame(DATA, 0, 0, b"x")], Refusal::Stream),
        (vec![frame(DATA, 0, 2, b"x")], Refusal::Stream),
        (vec![frame(DATA, 0, 3, b"x")], Refusal::Stream),
        (vec![frame(DATA, PADDED, 1, &[])], Refusal::Padding),
        (vec![frame(DATA, PADDED, 1, &[1])], Refusal::Padding),
        (vec![frame(HEADERS, END_HEADERS, 0, &[0x82])], Refusal::Stream),
        (vec![frame(HEADERS, END_HEADERS, 4, &[0x82])], Refusal::Stream),
        (
            vec![frame(HEADERS, END_HEADERS | PADDED, 3, &[])],
            Refusal::Length,
        ),
        (
            vec![frame(HEADERS, END_HEADERS | PADDED, 3, &[2, 0x82])],
            Refusal::Padding,
        ),
        (
            vec![frame(HEADERS, END_HEADERS | WITH_PRIORITY, 3, &[0; 4])],
            Refusal::Length,
        ),
        (
            vec![frame(
                HEADERS,
                END_HEADERS | WITH_PRIORITY,
                3,
                &[0x80, 0, 0, 3, 9, 0x82],
            )],
            Refusal::SelfDependency,
        ),
        (
            vec![frame(
                HEADERS,
                END_HEADERS | WITH_PRIORITY | PADDED,
                3,
                &[0, 0, 0, 0, 3, 9, 0x82],
            )],
            Refusal::SelfDependency,
        ),
        (
            vec![frame(
                HEADERS,
                END_HEADERS | WITH_PRIORITY | PADDED,
                3,
                &[1, 0, 0, 0, 1, 9],
            )],
            Refusal::Padding,
        ),
        (vec![frame(HEADERS, END_HEADERS, 1, &[0x82])], Refusal::Trailers),
        (
            vec![open_block.clone(), frame(PING, 0, 0, &[0; 8])],
            Refusal::HeaderBlock,
        ),
        (
            vec![open_block.clone(), frame(HEADERS, END_HEADERS, 3, &[])],
            Refusal::HeaderBlock,
        ),
        (
            vec![open_block.clone(), frame(UNKNOWN, 0, 0, &[])],
            Refusal::HeaderBlock,
        ),
        (
            vec![open_block, frame(CONTINUATION, END_HEADERS, 1, &[])],
            Refusal::HeaderBlock,
        ),
        (
            vec![frame(CONTINUATION, END_HEADERS, 1, &[])],
            Refusal::HeaderBlock,
        ),
        (vec![frame(PRIORITY, 0, 1, &[0; 4])], Refusal::Length),
        (vec![frame(PRIORITY, 0, 1, &[0; 6])], Refusal::Length),
        (vec![frame(PRIORITY, 0, 0, &[0; 5])], Refusal::Stream),
        (
            vec![frame(PRIORITY, 0, 7, &[0x80, 0, 0, 7, 0])],
            Refusal::SelfDependency,
        ),
        (vec![frame(RST_STREAM, 0, 0, &[0; 4])], Refusal::Stream),
        (vec![frame(RST_STREAM, 0, 3, &[0; 4])], Refusal::Stream),
        (vec![frame(RST_STREAM, 0, 1, &[0; 5])], Refusal::Length),
        (vec![frame(SETTINGS, 0, 1, &[])], Refusal::Stream),
        (vec![frame(SETTINGS, 0, 0, &[0; 5])], Refusal::Length),
        (vec![frame(SETTINGS, ACK, 0, &[0; 6])], Refusal::Length),
        (vec![frame(SETTINGS, ACK, 0, &[])], Refusal::Acknowledgement),
        (
            vec![frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2, 0x82])],
            Refusal::Push,
        ),
        (vec![frame(PING, 0, 1, &[0; 8])], Refusal::Stream),
        (vec![frame(PING, 0, 0, &[0; 7])], Refusal::Length),
        (vec![frame(PING, ACK, 0, &[0; 8])], Refusal::Acknowledgement),
        (vec![frame(GOAWAY, 0, 1, &[0; 8])], Refusal::Stream),
        (vec![frame(GOAWAY, 0, 0, &[0; 7])], Refusal::Length),
        (vec![frame(WINDOW_UPDATE, 0, 1, &[0; 4])], Refusal::NoIncrement),
        (
            vec![frame(WINDOW_UPDATE, 0, 0, &[0x80, 0, 0, 0])],
            Refusal::NoIncrement,
        ),
        (vec![frame(WINDOW_UPDATE, 0, 3, &[0, 0, 0, 1])], Refusal::Stream),
        (vec![frame(WINDOW_UPDATE, 0, 2, &[0, 0, 0, 1])], Refusal::Stream),
        (
            vec![frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1, 0])],
            Refusal::Length,
        ),
        (
            vec![frame(DATA, 0, 1, &vec![0; FRAME_BYTES as usize + 1])],
            Refusal::FrameSize,
        ),
        (
            vec![frame(UNKNOWN, 0, 1, &vec![0; FRAME_BYTES as usize + 1])],
            Refusal::FrameSize,
        ),
    ];
    for (frames, expected) in cases {
        assert_eq!(
            refusal(&frames),
            Some(expected),
            "{:?}",
            &frames[frames.len() - 1][..9]
        );
    }
}

#[test]
fn frames_of_the_right_form_pass() {
    let cases = [
        vec![frame(DATA, PADDED | END_STREAM, 1, &[3, b'x', 0, 0, 0])],
        vec![frame(DATA, END_STREAM, 1, &vec![0; FRAME_BYTES as usize])],
        vec![frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0x82])],
        vec![frame(
            HEADERS,
            END_HEADERS | PADDED | WITH_PRIORITY,
            3,
            &[1, 0, 0, 0, 1, 9, 0x82, 0],
        )],
        vec![
            frame(HEADERS, 0, 3, &[0x82]),
            frame(CONTINUATION, END_HEADERS, 3, &[0x84]),
        ],
        vec![frame(PRIORITY, 0, 9, &[0, 0, 0, 0, 9])],
        vec![
            frame(RST_STREAM, 0, 1, &[0, 0, 0, 8]),
            frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]),
        ],
        vec![frame(SETTINGS, 0xfe, 0, &[0, 4, 0, 0, 0, 0])],
        vec![
            frame(PING, 0, 0, &[0; 8]),
            frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]),
        ],
        vec![frame(GOAWAY, 0, 0, b"\0\0\0\0\0\0\0\0farewell")],
        vec![frame(UNKNOWN, 0, 0, b"u=1"), frame(0xff, 0xff, 0x8000_0000, &[])],
    ];
    for frames in cases {
        assert_eq!(refusal(&frames), None, "{frames:?}");
    }
}

#[test]
fn a_connection_begins_with_the_preface_and_settings() {
    let begin = |bytes: &[u8]| Guard::default().judge(bytes, Duration::ZERO).err();
    let refused = begin(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert_eq!((refused.passed, refused.refusal), (0, Refusal::Preface));
    assert_eq!(
        begin(b"PRI * HTTP/2.0\r\n\r\nSX").unwrap().refusal,
        Refusal::Preface
    );
    for first in [
        frame(PING, 0, 0, &[0; 8]),
        frame(SETTINGS, ACK, 0, &[]),
        frame(UNKNOWN, 0, 0, &[]),
    ] {
        let refused = begin(&[PREFACE, &first].concat()).unwrap();
        assert_eq!(
            (refused.passed, refused.refusal),
            (PREFACE.len(), Refusal::NoSettings)
        );
    }
}

#[test]
fn what_the_server_sent_may_be_acknowledged_once() {
    let mut guard = opened();
    let sent = [
        frame(SETTINGS, 0, 0, &[]),
        frame(PING, 0, 0, &[7; 8]),
        frame(SETTINGS, ACK, 0, &[]),
    ]
    .concat();
    assert_eq!(guard.sent(&sent, Duration::ZERO), Sent::default());
    let acknowledged = [frame(SETTINGS, ACK, 0, &[]), frame(PING, ACK, 0, &[7; 8])].concat();
    guard.judge(&acknowledged, Duration::ZERO).unwrap();
    let again = guard
        .judge(&frame(PING, ACK, 0, &[7; 8]), Duration::ZERO)
        .unwrap_err();
    assert_eq!(again.refusal, Refusal::Acknowledgement);
}

#[test]
fn every_refusal_has_a_word_of_its_own() {
    let mut words: Vec<_> = Counted::ALL
        .map(|counted| Refusal::Flood(counted).reason())
        .to_vec();
    words.extend(
        [
            Refusal::Preface,
            Refusal::NoSettings,
            Refusal::FrameSize,
            Refusal::Length,
            Refusal::Stream,
            Refusal::Padding,
            Refusal::SelfDependency,
            Refusal::NoIncrement,
            Refusal::Push,
            Refusal::HeaderBlock,
            Refusal::Trailers,
            Refusal::Acknowledgement,
            Refusal::Slow,
            Refusal::Stalled,
        ]
        .map(Refusal::reason),
    );
    let count = words.len();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), count);
}
