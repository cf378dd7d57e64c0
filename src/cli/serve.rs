//! `countersign serve`: runs the gateway.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde_json::json;
use tokio::sync::oneshot;

use super::console::{CliError, Console};
use crate::base::{Clock, Entropy, SystemClock, SystemEntropy};
use crate::config::{self, Config, LogFormat};
use crate::edge::Drain;
use crate::server::{
    Addresses, Cores, Given, Hangups, Inherited, Reloader, Shutdown, Supervisor, build_with, runtime,
};
use crate::telemetry::{self, Format};

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The configuration file
    #[arg(long, default_value = "countersign.toml")]
    config: PathBuf,
    /// The charter of the configuration, where it was changed since the last start: its SHA-256 as the refusal and
    /// `check --json` say it. It is recorded
    #[arg(long, value_name = "SHA256")]
    accept_charter: Option<String>,
}

/// Runs `serve` until the process is told to go away.
///
/// # Errors
/// `CliError::Failed` when the gateway does not start; the text says what to do.
pub fn run(args: &ServeArgs, console: &mut Console<'_>) -> Result<(), CliError> {
    let config = config::load(&args.config).map_err(CliError::failed)?;
    start_log(&config)?;
    for warning in &config.warnings {
        tracing::warn!(key = warning.key, "{}; {}", warning.problem, warning.remedy);
    }
    let sockets = Inherited::from_environment().map_err(CliError::failed)?;
    let cores = Cores::start(config.server.threads)?;
    let given = Given {
        sockets,
        accepted_charter: args.accept_charter.as_deref(),
        carriers: cores.carriers(),
    };
    runtime()?.block_on(serve(config, given, console))
}

fn start_log(config: &Config) -> Result<(), CliError> {
    let format = match config.telemetry.format {
        LogFormat::Text => Format::Human,
        LogFormat::Json => Format::Json,
    };
    let filter = format!("warn,countersign={}", config.telemetry.level.as_str());
    // Whoever sets the variable looks for something, and wins over the file.
    let filter = std::env::var_os("COUNTERSIGN_LOG").is_none().then_some(filter);
    telemetry::start(format, filter.as_deref()).map_err(CliError::failed)
}

async fn serve(config: Config, given: Given<'_>, console: &mut Console<'_>) -> Result<(), CliError> {
    let shutdown = Shutdown::listen()?;
    let hangups = Hangups::listen()?;
    let public_url = config.server.public_url.as_str().to_owned();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::default());
    let built = build_with(given, config, clock, entropy)
        .await
        .map_err(CliError::failed)?;
    announce(&public_url, &built.addresses, built.development, console)?;
    let supervisor = Arc::new(Supervisor::from_environment());
    let follower = tokio::spawn(follow(hangups, built.reloader, Arc::clone(&supervisor)));
    let (stop, stopped) = oneshot::channel();
    let drain = built.gateway.edge.drain().clone();
    tokio::spawn(follow_orders(shutdown, Arc::clone(&supervisor), stop, drain));
    supervisor.ready();
    let drained = built.gateway.run(async { stopped.await.unwrap_or(()) }).await?;
    follower.abort();
    match drained.requests {
        0 => Ok(()),
        requests => Err(CliError::Failed(format!(
            "{requests} requests did not finish in time and were dropped; payments among them are settled after the next start"
        ))),
    }
}

/// The first order to go away lets requests finish; the second drops them.
async fn follow_orders(
    mut shutdown: Shutdown,
    supervisor: Arc<Supervisor>,
    stop: oneshot::Sender<()>,
    drain: Drain,
) {
    shutdown.wait().await;
    supervisor.stopping();
    // Nobody hears it when the gateway has ended by itself.
    let _ = stop.send(());
    shutdown.wait().await;
    drain.hurry();
}

/// SIGHUP reads configuration, certificates and policies again; what is wrong with them stands in the log.
async fn follow(mut hangups: Hangups, reloader: Arc<Reloader>, supervisor: Arc<Supervisor>) {
    loop {
        hangups.next().await;
        supervisor.reloading();
        // Logged where it happens.
        let _ = reloader.reload().await;
        supervisor.ready();
    }
}

fn announce(
    public_url: &str,
    addresses: &Addresses,
    development: bool,
    console: &mut Console<'_>,
) -> Result<(), CliError> {
    let listed = |addresses: &[std::net::SocketAddr]| {
        addresses
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    };
    console.line(format_args!(
        "serving {public_url} on {}",
        listed(&addresses.public)
    ))?;
    for (what, where_) in [
        ("mutual TLS", &addresses.mutual),
        ("admin API", &addresses.admin),
        ("operations", &addresses.operations),
    ] {
        if !where_.is_empty() {
            console.line(format_args!("  {what} on {}", listed(where_)))?;
        }
    }
    if development {
        console.line(format_args!(
            "  DEVELOPMENT STORE: secrets in it were written by a demo or in plain text"
        ))?;
    }
    console.document(&json!({
        "public_url": public_url,
        "public": addresses.public,
        "mutual_tls": addresses.mutual,
        "admin": addresses.admin,
        "operations": addresses.operations,
        "development": development,
    }))
}
