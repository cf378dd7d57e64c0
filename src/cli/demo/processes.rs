//! The backends' processes, as seen by whoever starts them.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use super::backends::{Name, READY};
use crate::cli::console::CliError;

/// How long a backend may take to start, and to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// The running backends. Dropping this ends them as well, only without waiting for it.
pub(super) struct Backends {
    running: Vec<Running>,
}

struct Running {
    name: Name,
    child: Child,
    /// The process ends when this end of its standard input is closed.
    lifeline: Option<ChildStdin>,
}

impl Backends {
    /// Starts both for the demonstration in `folder` and waits until they take connections.
    ///
    /// # Errors
    /// When one does not start.
    pub(super) async fn start(folder: &Path) -> Result<Self, CliError> {
        let mut running = Vec::new();
        for name in Name::ALL {
            running.push(start(folder, name).await?);
        }
        Ok(Self { running })
    }

    /// Each by its name and process id.
    pub(super) fn processes(&self) -> Vec<String> {
        self.running.iter().map(Running::said).collect()
    }

    /// Waits until one of them ends by itself, and says which.
    pub(super) async fn one_ends(&mut self) -> &'static str {
        let [first, second] = self.running.as_mut_slice() else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = first.child.wait() => first.name.as_str(),
            _ = second.child.wait() => second.name.as_str(),
        }
    }

    /// Ends the backend `name` as a power cut does: in the middle of whatever it is doing.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub(super) async fn kill(&mut self, name: Name) -> Result<(), CliError> {
        match self.running.iter_mut().find(|running| running.name == name) {
            // SIGKILL to its own process id, and only to that.
            Some(running) => running.child.kill().await.map_err(CliError::failed),
            None => Ok(()),
        }
    }

    /// Starts the backend `name` of the demonstration in `folder` anew, where it was before, and says its process id.
    ///
    /// # Errors
    /// When it does not start.
    pub(super) async fn start_again(&mut self, folder: &Path, name: Name) -> Result<String, CliError> {
        let new = start(folder, name).await?;
        let said = new.said();
        if let Some(running) = self.running.iter_mut().find(|running| running.name == name) {
            *running = new;
        }
        Ok(said)
    }

    /// Ends them, and waits until they have ended.
    pub(super) async fn stop(mut self) {
        for running in &mut self.running {
            drop(running.lifeline.take());
            if tokio::time::timeout(PATIENCE, running.child.wait())
                .await
                .is_err()
            {
                // By its own process id; a process that has ended meanwhile is no fault.
                drop(running.child.kill().await);
            }
        }
    }
}

impl Running {
    fn said(&self) -> String {
        let id = self
            .child
            .id()
            .map_or_else(|| "ended".to_owned(), |id| format!("process {id}"));
        format!("{} ({id})", self.name.as_str())
    }
}

async fn start(folder: &Path, name: Name) -> Result<Running, CliError> {
    let program = std::env::current_exe().map_err(CliError::failed)?;
    let mut child = Command::new(program)
        .args(["demo", "backends", "--only", name.as_str(), "--dir"])
        .arg(folder)
        // It knows what stands in its settings and nothing else of where it was started.
        .env_clear()
        // Ctrl-C at the terminal is for the demonstration, which then ends its backends in order.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(CliError::failed)?;
    let lifeline = child.stdin.take();
    let Some(output) = child.stdout.take() else {
        return Err(CliError::Failed(format!("the {} has no output", name.as_str())));
    };
    let mut line = String::new();
    let mut output = BufReader::new(output);
    match tokio::time::timeout(PATIENCE, output.read_line(&mut line)).await {
        Ok(Ok(_)) if line.trim_end() == READY => Ok(Running {
            name,
            child,
            lifeline,
        }),
        _ => Err(CliError::Failed(format!(
            "the {} did not start; its own words, if any, stand above",
            name.as_str()
        ))),
    }
}
