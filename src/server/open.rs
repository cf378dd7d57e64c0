//! Opening what lasts, and the services that own it.

use std::sync::Arc;

use crate::base::{Clock, Entropy, Timestamp};
use crate::config::{Config, DpopNonce, StoreUrl};
use crate::gate::Services;
use crate::identity::{self, Customers, Logins, PasswordParameters, Passwords, Sessions, Throttle};
use crate::keys::{Keyring, Schedule, read_kek};
use crate::oauth::bound_key::BoundKeys;
use crate::oauth::dpop::Nonces;
use crate::oauth::{self, AuthorizationServer, Clients, Dpop, NoncePolicy, Verifier};
use crate::privacy::{Pseudonyms, Vault};
use crate::store::{Batch, Db, Ephemeral};
use crate::telemetry::Metrics;
use crate::transaction::idempotency;

use super::error::StartError;
use super::upstreams::secret;

/// The fact in the store that marks it as one for development (design 4.1).
pub const DEVELOPMENT: &str = "development";

/// Nonces of request signatures that can be alive at once: what a node accepts in their 70 seconds.
const NONCES: usize = 1 << 20;

/// The store and what lives in it.
pub(super) struct Opened {
    pub(super) services: Arc<Services>,
    pub(super) authorization: Arc<AuthorizationServer>,
    pub(super) development: bool,
}

/// Opens the store that a configuration names.
///
/// # Errors
/// [`crate::store::StoreError`]: it is in use, newer than this program, or cannot be opened.
pub fn open_store(config: &Config) -> Result<Db, StartError> {
    let StoreUrl::Sqlite(path) = &config.store.url;
    Ok(Db::open(path)?)
}

/// Opens everything.
pub(super) async fn open(
    config: &Config,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
    metrics: &Metrics,
) -> Result<Opened, StartError> {
    let db = open_store(config)?;
    let development = db.meta(DEVELOPMENT).await?.is_some();
    let keyring = Arc::new(open_keyring(config, &db, clock, entropy).await?);
    let pseudonyms = Arc::new(Pseudonyms::open(&db, &keyring, entropy).await?);
    let started_at = first_moment(&db, clock).await?;
    let settings = oauth_settings(config, started_at);
    let nonces = Nonces::new(pseudonyms.nonce_key());
    let services = Arc::new(Services {
        tokens: Arc::new(Verifier::new(&settings)),
        dpop: Arc::new(Dpop::open(&settings, nonces, db.clone(), clock.now()).await?),
        sessions: Arc::new(Sessions::open(db.clone(), Arc::clone(clock), Arc::clone(entropy)).await?),
        clients: Arc::new(Clients::open(db.clone()).await?),
        bound_keys: BoundKeys::new(db.clone()),
        nonces: Ephemeral::new(NONCES),
        clock: Arc::clone(clock),
        entropy: Arc::clone(entropy),
        metrics: metrics.clone(),
        db,
        keyring,
        pseudonyms,
        started_at,
    });
    let authorization = Arc::new(authorization_server(
        &services,
        settings,
        identity_settings(config),
    )?);
    Ok(Opened {
        services,
        authorization,
        development,
    })
}

fn authorization_server(
    services: &Services,
    settings: oauth::Settings,
    identity: identity::Settings,
) -> Result<AuthorizationServer, StartError> {
    let (db, keyring, entropy) = (&services.db, &services.keyring, &services.entropy);
    let vault = || Vault::new(db.clone(), Arc::clone(keyring), Arc::clone(entropy));
    let customers = Customers::new(
        db.clone(),
        vault(),
        Arc::clone(&services.pseudonyms),
        Arc::clone(entropy),
    );
    let passwords = Passwords::start(&identity, Arc::clone(keyring), Arc::clone(entropy))?;
    let throttle = Throttle::new(db.clone(), identity.throttle);
    let logins = Logins::new(
        db.clone(),
        customers,
        vault(),
        passwords,
        throttle,
        Arc::clone(entropy),
    );
    Ok(AuthorizationServer::new(oauth::server::Services {
        settings,
        identity,
        clients: Arc::clone(&services.clients),
        logins: Arc::new(logins),
        sessions: Arc::clone(&services.sessions),
        verifier: Arc::clone(&services.tokens),
        dpop: Arc::clone(&services.dpop),
        keyring: Arc::clone(keyring),
        db: db.clone(),
        clock: Arc::clone(&services.clock),
        entropy: Arc::clone(entropy),
    }))
}

fn identity_settings(config: &Config) -> identity::Settings {
    let password = &config.identity.password;
    identity::Settings {
        password: PasswordParameters {
            memory_kib: password.memory_kib,
            passes: password.iterations,
            lanes: password.parallelism,
        },
        hash_memory: usize::try_from(password.memory_budget).unwrap_or(usize::MAX),
        session_life: config.identity.session_lifetime,
        session_idle: config.identity.session_idle,
        ..identity::Settings::default()
    }
}

async fn open_keyring(
    config: &Config,
    db: &Db,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
) -> Result<Keyring, StartError> {
    let kek = read_kek(secret("keys.kek", &config.keys.kek)?.expose())?;
    let schedule = Schedule {
        publish_ahead: config.keys.publish_ahead,
        period: Some(config.keys.period),
    };
    Ok(Keyring::open(db.clone(), kek, schedule, Arc::clone(clock), Arc::clone(entropy)).await?)
}

/// From when on this process remembers what was used. A store that was served before may have seen proofs that nobody
/// remembers now, so only those of later seconds count; a fresh one has seen none. What was cut off last time is unknown.
async fn first_moment(db: &Db, clock: &Arc<dyn Clock>) -> Result<Timestamp, StartError> {
    let now = clock.now();
    let served_before = db.meta("served").await?.is_some();
    let mut batch = Batch::new();
    batch.run(
        "INSERT INTO meta (name, value) VALUES ('served', '1') ON CONFLICT (name) DO NOTHING",
        Vec::new(),
    );
    idempotency::cut_off_is_unknown(&mut batch, now);
    db.commit(batch).await?;
    Ok(if served_before {
        Timestamp::from_seconds(now.seconds() + 1)
    } else {
        Timestamp::from_micros(0)
    })
}

fn oauth_settings(config: &Config, proofs_from: Timestamp) -> oauth::Settings {
    let identity = &config.identity;
    let mut scopes: Vec<String> = config
        .routes
        .iter()
        .flat_map(|route| route.scope.iter().cloned())
        .collect();
    scopes.push("offline_access".to_owned());
    scopes.sort_unstable();
    scopes.dedup();
    oauth::Settings {
        mtls_origin: config
            .tls
            .client_ca
            .as_ref()
            .map(|_| config.server.mtls_url.as_str().to_owned()),
        nonce: match config.dpop.nonce {
            DpopNonce::Off => NoncePolicy::Off,
            DpopNonce::Token => NoncePolicy::Token,
            DpopNonce::Always => NoncePolicy::Always,
        },
        proofs_from,
        access_token_life: identity.access_token_lifetime,
        refresh_token_life: identity.refresh_token_lifetime,
        code_life: identity.code_lifetime,
        challenge_life: identity.auth_session_lifetime,
        scopes,
        keys_max_age: config.keys.publish_ahead,
        ..oauth::Settings::new(config.server.public_url.as_str())
    }
}
