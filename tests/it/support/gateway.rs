//! A whole gateway in a folder of its own, built as `serve` builds it, with a clock that a test moves.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use countersign::base::{
    Clock as _, CustomerId, Entropy, ManualClock, SystemClock, SystemEntropy, Timestamp,
};
use countersign::cli::seed;
use countersign::config;
use countersign::edge::Drained;
use countersign::gate::Services;
use countersign::identity::customer::Profile;
use countersign::identity::{self, Customers, PasswordParameters, Username};
use countersign::oauth::client::{Client, Registration};
use countersign::oauth::clients;
use countersign::pki::{Ca, IssuedPaths, Profiles, Purpose};
use countersign::privacy::Vault;
use countersign::server::{Built, Reloader, StartError, build};
use countersign::store::Batch;
use countersign_jose::jwk::Jwk;
use countersign_jose::{KeyKind, PrivateKey};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::backend::Backend;
use super::ports;
use super::wire::Wire;

/// What a test changes in the configuration before the gateway starts: text, and what replaces it.
#[derive(Clone, Copy)]
pub(crate) struct Setting(pub(crate) &'static str, pub(crate) &'static str);

/// The gateway's clock in the hands of its clients and backends.
pub(crate) struct Shared(pub(crate) Arc<ManualClock>);

impl countersign_client::Clock for Shared {
    fn now(&self) -> i64 {
        self.0.now().seconds()
    }
}

impl countersign_verify::Clock for Shared {
    fn now(&self) -> i64 {
        self.0.now().seconds()
    }
}

/// Files and keys of a gateway, before and between its lives.
pub(crate) struct Home {
    dir: TempDir,
    pub(crate) ca: Ca,
    pub(crate) clock: Arc<ManualClock>,
    entropy: Arc<dyn Entropy>,
    ports: [u16; 4],
    /// The certificate of the client `corp`, and another app's.
    pub(crate) corp: IssuedPaths,
    pub(crate) other_corp: IssuedPaths,
    /// The registered signing key of the client `shop`.
    pub(crate) shop_key: Arc<PrivateKey>,
}

/// A gateway that serves.
pub(crate) struct TestGateway {
    pub(crate) home: Home,
    pub(crate) backend: Backend,
    pub(crate) services: Arc<Services>,
    pub(crate) reloader: Arc<Reloader>,
    customers: HashMap<&'static str, CustomerId>,
    stop: oneshot::Sender<()>,
    running: JoinHandle<std::io::Result<Drained>>,
}

impl TestGateway {
    /// With the shipped policies, the clients `app` (first-party), `shop` (FAPI 2.0, a registered signing key) and `corp`
    /// (tokens bound to its certificate), and the customers `alice` and `bob`.
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// The same with another configuration.
    pub(crate) async fn with(settings: &[Setting]) -> Self {
        loop {
            let home = Home::new();
            let backend = home.backend().await;
            home.configure(&backend, settings);
            match home.open().await {
                Ok(built) => return Self::serve(home, backend, built).await,
                // Another process took one of the ports meanwhile.
                Err(StartError::Bind(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    async fn serve(home: Home, backend: Backend, built: Built) -> Self {
        let Built {
            gateway,
            reloader,
            services,
            ..
        } = built;
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(gateway.run(async {
            // A test that ended without a word is the end of its gateway too.
            let _ = stopped.await;
        }));
        let mut gateway = Self {
            home,
            backend,
            services,
            reloader,
            customers: HashMap::new(),
            stop,
            running,
        };
        gateway.register_clients().await;
        for name in ["alice", "bob"] {
            gateway.add_customer(name).await;
        }
        gateway
    }

    /// Stops the gateway without cutting a request short, and gives back what it leaves behind.
    pub(crate) async fn stop(self) -> (Home, Backend) {
        self.stop.send(()).unwrap();
        self.running.await.unwrap().unwrap();
        drop((self.services, self.reloader));
        (self.home, self.backend)
    }

    /// Stops the gateway and starts it again on the same store.
    pub(crate) async fn restart(self) -> Self {
        let customers = self.customers.clone();
        let (home, backend) = self.stop().await;
        let built = home.open().await.unwrap();
        let mut gateway = Self::serve_again(home, backend, built);
        gateway.customers = customers;
        gateway
    }

    fn serve_again(home: Home, backend: Backend, built: Built) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(built.gateway.run(async {
            let _ = stopped.await;
        }));
        Self {
            home,
            backend,
            services: built.services,
            reloader: built.reloader,
            customers: HashMap::new(),
            stop,
            running,
        }
    }

    async fn register_clients(&self) {
        let shop_key = Jwk {
            kid: Some("shop-signature".to_owned()),
            public_key_use: Some("sig".to_owned()),
            ..Jwk::new(self.home.shop_key.public_key().clone())
        };
        let scope = "accounts payments consents orders";
        let registrations = [
            json!({ "client_id": "app", "profile": "first-party", "scope": scope }),
            json!({ "client_id": "shop", "profile": "fapi2-security", "scope": scope,
                "dpop_bound_access_tokens": true, "jwks": { "keys": [shop_key] } }),
            json!({ "client_id": "corp", "profile": "fapi2-security", "scope": scope,
                "token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_san_dns": "corp.example",
                "tls_client_certificate_bound_access_tokens": true, "jwks": { "keys": [shop_key] } }),
        ];
        let mut batch = Batch::new();
        for registration in registrations {
            let registration: Registration = serde_json::from_value(registration).unwrap();
            clients::add(&mut batch, &Client::new(registration).unwrap(), self.now());
        }
        self.services.db.commit(batch).await.unwrap();
        self.services.clients.refresh().await.unwrap();
    }

    async fn add_customer(&mut self, name: &'static str) {
        let profile = Profile {
            username: name.to_owned(),
            display_name: None,
            locale: None,
        };
        let username = Username::parse(name).unwrap();
        let mut batch = Batch::new();
        let (customer, _) = self
            .customer_records()
            .add(&mut batch, &username, &profile, &[], self.now())
            .unwrap();
        self.services.db.commit(batch).await.unwrap();
        self.customers.insert(name, customer);
    }

    /// Writes a seed file as `countersign seed` does.
    pub(crate) async fn seed(&self, text: &str) {
        let settings = identity::Settings {
            password: PasswordParameters {
                memory_kib: 64,
                passes: 1,
                lanes: 1,
            },
            ..identity::Settings::default()
        };
        let services = &self.services;
        let (db, keyring) = (services.db.clone(), Arc::clone(&services.keyring));
        let clock = Arc::clone(&self.home.clock);
        let stores = seed::Stores::open(db, keyring, &settings, clock, Arc::clone(&self.home.entropy));
        let seed = seed::parse(text, self.home.dir.path()).unwrap();
        seed::write(&seed, &stores.await.unwrap()).await.unwrap();
        services.clients.refresh().await.unwrap();
    }

    /// The service that keeps the customers' records.
    pub(crate) fn customer_records(&self) -> Customers {
        let services = &self.services;
        let entropy = Arc::clone(&self.home.entropy);
        let vault = Vault::new(
            services.db.clone(),
            Arc::clone(&services.keyring),
            Arc::clone(&entropy),
        );
        Customers::new(
            services.db.clone(),
            vault,
            Arc::clone(&services.pseudonyms),
            entropy,
        )
    }

    /// The customer called `name`.
    pub(crate) fn customer(&self, name: &str) -> CustomerId {
        self.customers[name].clone()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.home.clock.now()
    }

    /// Randomness for what a test makes up.
    pub(crate) fn entropy(&self) -> &dyn Entropy {
        &*self.home.entropy
    }

    /// Moves the clock, and lets the gateway look at its revocations, which it does every second.
    pub(crate) async fn advance(&self, span: Duration) {
        self.home.clock.advance(span);
        self.services.sessions.refresh().await.unwrap();
    }

    /// Host and port of the public URL.
    pub(crate) fn authority(&self) -> String {
        format!("localhost:{}", self.home.ports[0])
    }

    /// Host and port of the twin that asks for client certificates.
    pub(crate) fn mutual_authority(&self) -> String {
        format!("localhost:{}", self.home.ports[1])
    }

    /// The issuer.
    pub(crate) fn public_url(&self) -> String {
        format!("https://{}", self.authority())
    }

    /// The public door.
    pub(crate) fn public(&self) -> Wire {
        self.home.wire(self.home.ports[0], None)
    }

    /// The mutual-TLS door, with a certificate or without.
    pub(crate) fn mutual(&self, identity: Option<&IssuedPaths>) -> Wire {
        self.home.wire(self.home.ports[1], identity)
    }

    /// A file of the policies in force.
    pub(crate) fn policy_file(&self, name: &str) -> PathBuf {
        self.home.path("policies").join(name)
    }
}

impl Home {
    /// A folder with certificates, a master key and the shipped policies.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let now = SystemClock.now();
        let ca = Ca::create(&dir.path().join("certs"), &Profiles::built_in().unwrap(), now).unwrap();
        ca.issue(Purpose::Server, "localhost", &[], now).unwrap();
        ca.issue(Purpose::Backend, "localhost", &[], now).unwrap();
        ca.issue(Purpose::Backend, "gateway", &[], now).unwrap();
        let corp = ca
            .issue(Purpose::Client, "corp", &["corp.example".to_owned()], now)
            .unwrap();
        let other_corp = ca.issue(Purpose::Client, "other", &[], now).unwrap();
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::default());
        let kek = base64(&entropy.bytes::<32>());
        write_private(&dir.path().join("master.key"), &kek);
        copy_policies(&dir.path().join("policies"));
        Self {
            dir,
            ca,
            clock: Arc::new(ManualClock::new(now)),
            entropy,
            ports: ports::free(),
            corp,
            other_corp,
            shop_key: Arc::new(PrivateKey::generate(KeyKind::P256).unwrap().key),
        }
    }

    /// A file of this folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The backend that the configuration will name.
    pub(crate) async fn backend(&self) -> Backend {
        let chain = self.path("certs/backend/localhost.pem");
        let key = self.path("certs/backend/localhost.key.pem");
        Backend::start((&chain, &key), &self.path("certs/backend/ca.pem")).await
    }

    /// Writes the configuration.
    pub(crate) fn configure(&self, backend: &Backend, settings: &[Setting]) {
        let mut text = CONFIGURATION.replace("BACKEND", &backend.port.to_string());
        for (name, port) in ["PUBLIC", "MUTUAL", "ADMIN", "OPERATIONS"].iter().zip(self.ports) {
            text = text.replace(name, &port.to_string());
        }
        for Setting(what, with) in settings {
            assert!(text.contains(what), "{what} does not stand in the configuration");
            text = text.replace(what, with);
        }
        std::fs::write(self.path("countersign.toml"), text).unwrap();
    }

    /// Does what `serve` does, up to the moment the doors open.
    pub(crate) async fn open(&self) -> Result<Built, StartError> {
        let config = config::load(&self.path("countersign.toml"))?;
        let clock = Arc::clone(&self.clock);
        build(config, clock, Arc::clone(&self.entropy)).await
    }

    fn wire(&self, port: u16, identity: Option<&IssuedPaths>) -> Wire {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let identity = identity.map(|paths| (paths.chain.as_path(), paths.key.as_path()));
        Wire::new(address, &self.ca.root_path(), identity)
    }
}

fn base64(bytes: &[u8]) -> String {
    data_encoding::BASE64.encode(bytes)
}

/// Writes a file that only its owner can read.
pub(crate) fn write_private(path: &Path, text: &str) {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn copy_policies(to: &Path) {
    std::fs::create_dir(to).unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    for entry in std::fs::read_dir(shipped).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

const CONFIGURATION: &str = r#"
[server]
public_url = "https://localhost:PUBLIC"
listen = ["127.0.0.1:PUBLIC"]
mtls_listen = ["127.0.0.1:MUTUAL"]
admin_listen = ["127.0.0.1:ADMIN"]
ops_listen = ["127.0.0.1:OPERATIONS"]

[tls]
client_ca = "certs/client/ca.pem"

[[tls.certificate]]
chain = "certs/server/localhost.pem"
key = "file:certs/server/localhost.key.pem"

[auth]
host = "login.localhost:PUBLIC"

[store]
url = "sqlite:countersign.sqlite"

[keys]
kek = "file:master.key"

[policy]
dir = "policies"

[dpop]
nonce = "token"

[admin]
client_ca = "certs/admin/ca.pem"

[[upstream]]
name = "bank"
urls = ["https://localhost:BACKEND"]
ca = "certs/backend/ca.pem"
client_certificate = "certs/backend/gateway.pem"
client_key = "file:certs/backend/gateway.key.pem"
trust_domain = "bank.internal"
timeout = "30s"

[[upstream]]
name = "merchant"
urls = ["https://localhost:BACKEND"]
ca = "certs/backend/ca.pem"
client_certificate = "certs/backend/gateway.pem"
client_key = "file:certs/backend/gateway.key.pem"
trust_domain = "merchant.internal"
timeout = "30s"

[[route]]
name = "rates"
methods = ["GET", "HEAD", "POST"]
path = "/rates/{rest...}"
upstream = "bank"
access = "public"
body_limit = "1KiB"
answer_limit = "4KiB"

[[route]]
name = "accounts"
methods = ["GET"]
path = "/accounts/{id}/balances"
upstream = "bank"
access = "proof"
scope = ["accounts"]
answer_limit = "4KiB"

[[route]]
name = "orders"
methods = ["GET"]
path = "/orders"
upstream = "merchant"
access = "proof"
scope = ["orders"]

[[route]]
name = "vault"
methods = ["GET"]
path = "/vault"
upstream = "bank"
access = "proof"
acr = 3

[[route]]
name = "consents"
methods = ["POST"]
path = "/consents"
upstream = "bank"
access = "signed"
scope = ["consents"]
idempotency = "off"
body_limit = "1KiB"

[[route]]
name = "payments"
methods = ["POST"]
path = "/payments"
upstream = "bank"
access = "signed"
scope = ["payments"]
body_limit = "64KiB"
answer_limit = "4KiB"

[route.transaction]
type = "payment"
amount = "/instructedAmount/amount"
currency = "/instructedAmount/currency"
payee = "/creditorAccount/iban"
payee_name = "/creditorName"
debtor = "/debtorAccount/iban"
reference = "/remittanceInformationUnstructured"
execution_date = "/requestedExecutionDate"
also = ["/endToEndIdentification"]
"#;
