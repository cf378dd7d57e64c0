//! Header fields that do not pass from one side to the other.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ALT_SVC, CONNECTION,
    CONTENT_LENGTH, CONTENT_TYPE, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, PUBLIC_KEY_PINS, SERVER,
    SET_COOKIE, STRICT_TRANSPORT_SECURITY, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, VIA, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderName};

const fn name(text: &'static str) -> HeaderName {
    HeaderName::from_static(text)
}

/// Fields about one connection, removed whether `Connection` names them or not (RFC 9110, section 7.6.1).
static HOP_BY_HOP: [HeaderName; 11] = [
    CONNECTION,
    name("keep-alive"),
    name("proxy-connection"),
    name("http2-settings"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    name("proxy-authentication-info"),
];

/// Fields the gateway makes, checks or signs. `Connection` cannot take them away (HTTP-07): a peer could otherwise
/// remove what the next hop relies on.
static END_TO_END: [HeaderName; 14] = [
    HOST,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    name("authorization"),
    name("cache-control"),
    name("content-digest"),
    name("content-encoding"),
    name("forwarded"),
    name("idempotency-key"),
    name("request-id"),
    name("signature"),
    name("signature-input"),
    name("traceparent"),
    name("txn-token"),
];

/// Fields with which a backend could act on our origin in the browser of our customer, say what only the gateway says of
/// itself, or tell what runs behind us (design 4.7, HDR-04).
static NOT_OF_A_BACKEND: [HeaderName; 49] = [
    SET_COOKIE,
    name("clear-site-data"),
    name("service-worker-allowed"),
    STRICT_TRANSPORT_SECURITY,
    PUBLIC_KEY_PINS,
    ALT_SVC,
    name("nel"),
    name("report-to"),
    name("reporting-endpoints"),
    name("origin-agent-cluster"),
    name("sourcemap"),
    name("x-sourcemap"),
    ACCESS_CONTROL_ALLOW_CREDENTIALS,
    ACCESS_CONTROL_ALLOW_HEADERS,
    ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_MAX_AGE,
    name("access-control-allow-private-network"),
    name("timing-allow-origin"),
    SERVER,
    VIA,
    name("x-powered-by"),
    name("x-aspnet-version"),
    name("x-runtime"),
    name("x-aspnetmvc-version"),
    name("x-generator"),
    name("x-served-by"),
    name("x-backend-server"),
    name("server-timing"),
    name("proxy-status"),
    name("accept-ch"),
    name("critical-ch"),
    name("expect-ct"),
    name("expect-staple"),
    name("set-login"),
    name("use-as-dictionary"),
    name("activate-storage-access"),
    name("txn-token"),
    name("idempotency-replayed"),
    name("request-id"),
    name("dpop-nonce"),
    WWW_AUTHENTICATE,
    name("authentication-info"),
    name("signature"),
    name("signature-input"),
    name("accept-signature"),
    name("want-content-digest"),
    name("want-repr-digest"),
];

/// Removes what is about one connection only, and what `Connection` names, except fields that the gateway makes, checks
/// or signs.
pub fn remove_hop_by_hop(headers: &mut HeaderMap) {
    for name in named_by_connection(headers) {
        if !END_TO_END.contains(&name) {
            headers.remove(name);
        }
    }
    for name in &HOP_BY_HOP {
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
    for name in &NOT_OF_A_BACKEND {
        if !kept.contains(name) {
            headers.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
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
            let mut map = headers(&[("connection", name.as_str()), (name.as_str(), "1")]);
            remove_hop_by_hop(&mut map);
            assert_eq!(left(&map), [name.as_str()]);
        }
    }

    /// HDR-04
    #[test]
    fn a_backend_cannot_act_on_our_origin_unless_its_route_allows_it() {
        let answer: Vec<_> = NOT_OF_A_BACKEND.iter().map(|name| (name.as_str(), "1")).collect();
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
