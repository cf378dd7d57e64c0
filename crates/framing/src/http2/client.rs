//! What a client may send (RFC 9113, sections 5 and 6).

use super::bounds;
use super::bucket::{Bucket, TOKEN};
use super::frame::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, Head, PADDED, PING, PRIORITY,
    PUSH_PROMISE, RST_STREAM, Rules, SETTINGS, WINDOW_UPDATE, WITH_PRIORITY, number_at,
};
use super::refusal::{Counted, Refusal};

/// Bytes of a priority: the stream it depends on, and its weight.
const PRIORITY_BYTES: u32 = 5;
/// Bytes of a frame that says one number.
const NUMBER_BYTES: u32 = 4;
/// Bytes of a ping.
const PING_BYTES: u32 = 8;
/// Bytes of GOAWAY before its text.
const GOAWAY_BYTES: u32 = 8;
/// Bytes of one setting.
const SETTING_BYTES: u32 = 6;

/// What is known of a client. Its size is the same however long the connection lives.
#[derive(Debug)]
pub(super) struct Client {
    /// Whether its first frame has come.
    settled: bool,
    /// The newest stream it has opened.
    pub(super) newest: u32,
    /// The header block that has begun and not ended.
    block: Option<Block>,
    /// SETTINGS and PING that the server has sent and the client has not acknowledged.
    pub(super) settings_unacknowledged: u32,
    pub(super) pings_unacknowledged: u32,
    pub(super) buckets: Buckets,
}

#[derive(Clone, Copy, Debug)]
struct Block {
    stream: u32,
    bytes: u32,
    most: u32,
    continuations: u32,
    since: u64,
}

/// A bucket for everything that is counted by time.
#[derive(Debug)]
pub(super) struct Buckets {
    pub(super) resets: Bucket,
    pub(super) own_resets: Bucket,
    settings: Bucket,
    pub(super) pings: Bucket,
    priorities: Bucket,
    pub(super) window_updates: Bucket,
    empty_data: Bucket,
    tiny_data: Bucket,
    trailers: Bucket,
    unknown: Bucket,
    goaways: Bucket,
}

impl Client {
    pub(super) const fn new() -> Self {
        Self {
            settled: false,
            newest: 0,
            block: None,
            settings_unacknowledged: 0,
            pings_unacknowledged: 0,
            buckets: Buckets {
                resets: Bucket::new(bounds::RESETS),
                own_resets: Bucket::new(bounds::OWN_RESETS),
                settings: Bucket::new(bounds::SETTINGS),
                pings: Bucket::new(bounds::PINGS),
                priorities: Bucket::new(bounds::PRIORITIES),
                window_updates: Bucket::new(bounds::WINDOW_UPDATES),
                empty_data: Bucket::new(bounds::EMPTY_DATA),
                tiny_data: Bucket::new(bounds::TINY_DATA),
                trailers: Bucket::new(bounds::TRAILERS),
                unknown: Bucket::new(bounds::UNKNOWN),
                goaways: Bucket::new(bounds::GOAWAYS),
            },
        }
    }

    /// When the header block began that has not ended, in microseconds.
    pub(super) fn open_block_since(&self) -> Option<u64> {
        self.block.map(|block| block.since)
    }

    /// The rules at this time, in microseconds.
    pub(super) const fn at(&mut self, now: u64) -> Judge<'_> {
        Judge { client: self, now }
    }
}

/// The rules, at one moment.
pub(super) struct Judge<'c> {
    client: &'c mut Client,
    now: u64,
}

impl Rules for Judge<'_> {
    type Refusal = Refusal;

    fn begins(&mut self, head: Head) -> Result<usize, Refusal> {
        if head.length > bounds::FRAME_BYTES {
            return Err(Refusal::FrameSize);
        }
        if !self.client.settled && (head.kind != SETTINGS || head.has(ACK)) {
            return Err(Refusal::NoSettings);
        }
        self.client.settled = true;
        // Nothing may come between the parts of a header block (section 4.3).
        if self.client.block.is_some() != (head.kind == CONTINUATION) {
            return Err(Refusal::HeaderBlock);
        }
        match head.kind {
            DATA => self.data_begins(head),
            HEADERS => self.headers_begin(head),
            PRIORITY => exactly(head, PRIORITY_BYTES)
                .and_then(|()| on_stream(head))
                .map(|()| 4),
            RST_STREAM => self.reset(head).map(|()| 0),
            SETTINGS => self.settings(head).map(|()| 0),
            PUSH_PROMISE => Err(Refusal::Push),
            PING => self.ping(head).map(|()| 0),
            GOAWAY => self.goaway(head).map(|()| 0),
            WINDOW_UPDATE => self.window_update_begins(head).map(|()| 4),
            CONTINUATION => self.continuation(head).map(|()| 0),
            _ => take(&mut self.client.buckets.unknown, 1, self.now, Counted::Unknown).map(|()| 0),
        }
    }

    fn shows(&mut self, head: Head, prefix: &[u8]) -> Result<(), Refusal> {
        match head.kind {
            DATA => {
                let padding = prefix.first().copied().map_or(0, u32::from);
                // The byte that tells the length of the padding is no data either.
                let data = head.length.checked_sub(1 + padding).ok_or(Refusal::Padding)?;
                self.data(head, data)
            }
            HEADERS => shows_headers(head, prefix),
            PRIORITY => {
                independent(head, number_at(prefix, 0))?;
                take(
                    &mut self.client.buckets.priorities,
                    1,
                    self.now,
                    Counted::Priorities,
                )
            }
            WINDOW_UPDATE if number_at(prefix, 0) == 0 => Err(Refusal::NoIncrement),
            _ => Ok(()),
        }
    }
}

impl Judge<'_> {
    fn data_begins(&mut self, head: Head) -> Result<usize, Refusal> {
        self.on_opened(head)?;
        if head.has(PADDED) {
            return if head.length == 0 {
                Err(Refusal::Padding)
            } else {
                Ok(1)
            };
        }
        self.data(head, head.length).map(|()| 0)
    }

    /// So many bytes without their padding.
    fn data(&mut self, head: Head, bytes: u32) -> Result<(), Refusal> {
        let buckets = &mut self.client.buckets;
        // A stream ends once, so that frame is counted with its stream.
        if head.has(END_STREAM) {
            return Ok(());
        }
        if bytes == 0 {
            return take(&mut buckets.empty_data, 1, self.now, Counted::EmptyData);
        }
        if bytes < bounds::TINY_DATA_BYTES {
            return take(&mut buckets.tiny_data, 1, self.now, Counted::TinyData);
        }
        buckets
            .tiny_data
            .earn(bytes.saturating_mul(TOKEN) / bounds::TINY_DATA_EARNED_BY);
        Ok(())
    }

    fn headers_begin(&mut self, head: Head) -> Result<usize, Refusal> {
        on_stream(head)?;
        let padding = u32::from(head.has(PADDED));
        let priority = if head.has(WITH_PRIORITY) {
            PRIORITY_BYTES
        } else {
            0
        };
        if head.length < padding + priority {
            return Err(Refusal::Length);
        }
        let buckets = &mut self.client.buckets;
        let is_new = head.stream > self.client.newest;
        let most = if is_new {
            bounds::HEADER_BLOCK_BYTES
        } else {
            bounds::TRAILER_BYTES
        };
        if is_new {
            self.client.newest = head.stream;
            let earned = bounds::STREAM_EARNED * TOKEN;
            buckets.priorities.earn(earned);
            buckets.window_updates.earn(earned);
            buckets.unknown.earn(earned);
            buckets.trailers.earn(TOKEN);
        } else if head.has(END_STREAM) {
            take(&mut buckets.trailers, 1, self.now, Counted::Trailers)?;
        } else {
            return Err(Refusal::Trailers);
        }
        if head.length > most {
            return Err(Refusal::Flood(Counted::HeaderBytes));
        }
        if !head.has(END_HEADERS) {
            self.client.block = Some(Block {
                stream: head.stream,
                bytes: head.length,
                most,
                continuations: 0,
                since: self.now,
            });
        }
        Ok(usize::try_from(padding + priority).unwrap_or_default())
    }

    fn continuation(&mut self, head: Head) -> Result<(), Refusal> {
        let Some(block) = &mut self.client.block else {
            return Err(Refusal::HeaderBlock);
        };
        if block.stream != head.stream {
            return Err(Refusal::HeaderBlock);
        }
        block.continuations += 1;
        block.bytes = block.bytes.saturating_add(head.length);
        if block.continuations > bounds::CONTINUATIONS {
            return Err(Refusal::Flood(Counted::Continuations));
        }
        if block.bytes > block.most {
            return Err(Refusal::Flood(Counted::HeaderBytes));
        }
        if head.has(END_HEADERS) {
            self.client.block = None;
        }
        Ok(())
    }

    fn reset(&mut self, head: Head) -> Result<(), Refusal> {
        exactly(head, NUMBER_BYTES)?;
        self.on_opened(head)?;
        take(&mut self.client.buckets.resets, 1, self.now, Counted::Resets)
    }

    fn settings(&mut self, head: Head) -> Result<(), Refusal> {
        on_connection(head)?;
        if head.has(ACK) {
            exactly(head, 0)?;
            return acknowledged(&mut self.client.settings_unacknowledged);
        }
        if !head.length.is_multiple_of(SETTING_BYTES) {
            return Err(Refusal::Length);
        }
        let cost = 1 + head.length / SETTING_BYTES / bounds::SETTINGS_ENTRIES;
        take(
            &mut self.client.buckets.settings,
            cost,
            self.now,
            Counted::Settings,
        )
    }

    fn ping(&mut self, head: Head) -> Result<(), Refusal> {
        exactly(head, PING_BYTES)?;
        on_connection(head)?;
        if head.has(ACK) {
            // h2 warns in the log about each that it did not ask for: a log that its readers' enemies can fill.
            return acknowledged(&mut self.client.pings_unacknowledged);
        }
        take(&mut self.client.buckets.pings, 1, self.now, Counted::Pings)
    }

    fn goaway(&mut self, head: Head) -> Result<(), Refusal> {
        on_connection(head)?;
        if head.length < GOAWAY_BYTES {
            return Err(Refusal::Length);
        }
        take(&mut self.client.buckets.goaways, 1, self.now, Counted::Goaways)
    }

    fn window_update_begins(&mut self, head: Head) -> Result<(), Refusal> {
        exactly(head, NUMBER_BYTES)?;
        if head.stream != 0 {
            self.on_opened(head)?;
        }
        let bucket = &mut self.client.buckets.window_updates;
        take(bucket, 1, self.now, Counted::WindowUpdates)
    }

    /// On a stream that the client has opened, now or earlier.
    fn on_opened(&self, head: Head) -> Result<(), Refusal> {
        on_stream(head)?;
        if head.stream > self.client.newest {
            return Err(Refusal::Stream);
        }
        Ok(())
    }
}

fn shows_headers(head: Head, prefix: &[u8]) -> Result<(), Refusal> {
    let (padding, at) = match prefix.first() {
        Some(padding) if head.has(PADDED) => (1 + u32::from(*padding), 1),
        _ => (0, 0),
    };
    let priority = if head.has(WITH_PRIORITY) {
        PRIORITY_BYTES
    } else {
        0
    };
    if head.length < padding + priority {
        return Err(Refusal::Padding);
    }
    if priority > 0 {
        independent(head, number_at(prefix, at))?;
    }
    Ok(())
}

/// On a stream that a client can open: an odd number (section 5.1.1).
const fn on_stream(head: Head) -> Result<(), Refusal> {
    if head.stream % 2 == 1 {
        Ok(())
    } else {
        Err(Refusal::Stream)
    }
}

const fn on_connection(head: Head) -> Result<(), Refusal> {
    if head.stream == 0 {
        Ok(())
    } else {
        Err(Refusal::Stream)
    }
}

const fn exactly(head: Head, length: u32) -> Result<(), Refusal> {
    if head.length == length {
        Ok(())
    } else {
        Err(Refusal::Length)
    }
}

const fn independent(head: Head, dependency: u32) -> Result<(), Refusal> {
    if head.stream == dependency {
        Err(Refusal::SelfDependency)
    } else {
        Ok(())
    }
}

fn acknowledged(open: &mut u32) -> Result<(), Refusal> {
    *open = open.checked_sub(1).ok_or(Refusal::Acknowledgement)?;
    Ok(())
}

fn take(bucket: &mut Bucket, tokens: u32, now: u64, counted: Counted) -> Result<(), Refusal> {
    if bucket.take(tokens, now) {
        Ok(())
    } else {
        Err(Refusal::Flood(counted))
    }
}
