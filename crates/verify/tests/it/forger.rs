//! Makes forwarded requests by the book with keys of its own, and lets tests bend every part.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use countersign_intent::{Draft, Intent};
use countersign_jose::jwk::Jwk;
use countersign_jose::{KeyKind, PrivateKey, base64url, jws, sha256};
use countersign_signatures::digest::{DigestAlgorithm, content_digest};
use countersign_signatures::{Algorithm, Component, Parameters, Request, sign};
use countersign_verify::{Clock, FetchError, Fetched, Refusal, Verified, Verifier, VerifierBuilder};
use http::request::Parts;
use serde_json::{Map, Value, json};

pub(crate) const NOW: i64 = 1_800_000_000;
pub(crate) const GATEWAY: &str = "https://pay.example:8443";
pub(crate) const AUTHORITY: &str = "bank.internal:8500";

/// A clock that moves only when told to.
#[derive(Clone)]
pub(crate) struct TestClock(Arc<AtomicI64>);

impl TestClock {
    pub(crate) fn set(&self, now: i64) {
        self.0.store(now, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// A gateway: its keys, and what it publishes of them.
pub(crate) struct Gateway {
    pub(crate) message: PrivateKey,
    pub(crate) txn: PrivateKey,
    pub(crate) client: PrivateKey,
    pub(crate) clock: TestClock,
    pub(crate) published: Arc<Mutex<Published>>,
    pub(crate) fetches: Arc<AtomicUsize>,
}

pub(crate) struct Published {
    pub(crate) message: Vec<Value>,
    pub(crate) txn: Vec<Value>,
    pub(crate) cache_control: Option<String>,
    pub(crate) down: bool,
    /// Fetches never end.
    pub(crate) hangs: bool,
}

impl Gateway {
    pub(crate) fn new() -> Self {
        let key = |kind| PrivateKey::generate(kind).unwrap().key;
        let gateway = Self {
            message: key(KeyKind::Ed25519),
            txn: key(KeyKind::P256),
            client: key(KeyKind::P256),
            clock: TestClock(Arc::new(AtomicI64::new(NOW))),
            published: Arc::new(Mutex::new(Published {
                message: Vec::new(),
                txn: Vec::new(),
                cache_control: Some("max-age=300".into()),
                down: false,
                hangs: false,
            })),
            fetches: Arc::default(),
        };
        gateway.publish(
            &gateway.message,
            "m1",
            &[("purpose", "message".into()), ("nbf", (NOW - 1000).into())],
        );
        gateway.publish(&gateway.txn, "t1", &[]);
        gateway
    }

    /// Publishes a key: with a purpose among the message keys, without one among those of Txn-Tokens.
    pub(crate) fn publish(&self, key: &PrivateKey, kid: &str, members: &[(&str, Value)]) {
        let mut object = Jwk::new(key.public_key().clone()).to_object();
        object.insert("kid".into(), kid.into());
        for (name, value) in members {
            object.insert((*name).into(), value.clone());
        }
        let mut published = self.published.lock().unwrap();
        let document = if members.is_empty() {
            &mut published.txn
        } else {
            &mut published.message
        };
        document.retain(|known| known["kid"] != kid);
        document.push(Value::Object(object));
    }

    pub(crate) fn builder(&self) -> VerifierBuilder {
        let (published, fetches) = (Arc::clone(&self.published), Arc::clone(&self.fetches));
        Verifier::builder(GATEWAY)
            .fetcher(move |url: String| {
                fetches.fetch_add(1, Ordering::SeqCst);
                let (answer, hangs) = {
                    let published = published.lock().unwrap();
                    (answer(&published, &url), published.hangs)
                };
                async move {
                    if hangs {
                        std::future::pending::<()>().await;
                    }
                    answer
                }
            })
            .trust_domain("bank")
            .authority(AUTHORITY)
            .clock(self.clock.clone())
    }

    pub(crate) fn verifier(&self) -> Verifier {
        self.builder().build().unwrap()
    }

    /// A payment as it is forwarded, everything about it right.
    pub(crate) fn payment(&self) -> Forwarded<'_> {
        Forwarded::payment(self)
    }

    /// Builds `forwarded` and verifies it with a fresh verifier.
    pub(crate) async fn judge(&self, forwarded: Forwarded<'_>) -> Result<Verified, Refusal> {
        let (parts, body) = forwarded.build();
        self.verifier().verify(&parts, &body).await
    }

    /// The name of the refusal that `forwarded` meets.
    pub(crate) async fn refusal(&self, forwarded: Forwarded<'_>) -> &'static str {
        self.judge(forwarded).await.expect_err("refused").name()
    }
}

fn answer(published: &Published, url: &str) -> Result<Fetched, FetchError> {
    if published.down {
        return Err(FetchError::new("the gateway is down"));
    }
    let keys = match url.strip_prefix(GATEWAY) {
        Some("/.well-known/countersign/keys") => &published.message,
        Some("/.well-known/countersign/txn-keys") => &published.txn,
        _ => return Err(FetchError::new("404")),
    };
    Ok(Fetched {
        body: json!({"keys": keys}).to_string().into(),
        cache_control: published.cache_control.clone(),
    })
}

/// How the gateway's own signature is made.
pub(crate) struct Signing<'g> {
    pub(crate) label: &'static str,
    pub(crate) parameters: Parameters<'static>,
    /// Components that are left out although they should be covered, by identifier.
    pub(crate) leave_out: Vec<&'static str>,
    pub(crate) key: &'g PrivateKey,
}

/// A forwarded request in the making.
pub(crate) struct Forwarded<'g> {
    gateway: &'g Gateway,
    pub(crate) method: &'static str,
    pub(crate) target: &'static str,
    pub(crate) authority: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
    pub(crate) claims: Value,
    pub(crate) token_type: &'static str,
    pub(crate) token_header: Map<String, Value>,
    pub(crate) token_key: &'g PrivateKey,
    /// What the client signed, when there is a `payment` signature.
    pub(crate) payment: Option<PaymentSigning<'g>>,
    pub(crate) signing: Signing<'g>,
}

/// How the client's own signature is made.
pub(crate) struct PaymentSigning<'g> {
    pub(crate) tag: &'static str,
    pub(crate) authority: &'static str,
    pub(crate) components: Vec<&'static str>,
    pub(crate) created: i64,
    pub(crate) key: &'g PrivateKey,
}

pub(crate) fn intent() -> Intent {
    Intent::build(Draft {
        kind: Some("payment".into()),
        amount: Some("12.50".into()),
        currency: Some("EUR".into()),
        payee: Some("DE89370400440532013000".into()),
        payee_name: Some("Café Anna".into()),
        ..Draft::default()
    })
    .unwrap()
}

impl<'g> Forwarded<'g> {
    fn payment(gateway: &'g Gateway) -> Self {
        let body =
            Bytes::from_static(br#"{"amount":"12.50","currency":"EUR","payee":"DE89370400440532013000"}"#);
        let digest = content_digest(&body, DigestAlgorithm::Sha256)
            .to_str()
            .unwrap()
            .to_owned();
        Self {
            gateway,
            method: "POST",
            target: "/payments?dry=no",
            authority: AUTHORITY,
            headers: vec![
                ("forwarded", r#"host="pay.example:8443";proto=https"#.into()),
                ("content-type", "application/json".into()),
                ("content-digest", digest.clone()),
                ("idempotency-key", r#""key-1""#.into()),
                (
                    "traceparent",
                    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into(),
                ),
            ],
            claims: claims(&base64url(sha256(&body))),
            body,
            token_type: "txntoken+jwt",
            token_header: [("kid".to_owned(), Value::from("t1"))].into_iter().collect(),
            token_key: &gateway.txn,
            payment: None,
            signing: Signing {
                label: "countersign",
                parameters: Parameters {
                    created: Some(NOW),
                    expires: Some(NOW + 60),
                    nonce: Some("0123456789012345678901".into()),
                    keyid: Some("m1".into()),
                    alg: None,
                    tag: Some("countersign-forward".into()),
                },
                leave_out: Vec::new(),
                key: &gateway.message,
            },
        }
    }

    /// A read: no body, no payment.
    pub(crate) fn read(mut self) -> Self {
        self.method = "GET";
        self.body = Bytes::new();
        self.headers
            .retain(|(name, _)| matches!(*name, "forwarded" | "traceparent"));
        let context = self.claims["tctx"].as_object_mut().unwrap();
        for member in ["idempotency_key", "intent", "intent_digest"] {
            context.remove(member);
        }
        context.insert("method".into(), "GET".into());
        context.insert("content_digest".into(), base64url(sha256(b"")).into());
        self
    }

    /// With the client's own signature over the payment, and its key in the token.
    pub(crate) fn with_evidence(mut self) -> Self {
        let key = &self.gateway.client;
        self.claims["cnf"] = json!({"jwk": Jwk::new(key.public_key().clone())});
        self.payment = Some(PaymentSigning {
            tag: "countersign-payment",
            authority: "pay.example:8443",
            components: vec![
                "@method",
                "@target-uri",
                "content-digest",
                "content-type",
                "idempotency-key",
            ],
            created: NOW - 1,
            key,
        });
        self
    }

    /// Changes a claim, by JSON pointer; `Value::Null` removes it.
    pub(crate) fn claim(mut self, pointer: &str, value: impl Into<Value>) -> Self {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = self.claims.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        match value.into() {
            Value::Null => drop(parent.remove(name)),
            value => drop(parent.insert(name.to_owned(), value)),
        }
        self
    }

    /// Changes the gateway's signature.
    pub(crate) fn signing(mut self, change: impl FnOnce(&mut Signing<'g>)) -> Self {
        change(&mut self.signing);
        self
    }

    /// Changes the request before anything is signed.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Signs everything and puts it together.
    pub(crate) fn build(self) -> (Parts, Bytes) {
        let mut request = http::Request::builder().method(self.method).uri(self.target);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let token = jws::sign(
            self.token_type,
            self.token_header.clone(),
            &self.claims,
            self.token_key,
        )
        .unwrap();
        let request = request.header("host", self.authority).header("txn-token", token);
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        self.sign_by_client(&mut parts);
        self.sign_by_gateway(&mut parts);
        (parts, self.body)
    }

    /// The client's signatures, under the labels that the gateway gives them.
    fn sign_by_client(&self, parts: &mut Parts) {
        if self.method == "POST" {
            let components = [Component::derived("@method"), Component::derived("@target-uri")];
            let parameters = Parameters {
                created: Some(NOW),
                tag: Some("fapi-2-request".into()),
                ..Parameters::default()
            };
            put(
                parts,
                "client",
                &components,
                &parameters,
                &self.gateway.client,
                GATEWAY_HOST,
            );
        }
        if let Some(payment) = &self.payment {
            let parameters = Parameters {
                created: Some(payment.created),
                nonce: Some("abcdefghijklmnopqrstuv".into()),
                keyid: Some("client-key".into()),
                tag: Some(payment.tag.into()),
                ..Parameters::default()
            };
            let components: Vec<_> = payment.components.iter().map(|name| component(name)).collect();
            put(
                parts,
                "payment",
                &components,
                &parameters,
                payment.key,
                payment.authority,
            );
        }
    }

    fn sign_by_gateway(&self, parts: &mut Parts) {
        let mut components: Vec<_> = [
            "@method",
            "@authority",
            "@path",
            "@query",
            "txn-token",
            "forwarded",
        ]
        .into_iter()
        .chain(["content-digest", "content-type", "idempotency-key", "traceparent"])
        .filter(|name| name.starts_with('@') || parts.headers.contains_key(*name))
        .map(component)
        .collect();
        for label in ["client", "payment"] {
            if parts
                .headers
                .get_all("signature")
                .iter()
                .any(|line| line.to_str().unwrap().starts_with(label))
            {
                components.push(Component::field("signature").key(label));
                components.push(Component::field("signature-input").key(label));
            }
        }
        components.retain(|covered| !self.signing.leave_out.contains(&covered.identifier().as_str()));
        let signing = &self.signing;
        put(
            parts,
            signing.label,
            &components,
            &signing.parameters,
            signing.key,
            self.authority,
        );
    }
}

const GATEWAY_HOST: &str = "pay.example:8443";

fn component(name: &'static str) -> Component<'static> {
    if name.starts_with('@') {
        Component::derived(name)
    } else {
        Component::field(name)
    }
}

/// Signs and appends.
pub(crate) fn put(
    parts: &mut Parts,
    label: &str,
    components: &[Component<'_>],
    parameters: &Parameters<'_>,
    key: &PrivateKey,
    authority: &str,
) {
    let request = Request {
        method: parts.method.as_str(),
        scheme: "https",
        authority,
        path: parts.uri.path(),
        query: parts.uri.query(),
        headers: &parts.headers,
        trailers: None,
    };
    let algorithm = Algorithm::of(key.public_key());
    let signed = sign(&request, label, components, parameters, key, algorithm).unwrap();
    signed.members.append_to(&mut parts.headers).unwrap();
}

fn claims(body_digest: &str) -> Value {
    json!({
        "iss": GATEWAY,
        "aud": "bank",
        "iat": NOW,
        "exp": NOW + 60,
        "txn": "txn-1",
        "sub": "pairwise-alice",
        "req_wl": "countersign",
        "scope": "payments accounts",
        "tctx": {
            "upstream": "bank",
            "method": "POST",
            "path": "/payments",
            "content_digest": body_digest,
            "intent_digest": intent().digest(),
            "intent": intent().to_json(),
            "approval": {"id": "apr-1", "factor": "passkey", "at": NOW - 30},
            "exemption": "low-value",
            "policy_version": "v7",
            "idempotency_key": "key-1",
        },
        "rctx": {
            "client_id": "first-party",
            "acr": "urn:countersign:acr:2",
            "amr": ["pwd", "otp", "pop"],
            "auth_time": NOW - 100,
            "country": "DE",
            "addr": "keyed-pseudonym",
        },
    })
}

/// A token whose claims were changed after it was signed.
pub(crate) fn tamper_token(token: &str, change: impl FnOnce(&mut Value)) -> String {
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    let mut claims: Value =
        serde_json::from_slice(&countersign_jose::from_base64url(payload).unwrap()).unwrap();
    change(&mut claims);
    format!("{header}.{}.{signature}", base64url(claims.to_string()))
}
