//! `countersign certs`: a small private authority, one intermediate per purpose.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::console::{CliError, Console};
use crate::base::Timestamp;
use crate::pki::{Ca, PkiError, Profiles, Purpose, make_folder, read_profiles, write_new};

/// Arguments of `certs`.
#[derive(Debug, Args)]
pub struct CertsArgs {
    #[command(subcommand)]
    command: CertsCommand,
}

#[derive(Debug, Subcommand)]
enum CertsCommand {
    /// Make a root and one intermediate per purpose
    Init {
        /// Folder of the authority
        #[arg(long, default_value = "certs")]
        dir: PathBuf,
    },
    /// Issue a certificate
    Issue(IssueArgs),
}

#[derive(Debug, Args)]
struct IssueArgs {
    /// What the certificate is for
    purpose: PurposeArg,
    /// Its name: for servers and backends also their host
    name: String,
    /// A further DNS name or IP address that it vouches for; may be repeated
    #[arg(long, value_name = "HOST")]
    san: Vec<String>,
    /// Folder of the authority
    #[arg(long, default_value = "certs")]
    dir: PathBuf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PurposeArg {
    /// The gateway's listeners
    Server,
    /// A client app that authenticates by certificate
    Client,
    /// A backend, or the gateway towards backends
    Backend,
    /// An administrator
    Admin,
}

/// Runs `certs`; `now` is when the certificates begin.
///
/// # Errors
/// What speaks against making the authority or the certificate.
pub fn run(args: &CertsArgs, now: Timestamp, console: &mut Console<'_>) -> Result<(), CliError> {
    match &args.command {
        CertsCommand::Init { dir } => init(dir, now, console),
        CertsCommand::Issue(args) => issue(args, now, console),
    }
}

fn init(dir: &Path, now: Timestamp, console: &mut Console<'_>) -> Result<(), CliError> {
    let profiles = read_profiles(dir).map_err(CliError::failed)?;
    let ca = Ca::create(dir, &profiles, now).map_err(CliError::failed)?;
    place_profiles(dir).map_err(CliError::failed)?;

    console.line(format_args!("made an authority in {}", dir.display()))?;
    console.line(format_args!(
        "  {}  the root: give it to those who call the gateway",
        ca.root_path().display()
    ))?;
    for purpose in Purpose::ALL {
        let anchor = ca.trust_anchor_path(purpose);
        console.line(format_args!(
            "  {}  vouches for {purpose} certificates",
            anchor.display()
        ))?;
    }
    let example = "certs issue server localhost --san login.localhost --san 127.0.0.1 --san ::1";
    console.line(format_args!(
        "next: countersign {example} --dir {}",
        dir.display()
    ))?;
    let anchors =
        Purpose::ALL.map(|purpose| (purpose.as_str().to_owned(), json!(ca.trust_anchor_path(purpose))));
    console.document(&json!({ "root": ca.root_path(), "trust_anchors": serde_json::Map::from_iter(anchors) }))
}

fn issue(args: &IssueArgs, now: Timestamp, console: &mut Console<'_>) -> Result<(), CliError> {
    let purpose = args.purpose.meaning();
    let ca = Ca::open(&args.dir).map_err(CliError::failed)?;
    let issued = ca
        .issue(purpose, &args.name, &args.san, now)
        .map_err(CliError::failed)?;
    console.line(format_args!("issued a {purpose} certificate for {}", args.name))?;
    console.line(format_args!(
        "  {}  the certificate and its intermediate",
        issued.chain.display()
    ))?;
    console.line(format_args!(
        "  {}  its private key: keep it where it is used",
        issued.key.display()
    ))?;
    console.document(&json!({ "purpose": purpose.as_str(), "chain": issued.chain, "key": issued.key }))
}

/// Puts the built-in profiles beside the authority, where they can be edited for what is issued next.
fn place_profiles(dir: &Path) -> Result<(), PkiError> {
    make_folder(dir)?;
    match write_new(&dir.join("profiles.toml"), Profiles::BUILT_IN.as_bytes(), 0o644) {
        Err(PkiError::Exists(_)) => Ok(()),
        done => done,
    }
}

impl PurposeArg {
    fn meaning(self) -> Purpose {
        match self {
            PurposeArg::Server => Purpose::Server,
            PurposeArg::Client => Purpose::Client,
            PurposeArg::Backend => Purpose::Backend,
            PurposeArg::Admin => Purpose::Admin,
        }
    }
}
