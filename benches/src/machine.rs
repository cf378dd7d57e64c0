//! The machine: what it is, which core a process runs on, and how much of the time belonged to somebody else.

use std::fs::read_to_string;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// Kernel ticks a second in `/proc`; what Linux shows to user space on every architecture in use.
const TICKS: f64 = 100.0;
/// More than this share of the machine in others' hands, and a measurement says so.
pub const NOISY: f64 = 0.10;

/// The core of what is measured, and the core of everything else, where there are two.
#[derive(Clone, Copy, Debug)]
pub struct Cores {
    /// Of the gateway.
    pub server: usize,
    /// Of load generator and backend.
    pub load: usize,
}

impl Cores {
    /// The first two of this machine, whichever of them this process runs on by now.
    #[must_use]
    pub fn of_this_machine() -> Self {
        Self {
            server: 0,
            load: usize::from(cores() > 1),
        }
    }
}

/// A command that runs on one core, by util-linux's `taskset`.
#[must_use]
pub fn pinned(core: usize, program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.arg("-c").arg(core.to_string()).arg(program);
    command
}

/// Moves this process, all its threads, to one core.
///
/// # Errors
/// `taskset` is missing or refuses.
pub fn pin_this_process(core: usize) -> crate::Outcome<()> {
    let id = std::process::id().to_string();
    let done = Command::new("taskset")
        .args(["-a", "-p", "-c", &core.to_string(), &id])
        .output()
        .map_err(|error| format!("taskset: {error}"))?;
    match done.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&done.stderr).into_owned().into()),
    }
}

/// One line about the machine that writes into `folder`.
#[must_use]
pub fn description(folder: &Path) -> String {
    let cpu = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".to_owned());
    let cores = field("/proc/cpuinfo", "siblings")
        .or_else(|| {
            std::thread::available_parallelism()
                .ok()
                .map(|cores| cores.to_string())
        })
        .unwrap_or_default();
    let memory = field("/proc/meminfo", "MemTotal")
        .and_then(|text| text.split(' ').next().and_then(|text| text.parse::<f64>().ok()))
        .map_or(0.0, |kib| kib / 1024.0 / 1024.0);
    let kernel = read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let virtual_machine = match field("/proc/cpuinfo", "flags") {
        Some(flags) if flags.split(' ').any(|flag| flag == "hypervisor") => ", virtual",
        _ => "",
    };
    format!(
        "{cpu}, {cores} cores{virtual_machine}, {memory:.0} GiB; Linux {}; {}",
        kernel.trim(),
        file_system(folder)
    )
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = read_to_string(file).ok()?;
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    let mut values = lines.filter(|(key, _)| key.trim() == name);
    values.next().map(|(_, value)| value.trim().to_owned())
}

fn file_system(folder: &Path) -> String {
    let found = Command::new("findmnt")
        .args(["-n", "-o", "FSTYPE,SOURCE", "-T"])
        .arg(folder)
        .output();
    let text = found.map(|found| String::from_utf8_lossy(&found.stdout).into_owned());
    let text = text.unwrap_or_default();
    match text.split_whitespace().collect::<Vec<_>>().as_slice() {
        [kind, device, ..] => format!("{kind} on {device}"),
        _ => "unknown file system".to_owned(),
    }
}

/// Watches how much of the machine others use while something is measured.
pub struct Watch {
    began: Instant,
    busy: f64,
    ours: f64,
}

impl Watch {
    /// Begins. What this process started and waited for until [`Watch::others`] counts as ours.
    #[must_use]
    pub fn start() -> Self {
        Self {
            began: Instant::now(),
            busy: busy(),
            ours: ours(),
        }
    }

    /// The share of the machine's time that others had, 0 to 1.
    #[must_use]
    pub fn others(&self) -> f64 {
        let elapsed = self.began.elapsed().as_secs_f64() * cores() as f64;
        let theirs = (busy() - self.busy) - (ours() - self.ours);
        (theirs / elapsed.max(f64::MIN_POSITIVE)).clamp(0.0, 1.0)
    }

    /// The same in words.
    #[must_use]
    pub fn told(&self) -> String {
        let others = self.others();
        let much = if others > NOISY {
            "; **too much to trust the figures**"
        } else {
            ""
        };
        format!("others had {:.0} % of the machine{much}", others * 100.0)
    }
}

/// Cores of the machine, not only those that this process may use.
fn cores() -> usize {
    read_to_string("/proc/stat").map_or(1, |text| text.lines().filter(|line| is_core(line)).count().max(1))
}

fn is_core(line: &str) -> bool {
    line.strip_prefix("cpu")
        .is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
}

/// Seconds that all cores were busy since the machine started, stolen ones included.
fn busy() -> f64 {
    let text = read_to_string("/proc/stat").unwrap_or_default();
    let total = text.lines().next().unwrap_or_default();
    // user, nice, system, idle, iowait, irq, softirq, steal; what follows is counted in user already.
    let ticks = total.split_whitespace().skip(1).take(8).enumerate();
    let busy = ticks.filter(|(place, _)| !matches!(place, 3 | 4));
    busy.filter_map(|(_, text)| text.parse::<f64>().ok()).sum::<f64>() / TICKS
}

/// Seconds that this process and the children it waited for have used.
fn ours() -> f64 {
    let text = read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    // utime, stime, cutime and cstime are fields 14 to 17; the name was the second.
    let ticks = after_name.split_whitespace().skip(11).take(4);
    ticks.filter_map(|text| text.parse::<f64>().ok()).sum::<f64>() / TICKS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_pinned_to_one_core_still_knows_of_the_other() {
        let before = Cores::of_this_machine();
        assert_eq!(before.server == before.load, cores() == 1);
        let pinned = std::thread::spawn(move || {
            pin_this_thread(before.load);
            Cores::of_this_machine()
        });
        let after = pinned.join().unwrap();
        assert_eq!((after.server, after.load), (before.server, before.load));
    }

    fn pin_this_thread(core: usize) {
        let thread = std::fs::read_link("/proc/thread-self").unwrap();
        let id = thread.file_name().unwrap().to_owned();
        let done = Command::new("taskset")
            .args(["-p", "-c", &core.to_string()])
            .arg(id)
            .output();
        assert!(done.unwrap().status.success());
        assert_eq!(std::thread::available_parallelism().unwrap().get(), 1);
    }
}
