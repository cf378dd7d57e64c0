//! Keeps the cores from sleeping while something is measured.
//!
//! A core without work stops, and on a virtual machine that is a call of its host: whoever shares the host may get the core,
//! and to be woken takes from microseconds to many milliseconds, whatever the gateway does. Programs that leave their core
//! idle a part of the time, as all of them do at half load, would be measured by that. So each core has a process that
//! runs only while nobody else wants to, and gives way at once (`SCHED_IDLE`, sched(7)).

use std::hint::spin_loop;
use std::os::unix::process::parent_id;
use std::path::Path;
use std::process::Command;

use crate::Outcome;
use crate::machine::Cores;
use crate::process::Process;

/// Pauses between two looks at whether anybody is left to keep awake for; some milliseconds.
const PAUSES: u32 = 100_000;

/// The cores are awake as long as this lives.
pub struct Awake {
    _processes: Vec<Process>,
}

impl Awake {
    /// Keeps `cores` awake, by processes that say what goes wrong below `within`.
    ///
    /// # Errors
    /// `chrt` or `taskset` is missing.
    pub fn keep(cores: Cores, within: &Path) -> Outcome<Self> {
        let (log, program) = (within.join("awake.log"), std::env::current_exe()?);
        let start = |core: usize| {
            let mut command = Command::new("chrt");
            command.args(["--idle", "0", "taskset", "-c", &core.to_string()]);
            command.arg(&program).arg("awake");
            Process::start(command, &log)
        };
        let processes = [cores.server, cores.load].map(start);
        Ok(Self {
            _processes: processes.into_iter().collect::<Outcome<_>>()?,
        })
    }
}

/// Has nothing to do, until the process that wanted it is gone.
pub fn idle() {
    let wanted_by = parent_id();
    while parent_id() == wanted_by {
        (0..PAUSES).for_each(|_| spin_loop());
    }
}
