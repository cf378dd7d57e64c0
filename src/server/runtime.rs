//! The runtimes that a gateway runs on: one for each core, which carries connections and all that their requests do, and one
//! for the process (docs/decisions/0015-runtimes.md).
//!
//! The process's own accepts for the admin door and the operations listener and runs what is periodic: no load at the public
//! doors keeps them waiting, and none of their work keeps a request waiting.

use std::io;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use crate::base::RuntimeNumber;
use crate::edge::Carriers;

/// A timer that is always due soon spares the others a call of the system each: a runtime is woken for a new timer only when
/// that is earlier than what it waits for already, and the deadline of every request would be.
const BEAT: Duration = Duration::from_millis(50);

/// Threads of the process's runtime: what must be done every second is done while a reload reads thousands of policies.
const PROCESS_THREADS: usize = 2;

/// Threads that resolve names of backends for one runtime, while they do: a name service that hangs takes no more.
const RESOLVING: usize = 8;

/// The runtime of the process.
///
/// # Errors
/// The operating system refuses what it needs.
pub fn runtime() -> io::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    builder
        .enable_all()
        .worker_threads(PROCESS_THREADS)
        .thread_name("gateway");
    builder.build()
}

/// The runtimes that carry connections, each with a thread of its own; they end with the drop, and what still runs on them
/// with them.
#[derive(Debug)]
pub struct Cores {
    carriers: Carriers,
    threads: Vec<JoinHandle<()>>,
    over: CancellationToken,
}

impl Cores {
    /// Starts `threads` of them, or one a core when that is 0.
    ///
    /// # Errors
    /// The operating system gives no threads.
    pub fn start(threads: usize) -> io::Result<Self> {
        let threads = NonZeroUsize::new(threads).map_or_else(thread::available_parallelism, Ok)?;
        let over = CancellationToken::new();
        let mut cores = Self {
            carriers: Carriers::default(),
            threads: Vec::with_capacity(threads.get()),
            over: over.clone(),
        };
        let mut handles = Vec::with_capacity(threads.get());
        for number in 1..=threads.get() {
            let runtime = Builder::new_current_thread()
                .enable_all()
                .max_blocking_threads(RESOLVING)
                .build()?;
            handles.push(runtime.handle().clone());
            cores.threads.push(drive(runtime, number, over.clone())?);
        }
        cores.carriers = Carriers::new(handles);
        Ok(cores)
    }

    /// To open doors on.
    #[must_use]
    pub fn carriers(&self) -> Carriers {
        self.carriers.clone()
    }
}

fn drive(runtime: Runtime, number: usize, over: CancellationToken) -> io::Result<JoinHandle<()>> {
    let thread = thread::Builder::new().name(format!("gateway-{number}"));
    thread.spawn(move || {
        RuntimeNumber(number).assign();
        let driving = AssertUnwindSafe(|| runtime.block_on(over.run_until_cancelled(beat())));
        if catch_unwind(driving).is_err() {
            // Connections would go on being handed to it and lost: whoever supervises the process starts it again.
            tracing::error!(number, "a runtime of the gateway has ended by itself");
            std::process::abort();
        }
    })
}

/// Keeps a timer near; see [`BEAT`].
async fn beat() {
    let mut beats = tokio::time::interval(BEAT);
    loop {
        beats.tick().await;
    }
}

impl Drop for Cores {
    fn drop(&mut self) {
        self.over.cancel();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the gateway has panicked");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn there_are_as_many_as_asked_for_each_on_a_thread_of_its_own() {
        let cores = Cores::start(3).unwrap();
        let process = runtime().unwrap();
        let mut numbers = HashSet::new();
        for handle in cores.carriers().runtimes() {
            let running = handle.spawn(async { RuntimeNumber::current().0 });
            numbers.insert(process.block_on(running).unwrap());
        }
        assert_eq!(numbers, HashSet::from([1, 2, 3]));
        assert_eq!(RuntimeNumber::current(), RuntimeNumber(0));
        let one_a_core = Cores::start(0).unwrap().carriers().runtimes().len();
        assert_eq!(one_a_core, thread::available_parallelism().unwrap().get());
    }

    #[test]
    fn what_runs_on_them_ends_with_them() {
        let cores = Cores::start(2).unwrap();
        let process = runtime().unwrap();
        let handles: Vec<_> = cores.carriers().runtimes().cloned().collect();
        let endless = handles
            .iter()
            .map(|handle| handle.spawn(std::future::pending::<()>()));
        let endless: Vec<_> = endless.collect();
        drop(cores);
        for task in endless {
            assert!(process.block_on(task).unwrap_err().is_cancelled());
        }
    }

    #[test]
    fn a_panic_ends_one_task_and_not_its_runtime() {
        let cores = Cores::start(1).unwrap();
        let process = runtime().unwrap();
        let carriers = cores.carriers();
        let handle = carriers.runtimes().next().unwrap();
        let broken = handle.spawn(async { panic!("as asked") });
        assert!(process.block_on(broken).unwrap_err().is_panic());
        assert_eq!(process.block_on(handle.spawn(async { 7 })).unwrap(), 7);
    }
}
