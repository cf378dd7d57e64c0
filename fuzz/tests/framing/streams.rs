//! Streams of messages that are good or almost good, told by a few bytes of input.

use countersign_framing::http1::Asked;

const REQUEST_LINES: [&str; 8] = [
    "GET / HTTP/1.1",
    "GET /a/%41?b=c&d[e]=/../f HTTP/1.1",
    "POST /a;b=c HTTP/1.1",
    "POST https://a:1/b HTTP/1.1",
    "HEAD / HTTP/1.1",
    "OPTIONS * HTTP/1.1",
    "CONNECT a:1 HTTP/1.1",
    "\r\nDELETE /a HTTP/1.1",
];
const STATUS_LINES: [&str; 8] = [
    "HTTP/1.1 200 OK",
    "HTTP/1.1 200 OK",
    "HTTP/1.1 404 ",
    "HTTP/1.1 503",
    "HTTP/1.0 200 OK",
    "HTTP/1.1 204 No Content",
    "HTTP/1.1 304 Not Modified",
    "HTTP/1.1 103 Early Hints",
];
const FIELDS: [&str; 16] = [
    "x: y",
    "x:y",
    "x:",
    "X:\t y z \t",
    "x!#$%&'*+-.^_`|~0: \u{e4}\"",
    "accept: */*",
    "connection: keep-alive",
    "connection: x, close",
    "expect: 100-continue",
    "te: trailers, chunked",
    "upgrade: h2c",
    "trailer: x",
    "content-length-x: 5",
    "host: a:1",
    "content-length: 5",
    "transfer-encoding: chunked",
];
/// Bytes that mean something somewhere, for changes.
const TELLING: &[u8] = b"\r\n \t:;,\"0159afAF-+_/?#\0\x0b\x0c\x7f\x80\xff";

/// Input, byte by byte; zeros behind its end.
struct Draw<'i>(&'i [u8]);

impl Draw<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    fn number(&mut self, below: usize) -> usize {
        usize::from(self.byte()) % below
    }

    fn one_of<'t>(&mut self, all: &[&'t str]) -> &'t str {
        all[self.number(all.len())]
    }
}

/// Requests.
pub(crate) fn requests(input: &[u8]) -> Vec<u8> {
    let mut draw = Draw(input);
    let mut stream = Vec::new();
    for _ in 0..=draw.number(3) {
        let line = draw.one_of(&REQUEST_LINES);
        message(&mut stream, &mut draw, line, "host: a:1\r\n");
    }
    change(&mut stream, &mut draw);
    stream
}

/// Interim answers and a final one.
pub(crate) fn answers(input: &[u8]) -> (Asked, Vec<u8>) {
    let mut draw = Draw(input);
    let asked = if draw.byte() < 64 {
        Asked::Head
    } else {
        Asked::Other
    };
    let mut stream = Vec::new();
    for _ in 0..=draw.number(2) {
        let line = draw.one_of(&STATUS_LINES);
        message(&mut stream, &mut draw, line, "");
    }
    change(&mut stream, &mut draw);
    (asked, stream)
}

fn message(stream: &mut Vec<u8>, draw: &mut Draw<'_>, line: &str, first: &str) {
    stream.extend_from_slice(format!("{line}\r\n{first}").as_bytes());
    for _ in 0..draw.number(4) {
        stream.extend_from_slice(format!("{}\r\n", draw.one_of(&FIELDS[..13])).as_bytes());
    }
    // One in sixteen has what no second may follow.
    if draw.byte() < 16 {
        stream.extend_from_slice(format!("{}\r\n", draw.one_of(&FIELDS[13..])).as_bytes());
    }
    let length = draw.number(40);
    // Those that have no content are given some now and then.
    let takes_none = ["GET", "HEAD", " 204", " 103"]
        .iter()
        .any(|word| line.contains(word));
    let kind = draw.byte();
    match if takes_none && kind < 0xf0 { 0 } else { kind % 4 } {
        0 => stream.extend_from_slice(b"\r\n"),
        1 => {
            stream.extend_from_slice(format!("Content-Length: {length}\r\n\r\n").as_bytes());
            data(stream, length);
        }
        _ => {
            stream.extend_from_slice(b"transfer-encoding: chunked\r\n\r\n");
            for _ in 0..draw.number(4) {
                let (length, zeros) = (1 + draw.number(30), draw.number(7));
                stream.extend_from_slice(format!("{}{length:x}\r\n", "0".repeat(zeros)).as_bytes());
                data(stream, length);
                stream.extend_from_slice(b"\r\n");
            }
            stream.extend_from_slice(b"0\r\n");
            if draw.byte() < 32 {
                stream.extend_from_slice(b"x: y\r\n");
            }
            stream.extend_from_slice(b"\r\n");
        }
    }
}

/// Data that look like what stands around them.
fn data(stream: &mut Vec<u8>, length: usize) {
    stream.extend(
        b"0\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n"
            .iter()
            .cycle()
            .take(length),
    );
}

/// Up to three changes: another byte, one more, or one less.
fn change(stream: &mut Vec<u8>, draw: &mut Draw<'_>) {
    for _ in 0..draw.number(4) {
        let place = place(stream, draw);
        let byte = match draw.byte() {
            choice @ 0..=0xdf => TELLING[usize::from(choice) % TELLING.len()],
            _ => draw.byte(),
        };
        match draw.number(3) {
            0 => stream.insert(place, byte),
            1 if place < stream.len() => stream[place] = byte,
            2 if place < stream.len() => drop(stream.remove(place)),
            _ => {}
        }
    }
}

/// Anywhere, or where a part ends.
fn place(stream: &[u8], draw: &mut Draw<'_>) -> usize {
    let number = usize::from(u16::from_be_bytes([draw.byte(), draw.byte()]));
    if number % 2 == 0 {
        return number / 2 % (stream.len() + 1);
    }
    let mut ends = (0..stream.len()).filter(|place| b"\r\n:".contains(&stream[*place]));
    let count = ends.clone().count().max(1);
    ends.nth(number / 2 % count).unwrap_or_default()
}
