//! `countersign receipt verify`: a receipt checked without the gateway, from the file and public keys only.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use countersign_tlog::VerifierKey;
use countersign_verify::{PaymentEvidence, ReceiptFault, ReceiptTrust, VerifiedReceipt, verify_receipt};
use serde_json::{Value, json};

use super::console::{CliError, Console};

/// Arguments of `receipt`.
#[derive(Debug, Args)]
pub struct ReceiptArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Verify a receipt offline, and name everything that is wrong with it
    Verify(VerifyArgs),
}

#[derive(Debug, Args)]
struct VerifyArgs {
    /// The receipt
    file: PathBuf,
    /// A verifying key of the log or of a witness, `<name>+<8 hex>+<base64>`; may be given several times
    #[arg(long = "key", value_name = "VKEY", required_unless_present = "keys")]
    key: Vec<VerifierKey>,
    /// The gateway's published keys, saved from /.well-known/countersign/keys
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
}

/// Runs the command. A receipt that does not hold is exit code 1.
///
/// # Errors
/// A file that cannot be read, or keys that do not belong together.
pub fn run(args: &ReceiptArgs, console: &mut Console<'_>) -> Result<ExitCode, CliError> {
    let Command::Verify(args) = &args.command;
    let trust = trust(args)?;
    match verify_receipt(&read(&args.file)?, &trust) {
        Ok(receipt) => {
            holds(&receipt, console)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(faults) => {
            fails(&args.file, &faults, console)?;
            Ok(ExitCode::FAILURE)
        }
    }
}

fn trust(args: &VerifyArgs) -> Result<ReceiptTrust, CliError> {
    let published = match &args.keys {
        Some(path) => ReceiptTrust::published_keys(&read(path)?).map_err(CliError::failed)?,
        None => Vec::new(),
    };
    ReceiptTrust::new(args.key.iter().cloned().chain(published)).map_err(CliError::failed)
}

fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    fs::read(path).map_err(|error| CliError::failed(format_args!("{}: {error}", path.display())))
}

fn holds(receipt: &VerifiedReceipt, console: &mut Console<'_>) -> Result<(), CliError> {
    let VerifiedReceipt {
        id,
        intent,
        status,
        recorded_at,
        payment,
        origin,
        index,
        size,
        witnesses,
        unknown_cosignatures,
    } = receipt;
    let payee = intent.payee().map_or_else(
        || format!("{} payees", intent.payees().len()),
        ToString::to_string,
    );
    let outcome = status.map_or_else(|| "not executed".to_owned(), |status| format!("status {status}"));
    console.line(format_args!("the receipt {id} holds"))?;
    console.line(format_args!(
        "  payment    {} {} to {payee}: {outcome}, recorded {recorded_at}",
        intent.amount(),
        intent.currency().code()
    ))?;
    console.line(format_args!("  signed     {}", signed(*payment)))?;
    console.line(format_args!("  log        {origin}, entry {index} of {size}"))?;
    console.line(format_args!("  witnesses  {}", witnessed(receipt)))?;
    console.document(&json!({
        "valid": true,
        "id": id,
        "status": status,
        "recorded_at": recorded_at,
        "payment_signature": payment_name(*payment),
        "origin": origin,
        "index": index,
        "size": size,
        "unwitnessed": !receipt.is_witnessed(),
        "witnesses": witnesses.iter().map(|(name, time)| json!({ "name": name, "time": time })).collect::<Vec<_>>(),
        "unknown_cosignatures": unknown_cosignatures,
    }))
}

const fn signed(payment: PaymentEvidence) -> &'static str {
    match payment {
        PaymentEvidence::Signed => "by the client, with the key in the receipt",
        PaymentEvidence::SignedOtherDigest => {
            "by the client, over a digest of the body that the receipt does not have"
        }
        PaymentEvidence::None => "by nobody but the gateway",
    }
}

const fn payment_name(payment: PaymentEvidence) -> &'static str {
    match payment {
        PaymentEvidence::Signed => "valid",
        PaymentEvidence::SignedOtherDigest => "valid-other-digest",
        PaymentEvidence::None => "none",
    }
}

fn witnessed(receipt: &VerifiedReceipt) -> String {
    if receipt.is_witnessed() {
        let names: Vec<&str> = receipt.witnesses.iter().map(|(name, _)| name.as_str()).collect();
        return names.join(", ");
    }
    let unknown = match receipt.unknown_cosignatures {
        0 => String::new(),
        several => format!(" ({several} cosignatures by witnesses whose keys were not given)"),
    };
    format!("unwitnessed: the gateway alone says that everyone sees this log{unknown}")
}

fn fails(file: &Path, faults: &[ReceiptFault], console: &mut Console<'_>) -> Result<(), CliError> {
    console.line(format_args!("{} does not hold", file.display()))?;
    for fault in faults {
        console.line(format_args!("  {}: {fault}", fault.name()))?;
    }
    let named: Vec<Value> = faults
        .iter()
        .map(|fault| json!({ "name": fault.name(), "member": fault.member(), "detail": fault.to_string() }))
        .collect();
    console.document(&json!({ "valid": false, "faults": named }))
}
