//! A thread of the store that ends, and is waited for, when its last user goes.

use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;

use super::error::StoreError;

/// The way to a group of threads. Dropping it lets them finish what is waiting and returns when they have closed their
/// connections, so that whoever opens the file next finds nobody there.
pub(super) struct Threads<Job> {
    /// Present until the drop, which closes the channel by taking it.
    jobs: Option<SyncSender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl<Job> Threads<Job> {
    /// No threads yet, reached through `jobs`.
    pub(super) const fn new(jobs: SyncSender<Job>) -> Self {
        Self {
            jobs: Some(jobs),
            threads: Vec::new(),
        }
    }

    /// Starts one more.
    pub(super) fn spawn(
        &mut self,
        name: &str,
        work: impl FnOnce() + Send + 'static,
    ) -> Result<(), StoreError> {
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work);
        self.threads
            .push(thread.map_err(|error| StoreError::Failed(error.to_string()))?);
        Ok(())
    }

    /// Hands over a job, or refuses it when too many are waiting.
    pub(super) fn hand_over(&self, job: Job) -> Result<(), StoreError> {
        let jobs = self.jobs.as_ref().ok_or(StoreError::Busy)?;
        jobs.try_send(job).map_err(|_| StoreError::Busy)
    }
}

impl<Job> Drop for Threads<Job> {
    fn drop(&mut self) {
        self.jobs.take();
        for thread in self.threads.drain(..) {
            // A thread that panicked has nothing left to wait for.
            let _ = thread.join();
        }
    }
}
