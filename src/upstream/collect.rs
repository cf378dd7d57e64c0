//! An answer as the guard reads it to us: its head, and its body up to the limit.

use bytes::{Bytes, BytesMut};
use countersign_framing::http1::Witness;
use http::header::{CONNECTION, CONTENT_LENGTH};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use ring::digest::{Context, SHA256};

/// Most bytes of an answer that is too large which are still read, to record its digest.
const DIGESTED_ANSWER_BYTES: usize = 64 * 1024 * 1024;
/// What is set aside for an answer's body before any of it came, where it says that it is that long: a page of memory.
const FIRST_BYTES: usize = 4096;
/// `HTTP/1.1 `, after which the status stands.
const VERSION_BYTES: usize = 9;

/// The answer to one request, as far as it has come.
pub(super) struct Collected {
    limit: usize,
    /// What its fields are read into.
    fields: HeaderMap,
    head: Option<Head>,
    body: BytesMut,
    /// What is over the limit is known by its digest only, and is not kept in memory.
    excess: Option<Excess>,
    is_whole: bool,
    fault: Option<&'static str>,
}

/// The head of the final answer.
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// Whether the backend closes the connection after it (RFC 9112, section 9.3).
    pub(super) closes: bool,
}

struct Excess {
    hash: Context,
    length: usize,
}

impl Collected {
    /// Nothing yet; of its body at most `limit` bytes are kept. Its fields are read into `fields`, which is empty.
    pub(super) fn new(limit: usize, fields: HeaderMap) -> Self {
        Self {
            limit,
            fields,
            head: None,
            body: BytesMut::new(),
            excess: None,
            is_whole: false,
            fault: None,
        }
    }

    /// Whether all of it has come.
    pub(super) const fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// What is wrong with it that the guard does not judge.
    pub(super) const fn fault(&self) -> Option<&'static str> {
        self.fault
    }

    /// Whether it goes on without end: not even its digest is wanted.
    pub(super) fn is_endless(&self) -> bool {
        let excess = self.excess.as_ref();
        excess.is_some_and(|excess| excess.length > DIGESTED_ANSWER_BYTES)
    }

    /// Bytes of its body that are kept.
    pub(super) fn kept_bytes(&self) -> usize {
        self.body.len()
    }

    /// How long its body can become: what it says, or what its route takes.
    pub(super) fn most_bytes(&self) -> usize {
        let head = self.head.as_ref();
        let said = head.and_then(|head| said_length(&head.headers));
        said.map_or(self.limit, |said| said.min(self.limit))
    }

    /// When its body is longer than the limit: its status, and its digest when all of it has come.
    pub(super) fn too_large(&mut self) -> Option<(StatusCode, Option<[u8; 32]>)> {
        let excess = self.excess.take()?;
        let status = self.head.as_ref()?.status;
        let digest = self.is_whole.then(|| excess.hash.finish());
        let digest = digest.and_then(|digest| digest.as_ref().try_into().ok());
        Some((status, digest))
    }

    /// Head and body, when all of it has come.
    pub(super) fn into_parts(self) -> Option<(Head, BytesMut)> {
        let body = self.body;
        self.head.filter(|_| self.is_whole).map(|head| (head, body))
    }
}

impl Witness for Collected {
    fn head(&mut self, head: &[u8]) {
        match read_head(head, std::mem::take(&mut self.fields)) {
            // What comes before the answer says nothing that passes on (RFC 9110, section 15.2).
            Some(mut head) if head.status.is_informational() => {
                head.headers.clear();
                self.fields = head.headers;
            }
            Some(head) => {
                self.head = Some(head);
                self.body.reserve(self.most_bytes().min(FIRST_BYTES));
            }
            None => self.fault = Some("a field of its head cannot be passed on"),
        }
    }

    fn data(&mut self, data: &[u8]) {
        if self.excess.is_none() && self.body.len() + data.len() <= self.limit {
            self.body.extend_from_slice(data);
            return;
        }
        let body = &mut self.body;
        let excess = self.excess.get_or_insert_with(|| {
            let body = std::mem::take(body);
            let mut hash = Context::new(&SHA256);
            hash.update(&body);
            let length = body.len();
            Excess { hash, length }
        });
        excess.hash.update(data);
        excess.length = excess.length.saturating_add(data.len());
    }

    fn end(&mut self) {
        self.is_whole = self.head.is_some();
    }
}

fn said_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads a head that the guard has passed: its lines end with CRLF, and each field has a name and a printable value.
/// `None` when it cannot be represented all the same.
fn read_head(head: &[u8], mut headers: HeaderMap) -> Option<Head> {
    // One copy for all values.
    let bytes = Bytes::copy_from_slice(head);
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let first = lines.next()?;
    let (version, rest) = first.split_at_checked(VERSION_BYTES)?;
    let status = StatusCode::from_bytes(rest.get(..3)?).ok()?;
    headers.reserve(HEADERS);
    for line in lines {
        let line = line.trim_ascii_end();
        if line.is_empty() {
            break;
        }
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = line.split_at_checked(colon)?;
        let name = HeaderName::from_bytes(name).ok()?;
        let value = bytes.slice_ref(value.get(1..)?.trim_ascii());
        let value = HeaderValue::from_maybe_shared(value).ok()?;
        headers.try_append(name, value).ok()?;
    }
    let closes = version != b"HTTP/1.1 " || says_close(&headers);
    Some(Head {
        status,
        headers,
        closes,
    })
}

/// Fields that an answer has room for at first: what backends usually send, and what the gateway adds.
const HEADERS: usize = 24;

fn says_close(headers: &HeaderMap) -> bool {
    let values = headers.get_all(CONNECTION).iter();
    values
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"))
}
