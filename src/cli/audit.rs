//! `countersign audit`: reading the audit log through the admin API, taking a copy of it, and examining copies offline.
//!
//! * [`read`] is `tail` and `search`; [`export`] copies tiles, entries and checkpoint; [`examine`] is `verify`; [`prove`] prints
//!   proofs (C2SP `tlog-proof`).

use clap::{Args, Subcommand};

use super::admin_client::ClientError;
use super::console::{CliError, Console};

mod examine;
mod export;
mod progress;
mod prove;
mod read;

/// The arguments of `countersign audit`.
#[derive(Args, Debug)]
pub struct AuditArgs {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Subcommand, Debug)]
enum AuditCommand {
    /// Show the newest events, and with --follow those that come
    Tail(read::TailArgs),
    /// Find events by kind, customer, transaction, time or text
    Search(read::SearchArgs),
    /// Print the proof that an entry is in the log (c2sp.org/tlog-proof)
    Prove(prove::ProveArgs),
    /// Copy the log into a folder: checkpoint, tiles and entries, as any C2SP tool reads them
    Export(export::ExportArgs),
    /// Examine a copy of the log, the file of a stopped gateway's store, or a proof; needs the log's public key only
    Verify(examine::VerifyArgs),
}

/// Runs `audit`.
///
/// # Errors
/// [`CliError::Failed`] when the gateway refused, or what was examined does not fit; [`CliError::Usage`] when a flag or file
/// cannot be used.
pub async fn run(args: &AuditArgs, console: &mut Console<'_>) -> Result<(), CliError> {
    match &args.command {
        AuditCommand::Tail(args) => read::tail(args, console).await,
        AuditCommand::Search(args) => read::search(args, console).await,
        AuditCommand::Prove(args) => prove::run(args, console).await,
        AuditCommand::Export(args) => export::run(args, console).await,
        AuditCommand::Verify(args) => examine::run(args, console),
    }
}

/// The failure of a call, told as a document first where there is one.
fn failed(error: ClientError, console: &mut Console<'_>) -> CliError {
    if let ClientError::Refused(problem) = &error
        && let Err(error) = console.document(&problem.document)
    {
        return error;
    }
    error.into()
}
