//! What HTTP/2 asks of a request beyond what h2 checks (H2-02). A request that breaks it is malformed, and must not be
//! passed on (RFC 9113, section 8.1.1).

use countersign_framing::http1::check_translated;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Request, Version};

/// Whether a request of HTTP/2 is well-formed; those of HTTP/1 are not looked at.
pub(super) fn are_well_formed<B>(request: &Request<B>) -> bool {
    if request.version() != Version::HTTP_2 {
        return true;
    }
    let uri = request.uri();
    // No plain HTTP is spoken here (section 8.3.1), and an authority has no user (the same).
    let is_secure = uri.scheme().is_none_or(|scheme| scheme.as_str() == "https");
    let has_user = uri
        .authority()
        .is_some_and(|authority| authority.as_str().contains('@'));
    // A backend behind HTTP/1.1 may take `get` for GET, which has no content, and `trace` for TRACE.
    let path = uri.path_and_query().map_or("", |path| path.as_str());
    let translates = check_translated(request.method().as_str().as_bytes(), path.as_bytes()).is_ok();
    is_secure
        && !has_user
        && translates
        && !any_is_padded(request.headers())
        && has_one_length(request.headers())
}

/// A value neither begins nor ends with white space (section 8.2.1): a backend behind HTTP/1 would not see it.
fn any_is_padded(headers: &HeaderMap) -> bool {
    let is_space = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    headers
        .values()
        .any(|value| is_space(value.as_bytes().first()) || is_space(value.as_bytes().last()))
}

/// h2 holds the body to its length, and takes an empty one for none and the same one twice for one.
fn has_one_length(headers: &HeaderMap) -> bool {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let first = lengths.next();
    let is_number = |bytes: &[u8]| !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit);
    lengths.next().is_none() && first.is_none_or(|length| is_number(length.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two(uri: &str) -> http::request::Builder {
        Request::post(uri).version(Version::HTTP_2)
    }

    fn passes(request: http::request::Builder) -> bool {
        are_well_formed(&request.body(()).unwrap())
    }

    /// H2-02
    #[test]
    fn what_h2_lets_through_is_still_looked_at() {
        let honest = "https://pay.example/";
        assert!(passes(
            two(honest).header("content-length", "5").header("x", "a b")
        ));
        assert!(passes(two(honest).header("x", "")));
        assert!(!passes(two("http://pay.example/")));
        assert!(!passes(two("https://user@pay.example/")));
        for value in [" a", "a ", "\ta", "a\t", " "] {
            assert!(!passes(two(honest).header("x", value)), "{value:?}");
        }
        for length in ["", "+5", "5,5", "0x5", "5 5"] {
            assert!(
                !passes(two(honest).header("content-length", length)),
                "{length:?}"
            );
        }
        let twice = two(honest)
            .header("content-length", "5")
            .header("content-length", "5");
        assert!(!passes(twice));
    }

    /// H2-02, HTTP-09: what the guard of HTTP/1.1 refuses of a request line does not come by way of HTTP/2 either.
    #[test]
    fn methods_and_paths_are_held_to_the_rules_of_http_1() {
        let asks = |method: &str, path: &str| {
            let uri = format!("https://pay.example{path}");
            passes(
                Request::builder()
                    .method(method)
                    .uri(uri)
                    .version(Version::HTTP_2),
            )
        };
        assert!(asks("GET", "/public/a%20b?x=[1]") && asks("VERSION-CONTROL", "/"));
        for method in ["get", "trace", "Post", "FOO!", "!", "A1"] {
            assert!(!asks(method, "/"), "{method}");
        }
        for path in ["/\u{e9}", "/a{b}", "/a|b", "/a\\b", "/?a\\b"] {
            assert!(!asks("GET", path), "{path}");
        }
    }

    #[test]
    fn http_1_has_its_own_rules() {
        assert!(passes(Request::get("/").header("x", " a")));
    }
}
