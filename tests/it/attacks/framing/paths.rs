//! Paths that a backend could read as another than the one that was authorised (HTTP-10).

use super::{assert_refused, converse};
use crate::support::{TestGateway, payment_of};

/// HTTP-10
#[tokio::test]
async fn a_path_that_could_be_read_twice_is_refused() {
    let gateway = TestGateway::start().await;
    let host = gateway.authority();
    for path in [
        // Slashes and backslashes, escaped and not.
        "/rates/a%2fb",
        "/rates/a%2Fb",
        "/rates%2feur",
        "/rates/a\\b",
        "/rates/a%5cb",
        "/rates/..%5cvault",
        // NUL and other control characters.
        "/rates/%00",
        "/rates/eur%00.json",
        "/rates/%0d%0ahost:%20a",
        "/rates/%7f",
        "/rates/%09",
        // Dot segments, in every spelling.
        "/rates/../vault",
        "/rates/./eur",
        "/rates/..",
        "/rates/.",
        "/rates/%2e%2e/vault",
        "/rates/.%2E/vault",
        "/rates/%2e/eur",
        "/rates/..;/vault",
        "/rates/..;a=b/vault",
        "/rates/..%3b/vault",
        "/../vault",
        "/..",
        // Escapes of escapes, and broken ones.
        "/rates/%252e%252e/vault",
        "/rates/%252f",
        "/rates/%25%32%66",
        "/rates/%2",
        "/rates/%",
        "/rates/%zz",
        "/rates/%u002e",
        // Empty segments.
        "//rates/eur",
        "/rates//eur",
        "//localhost/rates/eur",
        "///",
        "/rates/eur//",
        // A fragment, non-ASCII, and what is no URI.
        "/rates/eur#x",
        "/rates/eur?a#b",
        "#",
        "/rates/caf\u{e9}",
        "/rates/%ff",
        "/rates/%c0%ae%c0%ae/vault",
        "/rates/\u{ff0e}\u{ff0e}/vault",
        "/rates/<eur>",
        "/rates/\"eur\"",
        "/rates/{eur}",
        "/rates/e|r",
        "/rates/^",
        "/rates/`",
    ] {
        let bytes = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        let before = gateway.backend.count();
        let replies = converse(&gateway, bytes.as_bytes()).await;
        assert_eq!(
            (replies.len(), replies[0].status),
            (1, 400),
            "{path}: {replies:?}"
        );
        assert_eq!(replies[0].code(), "request-malformed", "{path}");
        assert_eq!(gateway.backend.count(), before, "{path}");
    }
}

/// HTTP-10: byte for byte the path that was authorised, and the query with it.
#[tokio::test]
async fn the_path_that_is_authorised_is_the_path_that_is_forwarded() {
    let gateway = TestGateway::start().await;
    let host = gateway.authority();
    for target in [
        "/rates/eur",
        "/rates/eur/",
        "/rates/a%20b",
        "/rates/%41%7E~",
        "/rates/caf%C3%A9",
        "/rates/100%25",
        "/rates/eur;v=1/usd",
        "/rates/a:b@c!$&'()*+,=",
        "/rates/eur?a=b&c[d]={e}|f^`&g=%2f%2e%2e%00&h=//../",
        "/rates/eur?",
        "/rates/eur??a=/../b",
        "/rates/...",
        "/rates/eur..",
    ] {
        for prefix in [String::new(), format!("https://{host}")] {
            let bytes = format!("GET {prefix}{target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
            let replies = converse(&gateway, bytes.as_bytes()).await;
            assert_eq!(replies[0].status, 200, "{target}: {replies:?}");
            assert_eq!(gateway.backend.last().target, target);
        }
    }
}

/// HTTP-10: another spelling of a payment's path is no way around what guards it.
#[tokio::test]
async fn no_spelling_of_a_guarded_path_loses_its_guard() {
    let gateway = TestGateway::start().await;
    let (host, body) = (gateway.authority(), payment_of("1.00"));
    let length = body.len();
    for (path, code) in [
        ("/payments", "token-missing"),
        ("/%70ayments", "token-missing"),
        ("/payments;a=b", "token-missing"),
        ("/PAYMENTS", "route-unknown"),
        ("/payments/", "route-unknown"),
        ("/payments%20", "route-unknown"),
        ("/payments.", "route-unknown"),
    ] {
        let bytes = format!(
            "POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
             connection: close\r\n\r\n{body}"
        );
        assert_refused(&gateway, bytes.as_bytes(), code).await;
    }
}
