//! A request in the making: every part can be left out, changed before it is signed, or changed after.

use std::sync::Arc;

use bytes::Bytes;
use countersign_jose::{PrivateKey, sha256};
use data_encoding::BASE64;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use http_body_util::Full;

use super::answer::Answer;
use super::caller::Caller;
use super::gateway::TestGateway;
use super::proof::{Proof, jwt};
use super::signature::Signature;
use super::wire::{Protocol, Wire};

type Change<'g> = Box<dyn FnOnce(&mut Sent) + Send + 'g>;

/// What goes over the wire.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) method: &'static str,
    pub(crate) authority: String,
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A request in the making.
pub(crate) struct Draft<'g> {
    gateway: &'g TestGateway,
    wire: Wire,
    protocol: Protocol,
    sent: Sent,
    proof: Option<(Proof, Arc<PrivateKey>)>,
    signatures: Vec<Signature>,
    afterwards: Vec<Change<'g>>,
}

impl<'g> Draft<'g> {
    /// A request without credentials for the public door.
    pub(crate) fn new(gateway: &'g TestGateway, method: &'static str, target: &str) -> Self {
        Self {
            gateway,
            wire: gateway.public(),
            protocol: Protocol::Http1,
            sent: Sent {
                method,
                authority: gateway.authority(),
                target: target.to_owned(),
                headers: HeaderMap::new(),
                body: Bytes::new(),
            },
            proof: None,
            signatures: Vec::new(),
            afterwards: Vec::new(),
        }
    }

    /// Through another door, whose authority is this.
    pub(crate) fn through(mut self, wire: Wire, authority: String) -> Self {
        self.wire = wire;
        self.sent.authority = authority;
        self
    }

    /// Through another door after everything is signed.
    pub(crate) fn then_through(mut self, wire: Wire, authority: String) -> Self {
        self.wire = wire;
        self.afterwards(move |sent| sent.authority = authority)
    }

    /// From another address.
    pub(crate) fn from(mut self, source: [u8; 4]) -> Self {
        self.wire = self.wire.from(source);
        self
    }

    /// Over this protocol.
    pub(crate) fn over(mut self, protocol: Protocol) -> Self {
        self.protocol = protocol;
        self
    }

    /// Sets a header, before anything is signed.
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        self.sent.headers.insert(HeaderName::from_static(name), value);
        self
    }

    /// Adds a line of a header, before anything is signed.
    pub(crate) fn line(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        self.sent.headers.append(HeaderName::from_static(name), value);
        self
    }

    /// Leaves a header out; `dpop`, `signature` and `signature-input` are left unmade.
    pub(crate) fn without(mut self, name: &'static str) -> Self {
        match name {
            "dpop" => self.proof = None,
            "signature" => self.signatures.clear(),
            _ => {
                assert!(self.sent.headers.remove(name).is_some(), "there was no {name}");
                for signature in &mut self.signatures {
                    signature.components.retain(|component| component != name);
                }
            }
        }
        self
    }

    /// A body of JSON with its digest.
    pub(crate) fn with_body(mut self, body: &str) -> Self {
        self.sent.body = Bytes::copy_from_slice(body.as_bytes());
        let digest = format!("sha-256=:{}:", BASE64.encode(&sha256(body.as_bytes())));
        self.header("content-type", "application/json")
            .header("content-digest", &digest)
    }

    /// The caller's token under the scheme DPoP.
    pub(crate) fn with_token(self, caller: &Caller<'_>) -> Self {
        self.header("authorization", &format!("DPoP {}", caller.token))
    }

    /// A DPoP proof by the caller's key.
    pub(crate) fn with_proof(mut self, caller: &Caller<'_>) -> Self {
        let path = self.sent.target.split('?').next().unwrap_or_default();
        let url = format!("https://{}{path}", self.sent.authority);
        let now = self.gateway.now().seconds();
        let jti = self.gateway.entropy().token(16);
        let proof = Proof::new(
            &caller.key,
            self.sent.method,
            &url,
            now,
            Some(&caller.token),
            &jti,
        );
        self.proof = Some((proof, Arc::clone(&caller.key)));
        self
    }

    /// Changes the proof before it is signed.
    pub(crate) fn proof(mut self, change: impl FnOnce(&mut Proof)) -> Self {
        change(&mut self.proof.as_mut().expect("a proof").0);
        self
    }

    /// Signs the proof with another key, which it also carries.
    pub(crate) fn proof_by(mut self, key: &Arc<PrivateKey>) -> Self {
        let (proof, signer) = self.proof.as_mut().expect("a proof");
        proof.header["jwk"] = serde_json::json!(countersign_jose::jwk::Jwk::new(key.public_key().clone()));
        *signer = Arc::clone(key);
        self
    }

    /// A request signature by the caller's key, as is asked for on routes that move money.
    pub(crate) fn with_signature(mut self, caller: &Caller<'_>) -> Self {
        let mut components = vec!["@method", "@target-uri", "authorization"];
        let optional = ["content-digest", "content-type", "idempotency-key"];
        components.extend(
            optional
                .into_iter()
                .filter(|name| self.sent.headers.contains_key(*name)),
        );
        let components = components.into_iter().map(str::to_owned).collect();
        let keyid = caller.key.public_key().thumbprint().to_string();
        self.signatures
            .push(self.signature_over(components, &caller.key, &keyid, "fapi-2-request", "app"));
        self
    }

    /// The second signature, which a backend can check by itself.
    pub(crate) fn with_payment_signature(mut self, key: &Arc<PrivateKey>, keyid: &str) -> Self {
        let components = [
            "@method",
            "@target-uri",
            "content-digest",
            "content-type",
            "idempotency-key",
        ];
        let components = components.map(str::to_owned).to_vec();
        self.signatures
            .push(self.signature_over(components, key, keyid, "countersign-payment", "evidence"));
        self
    }

    fn signature_over(
        &self,
        components: Vec<String>,
        key: &Arc<PrivateKey>,
        keyid: &str,
        tag: &str,
        label: &str,
    ) -> Signature {
        let now = self.gateway.now().seconds();
        let mut signature = Signature {
            label: label.to_owned(),
            components,
            parameters: Vec::new(),
            key: Arc::clone(key),
            der: false,
        };
        signature.set("created", now.to_string());
        signature.set("expires", (now + 60).to_string());
        signature.set_text("nonce", &self.gateway.entropy().token(16));
        signature.set_text("keyid", keyid);
        signature.set_text("tag", tag);
        signature
    }

    /// Changes the first signature before it is made.
    pub(crate) fn signature(mut self, change: impl FnOnce(&mut Signature)) -> Self {
        change(self.signatures.first_mut().expect("a signature"));
        self
    }

    /// Changes the newest signature before it is made.
    pub(crate) fn last_signature(mut self, change: impl FnOnce(&mut Signature)) -> Self {
        change(self.signatures.last_mut().expect("a signature"));
        self
    }

    /// Sends a proof along that the signature does not cover.
    pub(crate) fn with_uncovered_proof(mut self) -> Self {
        let (proof, key) = self.proof.take().expect("a proof");
        let text = jwt(&proof.header, &proof.claims, &key);
        self.header("dpop", &text)
    }

    /// Adds a copy of the first signature, changed.
    pub(crate) fn another_signature(mut self, change: impl FnOnce(&mut Signature)) -> Self {
        let mut copy = self.signatures.first().expect("a signature").clone();
        change(&mut copy);
        self.signatures.push(copy);
        self
    }

    /// Makes the first signature with another key, named so.
    pub(crate) fn signed_by(self, key: &Arc<PrivateKey>, keyid: &str) -> Self {
        self.signature(|signature| {
            signature.key = Arc::clone(key);
            signature.set_text("keyid", keyid);
        })
    }

    /// Changes the request after everything is signed.
    pub(crate) fn afterwards(mut self, change: impl FnOnce(&mut Sent) + Send + 'g) -> Self {
        self.afterwards.push(Box::new(change));
        self
    }

    /// Sets a header after everything is signed.
    pub(crate) fn then_header(self, name: &'static str, value: impl Into<String>) -> Self {
        let value = value.into();
        self.afterwards(move |sent| {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            sent.headers.insert(HeaderName::from_static(name), value);
        })
    }

    /// Everything signed and changed.
    pub(crate) fn finish(mut self) -> Ready<'g> {
        if let Some((proof, key)) = self.proof.take() {
            let text = jwt(&proof.header, &proof.claims, &key);
            self.sent.headers.insert("dpop", text.parse().unwrap());
            // A header that is there is covered by an honest signature.
            for signature in &mut self.signatures {
                if signature.is_of_the_request() {
                    signature.components.push("dpop".to_owned());
                }
            }
        }
        for signature in &self.signatures {
            let (input, value) = signature.make(|name| self.sent.component(name));
            self.sent
                .headers
                .append("signature-input", input.parse().unwrap());
            self.sent.headers.append("signature", value.parse().unwrap());
        }
        for change in self.afterwards {
            change(&mut self.sent);
        }
        Ready {
            gateway: self.gateway,
            wire: self.wire,
            protocol: self.protocol,
            sent: self.sent,
        }
    }

    /// Sends it.
    pub(crate) async fn send(self) -> Answer<'g> {
        self.finish().send().await
    }

    /// Sends it, and sees to it that it is refused with this code and that nothing of it reached the backend.
    pub(crate) async fn expect_refusal(self, code: &str) -> Answer<'g> {
        let before = self.gateway.backend.count();
        let backend = &self.gateway.backend;
        let answer = self.send().await;
        answer.assert_problem(code);
        assert_eq!(backend.count(), before, "{code}: the backend got it all the same");
        answer
    }

    /// Sends it, and sees to it that the backend answered.
    pub(crate) async fn expect_answer(self) -> Answer<'g> {
        let answer = self.send().await;
        assert_eq!(answer.status(), 200, "{answer:?}");
        answer
    }
}

/// A request that can be sent any number of times.
#[derive(Clone)]
pub(crate) struct Ready<'g> {
    gateway: &'g TestGateway,
    wire: Wire,
    protocol: Protocol,
    pub(crate) sent: Sent,
}

/// A request that outlives the gateway it was made for.
pub(crate) struct Captured {
    protocol: Protocol,
    sent: Sent,
}

impl Captured {
    /// Sends it to another life of the gateway.
    pub(crate) async fn sent_to(self, gateway: &TestGateway) -> Answer<'_> {
        let ready = Ready {
            gateway,
            wire: gateway.public(),
            protocol: self.protocol,
            sent: self.sent,
        };
        ready.send().await
    }
}

impl<'g> Ready<'g> {
    /// What someone who listens has of it.
    pub(crate) fn taken(&self) -> Captured {
        Captured {
            protocol: self.protocol,
            sent: self.sent.clone(),
        }
    }

    /// The same with other headers.
    pub(crate) fn changed(&self, change: impl FnOnce(&mut HeaderMap)) -> Self {
        let mut changed = self.clone();
        change(&mut changed.sent.headers);
        changed
    }

    pub(crate) async fn send(&self) -> Answer<'g> {
        self.try_send().await.unwrap()
    }

    /// Sends it; a door that is shut is no answer.
    pub(crate) async fn try_send(&self) -> Result<Answer<'g>, String> {
        let sent = &self.sent;
        let uri = match self.protocol {
            Protocol::Http1 => sent.target.clone(),
            Protocol::Http2 => format!("https://{}{}", sent.authority, sent.target),
        };
        let mut request = Request::builder().method(sent.method).uri(uri);
        *request.headers_mut().unwrap() = sent.headers.clone();
        if self.protocol == Protocol::Http1 && !sent.headers.contains_key("host") {
            request = request.header("host", &sent.authority);
        }
        let request = request.body(Full::new(sent.body.clone())).unwrap();
        let received = self.wire.send(self.protocol, request).await?;
        Ok(Answer::new(self.gateway, self.sent.clone(), received))
    }
}

impl Sent {
    /// The path and the query of the target.
    pub(crate) fn path_and_query(&self) -> (&str, Option<&str>) {
        match self.target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (&self.target, None),
        }
    }

    /// What a component is worth (RFC 9421, section 2).
    fn component(&self, name: &str) -> String {
        let (path, query) = self.path_and_query();
        match name {
            "@method" => self.method.to_owned(),
            "@target-uri" => format!("https://{}{}", self.authority, self.target),
            "@authority" => self.authority.clone(),
            "@path" => path.to_owned(),
            "@query" => format!("?{}", query.unwrap_or_default()),
            field => {
                let values = self.headers.get_all(field).iter();
                values
                    .map(|value| value.to_str().unwrap())
                    .collect::<Vec<_>>()
                    .join(", ")
            }
        }
    }
}
