//! A gateway at work: its home, its backend, customers who are logged in, and load on it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::Outcome;
use crate::awake::Awake;
use crate::callers::{self, App, Caller};
use crate::ceiling::Ceiling;
use crate::configuration::Shape;
use crate::gateway;
use crate::home::Home;
use crate::load::{self, Pace, Plan, Report};
use crate::machine::{Cores, pinned};
use crate::process::Process;
use crate::request::{Kind, Turn};
use crate::residents::Residents;
use crate::wire::Wire;

/// Customers who are logged in.
const CUSTOMERS: usize = 16;
/// Not counted: connections open, caches fill.
const WARM_UP: Duration = Duration::from_millis(400);

/// How long it may take.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Rounds of everything.
    pub rounds: usize,
    /// Of one measurement.
    pub span: Duration,
}

/// A gateway with its backend and logged-in customers, on cores that do not sleep.
pub struct Stage {
    /// Its folder.
    pub home: Home,
    /// Which core is whose.
    pub cores: Cores,
    /// Sessions that nobody logged in for, and their tokens.
    pub residents: Residents,
    apps: Vec<App>,
    gateway: Process,
    origin: Process,
    /// Ends with it, so that what it took counts as ours.
    awake: Awake,
}

impl Stage {
    /// Opens it below `within`, with the gateway's `program`.
    ///
    /// # Errors
    /// Something does not start.
    pub async fn open(program: &Path, within: &Path) -> Outcome<Self> {
        Self::of_shape(program, within, &Shape::default()).await
    }

    /// As [`Stage::open`], with as much of everything as `shape` says.
    ///
    /// # Errors
    /// Something does not start.
    pub async fn of_shape(program: &Path, within: &Path, shape: &Shape) -> Outcome<Self> {
        let cores = Cores::of_this_machine();
        let home = Home::make(program, within, CUSTOMERS, shape)?;
        let residents = Residents::settle(&home, shape).await?;
        let origin = gateway::start_origin(&home, cores).await?;
        let (gateway, _) = gateway::start(&home, cores).await?;
        Ok(Self {
            apps: callers::log_in(&home).await?,
            residents,
            home,
            cores,
            gateway,
            origin,
            awake: Awake::keep(cores, within).await?,
        })
    }

    /// Puts load on the gateway.
    ///
    /// # Errors
    /// A request failed.
    pub async fn load(
        &mut self,
        kind: Kind,
        connections: usize,
        pace: Pace,
        span: Duration,
    ) -> Outcome<Report> {
        let plan = self.plan(kind, connections, pace, span).await?;
        load::run(plan, self.gateway.id()).await?.without_failures()
    }

    /// What [`Stage::load`] does, to be done to somebody else, or otherwise.
    ///
    /// # Errors
    /// A session has ended.
    pub async fn plan(
        &mut self,
        kind: Kind,
        connections: usize,
        pace: Pace,
        span: Duration,
    ) -> Outcome<Plan> {
        let callers = match kind {
            Kind::Bound => self.residents.bound(CUSTOMERS)?,
            _ => callers::ready(&mut self.apps).await?,
        };
        self.plan_of(kind, callers, connections, pace, span)
    }

    /// The same by all residents of the store, whose sessions need no renewal.
    ///
    /// # Errors
    /// The home's certificates cannot be read.
    pub fn plan_of_residents(
        &self,
        kind: Kind,
        connections: usize,
        pace: Pace,
        span: Duration,
    ) -> Outcome<Plan> {
        self.plan_of(kind, self.residents.callers().to_vec(), connections, pace, span)
    }

    fn plan_of(
        &self,
        kind: Kind,
        callers: Vec<Caller>,
        connections: usize,
        pace: Pace,
        span: Duration,
    ) -> Outcome<Plan> {
        let ca = self.home.path("certs/ca.pem");
        let (wire, authority) = match kind {
            Kind::Bound => (
                Wire::with_certificate(self.home.ports.mutual, &ca, &self.home.certificate())?,
                self.home.mutual_authority(),
            ),
            _ => (Wire::new(self.home.ports.public, &ca)?, self.home.authority()),
        };
        Ok(Plan {
            wire,
            authority,
            kind,
            callers,
            turn: Turn::Again,
            connections,
            threads: 1,
            pace,
            warm_up: WARM_UP,
            duration: span,
        })
    }

    /// The gateway's process.
    #[must_use]
    pub const fn gateway(&self) -> &Process {
        &self.gateway
    }

    /// Ends everything.
    ///
    /// # Errors
    /// The gateway cannot be asked to, or a core fell asleep meanwhile.
    pub fn close(mut self) -> Outcome<()> {
        self.awake.check()?;
        self.gateway.stop()?;
        self.origin.kill();
        Ok(())
    }

    /// The ceiling, measured by a process on the gateway's core.
    ///
    /// # Errors
    /// The store fails.
    pub async fn ceiling(&self, parallel: usize, span: Duration) -> Outcome<Ceiling> {
        let mut command = pinned(self.cores.server, &std::env::current_exe()?);
        command.arg("ceiling").arg("--dir").arg(self.home.path("."));
        command.args(["--parallel", &parallel.to_string()]);
        command.args(["--seconds", &span.as_secs_f64().to_string()]);
        let done = tokio::task::spawn_blocking(move || command.output()).await??;
        Ceiling::from_json(&String::from_utf8_lossy(&done.stdout))
    }
}

/// The folder for homes: on the disk that the project lies on, not in memory.
#[must_use]
pub fn workplace(root: &Path) -> PathBuf {
    root.join("target/bench")
}

/// A folder for homes in memory, for as long as it is held.
///
/// # Errors
/// There is no such file system.
pub fn in_memory() -> Outcome<tempfile::TempDir> {
    let made = tempfile::Builder::new()
        .prefix("countersign-bench")
        .tempdir_in("/dev/shm");
    made.map_err(|error| format!("/dev/shm: {error}").into())
}
