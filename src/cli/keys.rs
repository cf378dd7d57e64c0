//! `countersign keys`: the life of the gateway's keys, through its admin API (design 8).

use std::io::{self, Write};
use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::admin_client::{AdminClient, AdminConnection, ClientError};
use crate::keys::Purpose;

/// The arguments of `countersign keys`.
#[derive(Args, Debug)]
pub struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
    #[command(flatten)]
    connection: AdminConnection,
    /// Write one JSON object instead of text
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand, Debug)]
enum KeysCommand {
    /// Show every key: what it is for, where it stands, and since when
    List,
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
    },
    /// Mark a key compromised: nothing it signed is accepted any more, and a fresh key signs at once
    Revoke {
        /// The key's name, as `keys list` shows it
        kid: String,
    },
}

/// Exit 0 when it is done, 1 when the gateway refused or cannot be reached, 2 when the flags cannot be used.
pub async fn run(args: &KeysArgs, out: &mut dyn Write, errors: &mut dyn Write) -> ExitCode {
    let (written, code) = match call(args).await {
        Ok(answer) if args.json => (writeln!(out, "{answer}"), 0),
        Ok(answer) => (tell(&args.command, &answer, out), 0),
        Err(error) => {
            let written = if args.json {
                writeln!(out, "{}", error.to_json())
            } else {
                writeln!(errors, "{error}")
            };
            (
                written,
                if matches!(error, ClientError::Usage(_)) {
                    2
                } else {
                    1
                },
            )
        }
    };
    // A reader that hangs up early (`| head`) does not undo what was done.
    drop(written);
    ExitCode::from(code)
}

fn purposes() -> PossibleValuesParser {
    PossibleValuesParser::new(Purpose::ALL.map(Purpose::name))
}

async fn call(args: &KeysArgs) -> Result<Value, ClientError> {
    let client = AdminClient::new(&args.connection)?;
    match &args.command {
        KeysCommand::List => client.get("/admin/v1/keys").await,
        KeysCommand::Rotate {
            purpose,
            dry_run,
            now,
        } => {
            let order = json!({ "purpose": purpose, "immediately": now, "dry_run": dry_run });
            client.post("/admin/v1/keys/rotate", &order).await
        }
        KeysCommand::Revoke { kid } => client.post("/admin/v1/keys/revoke", &json!({ "kid": kid })).await,
    }
}

fn tell(command: &KeysCommand, answer: &Value, out: &mut dyn Write) -> io::Result<()> {
    match command {
        KeysCommand::List => tell_list(answer, out),
        KeysCommand::Rotate { dry_run, .. } => tell_rotation(answer, *dry_run, out),
        KeysCommand::Revoke { .. } => tell_revocation(answer, out),
    }
}

fn tell_list(answer: &Value, out: &mut dyn Write) -> io::Result<()> {
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
    writeln!(
        out,
        "{:<8} {:<11} {:<9} {:<width$} SINCE",
        "PURPOSE", "STATE", "ALGORITHM", "KEY"
    )?;
    for key in keys {
        writeln!(
            out,
            "{:<8} {:<11} {:<9} {:<width$} {}",
            text(key, "purpose"),
            text(key, "state"),
            text(key, "algorithm"),
            text(key, "kid"),
            since(key),
        )?;
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

fn tell_rotation(answer: &Value, dry_run: bool, out: &mut dyn Write) -> io::Result<()> {
    let (purpose, active) = (text(answer, "purpose"), text(answer, "active"));
    let would = if dry_run { "would sign" } else { "signs" };
    let next = answer.get("next").and_then(Value::as_str).unwrap_or("a new key");
    writeln!(
        out,
        "{purpose}: {next} {would} from {}",
        text(answer, "active_at")
    )?;
    writeln!(
        out,
        "  what {active} signed is accepted until {}",
        text(answer, "old_verifies_until")
    )?;
    if dry_run {
        writeln!(out, "  nothing was changed")?;
    }
    Ok(())
}

fn tell_revocation(answer: &Value, out: &mut dyn Write) -> io::Result<()> {
    let (revoked, purpose) = (text(answer, "revoked"), text(answer, "purpose"));
    writeln!(
        out,
        "{purpose}: {revoked} is revoked, nothing it signed is accepted any more"
    )?;
    writeln!(out, "  {} signs", text(answer, "active"))
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or("-")
}
