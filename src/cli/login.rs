//! `countersign login`: a reference client app logs a customer in and keeps the session.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use countersign_client::{Client, ClientKey, Factor, LoginRequest, LoginStep, PendingLogin, Secret, Session};
use countersign_jose::KeyKind;
use serde_json::json;

use super::console::{CliError, Console};
use super::session_file::{SessionFile, connect, failed};

/// The arguments of `countersign login`.
#[derive(Args, Debug)]
pub struct LoginArgs {
    /// The public URL of the gateway, such as https://localhost:8443
    #[arg(long, value_name = "URL")]
    url: String,
    /// The certificates that vouch for the gateway, PEM
    #[arg(long, value_name = "FILE")]
    ca: PathBuf,
    /// The app that logs in; it must be registered as first-party
    #[arg(long, value_name = "ID", default_value = "first-party")]
    client_id: String,
    /// The customer
    #[arg(long, value_name = "NAME")]
    username: String,
    /// A file with the password, for scripts; without it the terminal asks
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// The code of the authenticator app; without it the terminal asks when it is needed
    #[arg(long, value_name = "CODE", value_parser = secret)]
    otp: Option<Secret>,
    /// The class the login must reach: 1 for one factor, 2 for two of different kinds
    #[arg(long, value_name = "CLASS", value_parser = clap::value_parser!(u8).range(1..=2))]
    acr: Option<u8>,
    /// What the session is for, space-separated
    #[arg(long, default_value = "offline_access accounts payments")]
    scope: String,
    /// Where the session is kept, readable by you alone
    #[arg(long, value_name = "FILE")]
    session: PathBuf,
}

/// Runs `login`.
///
/// # Errors
/// [`CliError::Failed`] when the gateway refuses or cannot be reached, [`CliError::Usage`] when a file cannot be read.
pub async fn run(args: &LoginArgs, console: &mut Console<'_>) -> Result<(), CliError> {
    let ca = fs::read_to_string(&args.ca)
        .map_err(|error| CliError::Usage(format!("{}: {error}", args.ca.display())))?;
    let client = connect(&args.url, &ca, &args.client_id, key(args)?).await?;
    let session = log_in(args, &client).await?;
    SessionFile::new(&args.url, &ca, &args.client_id, client.key(), &session).write(&args.session)?;
    tell(args, &client, &session, console)
}

/// The key of the session that is there already, so that the gateway knows this device again; otherwise a new one.
fn key(args: &LoginArgs) -> Result<ClientKey, CliError> {
    match SessionFile::read(&args.session) {
        Ok(file) if file.gateway == args.url && file.client_id == args.client_id => file.key(),
        _ => ClientKey::generate(KeyKind::Ed25519).map_err(CliError::failed),
    }
}

async fn log_in(args: &LoginArgs, client: &Client) -> Result<Session, CliError> {
    let mut factors = vec![Factor::Password {
        username: args.username.clone(),
        password: password(args)?,
    }];
    factors.extend(args.otp.clone().map(Factor::Otp));
    let request = LoginRequest {
        scope: args.scope.clone(),
        acr_values: args.acr.map(|class| format!("urn:countersign:acr:{class}")),
        factors,
    };
    match client.begin_login(&request).await.map_err(failed)? {
        LoginStep::Done(session) => Ok(session),
        LoginStep::More(pending) => answer_more(args, client, pending).await,
    }
}

/// The one further factor that a terminal can give.
async fn answer_more(args: &LoginArgs, client: &Client, pending: PendingLogin) -> Result<Session, CliError> {
    let possible = pending.factors.join(", ");
    if args.otp.is_some() || !pending.factors.iter().any(|factor| factor == "otp") {
        return Err(CliError::Failed(format!(
            "the login needs another factor: one of {possible}"
        )));
    }
    let code = prompt("code of the authenticator app: ")?;
    let step = client
        .continue_login(pending, &Factor::Otp(code))
        .await
        .map_err(failed)?;
    match step {
        LoginStep::Done(session) => Ok(session),
        LoginStep::More(pending) => Err(CliError::Failed(format!(
            "the login needs another factor: one of {}",
            pending.factors.join(", ")
        ))),
    }
}

/// What must not be printed when the arguments are.
fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text.trim()))
}

fn password(args: &LoginArgs) -> Result<Secret, CliError> {
    let Some(path) = &args.password_file else {
        return prompt(&format!("password of {}: ", args.username));
    };
    let text = zeroize::Zeroizing::new(
        fs::read_to_string(path).map_err(|error| CliError::Usage(format!("{}: {error}", path.display())))?,
    );
    // Editors end a file with a line break; a password has none.
    Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
}

/// Asks on the terminal, without showing what is typed.
fn prompt(question: &str) -> Result<Secret, CliError> {
    rpassword::prompt_password(question)
        .map(|answer| Secret::new(answer.trim()))
        .map_err(|error| {
            CliError::Usage(format!(
                "there is no terminal to ask on ({error}): give --password-file and --otp"
            ))
        })
}

fn tell(
    args: &LoginArgs,
    client: &Client,
    session: &Session,
    console: &mut Console<'_>,
) -> Result<(), CliError> {
    let thumbprint = client.key().thumbprint().to_string();
    console.line(format_args!(
        "{} is logged in at {}",
        args.username,
        client.issuer()
    ))?;
    console.line(format_args!("  scope    {}", session.scope()))?;
    console.line(format_args!(
        "  key      {thumbprint} (every token is bound to it)"
    ))?;
    console.line(format_args!("  session  {}", args.session.display()))?;
    console.document(&json!({
        "issuer": client.issuer(),
        "client_id": args.client_id,
        "scope": session.scope(),
        "expires_at": session.expires_at(),
        "refreshes": session.can_refresh(),
        "key": thumbprint,
        "session": args.session,
    }))
}
