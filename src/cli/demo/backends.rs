//! The process of one demonstration backend. It is told where it listens and who the gateway is, and ends when whoever
//! started it ends.

use std::convert::Infallible;
use std::io::{self, Write as _};
use std::path::Path;

use countersign_verify::{Executions, Verifier};

use super::backend::{Backend, Business};
use super::backend_server::serve;
use super::bank::Bank;
use super::merchant::Merchant;
use super::settings::BackendSettings;
use crate::cli::console::CliError;

/// Which backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Name {
    /// The bank.
    Bank,
    /// The merchant.
    Merchant,
}

/// What a backend's process says on standard output once it takes connections.
pub(super) const READY: &str = "ready";

impl Name {
    /// Both.
    pub(super) const ALL: [Name; 2] = [Name::Bank, Name::Merchant];

    /// The word for it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Name::Bank => "bank",
            Name::Merchant => "merchant",
        }
    }
}

/// Runs one backend until standard input ends.
///
/// # Errors
/// Settings, files or ports that cannot be had.
pub(super) async fn run(folder: &Path, name: Name) -> Result<(), CliError> {
    let settings = BackendSettings::read(folder, name.as_str())?;
    let work = async {
        match name {
            Name::Bank => {
                let bank = Bank::open(&settings.log).map_err(CliError::failed)?;
                work(&settings, bank.clone(), Some(bank)).await
            }
            Name::Merchant => work(&settings, Merchant, None::<Bank>).await,
        }
    };
    tokio::select! {
        Err(error) = work => Err(error),
        () = input_ends() => Ok(()),
    }
}

async fn work<B: Business>(
    settings: &BackendSettings,
    business: B,
    executions: Option<impl Executions>,
) -> Result<Infallible, CliError> {
    let ca = std::fs::read(&settings.gateway_ca).map_err(CliError::failed)?;
    let mut verifier = Verifier::builder(&settings.gateway_url)
        .ca(ca)
        .trust_domain(&settings.trust_domain)
        .authority(settings.authority());
    if let Some(executions) = executions {
        verifier = verifier.executions(executions);
    }
    let verifier = verifier.build().map_err(CliError::failed)?;
    serve(settings, Backend::new(settings, verifier, business)?, say_ready).await
}

fn say_ready() -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{READY}")?;
    out.flush()
}

/// Standard input is a pipe from whoever started this process; it ends when they end, in whatever way.
async fn input_ends() {
    let wait = || io::copy(&mut io::stdin().lock(), &mut io::sink());
    // Whether it ended well or badly is the same.
    let _ = tokio::task::spawn_blocking(wait).await;
}
