//! The folder of a gateway: certificates, a master key, policies, a configuration, and the clock all of them share.

use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use countersign::base::{Clock as _, Entropy, ManualClock, SystemClock, SystemEntropy};
use countersign::config;
use countersign::pki::{Ca, IssuedPaths, Profiles, Purpose};
use countersign::server::{Built, Given, StartError, build_with};
use countersign_jose::{KeyKind, PrivateKey};
use tempfile::TempDir;

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
    pub(super) dir: TempDir,
    pub(crate) ca: Ca,
    pub(crate) clock: Arc<ManualClock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) ports: [u16; 4],
    /// The certificate of the client `corp`, and another app's.
    pub(crate) corp: IssuedPaths,
    pub(crate) other_corp: IssuedPaths,
    /// The registered signing key of the client `shop`.
    pub(crate) shop_key: Arc<PrivateKey>,
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
        self.open_accepting(None).await
    }

    /// The same with `--accept-charter`.
    pub(crate) async fn open_accepting(&self, charter: Option<&str>) -> Result<Built, StartError> {
        let config = config::load(&self.path("countersign.toml"))?;
        let clock = Arc::clone(&self.clock);
        let given = Given {
            accepted_charter: charter,
            ..Given::default()
        };
        build_with(given, config, clock, Arc::clone(&self.entropy)).await
    }

    /// Whether no gateway has the store open.
    pub(super) fn store_is_closed(&self) -> bool {
        let lock = File::open(self.path("countersign.sqlite.lock")).unwrap();
        // Unlocked by its name: a process that another test is just starting holds a copy of this file.
        lock.try_lock().is_ok_and(|()| lock.unlock().is_ok())
    }

    /// The port of the public door.
    pub(crate) const fn public_port(&self) -> u16 {
        self.ports[0]
    }

    /// The operations listener.
    pub(crate) fn operations(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.ports[3]))
    }

    /// The port of the admin door.
    pub(crate) const fn admin_port(&self) -> u16 {
        self.ports[2]
    }

    /// The port of the operations listener.
    pub(crate) const fn operations_port(&self) -> u16 {
        self.ports[3]
    }

    /// The admin door, with this certificate.
    pub(crate) fn admin(&self, identity: &IssuedPaths) -> Wire {
        self.wire(self.ports[2], Some(identity))
    }

    /// The public door.
    pub(crate) fn public(&self) -> Wire {
        self.wire(self.ports[0], None)
    }

    pub(super) fn wire(&self, port: u16, identity: Option<&IssuedPaths>) -> Wire {
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

# Tests call as fast as they can, under a clock that stands still; those about rates come from another address of loopback.
[defense]
trusted_sources = ["127.0.0.1"]
customer_rate = "off"
queue_target = "1m"

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
