//! `countersign demo`: makes, starts, plays, and stops in order.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::backends::{self, Name};
use super::farewell;
use super::folder::DESCRIPTION;
use super::gateway::RunningGateway;
use super::layout::Layout;
use super::log;
use super::ports::Turn;
use super::processes::Backends;
use super::screen::Screen;
use super::story::{self, Stage, Started};
use crate::base::{Clock, Entropy, SystemClock, SystemEntropy};
use crate::cli::console::{CliError, Console};
use crate::identity::TotpSecret;
use crate::server::Shutdown;

/// Arguments of `demo`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct DemoArgs {
    #[command(subcommand)]
    command: Option<DemoCommand>,
    /// End after the story; exit 0 only if every step did what it should
    #[arg(long)]
    once: bool,
    /// Folder of the demonstration; one of an earlier demonstration is started over
    #[arg(long, default_value = FOLDER)]
    dir: PathBuf,
}

#[derive(Debug, Subcommand)]
enum DemoCommand {
    /// The one-time code of Alice's authenticator app, as it is now
    Otp {
        /// Folder of the demonstration
        #[arg(long, default_value = FOLDER)]
        dir: PathBuf,
    },
    /// Run only the backends of a demonstration
    Backends {
        /// Folder of the demonstration
        #[arg(long, default_value = FOLDER)]
        dir: PathBuf,
        /// One of them alone, until standard input ends
        #[arg(long, hide = true)]
        only: Option<Name>,
    },
}

const FOLDER: &str = "countersign-demo";

/// Runs `demo`.
///
/// # Errors
/// What kept it from starting, or which steps did not do what they should.
pub fn run(args: &DemoArgs, console: &mut Console<'_>) -> Result<(), CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        match &args.command {
            Some(DemoCommand::Backends {
                dir,
                only: Some(name),
            }) => backends::run(dir, *name).await,
            Some(DemoCommand::Backends { dir, only: None }) => run_backends(dir, console).await,
            Some(DemoCommand::Otp { dir }) => otp(dir, console),
            None => demonstrate(args, console).await,
        }
    });
    // A thread may still wait for standard input, which may never end.
    runtime.shutdown_background();
    outcome
}

/// Alice's authenticator app, for whoever plays Alice at a terminal.
fn otp(folder: &Path, console: &mut Console<'_>) -> Result<(), CliError> {
    let path = folder.join(DESCRIPTION);
    let failed = |error: &dyn std::fmt::Display| CliError::Failed(format!("{}: {error}", path.display()));
    let text = Zeroizing::new(std::fs::read_to_string(&path).map_err(|error| failed(&error))?);
    let demo: Value = serde_json::from_str(&text).map_err(|error| failed(&error))?;
    let secret = demo
        .pointer("/customers/0/totp_secret")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let authenticator = TotpSecret::from_base32(secret).map_err(|error| failed(&error))?;
    let code = authenticator.code(SystemClock.now());
    console.line(format_args!("{code}"))?;
    console.document(&json!({ "otp": code }))
}

/// Both backends, until Ctrl-C.
async fn run_backends(folder: &Path, console: &mut Console<'_>) -> Result<(), CliError> {
    let mut shutdown = Shutdown::listen()?;
    let mut backends = Backends::start(folder).await?;
    for process in backends.processes() {
        console.line(format_args!("{process}"))?;
    }
    console.document(&json!({ "running": backends.processes() }))?;
    let ended = tokio::select! {
        () = shutdown.wait() => None,
        name = backends.one_ends() => Some(name),
    };
    backends.stop().await;
    ended.map_or(Ok(()), |name| {
        Err(CliError::Failed(format!("the {name} has ended by itself")))
    })
}

async fn demonstrate(args: &DemoArgs, console: &mut Console<'_>) -> Result<(), CliError> {
    let began = Instant::now();
    let mut shutdown = Shutdown::listen()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::default());
    let turn = Turn::wait()?;
    let layout = Layout::make(&args.dir, &turn, &*clock, &*entropy)?;
    log::start(&layout.folder)?;
    let made_in = began.elapsed();
    let mut backends = Backends::start(layout.folder.path()).await?;
    let backends_in = began.elapsed().saturating_sub(made_in);
    let gateway = RunningGateway::start(&layout, &clock, &entropy).await?;
    drop(turn);
    let started = Started {
        began,
        made_in,
        backends_in,
        processes: backends.processes(),
        addresses: gateway.addresses.clone(),
    };
    let mut screen = Screen::new(console);
    let acted = tokio::select! {
        acted = act(args.once, (&layout, &mut backends), &started, (clock, entropy), &mut screen) => acted,
        () = shutdown.wait() => interrupted(args.once),
    };
    let stopped = gateway.stop().await;
    backends.stop().await;
    acted.and(stopped)
}

/// Ctrl-C is how an open house ends; a story that was to be told to its end has not been.
fn interrupted(once: bool) -> Result<(), CliError> {
    match once {
        true => Err(CliError::Failed(
            "interrupted before the story had ended".to_owned(),
        )),
        false => Ok(()),
    }
}

/// The story, and afterwards an open house.
async fn act(
    once: bool,
    (layout, backends): (&Layout, &mut Backends),
    started: &Started,
    (clock, entropy): (Arc<dyn Clock>, Arc<dyn Entropy>),
    screen: &mut Screen<'_, '_>,
) -> Result<(), CliError> {
    let mut stage = Stage::new(layout, backends, clock, entropy)?;
    layout.describe(story::log_verifier(&stage).await?)?;
    let failed = tell(&mut stage, started, screen).await?;
    if once {
        farewell::conclude(&failed, started.began.elapsed(), screen)?;
    } else {
        farewell::invite(layout, screen)?;
        return std::future::pending().await;
    }
    match failed.as_slice() {
        [] => Ok(()),
        failed => Err(CliError::Failed(format!(
            "{} of the story's steps failed",
            failed.len()
        ))),
    }
}

/// Plays every step, and says which did not do what it should.
async fn tell(
    stage: &mut Stage<'_>,
    started: &Started,
    screen: &mut Screen<'_, '_>,
) -> Result<Vec<u8>, CliError> {
    let mut failed = Vec::new();
    let opening = story::opening(stage, started).await;
    screen.step(&opening)?;
    failed.extend((!opening.ok()).then_some(opening.number));
    for number in story::NUMBERS {
        let step = story::play(stage, number).await;
        screen.step(&step)?;
        failed.extend((!step.ok()).then_some(number));
    }
    Ok(failed)
}
