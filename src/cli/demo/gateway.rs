//! The gateway of the demonstration: seeded, built and run as `serve` does it, only in this process.

use std::io;
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::layout::Layout;
use crate::base::{Clock, Entropy};
use crate::cli::console::CliError;
use crate::cli::seed;
use crate::config;
use crate::edge::Drained;
use crate::server::{Addresses, build};

/// The running gateway.
pub(super) struct RunningGateway {
    /// Where it listens.
    pub(super) addresses: Addresses,
    stop: oneshot::Sender<()>,
    task: JoinHandle<io::Result<Drained>>,
}

impl RunningGateway {
    /// Fills the store of `layout` and opens the doors.
    ///
    /// # Errors
    /// What speaks against it; the text says what to do.
    pub(super) async fn start(
        layout: &Layout,
        clock: &Arc<dyn Clock>,
        entropy: &Arc<dyn Entropy>,
    ) -> Result<Self, CliError> {
        let config = config::load(&layout.folder.at("countersign.toml")).map_err(CliError::failed)?;
        seed::apply(&layout.folder.at("seed.toml"), &config).await?;
        let built = build(config, Arc::clone(clock), Arc::clone(entropy))
            .await
            .map_err(CliError::failed)?;
        let (stop, stopped) = oneshot::channel();
        let shutdown = async {
            // Also when whoever could have stopped it is gone.
            let _ = stopped.await;
        };
        let task = tokio::spawn(built.gateway.run(shutdown));
        Ok(Self {
            addresses: built.addresses,
            stop,
            task,
        })
    }

    /// Lets open requests finish, and ends it.
    ///
    /// # Errors
    /// When it has not run as it should.
    pub(super) async fn stop(self) -> Result<(), CliError> {
        // It may have ended by itself.
        let _ = self.stop.send(());
        self.task
            .await
            .map_err(CliError::failed)?
            .map(drop)
            .map_err(CliError::failed)
    }
}
