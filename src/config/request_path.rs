//! A request's path, as it is held against the patterns of the routes (HTTP-10).
//!
//! Backends differ in what they make of `%2e%2e`, `//` or `;a=b`. A path that some of them would read as another path is
//! refused, and the rest is compared decoded, so that no spelling of `/payments` slips past its route to a laxer one.

/// A request's path, split and decoded for comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPath {
    segments: Vec<String>,
}

/// First segments of the gateway's own paths; no route may begin with one.
pub(super) const RESERVED: [&str; 9] = [
    ".well-known",
    "oauth",
    "login",
    "consent",
    "account",
    "approvals",
    "receipts",
    "log",
    "openapi.json",
];

impl RequestPath {
    /// Splits a raw path as it stands in the request target, without its query.
    ///
    /// `None` when backends could disagree on what it names: dot segments, empty segments but the last, encoded slashes,
    /// backslashes, control characters, encoded semicolons, escapes of escapes, broken percent-encoding (RFC 3986 sections
    /// 2.1 and 3.3).
    pub fn parse(raw: &str) -> Option<RequestPath> {
        let mut segments = Vec::new();
        let mut rest = Some(raw.strip_prefix('/')?);
        while let Some(path) = rest {
            let (segment, remainder) = path
                .split_once('/')
                .map_or((path, None), |(segment, r)| (segment, Some(r)));
            if segment.is_empty() && remainder.is_some() {
                return None;
            }
            segments.push(decode_segment(segment)?);
            rest = remainder;
        }
        Some(RequestPath { segments })
    }

    /// Whether it is one of the gateway's own paths.
    pub fn is_reserved(&self) -> bool {
        self.segments
            .first()
            .is_some_and(|first| RESERVED.contains(&first.as_str()))
    }

    /// Its segments, decoded.
    pub(super) fn segments(&self) -> &[String] {
        &self.segments
    }
}

/// Decodes a segment once and drops matrix parameters (`;a=b`), which some backends do not count to the name.
fn decode_segment(segment: &str) -> Option<String> {
    let named = segment.split(';').next().unwrap_or(segment);
    let mut decoded = Vec::with_capacity(named.len());
    let mut bytes = segment.bytes();
    let mut in_name = true;
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b';' => {
                in_name = false;
                continue;
            }
            b'%' => (hex_digit(bytes.next()?)? << 4) | hex_digit(bytes.next()?)?,
            byte => byte,
        };
        if byte < 0x20 || matches!(byte, b'/' | b'\\' | 0x7f) {
            return None;
        }
        if in_name {
            decoded.push(byte);
        }
    }
    let name = String::from_utf8(decoded).ok()?;
    let dots = matches!(name.as_str(), "." | "..");
    let hidden = name.is_empty() && !segment.is_empty();
    (!dots && !hidden && !is_code_again(&name)).then_some(name)
}

/// Whether a decoded name could be read once more: an escape that was itself escaped (`%252e`), or a semicolon that a
/// backend which decodes first takes for the begin of a matrix parameter.
fn is_code_again(name: &str) -> bool {
    let mut bytes = name.as_bytes().windows(3);
    let escaped = bytes.any(|three| match three {
        [b'%', high, low] => high.is_ascii_hexdigit() && low.is_ascii_hexdigit(),
        _ => false,
    });
    escaped || name.contains(';')
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_backends_could_read_differently_is_refused() {
        for path in [
            "",
            "payments",
            "//payments",
            "/a//b",
            "/a/../payments",
            "/a/./b",
            "/a/%2e%2e/payments",
            "/a/..;/payments",
            "/a/..%3b/payments",
            "/payments%3Bx",
            "/a/%252e%252e/payments",
            "/p%2561yments",
            "/a%252fb",
            "/a%2fb",
            "/a%5Cb",
            "/a\\b",
            "/a%00",
            "/a%",
            "/a%4",
            "/a%zz",
            "/a%ff",
            "/a/;x/b",
        ] {
            assert_eq!(RequestPath::parse(path), None, "{path}");
        }
    }

    #[test]
    fn the_gateways_own_paths_are_known_in_every_spelling() {
        for path in [
            "/oauth/token",
            "/.well-known/x",
            "/%6Fauth/token",
            "/log;a/checkpoint",
            "/openapi.json",
        ] {
            assert!(RequestPath::parse(path).unwrap().is_reserved(), "{path}");
        }
        assert!(!RequestPath::parse("/accounts").unwrap().is_reserved());
    }

    #[test]
    fn an_encoded_character_that_no_backend_reads_twice_is_kept() {
        for (path, segment) in [
            ("/a%20b", "a b"),
            ("/100%25", "100%"),
            ("/100%25ig", "100%ig"),
            ("/caf%C3%A9", "caf\u{e9}"),
            ("/%41;v=1", "A"),
        ] {
            assert_eq!(RequestPath::parse(path).unwrap().segments(), [segment], "{path}");
        }
    }
}
