//! What the server sends, and what that tells about the client.

use std::convert::Infallible;

use super::bounds;
use super::bucket::TOKEN;
use super::client::Client;
use super::frame::{
    ACK, DATA, END_STREAM, GOAWAY, HEADERS, Head, PING, RST_STREAM, Rules, SETTINGS, number_at,
};

/// Error codes (section 7) that a server gives for faults of the client.
const NO_ERROR: u32 = 0x0;
const PROTOCOL_ERROR: u32 = 0x1;
const FLOW_CONTROL_ERROR: u32 = 0x3;
const STREAM_CLOSED: u32 = 0x5;
const FRAME_SIZE_ERROR: u32 = 0x6;
const REFUSED_STREAM: u32 = 0x7;
const ENHANCE_YOUR_CALM: u32 = 0xb;

/// What the server refused by itself, in the bytes it sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Streams reset because they were malformed.
    pub malformed: u32,
    /// Streams refused because there were too many, or because of other floods.
    pub refused: u32,
    /// The error code of a GOAWAY that ends the connection for a fault of the client.
    pub ended: Option<u32>,
}

/// Looks at what the server sends.
pub(super) struct Witness<'c> {
    pub(super) client: &'c mut Client,
    pub(super) now: u64,
    pub(super) sent: Sent,
    /// Whether the client has made the server reset too many streams.
    pub(super) flooded: bool,
}

impl Rules for Witness<'_> {
    type Refusal = Infallible;

    fn begins(&mut self, head: Head) -> Result<usize, Infallible> {
        match head.kind {
            DATA => self.data(head),
            SETTINGS if !head.has(ACK) => {
                let open = &mut self.client.settings_unacknowledged;
                *open = open.saturating_add(1);
            }
            PING if !head.has(ACK) => {
                let open = &mut self.client.pings_unacknowledged;
                *open = open.saturating_add(1);
            }
            _ => {}
        }
        if matches!(head.kind, DATA | HEADERS) && head.has(END_STREAM) {
            let buckets = &mut self.client.buckets;
            buckets.resets.earn(bounds::RESETS_EARNED);
            buckets.own_resets.earn(bounds::OWN_RESETS_EARNED);
        }
        Ok(match head.kind {
            RST_STREAM => 4,
            GOAWAY => 8,
            _ => 0,
        })
    }

    fn shows(&mut self, head: Head, prefix: &[u8]) -> Result<(), Infallible> {
        match head.kind {
            RST_STREAM => self.reset(number_at(prefix, 0)),
            GOAWAY => match number_at(prefix, 4) {
                NO_ERROR => {}
                code => self.sent.ended = Some(code),
            },
            _ => {}
        }
        Ok(())
    }
}

impl Witness<'_> {
    /// Data is answered by window updates, and by pings of a client that measures the path.
    fn data(&mut self, head: Head) {
        if head.length < bounds::TINY_DATA_BYTES && !head.has(END_STREAM) {
            return;
        }
        let updates = bounds::WINDOW_UPDATES_EARNED + head.length / bounds::WINDOW_UPDATE_BYTES;
        let buckets = &mut self.client.buckets;
        buckets.window_updates.earn(updates.saturating_mul(TOKEN));
        buckets.pings.earn(TOKEN);
    }

    fn reset(&mut self, code: u32) {
        match code {
            PROTOCOL_ERROR | FLOW_CONTROL_ERROR | STREAM_CLOSED | FRAME_SIZE_ERROR => {
                self.sent.malformed += 1
            }
            REFUSED_STREAM | ENHANCE_YOUR_CALM => self.sent.refused += 1,
            // The server has its own reasons, such as an answer before the whole request has come.
            _ => return,
        }
        self.flooded |= !self.client.buckets.own_resets.take(1, self.now);
    }
}
