//! A gateway's authorization server in a temporary folder, and an app that talks to it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use countersign_jose::jwk::Jwk;
use countersign_jose::{KeyKind, PrivateKey, base64url, jws, sha256};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Map, Value, json};
use tower::ServiceExt as _;

use crate::answer::Body;
use crate::base::{
    ClientCertificate, Clock, Connection, CustomerId, Door, Entropy, ManualClock, SystemEntropy, Timestamp,
};
use crate::identity::credentials::{add_password, add_totp};
use crate::identity::password::{Caller, Passwords};
use crate::identity::{
    Account, Customers, Logins, NotLive, Password, PasswordParameters, Profile, Sessions,
    Settings as IdentitySettings, Throttle, TotpSecret, Username,
};
use crate::keys::{Keyring, Schedule, read_kek};
use crate::oauth::dpop::Nonces;
use crate::oauth::server::Services;
use crate::oauth::{
    AccessToken, AuthorizationServer, Client, Clients, Dpop, NoncePolicy, Settings, Verifier, clients,
};
use crate::policy::Bundle;
use crate::privacy::{Pseudonyms, Vault};
use crate::store::{Batch, Db};
use crate::telemetry::Metrics;

pub(super) const ISSUER: &str = "https://localhost:8443";
pub(super) const MTLS: &str = "https://localhost:8444";
pub(super) const PASSWORD: &str = "a password nobody else has";
pub(super) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// A moment in the middle of a TOTP step and of a nonce's minute.
pub(super) const START: Timestamp = Timestamp::from_seconds(1_800_000_015);

/// What an endpoint answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    pub(super) fn member(&self, name: &str) -> String {
        let json = self.json();
        let text = json[name].as_str();
        text.unwrap_or_else(|| panic!("no {name} in {}", self.text))
            .to_owned()
    }

    /// Status and `error`.
    pub(super) fn refusal(&self) -> (u16, String) {
        (
            self.status.as_u16(),
            self.json()["error"].as_str().unwrap_or("none").to_owned(),
        )
    }

    /// Everything a guesser could compare: status, headers and body, without what is new every time.
    pub(super) fn appearance(&self) -> (u16, Vec<String>, Value) {
        let mut names: Vec<_> = self.headers.keys().map(ToString::to_string).collect();
        names.sort();
        let mut body = self.json();
        if let Some(session) = body.get_mut("auth_session") {
            *session = json!(session.as_str().map(str::len));
        }
        (self.status.as_u16(), names, body)
    }
}

/// What everything reads that is unknown, ended, used, or another's.
pub(super) fn invalid_grant() -> (u16, String) {
    (400, "invalid_grant".to_owned())
}

/// A gateway's authorization server.
pub(super) struct Gateway {
    pub(super) router: Router,
    pub(super) clock: Arc<ManualClock>,
    pub(super) db: Db,
    pub(super) sessions: Arc<Sessions>,
    pub(super) clients: Arc<Clients>,
    pub(super) keyring: Arc<Keyring>,
    pub(super) verifier: Arc<Verifier>,
    pub(super) policies: Arc<ArcSwap<Bundle>>,
    pub(super) metrics: Metrics,
    pub(super) customers: Customers,
    pub(super) totp: TotpSecret,
    pub(super) alice: CustomerId,
    pub(super) folder: tempfile::TempDir,
}

/// What differs between the gateways of the tests.
pub(super) struct Options {
    pub(super) nonce: NoncePolicy,
    pub(super) hash_memory: usize,
    pub(super) proofs_from: Timestamp,
    pub(super) challenges: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            nonce: NoncePolicy::Off,
            hash_memory: 1 << 20,
            proofs_from: Timestamp::from_micros(0),
            challenges: 1 << 16,
        }
    }
}

impl Gateway {
    pub(super) async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    pub(super) async fn start_with(options: Options) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), options, START).await
    }

    /// Starts on the store in `folder`, and adds customer and clients when there are none.
    pub(super) async fn start_in(folder: tempfile::TempDir, options: Options, now: Timestamp) -> Self {
        let db = Db::open(&folder.path().join("store.db")).unwrap();
        let clock = Arc::new(ManualClock::new(now));
        let as_clock: Arc<dyn Clock> = clock.clone();
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::default());
        let schedule = Schedule {
            publish_ahead: Duration::from_secs(300),
            period: None,
        };
        let kek = read_kek(&[7; 32]).unwrap();
        let keyring = Keyring::open(db.clone(), kek, schedule, as_clock.clone(), entropy.clone());
        let keyring = Arc::new(keyring.await.unwrap());
        let identity = IdentitySettings {
            password: PasswordParameters {
                memory_kib: 64,
                passes: 1,
                lanes: 1,
            },
            hash_memory: options.hash_memory,
            hash_threads: 2,
            ..IdentitySettings::default()
        };
        let settings = Settings {
            mtls_origin: Some(MTLS.to_owned()),
            nonce: options.nonce,
            proofs_from: options.proofs_from,
            challenge_capacity: options.challenges,
            scopes: vec!["accounts".to_owned(), "payments".to_owned()],
            ..Settings::new(ISSUER)
        };
        let pseudonyms = Arc::new(Pseudonyms::open(&db, &keyring, &entropy).await.unwrap());
        let vault = Vault::new(db.clone(), keyring.clone(), entropy.clone());
        let customers = Customers::new(db.clone(), vault.clone(), pseudonyms.clone(), entropy.clone());
        let passwords = Passwords::start(&identity, keyring.clone(), entropy.clone()).unwrap();
        let totp = TotpSecret::new(b"12345678901234567890").unwrap();
        let alice = populate(&db, &customers, &passwords, &totp, entropy.as_ref()).await;
        let throttle = Throttle::new(db.clone(), identity.throttle);
        let metrics = Metrics::default();
        let logins = Logins::new(
            db.clone(),
            customers.clone(),
            vault,
            passwords,
            throttle,
            entropy.clone(),
            metrics.clone(),
        );
        let sessions = Sessions::open(db.clone(), as_clock.clone(), entropy.clone()).await;
        let sessions = Arc::new(sessions.unwrap());
        let nonces = Nonces::new(pseudonyms.nonce_key());
        let clients = Arc::new(Clients::open(db.clone()).await.unwrap());
        let verifier = Arc::new(Verifier::new(&settings));
        let dpop = Dpop::open(&settings, nonces, db.clone(), now).await.unwrap();
        let shipped = Bundle::load(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/policies"))).unwrap();
        let policies = Arc::new(ArcSwap::from_pointee(shipped));
        let server = Arc::new(AuthorizationServer::new(Services {
            settings,
            identity,
            clients: clients.clone(),
            logins: Arc::new(logins),
            sessions: sessions.clone(),
            verifier: verifier.clone(),
            dpop: Arc::new(dpop),
            policies: policies.clone(),
            metrics: metrics.clone(),
            keyring: keyring.clone(),
            db: db.clone(),
            clock: as_clock,
            entropy,
        }));
        Self {
            router: super::super::router(server),
            clock,
            db,
            sessions,
            clients,
            keyring,
            verifier,
            policies,
            metrics,
            customers,
            totp,
            alice,
            folder,
        }
    }

    /// What the access token in `answer` says.
    pub(super) fn verified(&self, answer: &Answer) -> Arc<AccessToken> {
        let keys = self.keyring.current();
        let token = answer.member("access_token");
        self.verifier.verify(&token, &keys, self.now()).unwrap()
    }

    /// Whether the session of a token still holds.
    pub(super) fn live(&self, access: &AccessToken) -> Result<(), NotLive> {
        let (session, client) = (&access.session, &access.client);
        self.sessions
            .is_live(session, client, &access.subject, self.now())
    }

    /// Ends everything but the folder of the store.
    pub(super) fn stop(self) -> tempfile::TempDir {
        self.folder
    }

    /// Puts the shipped policies and one more in force.
    pub(super) fn add_policy(&self, text: &str) {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/policies"));
        let schema = std::fs::read_to_string(folder.join("countersign.cedarschema")).unwrap();
        let mut sources: Vec<(String, String)> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "cedar"))
            .map(|path| {
                (
                    path.file_name().unwrap().to_string_lossy().into_owned(),
                    std::fs::read_to_string(&path).unwrap(),
                )
            })
            .collect();
        sources.push(("90-more.cedar".to_owned(), text.to_owned()));
        self.policies
            .store(Arc::new(Bundle::from_sources(sources, &schema).unwrap()));
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The TOTP code of this moment.
    pub(super) fn code(&self) -> String {
        self.totp.code(self.now())
    }

    /// Moves the clock, and does what the jobs of a gateway would.
    pub(super) async fn wait(&self, span: Duration) {
        self.clock.advance(span);
        self.sessions.refresh().await.unwrap();
        self.sessions.write_activity().await.unwrap();
        self.clients.refresh().await.unwrap();
    }

    pub(super) async fn register(&self, registration: Value) {
        let client = Client::new(serde_json::from_value(registration).unwrap()).unwrap();
        let mut batch = Batch::new();
        clients::add(&mut batch, &client, self.now());
        self.db.commit(batch).await.unwrap();
        self.clients.refresh().await.unwrap();
    }

    /// Changes the store behind the server's back.
    pub(super) async fn change(&self, sql: &'static str) {
        let mut batch = Batch::new();
        batch.run(sql, Vec::new());
        self.db.commit(batch).await.unwrap();
    }

    /// How many rows `sql` counts.
    pub(super) async fn count(&self, sql: &'static str) -> i64 {
        let row = self.db.query_one(sql, Vec::new()).await.unwrap().unwrap();
        row.integer(0).unwrap()
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Answer {
        self.send_over(request, Door::Public, None).await
    }

    pub(super) async fn send_over(
        &self,
        mut request: Request<Body>,
        door: Door,
        certificate: Option<ClientCertificate>,
    ) -> Answer {
        let peer: SocketAddr = "192.0.2.1:40000".parse().unwrap();
        request.extensions_mut().insert(Arc::new(Connection {
            door,
            peer,
            tls_version: "TLSv1_3",
            group: "X25519",
            client_certificate: certificate.map(Arc::new),
            channel_binding: None,
        }));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer {
            status: head.status,
            headers: head.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }
}

async fn populate(
    db: &Db,
    customers: &Customers,
    passwords: &Passwords,
    totp: &TotpSecret,
    entropy: &dyn Entropy,
) -> CustomerId {
    let username = Username::parse("alice").unwrap();
    if let Some(alice) = customers.find(&username).await.unwrap() {
        return alice;
    }
    let mut batch = Batch::new();
    let profile = Profile {
        username: "alice".to_owned(),
        display_name: Some("Alice".to_owned()),
        locale: None,
    };
    let account = Account {
        iban: "DE89370400440532013000".to_owned(),
        name: "Giro".to_owned(),
        currency: "EUR".to_owned(),
    };
    let (alice, key) = customers
        .add(&mut batch, &username, &profile, &[account], START)
        .unwrap();
    let caller = Caller::new("127.0.0.1".parse().unwrap(), false);
    let stored = passwords
        .hash(&Password::parse(PASSWORD).unwrap(), caller)
        .await
        .unwrap();
    add_password(&mut batch, &alice, &stored, START);
    add_totp(&mut batch, &alice, &key, totp, START, entropy);
    let app = json!({
        "client_id": "app", "profile": "first-party", "scope": "accounts payments offline_access",
        "grant_types": ["authorization_code", "refresh_token"],
    });
    let plain = json!({"client_id": "plain", "profile": "first-party", "scope": "accounts offline_access"});
    for registration in [app, plain] {
        let client = Client::new(serde_json::from_value(registration).unwrap()).unwrap();
        clients::add(&mut batch, &client, START);
    }
    db.commit(batch).await.unwrap();
    alice
}

static JTI: AtomicU64 = AtomicU64::new(0);

/// A name that nobody had before.
pub(super) fn unique() -> String {
    format!("unique-{}", JTI.fetch_add(1, Ordering::Relaxed))
}

/// A form of these parameters.
pub(super) fn form(parameters: &[(&str, &str)]) -> String {
    let escape = |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02X}")).collect() };
    let pairs: Vec<_> = parameters
        .iter()
        .map(|(name, value)| format!("{name}={}", escape(value)))
        .collect();
    pairs.join("&")
}

/// A POST request with these parameters as its form.
pub(super) fn post(path: &str, parameters: &[(&str, &str)]) -> Request<Body> {
    Request::post(path)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(form(parameters)))
        .unwrap()
}

/// The public half of a key as a JSON object.
pub(super) fn jwk(key: &PrivateKey) -> Value {
    Value::Object(Jwk::new(key.public_key().clone()).to_object())
}

/// A client app on one device: it holds one DPoP key.
pub(super) struct App<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) key: PrivateKey,
    pub(super) client: &'static str,
}

impl<'a> App<'a> {
    pub(super) fn new(gateway: &'a Gateway) -> Self {
        Self::of(gateway, "app")
    }

    pub(super) fn of(gateway: &'a Gateway, client: &'static str) -> Self {
        let key = PrivateKey::generate(KeyKind::P256).unwrap().key;
        Self { gateway, key, client }
    }

    /// The ordinary claims of a proof for a POST to `path`.
    pub(super) fn claims(&self, path: &str) -> Value {
        json!({
            "jti": unique(),
            "htm": "POST",
            "htu": format!("{ISSUER}{path}"),
            "iat": self.gateway.now().seconds(),
        })
    }

    pub(super) fn sign(&self, claims: &Value) -> String {
        let mut header = Map::new();
        header.insert("jwk".to_owned(), jwk(&self.key));
        jws::sign("dpop+jwt", header, claims, &self.key).unwrap()
    }

    /// Posts `parameters` with `client_id` and a fresh proof.
    pub(super) async fn post(&self, path: &str, parameters: &[(&str, &str)]) -> Answer {
        self.post_with(path, parameters, &self.sign(&self.claims(path)))
            .await
    }

    pub(super) async fn post_with(&self, path: &str, parameters: &[(&str, &str)], proof: &str) -> Answer {
        let mut all = vec![("client_id", self.client)];
        all.extend_from_slice(parameters);
        let mut request = post(path, &all);
        request.headers_mut().insert("dpop", proof.parse().unwrap());
        self.gateway.send(request).await
    }

    /// The first call of a login.
    pub(super) async fn begin(&self, parameters: &[(&str, &str)]) -> Answer {
        let challenge = base64url(sha256(VERIFIER.as_bytes()));
        let mut all = vec![
            ("response_type", "code"),
            ("scope", "accounts offline_access"),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        all.extend_from_slice(parameters);
        self.post("/oauth/authorize-challenge", &all).await
    }

    /// A further call of a login.
    pub(super) async fn go_on(&self, auth_session: &str, parameters: &[(&str, &str)]) -> Answer {
        let mut all = vec![("auth_session", auth_session)];
        all.extend_from_slice(parameters);
        self.post("/oauth/authorize-challenge", &all).await
    }

    /// A whole login with one factor; returns the code.
    pub(super) async fn log_in(&self) -> String {
        let answer = self.begin(&[("username", "alice"), ("password", PASSWORD)]).await;
        answer.member("authorization_code")
    }

    /// A whole login with two factors; returns the code.
    pub(super) async fn log_in_strongly(&self) -> String {
        let code = self.gateway.code();
        let factors = [
            ("username", "alice"),
            ("password", PASSWORD),
            ("otp", code.as_str()),
            ("acr_values", "urn:countersign:acr:2"),
        ];
        self.begin(&factors).await.member("authorization_code")
    }

    pub(super) async fn exchange(&self, code: &str) -> Answer {
        let parameters = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("code_verifier", VERIFIER),
        ];
        self.post("/oauth/token", &parameters).await
    }

    pub(super) async fn refresh(&self, token: &str) -> Answer {
        let parameters = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.post("/oauth/token", &parameters).await
    }
}
