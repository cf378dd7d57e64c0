//! One request under way: what every stage needs of it, in one box, so that moving it from type to type is cheap.

use std::sync::Arc;

use countersign_signatures::Members;
use http::request::Parts;

use super::snapshot::{GateRoute, Snapshot};
use crate::base::{ClientId, Connection, RequestId, Timestamp, TransactionId};
use crate::config::{Access, ClientEvidence};

pub(super) struct Exchange {
    pub(super) id: RequestId,
    /// When it arrived; the one reading of the clock that every check of this request uses.
    pub(super) at: Timestamp,
    pub(super) connection: Arc<Connection>,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) head: Parts,
    /// Host and port the client named; one of ours once the request is admitted.
    pub(super) authority: String,
    /// The route; known once the request is admitted, absent for our own paths.
    pub(super) route: Option<Arc<GateRoute>>,
    /// The app whose access token came with it, once that was found valid.
    pub(super) client: Option<ClientId>,
    /// The client's signature, once it was found good: it is passed on, and answers cover it.
    pub(super) good_signature: Option<GoodSignature>,
    /// Whether the connection ends with the answer.
    pub(super) hang_up: bool,
    /// The payment that the answer is about, once it is on record: answers then say where its receipt is.
    pub(super) payment: Option<TransactionId>,
}

/// A client's signature that was found good.
pub(super) struct GoodSignature {
    /// The label the client gave it.
    pub(super) label: String,
    /// What it says, under the label by which it is passed on.
    pub(super) members: Members,
}

impl Exchange {
    /// The same request under the policies of `other`, for a second decision.
    pub(super) fn under_policies_of(mut self: Box<Self>, other: &Snapshot) -> Box<Self> {
        self.snapshot = Arc::new(self.snapshot.with_policies_of(other));
        self
    }

    pub(super) fn method(&self) -> &str {
        self.head.method.as_str()
    }

    /// The raw path.
    pub(super) fn path(&self) -> &str {
        self.head.uri.path()
    }

    /// The raw query, without the question mark.
    pub(super) fn query(&self) -> Option<&str> {
        self.head.uri.query()
    }

    /// `https`, authority and raw path, without the query: what a DPoP proof names.
    pub(super) fn url(&self) -> String {
        format!("https://{}{}", self.authority, self.path())
    }

    /// `@target-uri` (RFC 9421, section 2.2.2).
    pub(super) fn target_uri(&self) -> String {
        self.query()
            .map_or_else(|| self.url(), |query| format!("{}?{query}", self.url()))
    }

    /// The request as a signature sees it.
    pub(super) fn signed_view(&self) -> countersign_signatures::Request<'_> {
        countersign_signatures::Request {
            method: self.method(),
            scheme: "https",
            authority: &self.authority,
            path: self.path(),
            query: self.query(),
            headers: &self.head.headers,
            trailers: None,
        }
    }

    /// Whether answers, errors included, are signed.
    pub(super) fn answers_are_signed(&self) -> bool {
        self.route
            .as_ref()
            .is_some_and(|route| route.route.access == Access::Signed)
    }

    /// Whether the request moves money.
    pub(super) fn moves_money(&self) -> bool {
        self.route.as_ref().is_some_and(|route| route.mapping.is_some())
    }

    /// Whether the backend demands the client's own signature under a payment.
    pub(super) fn demands_payment_signature(&self) -> bool {
        let name = self.route.as_ref().map(|route| route.route.upstream.as_str());
        let upstream = name.and_then(|name| self.snapshot.config.upstream(name));
        self.moves_money()
            && upstream.is_some_and(|upstream| upstream.client_evidence == ClientEvidence::Signed)
    }

    /// A header that may stand once, as text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name).and_then(|value| value.to_str().ok())
    }
}
