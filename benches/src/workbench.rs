//! A gateway's services without its doors: what each step of a request is measured with, over a real store on disk.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use countersign::base::{Clock as _, Entropy, SystemClock, SystemEntropy, Timestamp};
use countersign::config::{self, Config};
use countersign::identity::{Session, Sessions};
use countersign::keys::{KeySet, Keyring};
use countersign::oauth::Dpop;
use countersign::oauth::dpop::Nonces;
use countersign::policy::Bundle;
use countersign::privacy::Pseudonyms;
use countersign::server::{open_keyring, open_store};
use countersign::store::Db;
use countersign_jose::{KeyKind, PrivateKey};
use http::Request;
use http_body_util::{BodyExt as _, Full};

use crate::Outcome;
use crate::callers::Caller;
use crate::configuration::Shape;
use crate::home::Home;
use crate::request::{Kind, Maker, Turn};
use crate::residents::Residents;
use crate::wire::Protocol;

/// Everything a step needs; it stays with the steps.
pub struct Workbench {
    /// The folder.
    pub home: Home,
    /// What awaits; one thread, as a core of the gateway has.
    pub runtime: tokio::runtime::Runtime,
    /// The configuration.
    pub config: Config,
    /// The store.
    pub db: Db,
    /// The keys.
    pub keys: Arc<KeySet>,
    /// Which sessions hold.
    pub sessions: Arc<Sessions>,
    /// DPoP proofs.
    pub dpop: Dpop,
    /// The policies.
    pub bundle: Bundle,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Sessions and their tokens.
    pub residents: Residents,
    /// A key for signatures that are measured by themselves.
    pub key: Arc<PrivateKey>,
    /// The moment of every request here.
    pub now: Timestamp,
}

impl Workbench {
    /// Makes a home below `within` and opens what is in it.
    ///
    /// # Errors
    /// Something refuses.
    pub fn open(program: &Path, within: &Path) -> Outcome<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let shape = Shape {
            sessions: 64,
            ..Shape::default()
        };
        let home = Home::make(program, within, 1, &shape)?;
        let residents = runtime.block_on(Residents::settle(&home, &shape))?;
        let config = config::load(&home.path("countersign.toml"))?;
        let clock: Arc<dyn countersign::base::Clock> = Arc::new(SystemClock);
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::default());
        let db = open_store(&config)?;
        let now = SystemClock.now();
        let (keyring, sessions, dpop) = runtime.block_on(async {
            let keyring: Arc<Keyring> = Arc::new(open_keyring(&config, &db, &clock, &entropy).await?);
            let pseudonyms = Pseudonyms::open(&db, &keyring, &entropy).await?;
            let nonces = Nonces::new(pseudonyms.nonce_key());
            let sessions = Sessions::open(db.clone(), Arc::clone(&clock), Arc::clone(&entropy)).await?;
            let dpop = Dpop::open(residents.settings(), nonces, db.clone(), now).await?;
            Outcome::Ok((keyring, sessions, dpop))
        })?;
        Ok(Self {
            bundle: Bundle::load(&home.path("policies"))?,
            keys: keyring.current(),
            key: Arc::new(PrivateKey::generate(KeyKind::Ed25519)?.key),
            sessions: Arc::new(sessions),
            home,
            runtime,
            config,
            db,
            dpop,
            entropy,
            residents,
            now,
        })
    }

    /// A session.
    ///
    /// # Errors
    /// There is none.
    pub fn session(&self) -> Outcome<&Session> {
        Ok(self.residents.sessions().first().ok_or("there are sessions")?)
    }

    /// Its caller.
    ///
    /// # Errors
    /// There is none.
    pub fn caller(&self) -> Outcome<&Caller> {
        Ok(self.residents.callers().first().ok_or("there are callers")?)
    }

    /// A request of a kind, as the load sends it, with its body.
    ///
    /// # Errors
    /// It cannot be signed.
    pub fn request(&self, kind: Kind) -> Outcome<(Request<()>, Bytes)> {
        let callers = vec![self.caller()?.clone()];
        let authority = self.home.authority();
        let mut maker = Maker::new(kind, &authority, Protocol::Http1, (callers, Turn::Again));
        let (head, body): (_, Full<Bytes>) = maker.make()?.into_parts();
        let body = self.runtime.block_on(body.collect())?.to_bytes();
        Ok((Request::from_parts(head, ()), body))
    }
}
