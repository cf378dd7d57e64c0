//! A client of HTTP/2 (RFC 9113) that writes every frame by hand: it can say what no library would.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::wire::{Protocol, Wire};

/// What a client says first (section 3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const ACK: u8 = 0x1;
pub(crate) const END_STREAM: u8 = 0x1;
pub(crate) const END_HEADERS: u8 = 0x4;

/// Error codes (section 7).
pub(crate) const PROTOCOL_ERROR: u32 = 1;
pub(crate) const ENHANCE_YOUR_CALM: u32 = 11;

/// How long the gateway may take for what it must say; only a gateway that says nothing makes a test wait for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// A frame as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

/// A frame's bytes.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A header block (RFC 7541): every field a literal that is not indexed, without Huffman codes.
pub(crate) fn block(fields: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in fields {
        bytes.push(0);
        string(&mut bytes, name.as_bytes());
        string(&mut bytes, value);
    }
    bytes
}

/// A string literal (RFC 7541, section 5.2) with its length as an integer of seven bits' prefix (section 5.1).
fn string(bytes: &mut Vec<u8>, text: &[u8]) {
    if text.len() < 127 {
        bytes.push(u8::try_from(text.len()).unwrap());
    } else {
        bytes.push(127);
        let mut rest = text.len() - 127;
        while rest >= 128 {
            bytes.push(u8::try_from(rest % 128 + 128).unwrap());
            rest /= 128;
        }
        bytes.push(u8::try_from(rest).unwrap());
    }
    bytes.extend(text);
}

/// The pseudo-header fields of a request.
pub(crate) fn request<'a>(method: &'a str, path: &'a str, authority: &'a str) -> Vec<(&'a str, &'a [u8])> {
    vec![
        (":method", method.as_bytes()),
        (":scheme", b"https"),
        (":authority", authority.as_bytes()),
        (":path", path.as_bytes()),
    ]
}

/// One connection.
pub(crate) struct Frames {
    reader: ReadHalf<TlsStream<TcpStream>>,
    writer: WriteHalf<TlsStream<TcpStream>>,
}

impl Frames {
    /// Over a connection on which not a byte of HTTP/2 was said.
    pub(crate) fn over(stream: TlsStream<TcpStream>) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        Self { reader, writer }
    }

    /// Connects, and says what must be said first.
    pub(crate) async fn open(wire: &Wire) -> Self {
        Self::over(wire.connect(Protocol::Http2).await.unwrap())
            .greet(&[])
            .await
    }

    /// Says what must be said first, with these settings, and acknowledges those of the gateway when they have come.
    pub(crate) async fn greet(mut self, settings: &[(u16, u32)]) -> Self {
        let mut payload = Vec::new();
        for (name, value) in settings {
            payload.extend(name.to_be_bytes());
            payload.extend(value.to_be_bytes());
        }
        assert!(self.send(PREFACE).await && self.send(&frame(SETTINGS, 0, 0, &payload)).await);
        while self
            .next()
            .await
            .is_some_and(|frame| frame.kind != SETTINGS || frame.flags & ACK != 0)
        {}
        assert!(self.send(&frame(SETTINGS, ACK, 0, &[])).await);
        self
    }

    /// Sends bytes; says whether the gateway still took them.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> bool {
        self.writer.write_all(bytes).await.is_ok() && self.writer.flush().await.is_ok()
    }

    /// Sends `count` times what `make` makes, some at a time, as long as the gateway takes them.
    pub(crate) async fn flood(&mut self, count: u32, make: impl Fn(u32) -> Vec<u8>) -> bool {
        let mut bytes = Vec::new();
        for n in 0..count {
            bytes.extend(make(n));
            if bytes.len() >= 16 * 1024 || n + 1 == count {
                if !self.send(&bytes).await {
                    return false;
                }
                bytes.clear();
            }
        }
        true
    }

    /// The next frame, or nothing when the connection has ended.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        tokio::time::timeout(PATIENCE, self.read())
            .await
            .expect("the gateway says something or closes")
    }

    async fn read(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.reader.read_exact(&mut head).await.ok()?;
        let [a, b, c, kind, flags, rest @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.reader.read_exact(&mut payload).await.ok()?;
        Some(Frame {
            kind,
            flags,
            stream: u32::from_be_bytes(rest),
            payload,
        })
    }

    /// Reads until the connection ends; the error code of the last GOAWAY, if there was one.
    pub(crate) async fn ending(&mut self) -> Option<u32> {
        let mut code = None;
        while let Some(frame) = self.next().await {
            if frame.kind == GOAWAY {
                code = Some(u32::from_be_bytes(frame.payload[4..8].try_into().unwrap()));
            }
        }
        code
    }

    /// The next frame of `stream`, or nothing when the connection has ended.
    pub(crate) async fn next_on(&mut self, stream: u32) -> Option<Frame> {
        loop {
            let frame = self.next().await?;
            if frame.stream == stream {
                return Some(frame);
            }
        }
    }
}
