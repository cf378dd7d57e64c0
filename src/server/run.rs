//! From bound listeners to the last answer.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::base::Door;
use crate::edge::{Carriers, Drained, Edge, Listener, OpenDoor};
use crate::server::jobs::Jobs;
use crate::telemetry::Health;

/// Time for jobs and the operations listener to end, after the last request has.
const LAST_GRACE: Duration = Duration::from_secs(2);

/// A gateway that is built and bound, and only has to be opened. Where it listens is known from its listeners.
#[derive(Debug)]
pub struct Gateway {
    /// The doors.
    pub doors: Vec<OpenDoor>,
    /// The runtimes that carry connections of the public doors; where there are none, the one that calls carries them.
    pub carriers: Carriers,
    /// The operations listener with its routes ([`crate::telemetry::operations`]).
    pub operations: Option<(Listener, axum::Router)>,
    /// What the doors share.
    pub edge: Arc<Edge>,
    /// The jobs, started already.
    pub jobs: Jobs,
    /// What `/readyz` says.
    pub health: Arc<Health>,
    /// How long requests may take to finish when the gateway goes away.
    pub grace: Duration,
}

impl Gateway {
    /// Serves until `shutdown`, then goes away: `/readyz` turns to 503, doors close, open connections finish what they
    /// carry, jobs end, and the operations listener, which watched it all, closes last.
    ///
    /// # Errors
    /// The runtime cannot take a socket; then nothing is served.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> io::Result<Drained> {
        let operations = self.edge.beside();
        if let Some((listener, router)) = self.operations {
            operations.open_operations(listener, router)?;
        }
        for door in self.doors {
            match door.door {
                Door::Public | Door::MutualTls => self.edge.open_on(&self.carriers, door)?,
                Door::Admin => self.edge.open(door)?,
            }
        }
        shutdown.await;
        self.health.drain();
        let drained = self.edge.drain().finish(self.grace).await;
        if drained != Drained::default() {
            let Drained {
                requests,
                connections,
            } = drained;
            tracing::warn!(
                requests,
                connections,
                "these did not finish in time and were dropped"
            );
        }
        self.jobs.stop(LAST_GRACE).await;
        operations.drain().finish(LAST_GRACE).await;
        Ok(drained)
    }
}
