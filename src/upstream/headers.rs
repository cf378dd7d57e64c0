//! Header fields that do not pass from one side to the other.

use http::header::CONNECTION;
use http::{HeaderMap, HeaderName};

/// Fields about one connection, removed whether `Connection` names them or not (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [&str; 11] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "http2-settings",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "proxy-authentication-info",
];

/// Fields the gateway makes, checks or signs. `Connection` cannot take them away (HTTP-07): a peer could otherwise
/// remove what the next hop relies on.
static END_TO_END: [&str; 14] = [
    "host",
    "content-length",
    "content-type",
    "authorization",
    "cache-control",
    "content-digest",
    "content-encoding",
    "forwarded",
    "idempotency-key",
    "request-id",
    "signature",
    "signature-input",
    "traceparent",
    "txn-token",
];

/// Fields with which a backend could act on our origin in the browser of our customer, say what only the gateway says of
/// itself, or tell what runs behind us (HDR-04).
const NOT_OF_A_BACKEND: [&str; 49] = [
    "set-cookie",
    "clear-site-data",
    "service-worker-allowed",
    "strict-transport-security",
    "public-key-pins",
    "alt-svc",
    "nel",
    "report-to",
    "reporting-endpoints",
    "origin-agent-cluster",
    "sourcemap",
    "x-sourcemap",
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-expose-headers",
    "access-control-max-age",
    "access-control-allow-private-network",
    "timing-allow-origin",
    "server",
    "via",
    "x-powered-by",
    "x-aspnet-version",
    "x-runtime",
    "x-aspnetmvc-version",
    "x-generator",
    "x-served-by",
    "x-backend-server",
    "server-timing",
    "proxy-status",
    "accept-ch",
    "critical-ch",
    "expect-ct",
    "expect-staple",
    "set-login",
    "use-as-dictionary",
    "activate-storage-access",
    "txn-token",
    "idempotency-replayed",
    "request-id",
    "dpop-nonce",
    "www-authenticate",
    "authentication-info",
    "signature",
    "signature-input",
    "accept-signature",
    "want-content-digest",
    "want-repr-digest",
];

static ABOUT_A_CONNECTION: Names<{ HOP_BY_HOP.len() }> = Names::new(HOP_BY_HOP);
static OF_THE_GATEWAY: Names<{ NOT_OF_A_BACKEND.len() }> = Names::new(NOT_OF_A_BACKEND);

/// Letters that a name here can begin with.
const LETTERS: usize = 26;

/// Names of fields. Nearly all fields of nearly all messages are none of them, which two characteristics of a name
/// tell.
struct Names<const N: usize> {
    names: [&'static str; N],
    /// By the first letter of a name: a bit for each length that there is.
    lengths: [u64; LETTERS],
}

impl<const N: usize> Names<N> {
    /// Of these, which are in lower case, begin with a letter and are shorter than 64 characters; otherwise it does
    /// not compile.
    #[expect(
        clippy::indexing_slicing,
        reason = "when this is compiled, and a place out of bounds does not compile"
    )]
    const fn new(names: [&'static str; N]) -> Self {
        let mut lengths = [0; LETTERS];
        let mut place = 0;
        while place < N {
            let name = names[place].as_bytes();
            lengths[(name[0] - b'a') as usize] |= 1 << name.len();
            place += 1;
        }
        Self { names, lengths }
    }

    fn contain(&self, name: &HeaderName) -> bool {
        let name = name.as_str();
        let first = name.bytes().next().and_then(|first| first.checked_sub(b'a'));
        let lengths = first.and_then(|first| self.lengths.get(usize::from(first)));
        let length = u32::try_from(name.len()).unwrap_or(u32::MAX);
        let may_be = lengths.and_then(|lengths| lengths.checked_shr(length));
        may_be.is_some_and(|bits| bits & 1 == 1) && self.names.contains(&name)
    }
}

/// Removes what is about one connection only, and what `Connection` names, except fields that the gateway makes, checks
/// or signs.
pub fn remove_hop_by_hop(headers: &mut HeaderMap) {
    for name in named_by_connection(headers) {
        if !END_TO_END.contains(&name.as_str()) {
            headers.remove(name);
        }
    }
    remove(headers, |name| ABOUT_A_CONNECTION.contain(name));
}

/// Goes by the fields that are there: there are fewer than there could be.
fn remove(headers: &mut HeaderMap, is_unwanted: impl Fn(&HeaderName) -> bool) {
    let unwanted: Vec<_> = headers.keys().filter(|name| is_unwanted(name)).cloned().collect();
    for name in unwanted {
        headers.remove(name);
    }
}

fn named_by_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .collect()
}

/// Cleans the head of a backend's answer; `kept` are the fields its route allows.
pub(super) fn clean_answer(headers: &mut HeaderMap, kept: &[HeaderName]) {
    remove_hop_by_hop(headers);
    remove(headers, |name| {
        OF_THE_GATEWAY.contain(name) && !kept.contains(name)
    });
}

#[cfg(test)]
mod tests {
    use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, SET_COOKIE, UPGRADE};

    use super::*;

    fn headers(fields: &[(&str, &str)]) -> HeaderMap {
        fields
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
            .collect()
    }

    fn left(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    /// HTTP-07
    #[test]
    fn hop_by_hop_fields_go_and_so_do_those_that_connection_names() {
        type Case = (&'static [(&'static str, &'static str)], &'static [&'static str]);
        let cases: &[Case] = &[
            (
                &[("keep-alive", "5"), ("te", "trailers"), ("accept", "*/*")],
                &["accept"],
            ),
            (
                &[
                    ("connection", "close"),
                    ("upgrade", "h2c"),
                    ("http2-settings", "AA"),
                ],
                &[],
            ),
            (
                &[
                    ("connection", "X-Trace , x-other"),
                    ("x-trace", "1"),
                    ("x-other", "2"),
                    ("x-third", "3"),
                ],
                &["x-third"],
            ),
            (
                &[
                    ("connection", "x-one"),
                    ("connection", "x-two"),
                    ("x-one", "1"),
                    ("x-two", "2"),
                ],
                &[],
            ),
            (
                &[
                    ("transfer-encoding", "chunked"),
                    ("trailer", "x"),
                    ("proxy-connection", "keep-alive"),
                ],
                &[],
            ),
            (&[("connection", ",, ,b@d"), ("accept", "*/*")], &["accept"]),
        ];
        for (fields, expected) in cases {
            let mut map = headers(fields);
            remove_hop_by_hop(&mut map);
            assert_eq!(left(&map), *expected, "{fields:?}");
        }
    }

    /// HTTP-07: the second half.
    #[test]
    fn connection_cannot_strip_what_the_gateway_makes() {
        for name in &END_TO_END {
            let mut map = headers(&[("connection", name), (name, "1")]);
            remove_hop_by_hop(&mut map);
            assert_eq!(left(&map), [*name]);
        }
    }

    #[test]
    fn a_name_is_known_whatever_is_like_it() {
        for name in NOT_OF_A_BACKEND {
            let longer = format!("{name}-{}", "a".repeat(64));
            for (other, is_one) in [(name, true), (&longer, false), (&name[1..], false), ("0", false)] {
                let other: HeaderName = other.trim_start_matches('-').parse().unwrap();
                let is_one = is_one || NOT_OF_A_BACKEND.contains(&other.as_str());
                assert_eq!(OF_THE_GATEWAY.contain(&other), is_one, "{other}");
            }
        }
    }

    /// HDR-04
    #[test]
    fn a_backend_cannot_act_on_our_origin_unless_its_route_allows_it() {
        let answer: Vec<_> = NOT_OF_A_BACKEND.iter().map(|name| (*name, "1")).collect();
        let mut map = headers(&answer);
        map.insert("etag", "1".parse().unwrap());
        clean_answer(&mut map, &[]);
        assert_eq!(left(&map), ["etag"]);

        let mut map = headers(&answer);
        clean_answer(&mut map, &[ACCESS_CONTROL_ALLOW_ORIGIN]);
        assert_eq!(left(&map), ["access-control-allow-origin"]);

        // What is about the connection does not pass even where a route would let it.
        let mut map = headers(&[
            ("connection", "set-cookie"),
            ("set-cookie", "a=b"),
            ("upgrade", "h2c"),
        ]);
        clean_answer(&mut map, &[SET_COOKIE, UPGRADE]);
        assert!(map.is_empty(), "{map:?}");
    }
}
