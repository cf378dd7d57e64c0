//! The guard of HTTP/2 frames: what it refuses, what it never does, and that it does not matter how bytes are cut.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

mod counts;
mod cuts;
mod form;
mod time;

use std::time::Duration;

use countersign_framing::http2::{Guard, Refusal};

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PUSH_PROMISE: u8 = 5;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;
/// PRIORITY_UPDATE (RFC 9218), which the guard does not know.
pub(crate) const UNKNOWN: u8 = 0x10;

pub(crate) const ACK: u8 = 1;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
pub(crate) const PADDED: u8 = 8;
pub(crate) const WITH_PRIORITY: u8 = 0x20;

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// The preface, first settings, and a stream 1 that is open.
pub(crate) fn opening() -> Vec<u8> {
    [
        PREFACE,
        &frame(SETTINGS, 0, 0, &[]),
        &frame(HEADERS, END_HEADERS, 1, &[0x82]),
    ]
    .concat()
}

/// A guard that has seen [`opening`].
pub(crate) fn opened() -> Guard {
    let mut guard = Guard::default();
    guard.judge(&opening(), Duration::ZERO).unwrap();
    guard
}

/// Why these frames are refused after [`opening`].
pub(crate) fn refusal(frames: &[Vec<u8>]) -> Option<Refusal> {
    let mut guard = opened();
    let refused = guard.judge(&frames.concat(), Duration::ZERO).err()?;
    assert_eq!(guard.refused(), Some(refused.refusal));
    Some(refused.refusal)
}
