//! The command: what it reads, what it checks, and what it says.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::certificate::{check_pair, check_trust_anchors};
use super::revocation::{check_answer_keys, check_lists};
use crate::base::Timestamp;
use crate::cli::console::{CliError, Console};
use crate::config::{self, Config, Faults, SecretRef, Warning};
use crate::keys::read_kek;
use crate::policy::{Bundle, Tables, prove};

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The configuration file
    #[arg(long, default_value = "countersign.toml")]
    config: PathBuf,
    /// Write the JSON Schema of the configuration file instead, for editors
    #[arg(long)]
    schema: bool,
}

/// What a check found.
#[derive(Debug, Default)]
pub struct Findings {
    faults: Vec<Finding>,
    warnings: Vec<Finding>,
}

#[derive(Debug)]
struct Finding {
    key: String,
    message: String,
}

/// A further check, of what only a running gateway touches: the store.
pub type FurtherCheck<'a> = &'a dyn Fn(&Config, &mut Findings);

impl Findings {
    /// Adds what must be mended; `key` is the key in the file that leads to it.
    pub fn fault(&mut self, key: impl Into<String>, message: impl Into<String>) {
        self.faults.push(Finding {
            key: key.into(),
            message: message.into(),
        });
    }

    /// Adds what deserves a second look.
    pub fn warning(&mut self, key: impl Into<String>, message: impl Into<String>) {
        self.warnings.push(Finding {
            key: key.into(),
            message: message.into(),
        });
    }
}

/// Runs `check`. `further` are the checks of what lies beyond the files that the configuration names.
///
/// # Errors
/// `CliError::Failed` when anything must be mended; the console has told what.
pub fn run(
    args: &CheckArgs,
    further: &[FurtherCheck<'_>],
    now: Timestamp,
    console: &mut Console<'_>,
) -> Result<(), CliError> {
    if args.schema {
        return console.text(&format!("{:#}\n", config::json_schema()));
    }
    let config = match config::load(&args.config) {
        Ok(config) => config,
        Err(faults) => return tell_faults(&faults, console),
    };
    let mut findings = check(&config, now);
    further.iter().for_each(|further| further(&config, &mut findings));
    tell(&args.config, &config, &findings, console)
}

/// Checks the certificates, keys, secrets and policies that the configuration names.
pub fn check(config: &Config, now: Timestamp) -> Findings {
    let mut findings = Findings::default();
    check_kek(&config.keys.kek, &mut findings);
    check_policies(&config.policy.dir, &mut findings);
    for (index, certificate) in config.tls.certificates.iter().enumerate() {
        let key = format!("tls.certificate[{index}]");
        check_pair(&key, &certificate.chain, &certificate.key, now, &mut findings);
    }
    let anchors = [
        ("tls.client_ca", &config.tls.client_ca),
        ("admin.client_ca", &config.admin.client_ca),
    ];
    for (key, anchors) in anchors {
        anchors
            .iter()
            .for_each(|anchors| check_trust_anchors(key, anchors, now, &mut findings));
    }
    let lists = [
        ("tls.client_crl", &config.tls.client_crl, &config.tls.client_ca),
        (
            "admin.client_crl",
            &config.admin.client_crl,
            &config.admin.client_ca,
        ),
    ];
    for (key, lists, anchors) in lists {
        lists
            .iter()
            .for_each(|path| check_lists(key, path, anchors.as_ref(), now, &mut findings));
    }
    for (index, upstream) in config.upstreams.iter().enumerate() {
        let key = |name: &str| format!("upstream[{index}].{name}");
        upstream
            .ca
            .iter()
            .for_each(|anchors| check_trust_anchors(&key("ca"), anchors, now, &mut findings));
        upstream
            .answer_keys
            .iter()
            .for_each(|path| check_answer_keys(&key("answer_keys"), path, &mut findings));
        if let Some(identity) = &upstream.client_identity {
            check_pair(
                &key("client_certificate"),
                &identity.certificate,
                &identity.key,
                now,
                &mut findings,
            );
        }
    }
    findings
}

fn check_kek(secret: &SecretRef, findings: &mut Findings) {
    let told = match secret.resolve() {
        Ok(kek) => read_kek(&kek).err().map(|error| format!("{secret}: {error}")),
        Err(error) => Some(error.to_string()),
    };
    told.into_iter()
        .for_each(|message| findings.fault("keys.kek", message));
}

fn check_policies(folder: &Path, findings: &mut Findings) {
    let read = Bundle::load(folder).and_then(|bundle| Ok((bundle, Tables::load(folder)?)));
    let faults = match read {
        Ok((bundle, tables)) => prove(&bundle, &tables).faults,
        Err(error) => error.faults,
    };
    for fault in faults {
        findings.fault("policy.dir", format!("{}: {fault}", folder.display()));
    }
}

fn tell(
    path: &Path,
    config: &Config,
    findings: &Findings,
    console: &mut Console<'_>,
) -> Result<(), CliError> {
    for warning in &config.warnings {
        console.line(format_args!("warning: {}", warning.located(path)))?;
    }
    for finding in &findings.warnings {
        console.line(format_args!(
            "warning: {}: {}: {}",
            path.display(),
            finding.key,
            finding.message
        ))?;
    }
    for finding in &findings.faults {
        console.line(format_args!(
            "{}: {}: {}",
            path.display(),
            finding.key,
            finding.message
        ))?;
    }
    let told = |finding: &Finding| json!({ "key": finding.key, "problem": finding.message });
    let warnings = config
        .warnings
        .iter()
        .map(fault_document)
        .chain(findings.warnings.iter().map(told));
    console.document(&json!({
        "ok": findings.faults.is_empty(),
        "faults": findings.faults.iter().map(told).collect::<Vec<_>>(),
        "warnings": warnings.collect::<Vec<_>>(),
        "charter": data_encoding::HEXLOWER.encode(&config.charter().sha256()),
    }))?;
    conclude(path, findings.faults.len(), console)
}

fn tell_faults(faults: &Faults, console: &mut Console<'_>) -> Result<(), CliError> {
    console.line(format_args!("{faults}"))?;
    let list: Vec<Value> = faults.iter().map(fault_document).collect();
    console.document(&json!({ "ok": false, "faults": list, "warnings": [] }))?;
    conclude(faults.file(), list.len(), console)
}

fn conclude(path: &Path, faults: usize, console: &mut Console<'_>) -> Result<(), CliError> {
    match faults {
        0 => console.line(format_args!("{} is sound", path.display())),
        1 => Err(CliError::Failed(format!("{} has a fault", path.display()))),
        faults => Err(CliError::Failed(format!(
            "{} has {faults} faults",
            path.display()
        ))),
    }
}

fn fault_document(fault: &Warning) -> Value {
    json!({
        "line": fault.position.map(|position| position.line),
        "column": fault.position.map(|position| position.column),
        "key": fault.key,
        "problem": fault.problem,
        "remedy": fault.remedy,
    })
}
