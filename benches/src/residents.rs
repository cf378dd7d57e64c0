//! Who is in a store before its gateway starts: customers nobody logs in, sessions that hold for a day, and the means to issue
//! tokens of them by the gateway's own key, as many as a measurement needs. The keyring is read once and closed again; the
//! tokens are the product's, issued by its own function.

use std::sync::Arc;
use std::time::Duration;

use countersign::base::{
    ClientId, Clock, CustomerId, Entropy, SessionId, SystemClock, SystemEntropy, Timestamp,
};
use countersign::config::{self, Config};
use countersign::identity::customer::Profile;
use countersign::identity::{Confirmation, Customers, Session, Username, session};
use countersign::keys::{KeySet, Keyring};
use countersign::oauth::{Scope, Settings, access_token, bound_key};
use countersign::privacy::{Pseudonyms, Vault};
use countersign::server::{oauth_settings, open_keyring, open_store};
use countersign::store::{Batch, Db};
use countersign_jose::{KeyKind, PrivateKey, Thumbprint, sha256};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use crate::Outcome;
use crate::callers::Caller;
use crate::configuration::Shape;
use crate::growth::grow;
use crate::home::{BOUND_CLIENT, CLIENT, Home};

/// How long sessions and tokens hold: longer than any measurement.
const LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// Customers or sessions of one commit.
const TOGETHER: usize = 500;
/// What their tokens permit.
const SCOPE: &str = "accounts messages payments";

/// Sessions, and what issues their tokens.
pub struct Residents {
    keys: Arc<KeySet>,
    settings: Settings,
    entropy: Arc<dyn Entropy>,
    key: Arc<PrivateKey>,
    /// Of [`CLIENT`], each bound to `key`.
    sessions: Vec<Session>,
    /// Of each of them one.
    callers: Vec<Caller>,
    /// Of [`BOUND_CLIENT`], bound to its certificate.
    bound: Session,
}

impl Residents {
    /// Writes what `shape` says into the store of a home whose gateway does not run.
    ///
    /// # Errors
    /// Configuration, store or keyring refuse.
    pub async fn settle(home: &Home, shape: &Shape) -> Outcome<Self> {
        let path = home.path("countersign.toml");
        let config = config::load(&path)?;
        let writer = Writer::open(&config).await?;
        let first = home.customers.first().ok_or("a home has customers")?;
        let name = Username::parse(&first.username).ok_or("a customer has a name")?;
        let customer = writer.customers.find(&name).await?.ok_or("a customer is there")?;
        writer.add_customers(shape.customers).await?;
        let key = Arc::new(PrivateKey::generate(KeyKind::Ed25519)?.key);
        let jkt = Confirmation::Jkt(key.public_key().thumbprint());
        let sessions = (0..shape.sessions).map(|_| writer.session(&customer, CLIENT, jkt));
        let sessions: Vec<_> = sessions.collect();
        let bound = writer.session(
            &customer,
            BOUND_CLIENT,
            Confirmation::X5t(certificate_hash(home)?),
        );
        writer.remember(&key).await?;
        writer.begin(&sessions).await?;
        writer.begin(std::slice::from_ref(&bound)).await?;
        let mut settled = Self {
            keys: writer.keyring.current(),
            settings: Settings {
                access_token_life: LIFE,
                ..oauth_settings(&config, Timestamp::from_seconds(0))
            },
            entropy: Arc::clone(&writer.entropy),
            key,
            callers: Vec::new(),
            sessions,
            bound,
        };
        let callers = settled.sessions.iter().map(|session| settled.caller(session));
        settled.callers = callers.collect::<Outcome<_>>()?;
        drop(writer);
        grow(&path, shape.entries).await?;
        Ok(settled)
    }

    /// The sessions.
    #[must_use]
    pub fn sessions(&self) -> &[Session] {
        &self.sessions
    }

    /// What the gateway is told about tokens; these live longer.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// One caller for each session.
    #[must_use]
    pub fn callers(&self) -> &[Caller] {
        &self.callers
    }

    /// So many tokens bound to the certificate, no two alike.
    ///
    /// # Errors
    /// A token cannot be signed.
    pub fn bound(&self, count: usize) -> Outcome<Vec<Caller>> {
        (0..count).map(|_| self.caller(&self.bound)).collect()
    }

    fn caller(&self, session: &Session) -> Outcome<Caller> {
        let scope = Scope::parse(SCOPE).ok_or("a scope")?;
        let now = SystemClock.now();
        let issued = access_token::issue(&self.settings, session, &scope, &self.keys, &*self.entropy, now)?;
        Ok(Caller {
            token: issued.token,
            key: Arc::clone(&self.key),
            thumbprint: self.key.public_key().thumbprint().to_string(),
        })
    }
}

/// The hash of the bound client's certificate (RFC 8705, section 3.1).
fn certificate_hash(home: &Home) -> Outcome<Thumbprint> {
    let own = CertificateDer::from_pem_file(home.certificate().chain)?;
    Ok(Thumbprint::from_bytes(sha256(&own)))
}

/// An open store.
struct Writer {
    db: Db,
    keyring: Arc<Keyring>,
    customers: Customers,
    entropy: Arc<dyn Entropy>,
}

impl Writer {
    async fn open(config: &Config) -> Outcome<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::default());
        let db = open_store(config)?;
        let keyring = Arc::new(open_keyring(config, &db, &clock, &entropy).await?);
        let pseudonyms = Arc::new(Pseudonyms::open(&db, &keyring, &entropy).await?);
        let vault = Vault::new(db.clone(), Arc::clone(&keyring), Arc::clone(&entropy));
        Ok(Self {
            customers: Customers::new(db.clone(), vault, pseudonyms, Arc::clone(&entropy)),
            db,
            keyring,
            entropy,
        })
    }

    async fn add_customers(&self, count: usize) -> Outcome<()> {
        for first in (0..count).step_by(TOGETHER) {
            let mut batch = Batch::new();
            for number in first..(first + TOGETHER).min(count) {
                let username = format!("resident-{number}");
                let profile = Profile {
                    display_name: None,
                    locale: None,
                    username: username.clone(),
                };
                let name = Username::parse(&username).ok_or("a resident has a name")?;
                self.customers
                    .add(&mut batch, &name, &profile, &[], SystemClock.now())?;
            }
            self.db.commit(batch).await?;
        }
        Ok(())
    }

    fn session(&self, customer: &CustomerId, client: &str, confirmation: Confirmation) -> Session {
        let now = SystemClock.now();
        Session {
            id: SessionId::new(self.entropy.token(16)),
            customer: customer.clone(),
            client: ClientId::new(client),
            confirmation,
            device: None,
            acr: 2,
            amr: vec!["pwd".to_owned(), "otp".to_owned(), "mfa".to_owned()],
            auth_time: now,
            expires_at: now.plus(LIFE),
            idle_limit: None,
            last_activity: now,
            revoked_at: None,
        }
    }

    /// What issuing a token at the token endpoint does: a signature names its key by a hash only.
    async fn remember(&self, key: &PrivateKey) -> Outcome<()> {
        let mut batch = Batch::new();
        bound_key::remember(&mut batch, key.public_key());
        Ok(self.db.commit(batch).await?)
    }

    async fn begin(&self, sessions: &[Session]) -> Outcome<()> {
        for some in sessions.chunks(TOGETHER) {
            let mut batch = Batch::new();
            some.iter()
                .for_each(|session| session::begin(&mut batch, session));
            self.db.commit(batch).await?;
        }
        Ok(())
    }
}
