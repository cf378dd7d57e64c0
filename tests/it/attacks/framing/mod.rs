//! Requests whose end two parsers would see in different places: raw bytes over TLS, and a backend behind that writes down
//! what reaches it. Whatever the guard refuses ends the connection, and nothing of it reaches the backend.

mod bodies;
mod heads;
mod limits;
mod paths;
mod pipelines;
mod smuggling;

use std::time::Duration;

use countersign::base::Code;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use crate::support::{Draft, TestGateway};

/// Longer than the slowest machine needs; a connection that is not closed would hang its test.
const PATIENCE: Duration = Duration::from_secs(60);

/// One of the answers that came back on a connection.
#[derive(Debug)]
struct Reply {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Reply {
    /// The code of a problem; empty for anything else.
    fn code(&self) -> String {
        let problem: Value = serde_json::from_str(&self.body).unwrap_or_default();
        let name = problem["type"].as_str().unwrap_or_default();
        name.trim_start_matches("urn:countersign:problem:").to_owned()
    }

    /// Sees to it that it is a problem as docs/journey.md wants it, and the last answer of its connection.
    fn assert_last(&self, code: &str, what: &str) {
        assert_eq!(self.code(), code, "{what}: {self:?}");
        let known = Code::ALL.iter().find(|known| known.name() == code).unwrap();
        assert_eq!(self.status, known.status(), "{what}: {self:?}");
        let problem: Value = serde_json::from_str(&self.body).unwrap();
        assert!(
            problem["detail"].as_str().unwrap().ends_with('.'),
            "{what}: {self:?}"
        );
        assert_eq!(problem["instance"], self.header("request-id"), "{what}");
        assert_eq!(self.header("content-type"), "application/problem+json", "{what}");
        assert_eq!(self.header("connection"), "close", "{what}: {self:?}");
        assert_eq!(self.header("cache-control"), "no-store", "{what}");
        assert_eq!(self.header("x-content-type-options"), "nosniff", "{what}");
        assert!(self.headers.contains_key("strict-transport-security"), "{what}");
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// Sends bytes on one connection and reads all answers until the gateway closes it.
async fn converse(gateway: &TestGateway, bytes: &[u8]) -> Vec<Reply> {
    let wire = gateway.public();
    let sending = tokio::time::timeout(PATIENCE, wire.send_bytes(bytes));
    let Ok(text) = sending.await else {
        panic!(
            "the connection was not closed: {:?}",
            String::from_utf8_lossy(bytes)
        );
    };
    replies(&text)
}

fn replies(text: &str) -> Vec<Reply> {
    let mut rest = text;
    let mut replies = Vec::new();
    while !rest.is_empty() {
        let (head, behind) = rest.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{rest:?}"));
        let mut lines = head.split("\r\n");
        let status_line = lines.next().unwrap();
        let status: u16 = status_line.split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(": ").unwrap();
            let name = HeaderName::try_from(name).unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        let length = headers
            .get("content-length")
            .map_or(0, |length| length.to_str().unwrap().parse().unwrap());
        let (body, next) = behind.split_at(length);
        rest = next;
        // `100 Continue` is no answer.
        if status != 100 {
            let body = body.to_owned();
            replies.push(Reply {
                status,
                headers,
                body,
            });
        }
    }
    replies
}

/// Sees to it that one answer comes back, that it refuses, that the connection ends with it, and that nothing reached the
/// backend.
async fn assert_refused(gateway: &TestGateway, bytes: &[u8], code: &str) {
    let what = String::from_utf8_lossy(bytes).into_owned();
    let before = gateway.backend.count();
    let replies = converse(gateway, bytes).await;
    let [reply] = replies.as_slice() else {
        panic!("{what:?}: {replies:?}");
    };
    reply.assert_last(code, &what);
    assert_eq!(gateway.backend.count(), before, "{what:?} reached the backend");
}

/// The request that an attacker hides behind another.
fn hidden(gateway: &TestGateway) -> String {
    let host = gateway.authority();
    format!("GET /rates/hidden HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n")
}

/// A finished request as HTTP/1.1 writes it, but for its framing: `lines` stand before the empty line, `rest` behind it.
fn written(draft: Draft<'_>, lines: &str, rest: &str) -> Vec<u8> {
    let sent = draft.finish().sent;
    let mut text = format!(
        "{} {} HTTP/1.1\r\nhost: {}\r\n",
        sent.method, sent.target, sent.authority
    );
    for (name, value) in &sent.headers {
        text.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
    }
    format!("{text}{lines}\r\n{rest}").into_bytes()
}
