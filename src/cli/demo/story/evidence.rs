//! Step 9, with `receipt`: what the gateway says happened can be checked by anyone, offline and by public keys alone.

use std::fs;
use std::path::{Path, PathBuf};

use countersign_tlog::{BundleId, EntryBundle, Resource};

use super::super::people::ADMIN;
use super::super::screen::Scene;
use super::program;
use super::receipt;
use super::scene::Play;
use super::stage::Stage;
use crate::audit::verify::TileFolder;
use crate::cli::console::CliError;
use crate::pki::make_folder;

/// Where the copy of the log goes, in the demonstration's folder.
const COPY: &str = "log";
/// Where the copy of the copy goes, in which a byte is changed.
const FORGED: &str = "log-forged";
/// What an entry says about a payment that needed no approval.
const EXEMPTION: &str = "low-value";

pub(super) async fn play(stage: &mut Stage<'_>, scenes: &mut Vec<Scene>) -> Result<(), CliError> {
    let vkey = super::log_verifier(stage).await?;
    let vkey = vkey
        .as_ref()
        .and_then(serde_json::Value::as_str)
        .ok_or_else(|| CliError::Failed("the log has no published key".to_owned()))?
        .to_owned();
    receipt::play(stage, &vkey, scenes).await?;
    let (size, scene) = exported(stage).await?;
    scenes.push(scene);
    scenes.push(verified(stage, &vkey, size).await?);
    scenes.push(flipped(stage, &vkey, size).await?);
    Ok(())
}

/// An auditor takes a copy; answers how many entries it has.
async fn exported(stage: &Stage<'_>) -> Result<(u64, Scene), CliError> {
    let certificates = &stage.layout.certificates;
    let tiles = stage.layout.folder.at(COPY);
    let play = Play::begin(
        "an auditor copies the log",
        format!("countersign audit export --tiles {COPY}, over mutual TLS as {ADMIN}"),
    );
    let url = format!("https://localhost:{}", stage.layout.ports.admin);
    let ended = program::run(&[
        "audit".as_ref(),
        "export".as_ref(),
        "--tiles".as_ref(),
        tiles.as_os_str(),
        "--url".as_ref(),
        url.as_ref(),
        "--ca".as_ref(),
        certificates.root.as_os_str(),
        "--certificate".as_ref(),
        certificates.admin.chain.as_os_str(),
        "--key".as_ref(),
        certificates.admin.key.as_os_str(),
    ])
    .await?;
    let size = ended
        .document
        .pointer("/size")
        .and_then(serde_json::Value::as_u64)
        .unwrap_or_default();
    let play = play.answered(
        "copied",
        if ended.well { "copied" } else { "refused" },
        &format!("checkpoint of {}: {size} entries", ended.text("/origin")),
    );
    let scene = play
        .require(
            size > 0,
            format!("the log signed this root (RFC 6962): {}", ended.text("/root")),
        )
        .end();
    Ok((size, scene))
}

async fn verified(stage: &Stage<'_>, vkey: &str, size: u64) -> Result<Scene, CliError> {
    let play = Play::begin(
        "and verifies it by the log's public key alone",
        format!("countersign audit verify --tiles {COPY} --vkey {vkey}"),
    )
    .checked(
        "offline: every entry follows the one before it, every tile and the root are what the entries make",
    );
    let ended = verify(&stage.layout.folder.at(COPY), vkey).await?;
    let answer = if ended.well { "verified" } else { "not verified" };
    let play = play.answered(
        "verified",
        answer,
        &format!("{} entries, root {}", ended.text("/size"), ended.text("/root")),
    );
    Ok(play
        .require(
            ended.text("/size") == size.to_string(),
            "it is the whole copy that was verified",
        )
        .end())
}

/// In a copy of the copy her payment of 12.50 gets another ground.
async fn flipped(stage: &Stage<'_>, vkey: &str, size: u64) -> Result<Scene, CliError> {
    let (copy, forged) = (stage.layout.folder.at(COPY), stage.layout.folder.at(FORGED));
    copy_folder(&copy, &forged)?;
    let transaction = small_payment(stage)?;
    let (place, index) = flip(&TileFolder::new(&forged), size, &transaction)?;
    let place = place.strip_prefix(stage.layout.folder.path()).unwrap_or(&place);
    let play = Play::begin(
        "somebody flips one bit in a copy",
        format!(
            "\"{EXEMPTION}\" of her payment of 12.50 reads otherwise in {}; then countersign audit verify --tiles {FORGED}",
            place.display()
        ),
    );
    let ended = verify(&forged, vkey).await?;
    let play = play.answered(
        "changed-entry",
        &ended.text("/findings/0/kind"),
        &ended.text("/findings/0/detail"),
    );
    let unharmed = verify(&copy, vkey).await?.well;
    Ok(play
        .require(!ended.well, "the copy is refused, exit code 1")
        .require(
            ended
                .text("/findings/0/detail")
                .contains(&format!("entry {index} ")),
            "what is named is the entry in which the bit was flipped",
        )
        .require(unharmed, "the copy it was taken from still verifies")
        .end())
}

async fn verify(tiles: &Path, vkey: &str) -> Result<program::Ended, CliError> {
    program::run(&[
        "audit".as_ref(),
        "verify".as_ref(),
        "--tiles".as_ref(),
        tiles.as_os_str(),
        "--vkey".as_ref(),
        vkey.as_ref(),
    ])
    .await
}

/// The transaction of step 4, as the bank knows it.
fn small_payment(stage: &Stage<'_>) -> Result<String, CliError> {
    let entries = stage.bank().entries()?;
    let payment = entries
        .iter()
        .find(|entry| entry.text("/verified/intent/amount") == "12.50")
        .ok_or_else(|| CliError::Failed("the payment of 12.50 is not in the bank's log".to_owned()))?;
    Ok(payment.text("/verified/txn").to_owned())
}

/// Flips one bit in what the log says of `transaction`; answers in which file, and in which entry.
fn flip(log: &TileFolder, size: u64, transaction: &str) -> Result<(PathBuf, u64), CliError> {
    for id in BundleId::all(size) {
        let place = log.place(Resource::Entries(id));
        let mut bytes = fs::read(&place).map_err(CliError::failed)?;
        let bundle = EntryBundle::decode(&bytes).map_err(CliError::failed)?;
        let is_it = |entry: &&Vec<u8>| {
            position(entry, transaction.as_bytes()).is_some()
                && position(entry, EXEMPTION.as_bytes()).is_some()
        };
        let Some(entry) = bundle.entries().iter().find(is_it) else {
            continue;
        };
        let before = bundle
            .entries()
            .iter()
            .take_while(|other| *other != entry)
            .count();
        let at = position(&bytes, entry).zip(position(entry, EXEMPTION.as_bytes()));
        if let Some(byte) = at.and_then(|(start, offset)| bytes.get_mut(start + offset)) {
            *byte ^= 1;
            fs::write(&place, &bytes).map_err(CliError::failed)?;
            return Ok((place, id.first_entry() + before as u64));
        }
    }
    Err(CliError::Failed("her payment is not in the log".to_owned()))
}

fn position(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), CliError> {
    make_folder(to).map_err(CliError::failed)?;
    for entry in fs::read_dir(from).map_err(CliError::failed)? {
        let entry = entry.map_err(CliError::failed)?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy_folder(&source, &target)?;
        } else {
            fs::copy(&source, &target).map_err(CliError::failed)?;
        }
    }
    Ok(())
}
