//! `countersign keys`: the life of the gateway's keys, through its admin API.

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::admin_client::{AdminClient, AdminConnection, ClientError};
use super::console::{CliError, Console};
use crate::keys::Purpose;

/// The arguments of `countersign keys`.
#[derive(Args, Debug)]
pub struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Subcommand, Debug)]
enum KeysCommand {
    /// Show every key: what it is for, where it stands, and since when
    List {
        #[command(flatten)]
        connection: AdminConnection,
    },
    /// Replace the key of a purpose: the next one is published first and signs when everyone can know it
    Rotate {
        /// What the key is for
        #[arg(value_parser = purposes())]
        purpose: String,
        /// Say what would happen and change nothing
        #[arg(long)]
        dry_run: bool,
        /// Sign with the next key at once; whoever has cached the keys refuses what it signs until they fetch them again
        #[arg(long)]
        now: bool,
        #[command(flatten)]
        connection: AdminConnection,
    },
    /// Mark a key compromised: nothing it signed is accepted any more, and a fresh key signs at once
    Revoke {
        /// The key's name, as `keys list` shows it
        // A thumbprint may begin with a hyphen.
        #[arg(allow_hyphen_values = true)]
        kid: String,
        #[command(flatten)]
        connection: AdminConnection,
    },
}

/// Runs `keys`.
///
/// # Errors
/// [`CliError::Usage`] when the flags cannot be used, [`CliError::Failed`] when the gateway refused or cannot be reached;
/// with `--json` the console has told the refusal as a problem document (RFC 9457).
pub async fn run(args: &KeysArgs, console: &mut Console<'_>) -> Result<(), CliError> {
    match call(&args.command).await {
        Ok(answer) => {
            console.document(&answer)?;
            tell(&args.command, &answer, console)
        }
        Err(error) => {
            if let ClientError::Refused(problem) = &error {
                console.document(&problem.document)?;
            }
            Err(error.into())
        }
    }
}

fn purposes() -> PossibleValuesParser {
    PossibleValuesParser::new(Purpose::ALL.map(Purpose::name))
}

async fn call(command: &KeysCommand) -> Result<Value, ClientError> {
    match command {
        KeysCommand::List { connection } => AdminClient::new(connection)?.get("/admin/v1/keys").await,
        KeysCommand::Rotate {
            purpose,
            dry_run,
            now,
            connection,
        } => {
            let order = json!({ "purpose": purpose, "immediately": now, "dry_run": dry_run });
            AdminClient::new(connection)?
                .post("/admin/v1/keys/rotate", &order)
                .await
        }
        KeysCommand::Revoke { kid, connection } => {
            let order = json!({ "kid": kid });
            AdminClient::new(connection)?
                .post("/admin/v1/keys/revoke", &order)
                .await
        }
    }
}

fn tell(command: &KeysCommand, answer: &Value, console: &mut Console<'_>) -> Result<(), CliError> {
    match command {
        KeysCommand::List { .. } => tell_list(answer, console),
        KeysCommand::Rotate { dry_run, .. } => tell_rotation(answer, *dry_run, console),
        KeysCommand::Revoke { .. } => tell_revocation(answer, console),
    }
}

fn tell_list(answer: &Value, console: &mut Console<'_>) -> Result<(), CliError> {
    let keys = answer
        .get("keys")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let width = keys
        .iter()
        .map(|key| text(key, "kid").len())
        .max()
        .unwrap_or(0)
        .max(3);
    console.line(format_args!(
        "{:<8} {:<11} {:<9} {:<width$} SINCE",
        "PURPOSE", "STATE", "ALGORITHM", "KEY"
    ))?;
    for key in keys {
        console.line(format_args!(
            "{:<8} {:<11} {:<9} {:<width$} {}",
            text(key, "purpose"),
            text(key, "state"),
            text(key, "algorithm"),
            text(key, "kid"),
            since(key),
        ))?;
    }
    Ok(())
}

/// Since when a key is what it is; a key that waits says from when it will sign.
fn since(key: &Value) -> String {
    match text(key, "state") {
        "pre-active" => format!("signs from {}", text(key, "active_at")),
        "active" => text(key, "active_at").to_owned(),
        "retiring" => format!(
            "{}, verifies until {}",
            text(key, "retired_at"),
            text(key, "destroy_at")
        ),
        "destroyed" => text(key, "destroy_at").to_owned(),
        _ => text(key, "retired_at").to_owned(),
    }
}

fn tell_rotation(answer: &Value, dry_run: bool, console: &mut Console<'_>) -> Result<(), CliError> {
    let (purpose, active) = (text(answer, "purpose"), text(answer, "active"));
    let would = if dry_run { "would sign" } else { "signs" };
    let next = answer.get("next").and_then(Value::as_str).unwrap_or("a new key");
    console.line(format_args!(
        "{purpose}: {next} {would} from {}",
        text(answer, "active_at")
    ))?;
    console.line(format_args!(
        "  what {active} signed is accepted until {}",
        text(answer, "old_verifies_until")
    ))?;
    if dry_run {
        console.line(format_args!("  nothing was changed"))?;
    }
    Ok(())
}

fn tell_revocation(answer: &Value, console: &mut Console<'_>) -> Result<(), CliError> {
    let (revoked, purpose) = (text(answer, "revoked"), text(answer, "purpose"));
    console.line(format_args!(
        "{purpose}: {revoked} is revoked, nothing it signed is accepted any more"
    ))?;
    console.line(format_args!("  {} signs", text(answer, "active")))
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or("-")
}
