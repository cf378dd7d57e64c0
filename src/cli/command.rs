//! Which command was asked for, and its exit code.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use super::console::{CliError, Console};
use super::{audit, certs, check, demo, init, keys, login, pay, policy, receipt, seed, serve};
use crate::base::{Clock as _, SystemClock, SystemEntropy};

/// A payment authentication gateway: lets a request pass to a financial backend only when it knows who sends it and what
/// they agreed to, and puts its own signature under what it forwards.
#[derive(Debug, Parser)]
#[command(name = "countersign", version, arg_required_else_help = true)]
struct Line {
    /// Write one JSON document instead of text
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a whole gateway with two backends on this machine, and play the story of what it is for
    Demo(demo::DemoArgs),
    /// Make a folder with everything a gateway needs, ready to edit
    Init(init::InitArgs),
    /// Tell everything that would keep the gateway from starting
    Check(check::CheckArgs),
    /// Run the gateway until SIGTERM or Ctrl-C; SIGHUP reads configuration and policies again
    Serve(serve::ServeArgs),
    /// Write clients, customers and admins into a store that no gateway is serving
    Seed(seed::SeedArgs),
    /// A small private certificate authority, one intermediate per purpose
    Certs(certs::CertsArgs),
    /// List, rotate and revoke the keys of a running gateway
    Keys(keys::KeysArgs),
    /// Read, copy and verify the audit log
    Audit(audit::AuditArgs),
    /// Check and test a folder of policies
    Policy(policy::PolicyArgs),
    /// Log a customer in, as a reference client app, and keep the session
    Login(login::LoginArgs),
    /// Pay with a session that login kept
    Pay(pay::PayArgs),
    /// Verify a receipt without the gateway
    Receipt(receipt::ReceiptArgs),
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let line = Line::parse();
    let mut out = io::stdout().lock();
    let mut console = Console::new(&mut out, line.json);
    match run(&line.command, &mut console) {
        Ok(code) => code,
        Err(error) => {
            // Nobody is left to tell when standard error is gone as well.
            let _ = writeln!(io::stderr(), "countersign: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(command: &Command, console: &mut Console<'_>) -> Result<ExitCode, CliError> {
    let now = SystemClock.now();
    match command {
        Command::Demo(args) => demo::run(args, console)?,
        Command::Init(args) => init::run(args, &SystemEntropy::default(), console)?,
        Command::Check(args) => check::run(args, &[&check::store_check], now, console)?,
        Command::Serve(args) => serve::run(args, console)?,
        Command::Seed(args) => seed::run(args, console)?,
        Command::Certs(args) => certs::run(args, now, console)?,
        Command::Keys(args) => block_on(keys::run(args, console))?,
        Command::Audit(args) => block_on(audit::run(args, console))?,
        Command::Policy(args) => return Ok(policy::run(args)),
        Command::Login(args) => block_on(login::run(args, console))?,
        Command::Pay(args) => block_on(pay::run(args, console))?,
        Command::Receipt(args) => return receipt::run(args, console),
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs a command that calls a gateway.
fn block_on(command: impl Future<Output = Result<(), CliError>>) -> Result<(), CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(command)
}
