//! Keeps the cores from sleeping while something is measured.
//!
//! A core without work stops, and on a virtual machine that is a call of its host: whoever shares the host may get the core,
//! and to be woken takes from microseconds to many milliseconds, whatever the gateway does. Programs that leave their core
//! idle a part of the time, as all of them do at half load, would be measured by that. So each core has a process that
//! runs almost only while nobody else wants to (`SCHED_IDLE`, sched(7)). What it costs to take turns with it is the same for all.

use std::hint::spin_loop;
use std::os::unix::process::parent_id;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::Outcome;
use crate::machine::Cores;
use crate::process::Process;

/// Pauses between two looks at whether anybody is left to keep awake for; some milliseconds.
const PAUSES: u32 = 100_000;

/// How long a process that cannot do it may take to say so.
const TRIED: Duration = Duration::from_millis(200);

/// The cores are awake as long as this lives.
pub struct Awake {
    processes: Vec<Process>,
    log: PathBuf,
}

impl Awake {
    /// Keeps `cores` awake, by processes that say what goes wrong in a file `within`.
    ///
    /// # Errors
    /// `chrt` or `taskset` is missing or refuses.
    pub async fn keep(cores: Cores, within: &Path) -> Outcome<Self> {
        let (log, program) = (within.join("awake.log"), std::env::current_exe()?);
        let start = |core: usize| {
            let mut command = Command::new("chrt");
            command.args(["--idle", "0", "taskset", "-c", &core.to_string()]);
            command.arg(&program).arg("awake");
            command.args(["--parent", &std::process::id().to_string()]);
            Process::start(command, &log)
        };
        let mut places = vec![cores.server, cores.load];
        places.dedup();
        let processes = places.into_iter().map(start).collect::<Outcome<_>>()?;
        let mut awake = Self { processes, log };
        tokio::time::sleep(TRIED).await;
        awake.check()?;
        Ok(awake)
    }

    /// Whether they still are.
    ///
    /// # Errors
    /// A process has ended.
    pub fn check(&mut self) -> Outcome<()> {
        match self.processes.iter_mut().any(Process::has_ended) {
            true => Err(format!("a core fell asleep; {} says why", self.log.display()).into()),
            false => Ok(()),
        }
    }
}

/// Has nothing to do, until the process `parent` is gone.
pub fn idle(parent: u32) {
    while parent_id() == parent {
        (0..PAUSES).for_each(|_| spin_loop());
    }
}
