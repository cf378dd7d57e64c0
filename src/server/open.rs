//! Opening what lasts, and the services that own it.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::audit::{Anchor, AnchorFault, Log, LogError, Passages, Receipts, Refusals, Sequencer};
use crate::base::{Clock, Entropy, Timestamp};
use crate::config::{self, Config, StoreUrl};
use crate::defense::Defense;
use crate::gate::{Services, remembered_nonces};
use crate::identity::{self, Customers, Logins, Passwords, Sessions, Throttle};
use crate::keys::{Keyring, Schedule, read_kek};
use crate::oauth::bound_key::BoundKeys;
use crate::oauth::dpop::Nonces;
use crate::oauth::{self, AuthorizationServer, Clients, Dpop, Verifier};
use crate::policy::Bundle;
use crate::privacy::{Pseudonyms, Vault};
use crate::store::{Batch, Db};
use crate::telemetry::{AccessLog, Destination, Metrics};
use crate::transaction::idempotency;
use crate::transaction::underway::Underway;

use super::error::StartError;
use super::material::secret;
use super::settings::{identity_settings, oauth_settings};

/// The fact in the store that marks it as one for development.
pub const DEVELOPMENT: &str = "development";

/// The store and what lives in it.
pub(super) struct Opened {
    pub(super) services: Arc<Services>,
    pub(super) authorization: Arc<AuthorizationServer>,
    pub(super) log: Arc<Log>,
    pub(super) sequencer: Arc<Sequencer>,
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
    policies: &Arc<ArcSwap<Bundle>>,
) -> Result<Opened, StartError> {
    let db = open_store(config)?;
    db.count_in(metrics.clone());
    let development = db.meta(DEVELOPMENT).await?.is_some();
    let keyring = Arc::new(open_keyring(config, &db, clock, entropy).await?);
    let log = Arc::new(Log::new(
        db.clone(),
        config.server.public_url.host(),
        config.log.anchor.is_some(),
    ));
    let anchor = config.log.anchor.clone().map(Anchor::new);
    compare_with_anchor(anchor.as_ref(), &db, &log, &keyring).await?;
    let pseudonyms = Arc::new(Pseudonyms::open(&db, &keyring, entropy).await?);
    let started_at = first_moment(&db, clock).await?;
    let settings = oauth_settings(config, started_at);
    let nonces = Nonces::new(pseudonyms.nonce_key());
    let vault = Vault::new(db.clone(), Arc::clone(&keyring), Arc::clone(entropy));
    let services = Arc::new(Services {
        tokens: Arc::new(Verifier::new(&settings)),
        dpop: Arc::new(Dpop::open(&settings, nonces, db.clone(), clock.now()).await?),
        sessions: Arc::new(Sessions::open(db.clone(), Arc::clone(clock), Arc::clone(entropy)).await?),
        clients: Arc::new(Clients::open(db.clone()).await?),
        bound_keys: BoundKeys::new(db.clone()),
        receipts: Arc::new(Receipts::new(
            db.clone(),
            vault,
            Arc::clone(&log),
            Arc::clone(entropy),
        )),
        nonces: remembered_nonces(&db, clock.now()).await?,
        underway: Underway::default(),
        passages: Passages::default(),
        defense: Arc::new(Defense::new(Arc::clone(entropy))),
        refusals: Arc::new(Refusals::new(Arc::clone(&pseudonyms))),
        clock: Arc::clone(clock),
        entropy: Arc::clone(entropy),
        metrics: metrics.clone(),
        access_log: access_log(config, metrics, clock)?,
        db,
        keyring,
        pseudonyms,
    });
    let authorization = Arc::new(authorization_server(
        &services,
        settings,
        identity_settings(config),
        policies,
    )?);
    let sequencer = Sequencer::new(
        services.db.clone(),
        Arc::clone(&log),
        Arc::clone(&services.keyring),
        anchor,
    );
    Ok(Opened {
        authorization,
        sequencer: Arc::new(sequencer),
        services,
        log,
        development,
    })
}

fn access_log(config: &Config, metrics: &Metrics, clock: &Arc<dyn Clock>) -> Result<AccessLog, StartError> {
    let destination = match &config.telemetry.access_log {
        config::AccessLog::Off => return Ok(AccessLog::default()),
        config::AccessLog::Stdout => Destination::Stdout,
        config::AccessLog::File(path) => Destination::File(path.clone()),
    };
    AccessLog::open(destination, metrics.clone(), Arc::clone(clock)).map_err(StartError::AccessLog)
}

/// A store that does not continue what was published is read, but not written.
async fn compare_with_anchor(
    anchor: Option<&Anchor>,
    db: &Db,
    log: &Log,
    keyring: &Keyring,
) -> Result<(), StartError> {
    let Some(anchor) = anchor else {
        tracing::warn!(
            "the log is unanchored: an older copy of the store would not be noticed; name a file elsewhere in [log] anchor"
        );
        return Ok(());
    };
    match anchor.check(db, log, &keyring.current()).await {
        Ok(()) => Ok(()),
        Err(AnchorFault::Log(LogError::Store(error))) => Err(error.into()),
        Err(fault) => {
            tracing::error!(%fault, "the gateway is read-only: its log does not continue what was published");
            db.refuse_writes(&fault.to_string());
            Ok(())
        }
    }
}

fn authorization_server(
    services: &Services,
    settings: oauth::Settings,
    identity: identity::Settings,
    policies: &Arc<ArcSwap<Bundle>>,
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
        services.metrics.clone(),
    );
    Ok(AuthorizationServer::new(oauth::server::Services {
        settings,
        identity,
        clients: Arc::clone(&services.clients),
        logins: Arc::new(logins),
        sessions: Arc::clone(&services.sessions),
        verifier: Arc::clone(&services.tokens),
        dpop: Arc::clone(&services.dpop),
        policies: Arc::clone(policies),
        metrics: services.metrics.clone(),
        keyring: Arc::clone(keyring),
        db: db.clone(),
        clock: Arc::clone(&services.clock),
        entropy: Arc::clone(entropy),
    }))
}

/// Opens the keys that a configuration names.
///
/// # Errors
/// The key-encryption key cannot be read, or is not the one the keys were sealed with.
pub async fn open_keyring(
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
    if db.read_only().is_some() {
        return Ok(Timestamp::from_seconds(now.seconds() + 1));
    }
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
