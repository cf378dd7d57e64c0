//! `audit prove`: a proof file for each entry that was asked for.

use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use super::failed;
use crate::cli::admin_client::{AdminClient, AdminConnection};
use crate::cli::console::{CliError, Console};

/// The arguments of `audit prove`.
#[derive(Args, Debug)]
pub(super) struct ProveArgs {
    /// The sequence of the entry, as `audit tail` shows it
    #[arg(long, required_unless_present = "transaction")]
    sequence: Option<i64>,
    /// The transaction whose entries are proven
    #[arg(long, value_name = "ID", conflicts_with = "sequence")]
    transaction: Option<String>,
    /// Write the proofs here, as PREFIX-1.tlog-proof and so on, instead of printing them
    #[arg(long, value_name = "PREFIX")]
    out: Option<PathBuf>,
    #[command(flatten)]
    connection: AdminConnection,
}

/// Runs `audit prove`. The entry itself stands, base64, in the extra line of its proof.
pub(super) async fn run(args: &ProveArgs, console: &mut Console<'_>) -> Result<(), CliError> {
    let client = AdminClient::new(&args.connection)?;
    let query = match (args.sequence, &args.transaction) {
        (Some(sequence), _) => format!("sequence={sequence}"),
        (None, Some(transaction)) if is_plain(transaction) => format!("transaction={transaction}"),
        _ => return Err(CliError::Usage("--transaction: this is no identifier".to_owned())),
    };
    let answer = client
        .get(&format!("/admin/v1/audit/proof?{query}"))
        .await
        .map_err(|error| failed(error, console))?;
    console.document(&answer)?;
    let proofs = answer.get("proofs").and_then(Value::as_array);
    for (proof, number) in proofs.into_iter().flatten().filter_map(Value::as_str).zip(1..) {
        match &args.out {
            None => console.line(format_args!("{}", proof.trim_end_matches('\n')))?,
            Some(prefix) => {
                let path = PathBuf::from(format!("{}-{number}.tlog-proof", prefix.display()));
                std::fs::write(&path, proof)
                    .map_err(|error| CliError::failed(format!("{}: {error}", path.display())))?;
                console.line(format_args!("{}", path.display()))?;
            }
        }
    }
    Ok(())
}

/// Identifiers of ours are base64url.
fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}
