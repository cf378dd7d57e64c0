//! Messages as data, and the keys that the tests share.

use countersign_jose::{KeyKind, PrivateKey};
use countersign_signatures::{
    Algorithm, Component, Members, Message, Parameters, Request, Response, SIGNATURE, SIGNATURE_INPUT, sign,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;

/// A request that owns its parts.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct OwnedRequest {
    pub(crate) method: String,
    pub(crate) scheme: String,
    pub(crate) authority: String,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    #[serde(deserialize_with = "fields")]
    pub(crate) headers: HeaderMap,
    #[serde(default, deserialize_with = "some_fields")]
    pub(crate) trailers: Option<HeaderMap>,
}

/// A response that owns its parts.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct OwnedResponse {
    pub(crate) status: u16,
    #[serde(deserialize_with = "fields")]
    pub(crate) headers: HeaderMap,
    #[serde(default, deserialize_with = "some_fields")]
    pub(crate) trailers: Option<HeaderMap>,
    pub(crate) request: Option<OwnedRequest>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OwnedMessage {
    Request(OwnedRequest),
    Response(OwnedResponse),
}

impl OwnedRequest {
    pub(crate) fn get(&self) -> Request<'_> {
        Request {
            method: &self.method,
            scheme: &self.scheme,
            authority: &self.authority,
            path: &self.path,
            query: self.query.as_deref(),
            headers: &self.headers,
            trailers: self.trailers.as_ref(),
        }
    }

    /// The request with one more field line.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.append(name, HeaderValue::from_str(value).unwrap());
        self
    }
}

impl OwnedMessage {
    pub(crate) fn headers_mut(&mut self) -> &mut HeaderMap {
        match self {
            Self::Request(request) => &mut request.headers,
            Self::Response(response) => &mut response.headers,
        }
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        match self {
            Self::Request(request) => &request.headers,
            Self::Response(response) => &response.headers,
        }
    }

    /// Shows the message to `look` as the borrowed view that the crate works on.
    pub(crate) fn with<T>(&self, look: impl FnOnce(Message<'_>) -> T) -> T {
        match self {
            Self::Request(request) => look(Message::Request(&request.get())),
            Self::Response(response) => {
                let request = response.request.as_ref().map(OwnedRequest::get);
                look(Message::Response(&Response {
                    status: response.status,
                    headers: &response.headers,
                    trailers: response.trailers.as_ref(),
                    request: request.as_ref(),
                }))
            }
        }
    }
}

/// A payment as a client sends it.
pub(crate) fn payment() -> OwnedRequest {
    let bare = OwnedRequest {
        method: "POST".to_owned(),
        scheme: "https".to_owned(),
        authority: "bank.example".to_owned(),
        path: "/payments/42".to_owned(),
        query: Some("dry=no&lang=en".to_owned()),
        headers: HeaderMap::new(),
        trailers: None,
    };
    bare.with("content-type", "application/json")
        .with("authorization", "DPoP abc")
        .with("idempotency-key", r#""k-1""#)
        .with(
            "content-digest",
            "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:",
        )
}

/// What a payment's signature covers.
pub(crate) fn covered() -> Vec<Component<'static>> {
    vec![
        Component::derived("@method"),
        Component::derived("@target-uri"),
        Component::field("authorization"),
        Component::field("content-digest"),
        Component::field("content-type"),
        Component::field("idempotency-key"),
    ]
}

pub(crate) fn parameters() -> Parameters<'static> {
    Parameters {
        created: Some(1_700_000_000),
        expires: Some(1_700_000_060),
        nonce: Some("0123456789abcdefghijkl".into()),
        keyid: Some("k1".into()),
        alg: None,
        tag: Some("fapi-2-request".into()),
    }
}

pub(crate) fn key(kind: KeyKind) -> PrivateKey {
    PrivateKey::generate(kind).unwrap().key
}

/// Signs `request` under `label` and appends the signature to it.
pub(crate) fn sign_into(request: &mut OwnedRequest, label: &str, key: &PrivateKey) {
    let algorithm = Algorithm::of(key.public_key());
    let signed = sign(&request.get(), label, &covered(), &parameters(), key, algorithm).unwrap();
    signed.members.append_to(&mut request.headers).unwrap();
}

/// Headers with these two dictionaries and nothing else.
pub(crate) fn signature_fields(input: &str, signature: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.append(SIGNATURE_INPUT, HeaderValue::from_str(input).unwrap());
    headers.append(SIGNATURE, HeaderValue::from_str(signature).unwrap());
    headers
}

/// The members as fields.
pub(crate) fn fields_of(members: &Members) -> HeaderMap {
    signature_fields(&members.signature_input, &members.signature)
}

fn fields<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<HeaderMap, D::Error> {
    let lines = Vec::<(String, String)>::deserialize(deserializer)?;
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(serde::de::Error::custom)?;
        headers.append(
            name,
            HeaderValue::from_str(&value).map_err(serde::de::Error::custom)?,
        );
    }
    Ok(headers)
}

fn some_fields<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<HeaderMap>, D::Error> {
    fields(deserializer).map(Some)
}
