//! The requests of a load. Whatever is signed is signed for this one request.

use std::sync::Arc;

use bytes::Bytes;
use countersign::base::{Clock as _, Entropy, SystemClock, SystemEntropy};
use countersign_jose::jwk::Jwk;
use countersign_jose::{base64url, jws, sha256};
use countersign_signatures::digest::{DigestAlgorithm, content_digest};
use countersign_signatures::{Algorithm, Component, Parameters, sign};
use http::{HeaderMap, HeaderValue, Method, Request};
use http_body_util::Full;
use serde_json::{Map, Value, json};

use crate::Outcome;
use crate::callers::Caller;
use crate::home::TRUSTED_PAYEE;
use crate::wire::Protocol;

/// Bytes of a body.
const BODY: usize = 512;
/// How long a signature is good, in seconds.
const LIFETIME: i64 = 60;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// `GET` of a public route.
    PublicGet,
    /// `POST` of 512 bytes to a public route.
    PublicPost,
    /// No request: a connection with a full TLS handshake, and its end.
    Handshake,
    /// `GET` below `/token` with a bearer token, for gateways that check nothing else.
    TokenGet,
    /// `POST` of 512 bytes below `/token` with a bearer token.
    TokenPost,
    /// `GET` with a token and a DPoP proof.
    Proof,
    /// `GET` with a token that is bound to the client's certificate.
    Bound,
    /// Signed `POST` of 512 bytes, where nothing is written durably.
    Signed,
    /// Signed payment: intent and outcome are written durably.
    Payment,
    /// The same with the client's own signature over the payment, which the gateway passes on as evidence.
    PaymentWithEvidence,
}

impl Kind {
    /// Whether a logged-in customer makes it.
    #[must_use]
    pub const fn has_caller(self) -> bool {
        !matches!(self, Self::PublicGet | Self::PublicPost | Self::Handshake)
    }

    const fn path(self) -> &'static str {
        match self {
            Self::PublicGet | Self::PublicPost | Self::Handshake => "/public",
            Self::TokenGet | Self::TokenPost => "/token",
            Self::Proof | Self::Bound => "/accounts",
            Self::Signed => "/messages",
            Self::Payment | Self::PaymentWithEvidence => "/payments",
        }
    }
}

/// Makes requests of one kind, for one connection.
pub struct Maker {
    kind: Kind,
    authority: String,
    protocol: Protocol,
    callers: Vec<Caller>,
    turn: Turn,
    made: usize,
    body: Bytes,
    entropy: Arc<dyn Entropy>,
}

/// How callers follow each other on one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Turn {
    /// Each in turn, again and again.
    #[default]
    Again,
    /// Each once, so that no token is seen twice; when all have been, no request can be made.
    Once,
}

impl Maker {
    /// Requests to `authority`, by `callers` where the kind has them.
    #[must_use]
    pub fn new(
        kind: Kind,
        authority: &str,
        protocol: Protocol,
        (callers, turn): (Vec<Caller>, Turn),
    ) -> Self {
        Self {
            kind,
            authority: authority.to_owned(),
            protocol,
            callers,
            turn,
            made: 0,
            body: Bytes::from(json!({ "text": "x".repeat(BODY - 11) }).to_string()),
            entropy: Arc::new(SystemEntropy::default()),
        }
    }

    /// The next one.
    ///
    /// # Errors
    /// It cannot be signed, or every caller had their turn.
    pub fn make(&mut self) -> Outcome<Request<Full<Bytes>>> {
        let mut headers = HeaderMap::new();
        if self.protocol == Protocol::Http1 {
            headers.insert("host", self.authority.parse()?);
        }
        let (method, body) = match self.kind {
            Kind::PublicGet | Kind::Handshake | Kind::TokenGet | Kind::Proof | Kind::Bound => {
                (Method::GET, Bytes::new())
            }
            Kind::PublicPost | Kind::TokenPost | Kind::Signed => (Method::POST, self.body.clone()),
            Kind::Payment | Kind::PaymentWithEvidence => (Method::POST, self.payment()),
        };
        if method == Method::POST {
            headers.insert("content-type", HeaderValue::from_static("application/json"));
        }
        if self.kind.has_caller() {
            let caller = self.caller()?;
            let scheme = match self.kind {
                Kind::TokenGet | Kind::TokenPost | Kind::Bound => "Bearer",
                _ => "DPoP",
            };
            headers.insert("authorization", format!("{scheme} {}", caller.token).parse()?);
            match self.kind {
                Kind::TokenGet | Kind::TokenPost | Kind::Bound => {}
                Kind::Proof => {
                    headers.insert("dpop", self.proof(caller)?.parse()?);
                }
                _ => self.sign(&mut headers, &body, caller)?,
            }
        }
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = match self.protocol {
            Protocol::Http1 => self.kind.path().parse()?,
            Protocol::Http2 => format!("https://{}{}", self.authority, self.kind.path()).parse()?,
        };
        *request.headers_mut() = headers;
        self.made += 1;
        Ok(request)
    }

    /// Whose turn it is.
    fn caller(&self) -> Outcome<&Caller> {
        let place = match self.turn {
            Turn::Again => self.made % self.callers.len().max(1),
            Turn::Once => self.made,
        };
        Ok(self
            .callers
            .get(place)
            .ok_or("every caller of this connection had their turn: more are needed")?)
    }

    /// Of an amount that few others have, to a payee whom the customer trusts.
    fn payment(&self) -> Bytes {
        let [one, two, three] = self.entropy.bytes();
        let amount = format!("{}.{:02}", 1 + u32::from(one) * 256 + u32::from(two), three % 100);
        let body = json!({
            "amount": amount, "currency": "EUR", "payee": TRUSTED_PAYEE, "payee_name": "Corner Bookshop",
            "reference": "Order 17",
        });
        Bytes::from(body.to_string())
    }

    /// A DPoP proof (RFC 9449, section 4.2).
    fn proof(&self, caller: &Caller) -> Outcome<String> {
        let mut header = Map::new();
        let jwk = Jwk::new(caller.key.public_key().clone());
        header.insert("jwk".to_owned(), Value::Object(jwk.to_object()));
        let claims = json!({
            "jti": self.entropy.token(16),
            "htm": "GET",
            "htu": format!("https://{}{}", self.authority, self.kind.path()),
            "iat": SystemClock.now().seconds(),
            "ath": base64url(sha256(caller.token.as_bytes())),
        });
        Ok(jws::sign("dpop+jwt", header, &claims, &caller.key)?)
    }

    fn sign(&self, headers: &mut HeaderMap, body: &Bytes, caller: &Caller) -> Outcome<()> {
        headers.insert("content-digest", content_digest(body, DigestAlgorithm::Sha256));
        let pays = self.kind != Kind::Signed;
        if pays {
            headers.insert(
                "idempotency-key",
                format!("\"{}\"", self.entropy.token(16)).parse()?,
            );
        }
        let mut fields = vec!["content-digest", "content-type"];
        fields.extend(pays.then_some("idempotency-key"));
        if self.kind == Kind::PaymentWithEvidence {
            self.add(headers, caller, ("payment", "countersign-payment"), &fields)?;
        }
        fields.insert(0, "authorization");
        self.add(headers, caller, ("request", "fapi-2-request"), &fields)
    }

    /// One signature (RFC 9421), under a label and for what its tag says.
    fn add(
        &self,
        headers: &mut HeaderMap,
        caller: &Caller,
        (label, tag): (&str, &'static str),
        fields: &[&str],
    ) -> Outcome<()> {
        let mut components = vec![Component::derived("@method"), Component::derived("@target-uri")];
        components.extend(fields.iter().map(|name| Component::field(name)));
        let now = SystemClock.now().seconds();
        let parameters = Parameters {
            created: Some(now),
            expires: Some(now + LIFETIME),
            nonce: Some(self.entropy.token(16).into()),
            keyid: Some(caller.thumbprint.clone().into()),
            tag: Some(tag.into()),
            ..Parameters::default()
        };
        let view = countersign_signatures::Request {
            method: "POST",
            scheme: "https",
            authority: &self.authority,
            path: self.kind.path(),
            query: None,
            headers,
            trailers: None,
        };
        let algorithm = Algorithm::of(caller.key.public_key());
        let signed = sign(&view, label, &components, &parameters, &caller.key, algorithm)?;
        signed.members.append_to(headers)?;
        Ok(())
    }
}
