//! `countersign init`: a folder with everything that a gateway needs, ready to edit.

use std::path::{Path, PathBuf};

use clap::Args;
use data_encoding::BASE64;
use serde_json::json;
use zeroize::Zeroizing;

use super::console::{CliError, Console};
use crate::base::Entropy;
use crate::pki::{PkiError, Profiles, make_folder, write_new};

/// Arguments of `init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// Folder to make; the current one by default
    #[arg(default_value = ".")]
    dir: PathBuf,
}

/// The policies that a new gateway starts from, by their path in the policy folder.
pub const POLICIES: &[(&str, &str)] = &[
    (
        "countersign.cedarschema",
        include_str!("../../policies/countersign.cedarschema"),
    ),
    (
        "00-baseline.cedar",
        include_str!("../../policies/00-baseline.cedar"),
    ),
    ("10-login.cedar", include_str!("../../policies/10-login.cedar")),
    (
        "20-payments.cedar",
        include_str!("../../policies/20-payments.cedar"),
    ),
    (
        "30-exemptions.cedar",
        include_str!("../../policies/30-exemptions.cedar"),
    ),
    ("40-admin.cedar", include_str!("../../policies/40-admin.cedar")),
    (
        "tests/access.toml",
        include_str!("../../policies/tests/access.toml"),
    ),
    (
        "tests/admin.toml",
        include_str!("../../policies/tests/admin.toml"),
    ),
    (
        "tests/login.toml",
        include_str!("../../policies/tests/login.toml"),
    ),
    (
        "tests/payments.toml",
        include_str!("../../policies/tests/payments.toml"),
    ),
];

/// The configuration that a new gateway starts from: the complete, commented one.
const CONFIG: &str = include_str!("../../docs/countersign.example.toml");

/// Runs `init`.
///
/// # Errors
/// When something of what it would make is there already, or cannot be written. What is there stays as it is.
pub fn run(args: &InitArgs, entropy: &dyn Entropy, console: &mut Console<'_>) -> Result<(), CliError> {
    let key = new_master_key(entropy);
    let public = |path: &str, text: &str| (args.dir.join(path), Zeroizing::new(text.to_owned()), 0o644);
    let mut files = vec![
        (args.dir.join("master.key"), key, 0o600),
        public("certs/profiles.toml", Profiles::BUILT_IN),
    ];
    files.extend(
        POLICIES
            .iter()
            .map(|(path, text)| public(&format!("policies/{path}"), text)),
    );
    // Last, so that a folder with it is whole.
    files.push(public("countersign.toml", CONFIG));

    refuse_existing(&files)?;
    for (path, content, mode) in &files {
        write(path, content, *mode).map_err(CliError::failed)?;
    }
    tell(&args.dir, console)
}

type NewFile = (PathBuf, Zeroizing<String>, u32);

/// 256 random bits in base64, which fits a file as well as an environment variable.
fn new_master_key(entropy: &dyn Entropy) -> Zeroizing<String> {
    let mut key = Zeroizing::new([0; 32]);
    entropy.fill(key.as_mut());
    let mut text = Zeroizing::new(BASE64.encode(key.as_ref()));
    text.push('\n');
    text
}

/// Looks at all before the first is written, so that a refusal leaves nothing half made.
fn refuse_existing(files: &[NewFile]) -> Result<(), CliError> {
    let existing = files.iter().find(|(path, _, _)| path.symlink_metadata().is_ok());
    existing.map_or(Ok(()), |(path, _, _)| {
        Err(CliError::failed(PkiError::Exists(path.clone())))
    })
}

fn write(path: &Path, content: &str, mode: u32) -> Result<(), PkiError> {
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    write_new(path, content.as_bytes(), mode)
}

fn tell(dir: &Path, console: &mut Console<'_>) -> Result<(), CliError> {
    for (path, meaning) in [
        ("countersign.toml", "every setting there is, to be edited"),
        ("policies", "who may do what, in Cedar"),
        ("certs", "what each kind of certificate is for"),
        (
            "master.key",
            "the key under which all others rest: back it up, show it to nobody",
        ),
    ] {
        console.line(format_args!("  {}  {meaning}", dir.join(path).display()))?;
    }
    let certs = dir.join("certs");
    console.line(format_args!(
        "next: countersign certs init --dir {}",
        certs.display()
    ))?;
    console.document(&json!({
        "config": dir.join("countersign.toml"),
        "policies": dir.join("policies"),
        "certs": certs,
        "master_key": dir.join("master.key"),
    }))
}
