//! Which jobs run, and how often.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::expiry::Expiry;
use super::follow::Follow;
use super::jobs::Jobs;
use super::reload::Reloader;
use super::turning::Turning;
use crate::audit::Sequencer;
use crate::base::{Clock, RuntimeNumber};
use crate::defense::{self, Queue};
use crate::edge::Carriers;
use crate::gate::{Gate, OpenPayments, Services, Settlement, forget_used_nonces};
use crate::oauth::AuthorizationServer;
use crate::store::StoreError;

/// Keys, revocations and clients are followed this closely (within one second everywhere).
const EVERY_SECOND: Duration = Duration::from_secs(1);
/// A checkpoint stands at most 200 ms after what it covers. A turn without news looks at what is in
/// memory.
const SEQUENCING: Duration = Duration::from_millis(100);
/// Permitted reads are durable within 200 ms.
const RECORDING: Duration = Duration::from_millis(100);
/// Looks at the queues: enough of them in the second that a wait must stand before it counts.
const WATCHING: Duration = Duration::from_millis(50);
/// How long one look at the runtime's queue sleeps before it wants its turn.
const NAP: Duration = Duration::from_millis(10);
const EVERY_MINUTE: Duration = Duration::from_secs(60);
const EVERY_HOUR: Duration = Duration::from_secs(3600);

/// Starts the jobs of a gateway.
pub(super) fn start(
    jobs: &Jobs,
    services: &Arc<Services>,
    gate: &Arc<Gate>,
    authorization: &Arc<AuthorizationServer>,
) {
    let shared = Arc::clone(services);
    jobs.every("keys", EVERY_SECOND, move || {
        let services = Arc::clone(&shared);
        async move { services.keyring.tick().await }
    });
    let shared = Arc::clone(services);
    jobs.every("revocations", EVERY_SECOND, move || {
        let services = Arc::clone(&shared);
        async move { services.sessions.refresh().await }
    });
    let shared = Arc::clone(services);
    jobs.every("activity", EVERY_SECOND, move || {
        let services = Arc::clone(&shared);
        async move { services.sessions.write_activity().await }
    });
    let shared = Arc::clone(services);
    jobs.every("clients", EVERY_SECOND, move || {
        let services = Arc::clone(&shared);
        async move { services.clients.refresh().await }
    });
    let shared = Arc::clone(gate);
    jobs.every("idle-connections", EVERY_SECOND, move || {
        let gate = Arc::clone(&shared);
        async move {
            gate.snapshot().upstreams().sweep();
            Ok::<_, StoreError>(())
        }
    });
    let shared = Arc::new(OpenPayments::new(Arc::clone(services)));
    jobs.every("open-payments", EVERY_SECOND, move || {
        let open = Arc::clone(&shared);
        async move { open.run().await }
    });
    let shared = Arc::new(Settlement::new(Arc::clone(gate)));
    jobs.every("settlement", EVERY_SECOND, move || {
        let settlement = Arc::clone(&shared);
        async move { settlement.run().await }
    });
    let shared = Arc::clone(authorization);
    jobs.every("ended-tokens", EVERY_MINUTE, move || {
        let authorization = Arc::clone(&shared);
        async move { authorization.sweep().await }
    });
    let shared = Arc::clone(services);
    jobs.every("used-nonces", EVERY_MINUTE, move || {
        let services = Arc::clone(&shared);
        async move { forget_used_nonces(&services.db, services.clock.now()).await }
    });
    let metrics = services.metrics.clone();
    jobs.every("metrics", Duration::from_secs(5), move || {
        metrics.upkeep();
        async { Ok::<_, StoreError>(()) }
    });
}

/// Lets the log grow beside the requests.
pub(super) fn sequence(jobs: &Jobs, sequencer: &Arc<Sequencer>) {
    let sequencer = Arc::clone(sequencer);
    jobs.every("sequencer", SEQUENCING, move || {
        let sequencer = Arc::clone(&sequencer);
        async move { sequencer.run().await }
    });
}

/// Writes down who passed without an event of their own, every moment and at the end.
pub(super) fn record_passages(jobs: &Jobs, services: &Arc<Services>) {
    let flush = |services: Arc<Services>| async move {
        let now = services.clock.now();
        services
            .passages
            .flush(&services.db, &*services.entropy, now)
            .await
    };
    let shared = Arc::clone(services);
    jobs.every("passages", RECORDING, move || flush(Arc::clone(&shared)));
    let shared = Arc::clone(services);
    jobs.at_the_end("passages", move || flush(shared));
}

/// Writes the counts of refused strangers down, second by second, and at the end those of the second that runs.
pub(super) fn record_refusals(jobs: &Jobs, services: &Arc<Services>) {
    let flush = |services: Arc<Services>, ahead| async move {
        let until = services.clock.now().plus(ahead);
        services
            .refusals
            .flush(&services.db, &*services.entropy, until)
            .await
    };
    let shared = Arc::clone(services);
    jobs.every("refusals", EVERY_SECOND, move || {
        flush(Arc::clone(&shared), Duration::ZERO)
    });
    let shared = Arc::clone(services);
    jobs.at_the_end("refusals", move || flush(shared, EVERY_SECOND));
}

/// Measures how long work waits for the store's writer.
pub(super) fn watch_store(jobs: &Jobs, services: &Arc<Services>) {
    let services = Arc::clone(services);
    jobs.every("store-queue", WATCHING, move || {
        let shed = services.defense.shed();
        shed.look(Queue::Store, services.db.queue_wait(), services.clock.now());
        async { Ok::<_, StoreError>(()) }
    });
}

/// Measures how long work waits for a turn on each runtime that carries connections.
pub(super) fn watch_runtimes(
    jobs: &Jobs,
    services: &Arc<Services>,
    carriers: &Carriers,
    turning: &Arc<Turning>,
) {
    if carriers.runtimes().len() == 0 {
        let services = Arc::clone(services);
        return jobs.every("runtime-queue", WATCHING, move || {
            wait_for_a_turn(Arc::clone(&services))
        });
    }
    for (place, runtime) in carriers.runtimes().enumerate() {
        let (services, runtime, turning) = (Arc::clone(services), runtime.clone(), Arc::clone(turning));
        jobs.every("runtime-queue", WATCHING, move || {
            let (services, turning) = (Arc::clone(&services), Arc::clone(&turning));
            let waiting = runtime.spawn(async move {
                let waited = wait_for_a_turn(services).await;
                turning.has_turned(place, Instant::now());
                waited
            });
            // A runtime that has ended has no queue.
            async { waiting.await.unwrap_or(Ok(())) }
        });
    }
}

/// All that a task goes through between being due and running, on the runtime that runs this.
async fn wait_for_a_turn(services: Arc<Services>) -> Result<(), StoreError> {
    let due = Instant::now() + NAP;
    tokio::time::sleep_until(due).await;
    // Behind everything else that is ready, as a request that has just come.
    tokio::task::yield_now().await;
    let (shed, now) = (services.defense.shed(), services.clock.now());
    shed.look_at_runtime(RuntimeNumber::current(), due.elapsed(), now);
    Ok(())
}

/// Writes bans down and forgets those that are long over.
pub(super) fn record_bans(jobs: &Jobs, gate: &Arc<Gate>, services: &Arc<Services>) {
    let (gate, services) = (Arc::clone(gate), Arc::clone(services));
    jobs.every("bans", EVERY_SECOND, move || {
        let (snapshot, services) = (gate.snapshot(), Arc::clone(&services));
        async move {
            let rules = &snapshot.config().defense;
            let tools = (&*services.pseudonyms, &*services.entropy, &services.metrics);
            defense::record(
                &services.defense,
                rules,
                &services.db,
                tools,
                services.clock.now(),
            )
            .await
        }
    });
}

/// Follows the files of certificates, trust and revocation.
pub(super) fn follow_certificates(jobs: &Jobs, reloader: &Arc<Reloader>) {
    let metrics = reloader.services.metrics.clone();
    let follow = Follow::new(Arc::clone(reloader), metrics);
    let follow = Arc::new(tokio::sync::Mutex::new(follow));
    jobs.every("certificate-files", EVERY_SECOND, move || {
        let follow = Arc::clone(&follow);
        async move { follow.lock().await.look().await }
    });
}

/// Warns before certificates and revocation lists end.
pub(super) fn watch_expiry(jobs: &Jobs, expiry: &Arc<Expiry>, clock: &Arc<dyn Clock>) {
    let (expiry, clock) = (Arc::clone(expiry), Arc::clone(clock));
    jobs.every("certificate-ends", EVERY_HOUR, move || {
        expiry.tell(clock.now());
        async { Ok::<_, StoreError>(()) }
    });
}

/// A gateway on a development store follows its policy folder by itself; any other waits to be told.
pub(super) fn follow_policies(jobs: &Jobs, reloader: &Arc<Reloader>) {
    let reloader = Arc::clone(reloader);
    let folder = |reloader: &Reloader| reloader.gate.snapshot().config().policy.dir.clone();
    let seen = Arc::new(std::sync::Mutex::new(last_change(&folder(&reloader))));
    jobs.every("policy-folder", EVERY_SECOND, move || {
        let (reloader, seen) = (Arc::clone(&reloader), Arc::clone(&seen));
        let now = last_change(&folder(&reloader));
        async move {
            let changed = {
                let mut seen = seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                std::mem::replace(&mut *seen, now) != now
            };
            if changed {
                reloader.reload().await?;
            }
            Ok::<_, super::error::StartError>(())
        }
    });
}

/// The newest change of any policy, and how many there are: both move when a file is edited, added or removed.
fn last_change(folder: &Path) -> (Option<SystemTime>, u64, usize) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return (None, 0, 0);
    };
    let files = entries
        .flatten()
        .filter_map(|entry| entry.metadata().ok())
        .filter(std::fs::Metadata::is_file);
    files.fold((None, 0, 0), |(newest, bytes, count), file| {
        (newest.max(file.modified().ok()), bytes + file.len(), count + 1)
    })
}
