//! A gateway in a test: real TLS and HTTP, the endpoints a client needs, and knobs for what goes wrong.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use countersign_client::{Client, ClientKey};
use countersign_jose::jwk::Jwk;
use countersign_jose::{GeneratedKey, KeyKind, PrivateKey, Thumbprint, base64url, jws, sha256};
use countersign_signatures::digest::{DigestAlgorithm, content_digest};
use countersign_signatures::{Algorithm, Component, Parameters, sign};
use http::request::Parts;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls_pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

pub(crate) type Answer = Response<Bytes>;
type Handler = Box<dyn Fn(&Parts, &[u8]) -> Answer + Send>;

/// What the gateway does, and what it has seen.
pub(crate) struct State {
    pub(crate) url: String,
    pub(crate) issuer: Option<String>,
    /// The DPoP nonce that is demanded, when one is.
    pub(crate) nonce: Option<String>,
    pub(crate) otp_needed: bool,
    pub(crate) throttled: bool,
    pub(crate) forms: Vec<(String, HashMap<String, String>)>,
    pub(crate) proofs: Vec<Value>,
    bound_to: Option<Thumbprint>,
    code_challenge: String,
    pub(crate) message_key: GeneratedKey,
    pub(crate) payments: Option<Handler>,
    pub(crate) requests: usize,
}

/// A running gateway.
pub(crate) struct TestGateway {
    pub(crate) url: String,
    pub(crate) ca: String,
    pub(crate) state: Arc<Mutex<State>>,
}

impl TestGateway {
    pub(crate) async fn start() -> Self {
        let issued = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(issued.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![issued.cert.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let state = Arc::new(Mutex::new(State::new(url.clone())));
        tokio::spawn(accept(
            listener,
            TlsAcceptor::from(Arc::new(config)),
            Arc::clone(&state),
        ));
        Self {
            url,
            ca: issued.cert.pem(),
            state,
        }
    }

    pub(crate) fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
    }

    pub(crate) fn seen<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.lock().unwrap())
    }

    pub(crate) async fn client(&self, kind: KeyKind) -> Client {
        Client::builder(&self.url)
            .ca_pem(self.ca.as_bytes())
            .client_id("first-party")
            .key(ClientKey::generate(kind).unwrap())
            .connect()
            .await
            .unwrap()
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, state: Arc<Mutex<State>>) {
    while let Ok((tcp, _)) = listener.accept().await {
        let (acceptor, state) = (acceptor.clone(), Arc::clone(&state));
        tokio::spawn(async move {
            let Ok(tls) = acceptor.accept(tcp).await else {
                return;
            };
            let service = service_fn(move |request| answer(request, Arc::clone(&state)));
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(tls), service)
                .await;
        });
    }
}

async fn answer(
    request: Request<hyper::body::Incoming>,
    state: Arc<Mutex<State>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let answer = state.lock().unwrap().route(&parts, &body);
    Ok(answer.map(Full::new))
}

pub(crate) fn json_answer(status: u16, body: &Value) -> Answer {
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(Bytes::from(body.to_string()))
        .unwrap()
}

impl State {
    fn new(url: String) -> Self {
        Self {
            url,
            issuer: None,
            nonce: None,
            otp_needed: false,
            throttled: false,
            forms: Vec::new(),
            proofs: Vec::new(),
            bound_to: None,
            code_challenge: String::new(),
            message_key: PrivateKey::generate(KeyKind::Ed25519).unwrap(),
            payments: None,
            requests: 0,
        }
    }

    fn route(&mut self, parts: &Parts, body: &[u8]) -> Answer {
        self.requests += 1;
        match parts.uri.path() {
            "/.well-known/oauth-authorization-server" => self.metadata(),
            "/.well-known/countersign/keys" => self.keys(),
            "/oauth/authorize-challenge" => self.authorize_challenge(parts, body),
            "/oauth/token" => self.token(parts, body),
            "/oauth/revoke" => {
                self.forms.push(("revoke".into(), read_form(body)));
                json_answer(200, &json!({}))
            }
            "/accounts" => self.accounts(parts),
            "/payments" => match self.payments.take() {
                Some(handler) => {
                    let answer = handler(parts, body);
                    self.payments = Some(handler);
                    answer
                }
                None => json_answer(404, &json!({})),
            },
            _ => json_answer(404, &json!({})),
        }
    }

    fn metadata(&self) -> Answer {
        let issuer = self.issuer.as_ref().unwrap_or(&self.url);
        json_answer(
            200,
            &json!({
                "issuer": issuer,
                "token_endpoint": format!("{}/oauth/token", self.url),
                "revocation_endpoint": format!("{}/oauth/revoke", self.url),
                "authorization_challenge_endpoint": format!("{}/oauth/authorize-challenge", self.url),
            }),
        )
    }

    fn keys(&self) -> Answer {
        let mut key = Jwk::new(self.message_key.key.public_key().clone()).to_object();
        key.insert("kid".into(), "m1".into());
        key.insert("purpose".into(), "message".into());
        json_answer(200, &json!({"keys": [key]}))
    }

    /// The proof of a request, checked; or the answer that demands a nonce (RFC 9449, section 8).
    fn proof(&mut self, parts: &Parts, status: u16) -> Result<Value, Box<Answer>> {
        let proof = parts.headers["dpop"].to_str().unwrap();
        let header = jws::Header::parse(proof).unwrap();
        let jwk = Jwk::from_object(header.object("jwk").unwrap()).unwrap();
        let claims: Value = jws::verify(proof, &jwk.key, Some("dpop+jwt")).unwrap();
        assert_eq!(claims["htm"], parts.method.as_str());
        assert_eq!(claims["htu"], format!("{}{}", self.url, parts.uri.path()));
        assert!(!self.proofs.contains(&claims), "a proof was used twice");
        self.proofs.push(claims.clone());
        if let Some(nonce) = &self.nonce
            && claims["nonce"] != nonce.as_str()
        {
            let mut answer = json_answer(status, &json!({"error": "use_dpop_nonce"}));
            let headers = answer.headers_mut();
            headers.insert("dpop-nonce", nonce.parse().unwrap());
            headers.insert(
                "www-authenticate",
                "DPoP error=\"use_dpop_nonce\"".parse().unwrap(),
            );
            return Err(Box::new(answer));
        }
        let thumbprint = *self.bound_to.get_or_insert(jwk.key.thumbprint());
        assert_eq!(thumbprint, jwk.key.thumbprint(), "one key for the whole login");
        Ok(claims)
    }

    fn authorize_challenge(&mut self, parts: &Parts, body: &[u8]) -> Answer {
        if let Err(answer) = self.proof(parts, 400) {
            return *answer;
        }
        let form = read_form(body);
        let field = |name: &str| form.get(name).cloned().unwrap_or_default();
        if let Some(challenge) = form.get("code_challenge") {
            self.code_challenge.clone_from(challenge);
        }
        let answer = if self.throttled {
            let mut answer = json_answer(429, &json!({}));
            answer.headers_mut().insert("retry-after", "30".parse().unwrap());
            answer
        } else if field("otp") == "123456" || (field("password") == "correct horse" && !self.otp_needed) {
            json_answer(200, &json!({"authorization_code": "code-1"}))
        } else if field("password") == "correct horse" {
            let more = json!({"error": "insufficient_authorization", "auth_session": "as-1", "factors": ["otp", "passkey"]});
            json_answer(400, &more)
        } else {
            json_answer(
                400,
                &json!({"error": "access_denied", "error_description": "wrong"}),
            )
        };
        self.forms.push(("challenge".into(), form));
        answer
    }

    fn token(&mut self, parts: &Parts, body: &[u8]) -> Answer {
        if let Err(answer) = self.proof(parts, 400) {
            return *answer;
        }
        let form = read_form(body);
        let right = match form["grant_type"].as_str() {
            "authorization_code" => {
                form["code"] == "code-1"
                    && base64url(sha256(form["code_verifier"].as_bytes())) == self.code_challenge
            }
            _ => form["refresh_token"] == "rt-1",
        };
        self.forms.push(("token".into(), form));
        if right {
            let tokens = json!({"access_token": "at-1", "token_type": "DPoP", "expires_in": 300, "refresh_token": "rt-1", "scope": "a b"});
            json_answer(200, &tokens)
        } else {
            json_answer(400, &json!({"error": "invalid_grant"}))
        }
    }

    fn accounts(&mut self, parts: &Parts) -> Answer {
        let claims = match self.proof(parts, 401) {
            Ok(claims) => claims,
            Err(answer) => return *answer,
        };
        assert_eq!(parts.headers["authorization"], "DPoP at-1");
        assert_eq!(claims["ath"], base64url(sha256(b"at-1")));
        json_answer(200, &json!({"accounts": []}))
    }
}

fn read_form(body: &[u8]) -> HashMap<String, String> {
    std::str::from_utf8(body)
        .unwrap()
        .split('&')
        .filter_map(|field| field.split_once('='))
        .map(|(name, value)| (name.to_owned(), percent_decode(value)))
        .collect()
}

fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let pair = [rest.next().unwrap(), rest.next().unwrap()];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&pair).unwrap(), 16).unwrap());
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// Signs `answer` to the request as the gateway does; `bound` says whether it names the request's
/// signature.
pub(crate) fn sign_answer(
    url: &str,
    request: &Parts,
    mut answer: Answer,
    bound: bool,
    key: &PrivateKey,
    created: i64,
) -> Answer {
    let digest = content_digest(answer.body(), DigestAlgorithm::Sha256);
    answer.headers_mut().insert("content-digest", digest);
    let view = view(url, request);
    let response = countersign_signatures::Response {
        status: answer.status().as_u16(),
        headers: answer.headers(),
        trailers: None,
        request: Some(&view),
    };
    let mut components = vec![
        Component::derived("@status"),
        Component::field("content-digest"),
        Component::derived("@method").req(),
        Component::derived("@target-uri").req(),
        Component::field("content-digest").req(),
    ];
    if bound {
        components.push(Component::field("signature").req().key("request"));
        components.push(Component::field("signature-input").req().key("request"));
    }
    let parameters = Parameters {
        created: Some(created),
        keyid: Some("m1".into()),
        tag: Some("fapi-2-response".into()),
        ..Parameters::default()
    };
    let signed = sign(
        &response,
        "gateway",
        &components,
        &parameters,
        key,
        Algorithm::Ed25519,
    )
    .unwrap();
    signed.members.append_to(answer.headers_mut()).unwrap();
    answer
}

/// The request as signatures see it.
pub(crate) fn view<'r>(url: &'r str, request: &'r Parts) -> countersign_signatures::Request<'r> {
    countersign_signatures::Request {
        method: request.method.as_str(),
        scheme: "https",
        authority: url.strip_prefix("https://").unwrap(),
        path: request.uri.path(),
        query: request.uri.query(),
        headers: &request.headers,
        trailers: None,
    }
}
