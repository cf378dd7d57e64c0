//! Building a gateway, up to the moment its doors can be opened.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::charter::{self, Admitted};
use super::control::{PolicyAuthority, RunningGate};
use super::doors::{Doors, Setup};
use super::error::StartError;
use super::expiry::Expiry;
use super::front::{AdminFront, EdgeRefusals, OwnResources, PublicFront};
use super::inherited::Inherited;
use super::jobs::Jobs;
use super::material::Material;
use super::open::open;
use super::open_files;
use super::reload::Reloader;
use super::run::Gateway;
use super::schedule;
use super::turning::Turning;
use super::upstreams::clusters;
use crate::admin::{self, Admins};
use crate::api;
use crate::audit::{Log, Sequencer};
use crate::base::event::Digest;
use crate::base::{Clock, Door, Entropy, Event};
use crate::config::{Config, Deployment};
use crate::edge::{Carriers, Drain, Edge, Limits, Listener, OpenDoor, Serve};
use crate::gate::{Gate, Services, Snapshot};
use crate::policy::Bundle;
use crate::store::Batch;
use crate::telemetry::{Check, Health, Metrics, operations};

/// The public door and its twin.
const PUBLIC_DOORS: usize = 2;

/// Where a gateway listens.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// The public door.
    pub public: Vec<SocketAddr>,
    /// Its mutual-TLS twin; empty when it is not open.
    pub mutual: Vec<SocketAddr>,
    /// The admin door; empty when it is not open.
    pub admin: Vec<SocketAddr>,
    /// The operations listener.
    pub operations: Vec<SocketAddr>,
}

/// A gateway that is built and bound; [`Gateway::run`] opens its doors.
pub struct Built {
    /// The gateway.
    pub gateway: Gateway,
    /// Where it listens.
    pub addresses: Addresses,
    /// Puts a changed configuration in force.
    pub reloader: Arc<Reloader>,
    /// The services behind the gate, for what runs beside it in this process.
    pub services: Arc<Services>,
    /// The audit log.
    pub log: Arc<Log>,
    /// Whether its store is one for development only.
    pub development: bool,
}

/// Opens the store, the keyring, the policies and the services, and binds the doors.
///
/// # Errors
/// [`StartError`], which says what to do.
pub async fn build(
    config: Config,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> Result<Built, StartError> {
    build_with(Given::default(), config, clock, entropy).await
}

/// What a start is given besides its configuration.
#[derive(Debug, Default)]
pub struct Given<'a> {
    /// Sockets that the process inherited; listeners without one are bound.
    pub sockets: Inherited,
    /// The charter that the operator has read and names: SHA-256 in hexadecimal digits, as `check --json` and the refusal of
    /// [`build`] say it. Outside development a charter that was changed since the last start is refused without.
    pub accepted_charter: Option<&'a str>,
    /// The runtimes that carry connections; none: the one on which [`Gateway::run`] runs.
    pub carriers: Carriers,
}

/// The same with what the start is given.
///
/// # Errors
/// As [`build`].
pub async fn build_with(
    given: Given<'_>,
    config: Config,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> Result<Built, StartError> {
    let metrics = Metrics::default();
    let material = Material::read(&config)?;
    let doors = Doors::new(Setup::new(&config, &material, &clock)?);
    let ends = Expiry::of(&config, &material);
    let expiry = Arc::new(Expiry::new(metrics.clone(), ends, clock.now()));
    let policy = Arc::new(Bundle::load(&config.policy.dir)?);
    let upstreams = clusters(&config, &material, &metrics)?;
    let policies = Arc::new(ArcSwap::new(Arc::clone(&policy)));
    let opened = open(&config, &clock, &entropy, &metrics, &policies).await?;
    if let Some(faults) = config.unfit_for(Deployment::of(opened.development)) {
        return Err(faults.into());
    }
    let (services, development) = (Arc::clone(&opened.services), opened.development);
    let admitted = charter::admit(
        &config.charter(),
        &services.db,
        development,
        given.accepted_charter,
    )
    .await?;
    let config = Arc::new(config);
    let snapshot = Snapshot::new(Arc::clone(&config), policy, services.keyring.current(), upstreams)?;
    record_start(&services, &snapshot, admitted).await?;
    publish_first(&opened.sequencer).await;
    let own = OwnResources::new(
        api::oauth::router(Arc::clone(&opened.authorization))
            .merge(api::log::router(Arc::clone(&opened.log)))
            .merge(api::receipts::router(Arc::clone(&services.receipts))),
    );
    let gate = Arc::new(Gate::new(Arc::clone(&services), snapshot, Arc::new(own)));
    let reloader = Arc::new(Reloader {
        path: config.source.clone(),
        gate: Arc::clone(&gate),
        services: Arc::clone(&services),
        doors: doors.clone(),
        policies,
        development,
        expiry: Arc::clone(&expiry),
        files: tokio::sync::Mutex::new(material.fingerprint()),
    });
    let jobs = Jobs::new(metrics.clone());
    schedule::start(&jobs, &services, &gate, &opened.authorization);
    schedule::sequence(&jobs, &opened.sequencer);
    schedule::record_passages(&jobs, &services);
    schedule::record_refusals(&jobs, &services);
    schedule::watch_store(&jobs, &services);
    let turning = Turning::new(given.carriers.runtimes().len());
    schedule::watch_runtimes(&jobs, &services, &given.carriers, &turning);
    schedule::record_bans(&jobs, &gate, &services);
    schedule::follow_certificates(&jobs, &reloader);
    schedule::watch_expiry(&jobs, &expiry, &clock);
    if development {
        schedule::follow_policies(&jobs, &reloader);
    }
    let health = Arc::new(Health::new(
        checks(&services, opened.sequencer, turning),
        development,
    ));
    let drain = Drain::default();
    let refusals = EdgeRefusals {
        services: Arc::clone(&services),
        gate: Arc::clone(&gate),
    };
    let edge = Edge::new(
        limits(&config),
        drain,
        clock,
        entropy,
        metrics.clone(),
        Arc::new(refusals.clone()),
    );
    let (listeners, addresses) = bind(&config, &doors, given.sockets)?;
    let admin = admin_front(&opened.log, &services, &gate, &reloader, development);
    let gateway = Gateway {
        doors: open_doors(doors, listeners.doors, PublicFront { gate, refusals }, admin),
        carriers: given.carriers,
        operations: Some((listeners.operations, operations(metrics, Arc::clone(&health)))),
        edge,
        jobs,
        health,
        grace: config.defense.drain,
    };
    Ok(Built {
        gateway,
        addresses,
        reloader,
        services,
        log: opened.log,
        development,
    })
}

struct Listeners {
    doors: Vec<(Door, Listener)>,
    operations: Listener,
}

fn bind(config: &Config, doors: &Doors, inherited: Inherited) -> Result<(Listeners, Addresses), StartError> {
    let server = &config.server;
    let public = listen("server.listen", &server.listen, inherited.public)?;
    let mutual = listen_if(
        doors.mutual.is_some(),
        "server.mtls_listen",
        &server.mtls_listen,
        inherited.mutual,
    )?;
    let admin = listen_if(
        doors.admin.is_some(),
        "server.admin_listen",
        &server.admin_listen,
        inherited.admin,
    )?;
    let operations = listen("server.ops_listen", &server.ops_listen, inherited.operations)?;
    let listening =
        |listener: Option<&Listener>| listener.map(|l| l.addresses().to_vec()).unwrap_or_default();
    let addresses = Addresses {
        public: listening(Some(&public)),
        mutual: listening(mutual.as_ref()),
        admin: listening(admin.as_ref()),
        operations: listening(Some(&operations)),
    };
    let bound = [
        (Door::Public, Some(public)),
        (Door::MutualTls, mutual),
        (Door::Admin, admin),
    ];
    let doors = bound
        .into_iter()
        .filter_map(|(door, listener)| Some((door, listener?)))
        .collect();
    Ok((Listeners { doors, operations }, addresses))
}

fn listen(
    key: &'static str,
    addresses: &[SocketAddr],
    inherited: Vec<TcpListener>,
) -> Result<Listener, StartError> {
    if inherited.is_empty() {
        return Ok(Listener::bind(key, addresses)?);
    }
    Ok(Listener::adopt(key, addresses, inherited)?)
}

/// A socket for a door that is not open is as wrong as one on another address: its clients would wait for ever.
fn listen_if(
    open: bool,
    key: &'static str,
    addresses: &[SocketAddr],
    inherited: Vec<TcpListener>,
) -> Result<Option<Listener>, StartError> {
    if open {
        listen(key, addresses, inherited).map(Some)
    } else if inherited.is_empty() {
        Ok(None)
    } else {
        Ok(Some(Listener::adopt(key, &[], inherited)?))
    }
}

fn open_doors(
    doors: Doors,
    listeners: Vec<(Door, Listener)>,
    public: PublicFront,
    admin: Arc<dyn Serve>,
) -> Vec<OpenDoor> {
    let public: Arc<dyn Serve> = Arc::new(public);
    let Doors {
        public: public_tls,
        mutual,
        admin: admin_tls,
    } = doors;
    let open = |(door, listener): (Door, Listener)| {
        let (tls, serve) = match door {
            Door::Public => (Some(Arc::clone(&public_tls)), Arc::clone(&public)),
            Door::MutualTls => (mutual.clone(), Arc::clone(&public)),
            Door::Admin => (admin_tls.clone(), Arc::clone(&admin)),
        };
        Some(OpenDoor {
            door,
            listener,
            tls: tls?,
            serve,
        })
    };
    listeners.into_iter().filter_map(open).collect()
}

fn admin_front(
    log: &Arc<Log>,
    services: &Arc<Services>,
    gate: &Arc<Gate>,
    reloader: &Arc<Reloader>,
    development: bool,
) -> Arc<dyn Serve> {
    let (clock, entropy) = (Arc::clone(&services.clock), Arc::clone(&services.entropy));
    let router = admin::router(admin::Services {
        db: services.db.clone(),
        admins: Admins::new(services.db.clone()),
        keyring: Arc::clone(&services.keyring),
        defense: Arc::clone(&services.defense),
        log: Arc::clone(log),
        readers: admin::Readers::default(),
        authorize: Arc::new(PolicyAuthority {
            gate: Arc::clone(gate),
            metrics: services.metrics.clone(),
            clock: Arc::clone(&clock),
        }),
        running: Arc::new(RunningGate {
            gate: Arc::clone(gate),
            development,
        }),
        reload: Arc::clone(reloader) as Arc<_>,
        clock: Arc::clone(&clock),
        entropy: Arc::clone(&entropy),
        started_at: clock.now(),
    });
    Arc::new(AdminFront {
        router,
        clock,
        entropy,
        access_log: services.access_log.clone(),
    })
}

/// Whoever reads the log as soon as the doors are open finds a checkpoint, on a new store too. What stands in its way is
/// told by `/readyz`, and the job tries again.
async fn publish_first(sequencer: &Sequencer) {
    if let Err(error) = sequencer.run().await {
        tracing::error!(%error, "the log could not be published at the start");
    }
}

/// A read-only gateway starts without leaving a trace: there is nowhere to leave one.
async fn record_start(
    services: &Services,
    snapshot: &Snapshot,
    admitted: Admitted,
) -> Result<(), StartError> {
    if services.db.read_only().is_some() {
        return Ok(());
    }
    let event = Event::Started {
        policy_version: snapshot.policy().version().to_owned(),
        charter: Digest::new(&snapshot.config().charter().sha256()),
    };
    let mut batch = Batch::new();
    let now = services.clock.now();
    admitted.record(&mut batch, now, &*services.entropy);
    batch.record(now, &*services.entropy, &event);
    Ok(services.db.commit(batch).await?)
}

fn limits(config: &Config) -> Limits {
    Limits {
        connections: open_files::connections(config.defense.connections, PUBLIC_DOORS),
        connections_per_source: config.defense.connections_per_source,
        buffered_bytes: config.defense.buffered_bytes,
        proxies: config.proxy.trusted.clone(),
        handshake: config.defense.handshake_timeout,
        head: config.defense.header_timeout,
        body: config.defense.body_timeout,
        answer: config.defense.answer_timeout,
        idle: config.defense.idle_timeout,
        ..Limits::default()
    }
}

/// What `/readyz` looks at.
fn checks(services: &Arc<Services>, sequencer: Arc<Sequencer>, turning: Arc<Turning>) -> Vec<Arc<dyn Check>> {
    vec![
        Arc::new(StoreCheck(Arc::clone(services))),
        Arc::new(KeyringCheck(Arc::clone(services))),
        Arc::new(LogCheck(Arc::clone(services), sequencer)),
        turning,
    ]
}

/// Whether the log may grow, and does.
struct LogCheck(Arc<Services>, Arc<Sequencer>);

impl Check for LogCheck {
    fn name(&self) -> &'static str {
        "log"
    }

    fn run(&self) -> std::pin::Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>> {
        let read_only = self.0.db.read_only().map(|cause| format!("read-only: {cause}"));
        let fault = read_only.or_else(|| self.1.fault());
        Box::pin(std::future::ready(fault.map_or(Ok(()), Err)))
    }
}

struct StoreCheck(Arc<Services>);

impl Check for StoreCheck {
    fn name(&self) -> &'static str {
        "store"
    }

    fn run(&self) -> std::pin::Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>> {
        Box::pin(async {
            let read = self.0.db.meta(super::open::DEVELOPMENT).await;
            read.map(drop).map_err(|error| error.to_string())
        })
    }
}

struct KeyringCheck(Arc<Services>);

impl Check for KeyringCheck {
    fn name(&self) -> &'static str {
        "keyring"
    }

    fn run(&self) -> std::pin::Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>> {
        use crate::keys::Purpose;
        let keys = self.0.keyring.current();
        let missing = [Purpose::Token, Purpose::Txn, Purpose::Message]
            .into_iter()
            .find(|p| keys.signing(*p).is_none());
        Box::pin(async move {
            match missing {
                None => Ok(()),
                Some(purpose) => Err(format!("no active key for {}", purpose.name())),
            }
        })
    }
}
