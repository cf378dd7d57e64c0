//! An app that pays, and goes on asking until it knows what became of every payment.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use countersign::base::{Clock as _, Entropy, SystemClock, SystemEntropy, Timestamp};
use countersign::identity::session::Session;
use countersign::keys::KeySet;
use countersign::oauth::access_token::issue;
use countersign::oauth::{Scope, Settings};
use countersign_jose::PrivateKey;
use countersign_signatures::digest::{DigestAlgorithm, content_digest};
use countersign_signatures::{Algorithm, Component, Parameters, sign};
use http::{HeaderMap, Request};
use http_body_util::Full;
use serde_json::Value;

use crate::support::{Home, PAYMENT, Protocol, Received, TestGateway, Wire};

/// How long an app waits before it asks again.
pub(super) const AGAIN: Duration = Duration::from_millis(150);
/// An outcome that an app does not learn within this stays unknown for good, whatever dies meanwhile.
const LONGEST: Duration = Duration::from_secs(20 * 60);

/// What an app was told for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Executed under this transaction.
    Executed(String),
    /// Not executed, and never will be.
    NotExecuted,
}

/// The login of one app, which outlives the gateway's process.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) session: Session,
    key: Arc<PrivateKey>,
    scope: Scope,
    pub(super) keys: Arc<KeySet>,
    wire: Wire,
    pub(super) authority: String,
    entropy: Arc<dyn Entropy>,
}

impl App {
    /// Alice's, at a gateway that is about to become a process.
    pub(crate) async fn of(gateway: &TestGateway) -> Self {
        let alice = gateway.alice().await;
        Self {
            session: alice.session.clone(),
            key: Arc::clone(&alice.key),
            scope: alice.scope.clone(),
            keys: gateway.services.keyring.current(),
            wire: gateway.public(),
            authority: gateway.authority(),
            entropy: Arc::new(SystemEntropy::default()),
        }
    }

    /// Pays until the outcome is known.
    pub(super) async fn pay(&self, key: &str, body: &str) -> Told {
        let asking = async {
            loop {
                if let Ok(answer) = self.send(key, body).await
                    && let Some(told) = understood(&answer)
                {
                    return told;
                }
                tokio::time::sleep(AGAIN).await;
            }
        };
        let told = tokio::time::timeout(LONGEST, asking).await;
        told.unwrap_or_else(|_| panic!("{key}: the outcome stays unknown"))
    }

    /// Reads the account, with the code of a refusal.
    pub(super) async fn read(&self, home: &Home) -> Result<u16, String> {
        let request = self.with_proof("/accounts/7/balances", Protocol::Http1);
        let received = home.public().send(Protocol::Http1, request).await?;
        Ok(received.status.as_u16())
    }

    /// A `GET` with token and proof.
    pub(crate) fn with_proof(&self, path: &str, protocol: Protocol) -> Request<Full<Bytes>> {
        let now = SystemClock.now();
        let token = self.token(now);
        let url = format!("https://{}{path}", self.authority);
        let jti = self.entropy.token(16);
        let proof = crate::support::Proof::new(&self.key, "GET", &url, now.seconds(), Some(&token), &jti);
        let proof = crate::support::jwt(&proof.header, &proof.claims, &self.key);
        let request = Request::get(self.target(path, protocol))
            .header("authorization", format!("DPoP {token}"))
            .header("dpop", proof);
        self.with_host(request, protocol).body(Full::default()).unwrap()
    }

    /// Sends a payment once.
    pub(super) async fn send(&self, key: &str, body: &str) -> Result<Received, String> {
        let request = self.signed("/payments", Some(key), body, Protocol::Http1);
        self.wire.send(Protocol::Http1, request).await
    }

    /// A signed `POST` of JSON.
    pub(crate) fn signed(
        &self,
        path: &str,
        key: Option<&str>,
        body: &str,
        protocol: Protocol,
    ) -> Request<Full<Bytes>> {
        let now = SystemClock.now();
        let mut headers = HeaderMap::new();
        let mut add = |name: &'static str, value: String| headers.insert(name, value.parse().unwrap());
        add("authorization", format!("DPoP {}", self.token(now)));
        add("content-type", "application/json".to_owned());
        if let Some(key) = key {
            add("idempotency-key", format!("\"{key}\""));
        }
        headers.insert(
            "content-digest",
            content_digest(body.as_bytes(), DigestAlgorithm::Sha256),
        );
        self.sign(&mut headers, path, now);
        let mut request = Request::post(self.target(path, protocol));
        *request.headers_mut().unwrap() = headers;
        let body = Full::new(Bytes::copy_from_slice(body.as_bytes()));
        self.with_host(request, protocol).body(body).unwrap()
    }

    fn target(&self, path: &str, protocol: Protocol) -> String {
        match protocol {
            Protocol::Http1 => path.to_owned(),
            Protocol::Http2 => format!("https://{}{path}", self.authority),
        }
    }

    fn with_host(&self, request: http::request::Builder, protocol: Protocol) -> http::request::Builder {
        match protocol {
            Protocol::Http1 => request.header("host", &self.authority),
            Protocol::Http2 => request,
        }
    }

    fn token(&self, now: Timestamp) -> String {
        let settings = Settings::new(format!("https://{}", self.authority));
        let token = issue(
            &settings,
            &self.session,
            &self.scope,
            &self.keys,
            &*self.entropy,
            now,
        );
        token.unwrap().token
    }

    fn sign(&self, headers: &mut HeaderMap, path: &str, now: Timestamp) {
        let fields = [
            "authorization",
            "content-digest",
            "content-type",
            "idempotency-key",
        ];
        let fields = fields.into_iter().filter(|field| headers.contains_key(*field));
        let components = [Component::derived("@method"), Component::derived("@target-uri")];
        let components: Vec<_> = components
            .into_iter()
            .chain(fields.map(Component::field))
            .collect();
        let public = self.key.public_key();
        let parameters = Parameters {
            created: Some(now.seconds()),
            expires: Some(now.seconds() + 60),
            nonce: Some(self.entropy.token(16).into()),
            keyid: Some(public.thumbprint().to_string().into()),
            tag: Some("fapi-2-request".into()),
            ..Parameters::default()
        };
        let view = countersign_signatures::Request {
            method: "POST",
            scheme: "https",
            authority: &self.authority,
            path,
            query: None,
            headers,
            trailers: None,
        };
        let algorithm = Algorithm::of(public);
        let signed = sign(&view, "app", &components, &parameters, &self.key, algorithm).unwrap();
        signed.members.append_to(headers).unwrap();
    }
}

/// The body of a payment that no other is equal to.
pub(crate) fn body(place: usize) -> String {
    PAYMENT.replace("12.50", &format!("{}.{:02}", 1 + place / 100, place % 100))
}

/// What an answer says for good; `None` when it says to ask again.
fn understood(answer: &Received) -> Option<Told> {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if answer.status.is_success() {
        return Some(Told::Executed(body["txn"].as_str().unwrap().to_owned()));
    }
    match code(answer).as_str() {
        "not-executed" => Some(Told::NotExecuted),
        "outcome-unknown" | "in-progress" | "upstream-unavailable" | "store-unavailable" | "overloaded" => {
            None
        }
        other => panic!("an honest payment was refused: {other}: {body}"),
    }
}

/// The code of a refusal.
pub(crate) fn code(answer: &Received) -> String {
    let problem: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let name = problem["type"].as_str().unwrap_or_default();
    name.rsplit(':').next().unwrap_or_default().to_owned()
}
