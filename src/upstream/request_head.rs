//! The head of a request as it goes on the wire (RFC 9112, sections 3 and 5).

use bytes::{BufMut as _, Bytes, BytesMut};
use http::Method;
use http::header::HOST;

use super::exchange::Outgoing;

/// What a line has besides its name and value.
const LINE_BYTES: usize = ": \r\n".len();
/// The request line without its method and target, the longest `Content-Length` and the empty line.
const FRAME_BYTES: usize = 64;

/// Writes it. The body is framed by its length; nobody else's word counts (HTTP-08).
pub(super) fn write(outgoing: &Outgoing) -> Bytes {
    let fields = outgoing.headers.iter();
    let lines: usize = fields
        .map(|(name, value)| name.as_str().len() + value.len() + LINE_BYTES)
        .sum();
    let method = outgoing.method.as_str().as_bytes();
    let target = outgoing.target.as_str().as_bytes();
    let mut head = BytesMut::with_capacity(method.len() + target.len() + lines + FRAME_BYTES);
    for part in [method, b" ", target, b" HTTP/1.1\r\n"] {
        head.put_slice(part);
    }
    // A recipient can tell with the first field whether the request is for it (RFC 9110, section 7.2).
    if let Some(host) = outgoing.headers.get(HOST) {
        put_field(&mut head, "host", host.as_bytes());
    }
    for (name, value) in outgoing.headers.iter().filter(|(name, _)| *name != HOST) {
        put_field(&mut head, name.as_str(), value.as_bytes());
    }
    if !outgoing.body.is_empty() || announces_content(&outgoing.method) {
        put_field(
            &mut head,
            "content-length",
            outgoing.body.len().to_string().as_bytes(),
        );
    }
    head.put_slice(b"\r\n");
    head.freeze()
}

fn put_field(head: &mut BytesMut, name: &str, value: &[u8]) {
    for part in [name.as_bytes(), b": ", value, b"\r\n"] {
        head.put_slice(part);
    }
}

/// Whether a request says how long its content is even when it has none (RFC 9110, section 8.6).
fn announces_content(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use tokio::time::Instant;

    use super::*;

    fn written(method: Method, fields: &[(&'static str, &'static str)], body: &'static [u8]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        let outgoing = Outgoing {
            method,
            target: "/payments?a=%20".parse().unwrap(),
            headers,
            body: Bytes::from_static(body),
            deadline: Instant::now(),
            answer_limit: 0,
        };
        String::from_utf8(write(&outgoing).to_vec()).unwrap()
    }

    /// HTTP-08
    #[test]
    fn a_body_is_framed_by_its_length_alone() {
        let fields = [
            ("x-one", "1"),
            ("host", "bank:8443"),
            ("x-two", "2"),
            ("x-two", "3"),
        ];
        assert_eq!(
            written(Method::POST, &fields, b"{}"),
            "POST /payments?a=%20 HTTP/1.1\r\nhost: bank:8443\r\nx-one: 1\r\nx-two: 2\r\nx-two: 3\r\n\
             content-length: 2\r\n\r\n"
        );
    }

    #[test]
    fn a_method_that_carries_content_says_when_there_is_none() {
        let first = |method| written(method, &[("host", "bank")], b"");
        assert!(first(Method::POST).ends_with("\r\ncontent-length: 0\r\n\r\n"));
        assert!(first(Method::PUT).ends_with("\r\ncontent-length: 0\r\n\r\n"));
        assert_eq!(
            first(Method::GET),
            "GET /payments?a=%20 HTTP/1.1\r\nhost: bank\r\n\r\n"
        );
    }
}
