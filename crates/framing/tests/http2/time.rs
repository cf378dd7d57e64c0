//! What is not whole, and the farewell.

use std::time::Duration;

use countersign_framing::http2::{Counted, Guard, Refusal};

use crate::*;

#[test]
fn the_time_of_what_is_not_whole_runs_from_its_first_byte() {
    let at = Duration::from_secs;
    let mut guard = Guard::default();
    assert_eq!(guard.unfinished_since(), Some(at(0)), "the preface is waited for");
    guard.judge(&PREFACE[..10], at(1)).unwrap();
    assert_eq!(guard.unfinished_since(), Some(at(0)));
    guard.judge(&PREFACE[10..], at(2)).unwrap();
    assert_eq!(guard.unfinished_since(), None);
    let settings = frame(SETTINGS, 0, 0, &[]);
    guard.judge(&settings[..1], at(3)).unwrap();
    guard.judge(&settings[1..8], at(4)).unwrap();
    assert_eq!(
        guard.unfinished_since(),
        Some(at(3)),
        "drops do not begin it anew"
    );
    guard.judge(&settings[8..], at(5)).unwrap();
    assert_eq!(guard.unfinished_since(), None);
    // Frame after frame, none of them whole at the end of what is read.
    let ping = frame(PING, 0, 0, &[0; 8]);
    let (head, tail) = ping.split_at(12);
    guard.judge(head, at(6)).unwrap();
    guard.judge(&[tail, head].concat(), at(60)).unwrap();
    assert_eq!(guard.unfinished_since(), Some(at(60)));
    guard.judge(tail, at(61)).unwrap();
    // A header block is one thing, however many frames it has.
    guard.judge(&frame(HEADERS, 0, 1, &[0x82]), at(70)).unwrap();
    guard.judge(&frame(CONTINUATION, 0, 1, &[0x84]), at(80)).unwrap();
    assert_eq!(guard.unfinished_since(), Some(at(70)));
    guard
        .judge(&frame(CONTINUATION, END_HEADERS, 1, &[]), at(90))
        .unwrap();
    assert_eq!(guard.unfinished_since(), None);
}

#[test]
fn the_client_is_told_why_unless_another_frame_is_on_its_way() {
    let mut guard = opened();
    let frame_of = |refusal| guard.farewell(refusal).map(|bytes| bytes.to_vec());
    let goaway = |code| frame(GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, code]);
    assert_eq!(frame_of(Refusal::Push), Some(goaway(1)));
    assert_eq!(frame_of(Refusal::Length), Some(goaway(6)));
    assert_eq!(frame_of(Refusal::Flood(Counted::Pings)), Some(goaway(11)));
    let data = frame(DATA, 0, 1, &[0; 100]);
    for (at, between) in [(0, true), (1, false), (9, false), (108, false), (109, true)] {
        let mut guard = opened();
        guard.sent(&data[..at], Duration::ZERO);
        assert_eq!(guard.farewell(Refusal::Slow).is_some(), between, "{at}");
    }
    guard.sent(&frame(DATA, END_STREAM, 1, &[]), Duration::ZERO);
    assert!(guard.farewell(Refusal::Slow).is_some());
}
