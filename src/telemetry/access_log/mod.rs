//! The access log: one line of JSON for each request, when it has been answered.
//!
//! A request writes its line into a bounded buffer and goes on; a thread writes what has gathered, ten times a second, or
//! sooner when there is much. When the output does not keep up, lines are dropped, counted, and the log says how many: a disk
//! that is slow or full never holds up a request. Lines of different threads are not sorted among each other; each says when
//! its request arrived.
//!
//! It must never hold personal data or anything a peer has chosen: no address, path, query, header or token; [`AccessLine`] has
//! no place for them.

mod line;
mod moment;
mod output;
mod waiting;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;

pub use line::AccessLine;
use output::Output;
use writer::Writer;

use super::Metrics;
use crate::base::Clock;

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Standard output, for those who let a supervisor or a container's runtime collect it.
    Stdout,
    /// The end of this file.
    File(PathBuf),
}

/// The way to the access log. Cloning is cheap and shares it; the last one writes what is left.
#[derive(Clone, Default)]
pub struct AccessLog(Option<Arc<Writer>>);

impl AccessLog {
    /// Opens the log at `destination`. What is lost is counted in `metrics`.
    ///
    /// # Errors
    /// The file cannot be opened, or there are no threads.
    pub fn open(
        destination: Destination,
        metrics: Metrics,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, std::io::Error> {
        let writer = Writer::start(Output::open(destination)?, metrics, clock)?;
        Ok(Self(Some(Arc::new(writer))))
    }

    /// Whether lines are kept at all.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Adds a line. Never waits and never fails: without room the line is dropped and counted.
    pub fn add(&self, line: &AccessLine<'_>) {
        if let Some(writer) = &self.0 {
            writer.add(line);
        }
    }

    /// Opens the file anew before the next line is written, so that one that was moved away can be packed. When that fails
    /// lines go on where they went.
    pub fn reopen(&self) {
        if let Some(writer) = &self.0 {
            writer.reopen();
        }
    }
}

#[cfg(test)]
mod tests;
