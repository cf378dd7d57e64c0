//! How much of a message may come before its body, and what is never an honest length.

/// Longest method, in bytes: the longest registered one, `UPDATEREDIRECTREF`, has 17.
pub(super) const METHOD_BYTES: usize = 32;
/// Empty lines that may stand before a request. Old clients end a body with a line break that its length does not count
/// (RFC 9112, section 2.2); two of them nobody sends.
pub(super) const EMPTY_LINES: usize = 1;
/// Longest status line, in bytes: a reason phrase is a few words that nobody reads.
pub(super) const STATUS_LINE_BYTES: usize = 512;
/// Interim answers (`1xx`) before a final one. Without `Expect` and upgrades only early hints are left, and one is enough.
pub(super) const INTERIM_ANSWERS: usize = 8;
/// Digits of a chunk's size, leading zeros included: 32 bits. No honest chunk is that large, and no parser's number wraps.
pub(super) const CHUNK_SIZE_DIGITS: usize = 8;
/// A chunk of fewer bytes is a tiny one.
pub(super) const TINY_CHUNK_BYTES: u64 = 64;
/// Tiny chunks in one request. Who buffers a body keeps some tens of bytes for every piece of it; chunks of one byte would
/// make that many times the body.
pub(super) const TINY_CHUNKS: usize = 1024;
/// Digits of `Content-Length`: 999 petabytes. The number fits into 63 bits, so no parser's wraps or turns negative.
pub(super) const CONTENT_LENGTH_DIGITS: usize = 18;

/// Bounds that the two sides of a gateway may set differently.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest request target, in bytes.
    pub target_bytes: usize,
    /// Longest header section, in bytes with its line breaks, the empty line at its end included.
    pub header_bytes: usize,
    /// Most fields of a header section.
    pub header_count: usize,
    /// Longest trailer section of an answer, in bytes with its line breaks. Requests may have none.
    pub trailer_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            target_bytes: 8 * 1024,
            header_bytes: 16 * 1024,
            header_count: 100,
            trailer_bytes: 4 * 1024,
        }
    }
}
