//! Every bound, with its reason.
//!
//! Each kind of frame that costs the server something has an [`Allowance`]: so many at once, so many a second after that.
//! What an exchange needs is *earned* on top, up to the same burst: a client that moves much data may send many window
//! updates, one that moves none may not.

/// How many frames of a kind a client may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// At once.
    pub burst: u32,
    /// A second, after that.
    pub per_second: u32,
}

const fn allow(burst: u32, per_second: u32) -> Allowance {
    Allowance { burst, per_second }
}

/// Largest payload of a frame, in bytes: what SETTINGS_MAX_FRAME_SIZE stands at without a word (section 6.5.2). A larger
/// frame saves nothing, and a parser must hold a frame whole.
pub const FRAME_BYTES: u32 = 16_384;

/// Largest header block as it is sent, in bytes, and so the memory it can take before it is decoded (CVE-2024-27316). A list
/// within the limits of the gateway (16 KiB of fields, 8 KiB of target) is never larger than half of it.
pub const HEADER_BLOCK_BYTES: u32 = 64 * 1024;

/// CONTINUATION frames of one header block: those that a block of [`HEADER_BLOCK_BYTES`] needs at [`FRAME_BYTES`] each, and
/// one for a client that cuts badly. Parsing begins anew with each of them (CVE-2024-27316).
pub const CONTINUATIONS: u32 = 4;

/// Largest block of trailers, in bytes. They mean nothing to a gateway, but one byte of them can stand for a field that is
/// kept until somebody reads it, and a hundred streams can wait with theirs.
pub const TRAILER_BYTES: u32 = 512;

/// RST_STREAM (CVE-2023-44487, rapid reset): a person who leaves a page cancels all streams that are open, and may do so
/// twice; an app that hedges its requests cancels a part of them, which [`RESETS_EARNED`] covers.
pub const RESETS: Allowance = allow(200, 20);

/// Streams that the server refuses or resets because of what the client sent (CVE-2025-8671, MadeYouReset): each frees its
/// place while the work for it may go on. More than streams may be open, for a client that opened its first ones before it
/// saw the settings.
pub const OWN_RESETS: Allowance = allow(128, 5);

/// SETTINGS: one at the beginning, a few more while a client adapts its windows. Each is acknowledged, and a new window
/// size touches every stream.
pub const SETTINGS: Allowance = allow(32, 1);

/// Settings in one frame that cost as much as one frame more. The standard and its extensions know about ten.
pub const SETTINGS_ENTRIES: u32 = 16;

/// PING: each is answered. Clients that measure the path send one with every burst of data, which the data earns.
pub const PINGS: Allowance = allow(64, 4);

/// PRIORITY (deprecated, section 5.3): some clients build a tree of five at the beginning and place each stream in it.
pub const PRIORITIES: Allowance = allow(200, 10);

/// WINDOW_UPDATE: most of them answer data, which earns them.
pub const WINDOW_UPDATES: Allowance = allow(1_000, 100);

/// DATA without a byte that does not end its stream either (RUSTSEC-2026-0258): nobody needs it, some libraries send one
/// when a body is flushed. h2 ends a connection at the hundred and first in its whole life; this bound comes before.
pub const EMPTY_DATA: Allowance = allow(64, 8);

/// DATA frames under [`TINY_DATA_BYTES`] that do not end their stream: a body written in small pieces, each flushed, or cut
/// where a window ended; a few thousand a second cost next to nothing. Data earns them, so windows that are cut small under load do not count against a busy client.
pub const TINY_DATA: Allowance = allow(16_384, 4_096);

/// A DATA frame with fewer bytes than this costs more to read than it carries.
pub const TINY_DATA_BYTES: u32 = 64;

/// Trailers: each stream earns its own; what is over belongs to no stream that is open.
pub const TRAILERS: Allowance = allow(128, 1);

/// Frames of unknown kinds, which a server must ignore (section 5.5): PRIORITY_UPDATE (RFC 9218) once or twice a stream, and
/// what clients send to see whether they are ignored.
pub const UNKNOWN: Allowance = allow(200, 10);

/// GOAWAY: a client says it once, or twice when it leaves in peace.
pub const GOAWAYS: Allowance = allow(4, 0);

/// Thousandths of a RST_STREAM that an answer sent to its end earns: one request in four may be cancelled for good.
pub const RESETS_EARNED: u32 = 250;

/// Thousandths of an own reset that an answer sent to its end earns: a proxy in front of many clients passes the faults of
/// some of them on, on one connection.
pub const OWN_RESETS_EARNED: u32 = 125;

/// Window updates that a DATA frame to the client earns: one for its stream, one for the connection. A frame of fewer than
/// [`TINY_DATA_BYTES`] that does not end its stream earns none: it is small because the client asked for a few bytes only.
pub const WINDOW_UPDATES_EARNED: u32 = 2;

/// A large DATA frame earns one window update more for so many bytes.
pub const WINDOW_UPDATE_BYTES: u32 = 4_096;

/// Frames that a new stream earns of each: PRIORITY, WINDOW_UPDATE and unknown kinds.
pub const STREAM_EARNED: u32 = 2;

/// Bytes of DATA from the client that earn a tiny frame.
pub const TINY_DATA_EARNED_BY: u32 = 1_024;
