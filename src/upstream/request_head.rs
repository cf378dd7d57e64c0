//! The head of a request as it goes on the wire (RFC 9112, sections 3 and 5).

use bytes::{BufMut as _, Bytes, BytesMut};
use http::header::HOST;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method};

use crate::base::Decimal;

/// What a line has besides its name and value.
const LINE_BYTES: usize = ": \r\n".len();
/// The request line without its method and target, the longest `Content-Length` and the empty line.
const FRAME_BYTES: usize = 64;

/// Writes it. The body is framed by its length; nobody else's word counts (HTTP-08).
pub(super) fn write(method: &Method, target: &PathAndQuery, headers: &HeaderMap, body_bytes: usize) -> Bytes {
    let fields = headers.iter();
    let lines: usize = fields
        .map(|(name, value)| name.as_str().len() + value.len() + LINE_BYTES)
        .sum();
    let (name, target) = (method.as_str().as_bytes(), target.as_str().as_bytes());
    let mut head = BytesMut::with_capacity(name.len() + target.len() + lines + FRAME_BYTES);
    for part in [name, b" ", target, b" HTTP/1.1\r\n"] {
        head.put_slice(part);
    }
    // A recipient can tell with the first field whether the request is for it (RFC 9110, section 7.2).
    if let Some(host) = headers.get(HOST) {
        put_field(&mut head, "host", host.as_bytes());
    }
    for (name, value) in headers.iter().filter(|(name, _)| *name != HOST) {
        put_field(&mut head, name.as_str(), value.as_bytes());
    }
    if body_bytes > 0 || announces_content(method) {
        head.put_slice(b"content-length: ");
        head.put_slice(Decimal::of(body_bytes as u64).digits());
        head.put_slice(b"\r\n");
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
    use super::*;

    fn written(method: Method, fields: &[(&'static str, &'static str)], body: &'static [u8]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        let target = "/payments?a=%20".parse().unwrap();
        String::from_utf8(write(&method, &target, &headers, body.len()).to_vec()).unwrap()
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
