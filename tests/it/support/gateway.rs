//! A whole gateway in a folder of its own, built as `serve` builds it, with a clock that a test moves.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use countersign::base::{Clock as _, CustomerId, Entropy, Timestamp};
use countersign::cli::seed;
use countersign::edge::Drained;
use countersign::gate::Services;
use countersign::identity::customer::Profile;
use countersign::identity::{self, Customers, PasswordParameters, Username};
use countersign::oauth::client::{Client, Registration};
use countersign::oauth::clients;
use countersign::pki::IssuedPaths;
use countersign::privacy::Vault;
use countersign::server::{Built, DEVELOPMENT, Reloader, StartError};
use countersign::store::Batch;
use countersign_jose::jwk::Jwk;
use serde_json::json;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::backend::Backend;
use super::home::{Home, Setting};
use super::patience::in_the_end;
use super::wire::Wire;

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
        // A job that was cut off may hold the store a moment longer.
        in_the_end("the store is closed", async || self.home.store_is_closed()).await;
        (self.home, self.backend)
    }

    /// Stops the gateway and starts it again on the same store.
    pub(crate) async fn restart(self) -> Self {
        self.restart_after(|_| {}).await
    }

    /// The same, with something done to its folder meanwhile.
    pub(crate) async fn restart_after(self, change: impl FnOnce(&Path)) -> Self {
        let customers = self.customers.clone();
        let (home, backend) = self.stop().await;
        change(home.dir.path());
        let mut gateway = Self::serve_again(home, backend, None).await;
        gateway.customers = customers;
        gateway
    }

    /// Another life on the store of an earlier one, for an operator who names this charter.
    pub(crate) async fn serve_again(home: Home, backend: Backend, charter: Option<&str>) -> Self {
        let built = home.open_accepting(charter).await.unwrap();
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

    /// The same gateway on a store for development. Proofs from before are stale then, so its clock has moved.
    pub(crate) async fn under_development(self) -> Self {
        let mut batch = Batch::new();
        batch.run(
            "INSERT INTO meta (name, value) VALUES ($1, 'test')",
            vec![DEVELOPMENT.into()],
        );
        self.services.db.commit(batch).await.unwrap();
        let gateway = self.restart().await;
        gateway.advance(Duration::from_secs(1)).await;
        gateway
    }

    /// The entries of this kind that are on record.
    pub(crate) async fn entries(&self, kind: &str) -> Vec<serde_json::Value> {
        let sql = "SELECT body FROM event ORDER BY sequence";
        let rows = self.services.db.query(sql, Vec::new()).await.unwrap();
        let bodies = rows.iter().map(|row| row.text(0).unwrap());
        let entries = bodies.map(|body| serde_json::from_str::<serde_json::Value>(body).unwrap());
        entries.filter(|entry| entry["kind"] == kind).collect()
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

    /// Moves the clock, and lets the gateway look at its revocations and write activity down, as it does every second.
    pub(crate) async fn advance(&self, span: Duration) {
        self.home.clock.advance(span);
        self.services.sessions.refresh().await.unwrap();
        self.services.sessions.write_activity().await.unwrap();
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

    /// The operations listener.
    pub(crate) fn operations(&self) -> SocketAddr {
        self.home.operations()
    }

    /// The public door.
    pub(crate) fn public(&self) -> Wire {
        self.home.wire(self.home.ports[0], None)
    }

    /// The mutual-TLS door, with a certificate or without.
    pub(crate) fn mutual(&self, identity: Option<&IssuedPaths>) -> Wire {
        self.home.wire(self.home.ports[1], identity)
    }

    /// The admin door.
    pub(crate) fn admin(&self, identity: &IssuedPaths) -> Wire {
        self.home.wire(self.home.ports[2], Some(identity))
    }

    /// A file of the policies in force.
    pub(crate) fn policy_file(&self, name: &str) -> PathBuf {
        self.home.path("policies").join(name)
    }
}
