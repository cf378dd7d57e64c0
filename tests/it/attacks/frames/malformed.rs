//! Requests that are malformed in ways only HTTP/2 knows. None of them may reach a backend in any shape.

use crate::support::TestGateway;
use crate::support::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, Frames, GOAWAY, HEADERS, PROTOCOL_ERROR, RST_STREAM, block,
    frame, request,
};

/// How a request was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// 200.
    Passed,
    /// Another status.
    Refused,
    /// RST_STREAM with this error code.
    Reset(u32),
    /// The connection ended, by GOAWAY with this error code or without a word.
    Ended(Option<u32>),
}

/// `:status` 200 in the static table (RFC 7541, appendix A), as h2 writes it.
const STATUS_200: u8 = 0x88;

/// Sends frames on a connection of its own, and reads the answer on stream 1.
async fn outcome(gateway: &TestGateway, bytes: &[u8]) -> Outcome {
    let mut frames = Frames::open(&gateway.public()).await;
    frames.send(bytes).await;
    let mut goaway = None;
    while let Some(frame) = frames.next().await {
        match (frame.kind, frame.stream) {
            (HEADERS, 1) if frame.payload.first() == Some(&STATUS_200) => return Outcome::Passed,
            (HEADERS, 1) => return Outcome::Refused,
            (RST_STREAM, 1) => {
                return Outcome::Reset(u32::from_be_bytes(frame.payload[..4].try_into().unwrap()));
            }
            (GOAWAY, _) => goaway = Some(u32::from_be_bytes(frame.payload[4..8].try_into().unwrap())),
            _ => {}
        }
    }
    Outcome::Ended(goaway)
}

/// Fields as they are sent.
type Fields<'a> = Vec<(&'a str, &'a [u8])>;

/// HEADERS that ends its stream.
fn alone(fields: &[(&str, &[u8])]) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, 1, &block(fields))
}

/// A request with these fields after its pseudo-header fields.
fn with(authority: &str, fields: &[(&str, &[u8])]) -> Vec<u8> {
    alone(&[&request("GET", "/rates/eur", authority), fields].concat())
}

/// A request with a body in DATA frames of these lengths.
fn with_body(authority: &str, content_length: &[u8], parts: &[usize]) -> Vec<u8> {
    let mut fields = request("POST", "/rates/eur", authority);
    fields.push(("content-length", content_length));
    let mut bytes = frame(HEADERS, END_HEADERS, 1, &block(&fields));
    for (n, part) in parts.iter().enumerate() {
        let flags = if n + 1 == parts.len() { END_STREAM } else { 0 };
        bytes.extend(frame(DATA, flags, 1, &vec![b'x'; *part]));
    }
    bytes
}

/// The frames are right: what is honest passes.
#[tokio::test]
async fn an_honest_request_in_frames_written_by_hand_passes() {
    let gateway = TestGateway::start().await;
    let authority = gateway.authority();
    let split = block(&request("GET", "/rates/eur", &authority));
    let honest = [
        with(
            &authority,
            &[
                ("x-a", b"1"),
                ("te", b"trailers"),
                ("cookie", b"a=1"),
                ("cookie", b"b=2"),
            ],
        ),
        with(&authority, &[("host", authority.as_bytes())]),
        with_body(&authority, b"10", &[4, 6]),
        [
            frame(HEADERS, END_STREAM, 1, &split[..9]),
            frame(CONTINUATION, END_HEADERS, 1, &split[9..]),
        ]
        .concat(),
    ];
    for (n, bytes) in honest.iter().enumerate() {
        assert_eq!(outcome(&gateway, bytes).await, Outcome::Passed, "{n}");
        assert_eq!(gateway.backend.count(), n + 1);
    }
    assert_eq!(gateway.backend.seen()[2].body, "xxxxxxxxxx");
}

/// H2-01
#[tokio::test]
async fn pseudo_header_fields_stand_once_first_and_are_known() {
    let gateway = TestGateway::start().await;
    let authority = gateway.authority();
    let honest = request("GET", "/rates/eur", &authority);
    let (method, scheme, host, path) = (honest[0], honest[1], honest[2], honest[3]);
    let reset = Outcome::Reset(PROTOCOL_ERROR);
    let cases: Vec<(&str, Fields<'_>, Outcome)> = vec![
        ("twice :path", vec![method, scheme, host, path, path], reset),
        ("twice :method", vec![method, method, scheme, host, path], reset),
        ("twice :scheme", vec![method, scheme, scheme, host, path], reset),
        ("twice :authority", vec![method, scheme, host, host, path], reset),
        ("late", vec![method, scheme, host, ("x-a", b"1"), path], reset),
        ("no :path", vec![method, scheme, host], reset),
        ("empty :path", vec![method, scheme, host, (":path", b"")], reset),
        ("no :method", vec![scheme, host, path], reset),
        ("no :scheme", vec![method, host, path], reset),
        (
            "no authority at all",
            vec![method, scheme, path],
            Outcome::Refused,
        ),
        (
            ":status",
            vec![method, scheme, host, path, (":status", b"200")],
            reset,
        ),
        (
            ":protocol",
            vec![method, scheme, host, path, (":protocol", b"websocket")],
            reset,
        ),
        (
            "unknown",
            vec![method, scheme, host, path, (":x", b"1")],
            Outcome::Ended(Some(PROTOCOL_ERROR)),
        ),
        (
            "plain http",
            vec![method, (":scheme", b"http"), host, path],
            Outcome::Refused,
        ),
        (
            "path without slash",
            vec![method, scheme, host, (":path", b"rates/eur")],
            reset,
        ),
    ];
    for (name, fields, expected) in cases {
        assert_eq!(outcome(&gateway, &alone(&fields)).await, expected, "{name}");
    }
    assert_eq!(gateway.backend.count(), 0);
}

/// H2-01, H2-02
#[tokio::test]
async fn fields_that_http_2_forbids_are_refused() {
    let gateway = TestGateway::start().await;
    let authority = gateway.authority();
    let reset = Outcome::Reset(PROTOCOL_ERROR);
    let ended = Outcome::Ended(Some(PROTOCOL_ERROR));
    let cases: [(&str, &[u8], Outcome); 24] = [
        ("X-A", b"1", ended),
        ("x-A", b"1", ended),
        ("connection", b"close", reset),
        ("connection", b"x-a", reset),
        ("proxy-connection", b"keep-alive", reset),
        ("keep-alive", b"timeout=5", reset),
        ("transfer-encoding", b"chunked", reset),
        ("transfer-encoding", b"identity", reset),
        ("upgrade", b"h2c", reset),
        ("te", b"gzip", reset),
        ("te", b"trailers, deflate", reset),
        ("x-a", b"1\r\nx-b: 2", ended),
        ("x-a", b"1\nx-b: 2", ended),
        ("x-a", b"1\r", ended),
        ("x-a", b"1\0", ended),
        ("x-a", b" 1", Outcome::Refused),
        ("x-a", b"1 ", Outcome::Refused),
        ("x-a", b"\t1", Outcome::Refused),
        ("x-a", b"1\t", Outcome::Refused),
        ("x a", b"1", ended),
        ("x-a:", b"1", ended),
        ("x-a\r\nx-b", b"1", ended),
        ("", b"1", ended),
        ("host", b"other.example", Outcome::Refused),
    ];
    for (name, value, expected) in cases {
        let outcome = outcome(&gateway, &with(&authority, &[(name, value)])).await;
        assert_eq!(outcome, expected, "{name:?}: {value:?}");
    }
    let hosts: [(&str, &[u8]); 2] = [("host", authority.as_bytes()), ("host", authority.as_bytes())];
    assert_eq!(
        outcome(&gateway, &with(&authority, &hosts)).await,
        Outcome::Refused
    );
    assert_eq!(gateway.backend.count(), 0);
}

/// H2-02
#[tokio::test]
async fn the_body_is_as_long_as_it_says() {
    let gateway = TestGateway::start().await;
    let authority = gateway.authority();
    let cases: [(&[u8], &[usize]); 10] = [
        (b"10", &[9]),
        (b"10", &[11]),
        (b"10", &[4, 4]),
        (b"10", &[10, 1]),
        (b"0", &[1]),
        (b"10", &[0]),
        (b"-10", &[10]),
        (b"+10", &[10]),
        (b"10, 10", &[10]),
        (b"18446744073709551626", &[10]),
    ];
    for (length, parts) in cases {
        let outcome = outcome(&gateway, &with_body(&authority, length, parts)).await;
        assert_ne!(outcome, Outcome::Passed, "{length:?} {parts:?}");
    }
    let said = |length: &'static [u8]| with(&authority, &[("content-length", length)]);
    assert_eq!(
        outcome(&gateway, &said(b"10")).await,
        Outcome::Reset(PROTOCOL_ERROR)
    );
    assert_eq!(outcome(&gateway, &said(b"")).await, Outcome::Refused);
    let twice = with(&authority, &[("content-length", b"0"), ("content-length", b"0")]);
    assert_eq!(outcome(&gateway, &twice).await, Outcome::Refused);
    assert_eq!(gateway.backend.count(), 0);
}

/// Trailers are not fields of the request (HTTP-06, H2-01).
#[tokio::test]
async fn trailers_add_nothing_to_a_request() {
    let gateway = TestGateway::start().await;
    let authority = gateway.authority();
    let mut fields = request("POST", "/rates/eur", &authority);
    fields.push(("content-length", b"4"));
    let body = [
        frame(HEADERS, END_HEADERS, 1, &block(&fields)),
        frame(DATA, 0, 1, b"body"),
    ]
    .concat();
    let trailers = |fields: &[(&str, &[u8])]| {
        [
            body.clone(),
            frame(HEADERS, END_HEADERS | END_STREAM, 1, &block(fields)),
        ]
        .concat()
    };
    let connection = outcome(&gateway, &trailers(&[("connection", b"close")])).await;
    assert_eq!(connection, Outcome::Reset(PROTOCOL_ERROR));
    assert_eq!(gateway.backend.count(), 0);
    // h2 drops pseudo-header fields of trailers without a word (RFC 9113, section 8.1 calls them malformed); what counts
    // is that they mean nothing.
    for (name, value) in [
        ("x-role", &b"admin"[..]),
        (":path", b"/payments"),
        (":authority", b"other.example"),
    ] {
        assert_eq!(
            outcome(&gateway, &trailers(&[(name, value)])).await,
            Outcome::Passed
        );
        let seen = gateway.backend.last();
        assert_eq!(
            (seen.method.as_str(), seen.target.as_str()),
            ("POST", "/rates/eur")
        );
        assert!(!seen.headers.contains_key("x-role"));
        assert_eq!(seen.body, "body");
    }
}
