//! Heads that are too large, and who sends them.

use super::{assert_refused, converse};
use crate::support::TestGateway;

/// HTTP-11: refused by name, and the client gets to read it although it is still sending.
#[tokio::test]
async fn a_head_beyond_its_bounds_is_refused_by_name() {
    let gateway = TestGateway::start().await;
    let host = gateway.authority();
    let head = |target: &str, lines: &str| format!("GET {target} HTTP/1.1\r\nhost: {host}\r\n{lines}\r\n");
    let target = |bytes: usize| format!("/rates/{}", "a".repeat(bytes - 7));
    for (bytes, code) in [
        (head(&target(8193), ""), "uri-too-long"),
        (head(&target(200_000), ""), "uri-too-long"),
        (format!("GET /{}", "a".repeat(200_000)), "uri-too-long"),
        ("A".repeat(200_000), "request-malformed"),
        (
            head("/rates/eur", &format!("x: {}\r\n", "a".repeat(16 * 1024))),
            "headers-too-large",
        ),
        (
            head("/rates/eur", &format!("x: {}\r\n", "a".repeat(200_000))),
            "headers-too-large",
        ),
        (head("/rates/eur", &"x: y\r\n".repeat(100)), "headers-too-large"),
        (
            head("/rates/eur", &"x: y\r\n".repeat(20_000)),
            "headers-too-large",
        ),
    ] {
        assert_refused(&gateway, bytes.as_bytes(), code).await;
    }
    for bytes in [
        head(&target(8192), "connection: close\r\n"),
        head(
            "/rates/eur",
            &format!("connection: close\r\n{}", "x: y\r\n".repeat(98)),
        ),
        head(
            "/rates/eur",
            &format!("connection: close\r\nx: {}\r\n", "a".repeat(16_000)),
        ),
    ] {
        assert_eq!(converse(&gateway, bytes.as_bytes()).await[0].status, 200);
    }
    assert_eq!(gateway.backend.count(), 3);
}
