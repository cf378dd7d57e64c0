//! An answer, and what every answer must be.

use countersign::base::Code;
use countersign::keys::Purpose;
use countersign_signatures::digest::verify_content_digest;
use countersign_signatures::{Algorithm, Component, Request, Response, Signatures};
use http::HeaderMap;
use serde_json::Value;

use super::draft::Sent;
use super::gateway::TestGateway;
use super::wire::Received;

/// Targets whose answers are signed.
const SIGNED: [&str; 2] = ["/payments", "/consents"];

/// An answer with the request it is for.
pub(crate) struct Answer<'g> {
    gateway: &'g TestGateway,
    sent: Sent,
    received: Received,
}

impl<'g> Answer<'g> {
    pub(super) fn new(gateway: &'g TestGateway, sent: Sent, received: Received) -> Self {
        Self {
            gateway,
            sent,
            received,
        }
    }

    pub(crate) fn status(&self) -> u16 {
        self.received.status.as_u16()
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.received.headers
    }

    pub(crate) fn body(&self) -> &[u8] {
        &self.received.body
    }

    /// A header that stands once; empty when it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut values = self.received.headers.get_all(name).iter();
        let value = values.next().map_or("", |value| value.to_str().unwrap());
        assert!(values.next().is_none(), "{name} stands twice");
        value
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.received.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// The code of a problem; empty for anything else.
    pub(crate) fn code(&self) -> String {
        let problem: Value = serde_json::from_slice(&self.received.body).unwrap_or_default();
        let name = problem["type"].as_str().unwrap_or_default();
        name.strip_prefix("urn:countersign:problem:")
            .unwrap_or_default()
            .to_owned()
    }

    /// Sees to it that it is a problem as RFC 9457 and docs/journey.md want it: code, status, members, request id, challenge, signature.
    pub(crate) fn assert_problem(&self, code: &str) {
        assert_eq!(self.code(), code, "{self:?}");
        let known = Code::ALL.iter().find(|known| known.name() == code).unwrap();
        let problem = self.json();
        assert_eq!(self.status(), known.status(), "{self:?}");
        assert_eq!(problem["status"], known.status());
        assert_eq!(problem["title"], known.title());
        assert!(
            problem["detail"]
                .as_str()
                .is_some_and(|detail| detail.ends_with('.')),
            "{self:?}"
        );
        assert_eq!(problem["instance"], self.header("request-id"));
        assert!(!self.header("request-id").is_empty());
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.header("cache-control"), "no-store");
        if known.status() == 401 {
            assert!(self.header("www-authenticate").starts_with("DPoP "), "{self:?}");
        }
        if self.is_of_a_signed_route() {
            self.assert_signed();
        }
    }

    fn is_of_a_signed_route(&self) -> bool {
        let routed = ![
            "misdirected",
            "route-unknown",
            "method-not-allowed",
            "request-malformed",
        ]
        .contains(&self.code().as_str());
        routed && SIGNED.contains(&self.sent.path_and_query().0)
    }

    /// Sees to it that the gateway signed it: over status, body and the request it answers (FSIG-04, FSIG-08).
    /// Returns the identifiers of what is covered.
    pub(crate) fn assert_signed(&self) -> Vec<String> {
        if !self.received.body.is_empty() {
            verify_content_digest(&self.received.headers, &self.received.body).unwrap();
        }
        let keys = self.gateway.services.keyring.current();
        let (path, query) = self.sent.path_and_query();
        let request = Request {
            method: self.sent.method,
            scheme: "https",
            authority: &self.sent.authority,
            path,
            query,
            headers: &self.sent.headers,
            trailers: None,
        };
        let response = Response {
            status: self.status(),
            headers: &self.received.headers,
            trailers: None,
            request: Some(&request),
        };
        let signatures = Signatures::parse(&self.received.headers).unwrap();
        let entry = signatures
            .by_tag("fapi-2-response")
            .unwrap_or_else(|error| panic!("{error}: {self:?}"));
        let key = keys.verifying(Purpose::Message, entry.keyid().unwrap()).unwrap();
        entry.verify(&response, key, Algorithm::Ed25519).unwrap();
        assert!(entry.parameters().created.is_some());
        let has_body = !self.received.body.is_empty();
        let mut needed = vec![
            Component::derived("@status"),
            Component::derived("@method").req(),
            Component::derived("@target-uri").req(),
        ];
        needed.extend(has_body.then(|| Component::field("content-digest")));
        let sent_digest = self.sent.headers.contains_key("content-digest");
        needed.extend(sent_digest.then(|| Component::field("content-digest").req()));
        for component in needed {
            assert!(
                entry.covers_component(&component),
                "{component} is not covered: {self:?}"
            );
        }
        entry.components().iter().map(Component::identifier).collect()
    }
}

impl std::fmt::Debug for Answer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body = String::from_utf8_lossy(&self.received.body);
        let Sent { method, target, .. } = &self.sent;
        write!(
            f,
            "{method} {target}: {} {:?} {body}",
            self.received.status, self.received.headers
        )
    }
}
