//! The thread that writes what has gathered.

use std::io;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::Builder;
use std::time::Duration;

use super::line::{AccessLine, dropped};
use super::output::Output;
use super::waiting::{Added, Waiting};
use crate::base::Clock;
use crate::telemetry::{Metrics, names};

/// How long lines gather before they are written.
const TURN: Duration = Duration::from_millis(100);
/// How long the end waits for the last lines: an output that takes nothing must not keep a process from going away.
const LAST_GRACE: Duration = Duration::from_secs(2);

/// The way to the thread.
pub(super) struct Writer {
    shared: Arc<Shared>,
    metrics: Metrics,
    /// Closed by the thread when it has written its last line.
    ended: Mutex<Receiver<()>>,
}

#[derive(Default)]
struct Shared {
    waiting: Waiting,
    orders: Mutex<Orders>,
    bell: Condvar,
}

/// What the thread is to do at its next turn besides writing.
#[derive(Clone, Copy, Default)]
struct Orders {
    now: bool,
    reopen: bool,
    end: bool,
}

impl Writer {
    /// Starts it.
    pub(super) fn start(output: Output, metrics: Metrics, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (end, ended) = mpsc::channel();
        let mut work = Work {
            shared: Arc::clone(&shared),
            output,
            metrics: metrics.clone(),
            clock,
            fault: None,
            reopen_due: false,
            spare: Vec::new(),
        };
        Builder::new().name("access-log".to_owned()).spawn(move || {
            work.run();
            drop(end);
        })?;
        Ok(Self {
            shared,
            metrics,
            ended: Mutex::new(ended),
        })
    }

    /// Adds a line.
    pub(super) fn add(&self, line: &AccessLine<'_>) {
        match self.shared.waiting.add(line) {
            Added::Kept => {}
            Added::Much => self.shared.order(|orders| orders.now = true),
            // Counted here: where the output hangs, the thread does too.
            Added::Dropped => self.metrics.count(&names::ACCESS_LOG_LOST, ["full".into()]),
        }
    }

    /// Has the output opened anew.
    pub(super) fn reopen(&self) {
        self.shared.order(|orders| orders.reopen = true);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.order(|orders| orders.end = true);
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        // Either it has ended, or it hangs and the process goes away without its last lines.
        let _ = ended.recv_timeout(LAST_GRACE);
    }
}

impl Shared {
    fn order(&self, give: impl FnOnce(&mut Orders)) {
        give(&mut self.orders.lock().unwrap_or_else(PoisonError::into_inner));
        self.bell.notify_one();
    }

    /// The orders of the next turn.
    fn next(&self) -> Orders {
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let nothing = |orders: &mut Orders| !(orders.now || orders.reopen || orders.end);
        let waited = self.bell.wait_timeout_while(orders, TURN, nothing);
        let (mut orders, _) = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *orders)
    }
}

/// What the thread works with.
struct Work {
    shared: Arc<Shared>,
    output: Output,
    metrics: Metrics,
    clock: Arc<dyn Clock>,
    /// What went wrong last, said once until it changes.
    fault: Option<String>,
    /// Whether the output was to be opened anew and was not yet; what was open before is written to meanwhile.
    reopen_due: bool,
    spare: Vec<u8>,
}

impl Work {
    fn run(&mut self) {
        loop {
            let orders = self.shared.next();
            self.write_all();
            self.reopen_due |= orders.reopen;
            if self.reopen_due {
                let reopened = self.output.reopen();
                self.reopen_due = reopened.is_err();
                self.tell(reopened);
            }
            if orders.end {
                return;
            }
        }
    }

    fn write_all(&mut self) {
        let (shared, mut spare) = (Arc::clone(&self.shared), std::mem::take(&mut self.spare));
        shared.waiting.take_each(&mut spare, |lines| self.write(lines));
        self.spare = spare;
        let lost = shared.waiting.take_dropped();
        if lost > 0 {
            tracing::warn!(
                lines = lost,
                "the access log does not keep up; lines were dropped"
            );
            self.write(&dropped(self.clock.now(), lost));
        }
    }

    fn write(&mut self, lines: &[u8]) {
        let written = self.output.write(lines);
        if written.is_err() {
            let lost = lines.iter().filter(|byte| **byte == b'\n').count() as u64;
            self.metrics.add(&names::ACCESS_LOG_LOST, ["failed".into()], lost);
        }
        // That the file before takes it does not mean that the one that is wanted does.
        if written.is_err() || !self.reopen_due {
            self.tell(written);
        }
    }

    /// Says what is wrong when it appears, when it changes, and when it is gone.
    fn tell(&mut self, outcome: io::Result<()>) {
        let now = outcome.err().map(|error| error.to_string());
        if self.fault == now {
            return;
        }
        match &now {
            Some(cause) => tracing::error!(cause, "the access log cannot be written"),
            None => tracing::info!("the access log is written again"),
        }
        self.fault = now;
    }
}
