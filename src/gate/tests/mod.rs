//! The stages one by one, with a snapshot as a running gateway has it.

mod admission;
mod credentials;
mod evidence;
mod forwarding;
mod outbound;
mod policies;
mod settling;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use tempfile::TempDir;

use super::admit::{Arrived, admit};
use super::exchange::Exchange;
use super::snapshot::Snapshot;
use crate::answer::Body;
use crate::base::{Code, Connection, Door, RequestId, SystemClock, SystemEntropy, Timestamp};
use crate::defense::Defense;
use crate::keys::{Keyring, Schedule, SealKey};
use crate::policy::Bundle;
use crate::store::Db;
use crate::telemetry::Metrics;
use crate::upstream::{Clusters, UpstreamLimits, UpstreamSettings};

pub(super) const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

const FILE: &str = r#"
[server]
public_url = "https://pay.example.com"
mtls_url = "https://mtls.example.com:8444"
admin_listen = []
[[tls.certificate]]
chain = "server.pem"
key = "file:server.key.pem"
[keys]
kek = "file:master.key"
[[upstream]]
name = "bank"
urls = "http://127.0.0.1:7443"
trust_domain = "bank"
[[upstream]]
name = "strict"
urls = "http://127.0.0.1:7444"
trust_domain = "strict"
client_evidence = "signed"
[[route]]
name = "accounts"
methods = ["GET", "POST"]
path = "/accounts/{id}"
upstream = "bank"
access = "proof"
body_limit = "1KiB"
[[route]]
name = "payments"
methods = "POST"
path = "/payments"
upstream = "bank"
access = "signed"
[route.transaction]
amount = "/amount"
currency = "/currency"
payee = "/payee"
[[route]]
name = "strict-payments"
methods = "POST"
path = "/strict/payments"
upstream = "strict"
access = "signed"
[route.transaction]
amount = "/amount"
currency = "/currency"
payee = "/payee"
[[route]]
name = "strict-notes"
methods = "POST"
path = "/strict/notes"
upstream = "strict"
access = "signed"
[[route]]
name = "other-host"
host = "other.example.com"
methods = "GET"
path = "/{rest...}"
upstream = "bank"
access = "public"
"#;

/// A snapshot, and the folder its store lies in.
pub(super) struct World {
    pub(super) folder: TempDir,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) defense: Defense,
}

pub(super) async fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("countersign.toml");
    std::fs::write(&file, FILE).unwrap();
    let config = Arc::new(crate::config::load(&file).unwrap());
    let db = Db::open(&folder.path().join("gate.db")).unwrap();
    let schedule = Schedule {
        publish_ahead: Duration::from_secs(300),
        period: None,
    };
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy::default()));
    let keyring = Keyring::open(db, SealKey::new(&[7; 32]), schedule, clock, entropy)
        .await
        .unwrap();
    let policies = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let upstreams = config.upstreams.iter().map(|upstream| UpstreamSettings {
        name: upstream.name.clone(),
        urls: upstream.urls.iter().map(ToString::to_string).collect(),
        authorities: None,
        client: None,
        answer_keys: None,
        limits: UpstreamLimits::default(),
    });
    let clusters = Clusters::new(upstreams.collect(), Metrics::default()).unwrap();
    let policy = Arc::new(Bundle::load(&policies).unwrap());
    let snapshot = Snapshot::new(config, policy, keyring.current(), Arc::new(clusters)).unwrap();
    World {
        folder,
        snapshot: Arc::new(snapshot),
        defense: Defense::new(Arc::new(SystemEntropy::default())),
    }
}

impl World {
    /// What becomes of `request` at the first stage, on `door`.
    pub(super) fn admit_at(
        &self,
        door: Door,
        request: http::request::Builder,
    ) -> Result<Box<Exchange>, Code> {
        let connection = Connection {
            door,
            peer: SocketAddr::from(([192, 0, 2, 7], 4711)),
            tls_version: "TLSv1_3",
            group: "X25519",
            client_certificate: None,
            channel_binding: None,
        };
        let id = RequestId::new(NOW, &SystemEntropy::default());
        let request: Request<Body> = request.body(Body::empty()).unwrap();
        let arrived = Arrived::new(request, Arc::new(connection), Arc::clone(&self.snapshot), id, NOW);
        match admit(arrived, &self.defense) {
            Ok(admitted) => Ok(admitted.into_parts().0),
            Err(refused) => Err(refused.fault.code),
        }
    }

    /// The same on the public door.
    pub(super) fn admit(&self, request: http::request::Builder) -> Result<Box<Exchange>, Code> {
        self.admit_at(Door::Public, request)
    }
}
