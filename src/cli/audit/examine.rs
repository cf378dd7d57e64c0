//! `audit verify`: examines copies with nothing but the log's public key.

use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args};
use countersign_tlog::hash::leaf_hash;
use countersign_tlog::note::MAX_NOTE_BYTES;
use countersign_tlog::{LogProof, Note, Trust, VerifierKey};
use serde_json::{Value, json};

use super::progress::bar;
use crate::audit::verify::LogCopy;
use crate::audit::verify::{StoredLog, TileFolder, Verdict, copy::read_note, verify, verify_store};
use crate::cli::console::{CliError, Console};
use crate::store::StoreCopy;

/// The arguments of `audit verify`.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("what").required(true).args(["tiles", "store", "proof"]))]
pub(super) struct VerifyArgs {
    /// A folder that `audit export` wrote, or another mirror of the log
    #[arg(long, value_name = "DIR")]
    tiles: Option<PathBuf>,
    /// The file of a store that no gateway is serving, or a copy of one
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,
    /// A proof file, as `audit prove` prints it
    #[arg(long, value_name = "FILE")]
    proof: Option<PathBuf>,
    /// The log's verifier key, as /.well-known/countersign/keys names it; several while keys rotate
    #[arg(long = "vkey", value_name = "KEY", required = true)]
    keys: Vec<VerifierKey>,
    /// A checkpoint that was kept elsewhere, such as an anchor: the copy must continue it
    #[arg(long, value_name = "FILE", conflicts_with = "proof")]
    checkpoint: Option<PathBuf>,
}

/// Runs `audit verify`.
pub(super) fn run(args: &VerifyArgs, console: &mut Console<'_>) -> Result<(), CliError> {
    let trust = trust(&args.keys)?;
    let kept = args.checkpoint.as_deref().map(read_note).transpose();
    let kept = kept.map_err(|error| CliError::Usage(format!("--checkpoint: {error}")))?;
    if let Some(path) = &args.proof {
        return proof(path, &trust, console);
    }
    let verdict = match (&args.tiles, &args.store) {
        (Some(folder), _) => {
            let copy = TileFolder::new(folder);
            examine(&copy, |copy, progress| {
                verify(copy, &trust, kept.as_ref(), progress)
            })
        }
        (None, Some(file)) => {
            let store =
                StoreCopy::open(file).map_err(|error| CliError::Usage(format!("--store: {error}")))?;
            examine(&StoredLog::new(store), |log, progress| {
                verify_store(log, &trust, kept.as_ref(), progress)
            })
        }
        (None, None) => return Err(CliError::Usage("name what to verify".to_owned())),
    };
    tell(&verdict, kept.as_ref(), console)
}

/// All keys must be of one log: the origin is the name of the first.
fn trust(keys: &[VerifierKey]) -> Result<Trust, CliError> {
    let origin = keys.first().map(VerifierKey::name).unwrap_or_default();
    Trust::new(origin, keys.to_vec(), Vec::new(), 0)
        .map_err(|error| CliError::Usage(format!("--vkey: {error}")))
}

fn examine<C: LogCopy>(copy: &C, examine: impl FnOnce(&C, &mut dyn FnMut(u64)) -> Verdict) -> Verdict {
    let size = copy
        .checkpoint()
        .ok()
        .and_then(|note| countersign_tlog::Checkpoint::from_note(&note).ok())
        .map_or(0, |checkpoint| checkpoint.size());
    let bar = bar(size, "entries");
    let verdict = examine(copy, &mut |done| bar.set_position(done));
    bar.finish_and_clear();
    verdict
}

fn tell(verdict: &Verdict, kept: Option<&Note>, console: &mut Console<'_>) -> Result<(), CliError> {
    let findings: Vec<Value> = verdict
        .findings
        .iter()
        .map(|finding| json!({ "kind": finding.name(), "detail": finding.to_string() }))
        .collect();
    console.document(&json!({
        "verified": verdict.is_good(),
        "origin": verdict.checkpoint.as_ref().map(countersign_tlog::Checkpoint::origin),
        "size": verdict.checkpoint.as_ref().map(countersign_tlog::Checkpoint::size),
        "root": verdict.checkpoint.as_ref().map(|checkpoint| checkpoint.root().to_string()),
        "waiting": verdict.waiting,
        "unwitnessed": verdict.witnesses == 0,
        "continues_kept_checkpoint": kept.map(|_| verdict.is_good()),
        "findings": findings,
    }))?;
    for finding in &verdict.findings {
        console.line(format_args!("{}: {finding}", finding.name()))?;
    }
    if !verdict.is_good() {
        return Err(CliError::failed("the log does not verify"));
    }
    if let Some(checkpoint) = &verdict.checkpoint {
        console.line(format_args!(
            "{}: {} entries, each in its place; root {}",
            checkpoint.origin(),
            checkpoint.size(),
            checkpoint.root()
        ))?;
    }
    if verdict.waiting > 0 {
        console.line(format_args!("{} events are not in the tree yet", verdict.waiting))?;
    }
    if kept.is_some() {
        console.line(format_args!("it continues the checkpoint that was kept"))?;
    }
    if verdict.witnesses == 0 {
        console.line(format_args!(
            "unwitnessed: nobody but the log vouches that others were shown the same"
        ))?;
    }
    Ok(())
}

fn proof(path: &Path, trust: &Trust, console: &mut Console<'_>) -> Result<(), CliError> {
    let wrong = |cause: String| CliError::Usage(format!("--proof: {cause}"));
    let size = std::fs::metadata(path)
        .map_err(|error| wrong(error.to_string()))?
        .len();
    if size > 2 * MAX_NOTE_BYTES as u64 {
        return Err(wrong("the file is too large".to_owned()));
    }
    let bytes = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let proof = LogProof::parse(&bytes).map_err(|error| wrong(error.to_string()))?;
    let entry = proof
        .extra
        .as_ref()
        .ok_or_else(|| wrong("the entry is not in its extra line".to_owned()))?;
    let outcome = proof.verify(&leaf_hash(entry), trust);
    console.document(&json!({
        "verified": outcome.is_ok(),
        "index": proof.index,
        "entry": serde_json::from_slice::<Value>(entry).ok(),
        "unwitnessed": true,
        "finding": outcome.as_ref().err().map(ToString::to_string),
    }))?;
    let trusted = outcome.map_err(|error| CliError::failed(format!("the proof does not hold: {error}")))?;
    console.line(format_args!(
        "entry {} is in the log of {} with {} entries; unwitnessed",
        proof.index,
        trusted.checkpoint.origin(),
        trusted.checkpoint.size()
    ))?;
    console.line(format_args!("{}", String::from_utf8_lossy(entry)))
}
