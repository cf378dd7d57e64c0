//! Step 9, its first half: the receipt of the payment of step 4, verified by somebody who has nothing but the file and a key.

use std::path::Path;
use std::time::Duration;

use http::StatusCode;
use serde_json::Value;

use super::super::screen::Scene;
use super::payment::short;
use super::program::{self, Ended};
use super::scene::Play;
use super::stage::Stage;
use crate::cli::console::CliError;

/// The receipt, and a copy in which a cent is added, in the demonstration's folder.
const FILE: &str = "receipt.json";
const FORGED: &str = "receipt-forged.json";
/// How long the log may take to cover the payment, and how often the app looks.
const PATIENCE: Duration = Duration::from_secs(10);
const ASK_AGAIN: Duration = Duration::from_millis(100);

pub(super) async fn play(stage: &mut Stage<'_>, vkey: &str, scenes: &mut Vec<Scene>) -> Result<(), CliError> {
    let receipt = fetch(stage).await?;
    scenes.push(verified(stage, vkey, &receipt).await?);
    scenes.push(forged(stage, vkey, receipt).await?);
    Ok(())
}

/// What stands at the link that came with the answer to the payment.
async fn fetch(stage: &Stage<'_>) -> Result<Value, CliError> {
    let app = stage.app()?;
    let target = stage.receipt.as_deref();
    let target = target
        .ok_or_else(|| CliError::Failed("no receipt was named with the payment of 12.50".to_owned()))?;
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let answer = app.client.get(&app.two_factors, &stage.url(target)).await;
        let answer = answer.map_err(CliError::failed)?;
        match answer.status {
            StatusCode::OK => return serde_json::from_slice(&answer.body).map_err(CliError::failed),
            StatusCode::ACCEPTED if tokio::time::Instant::now() < deadline => {
                tokio::time::sleep(ASK_AGAIN).await;
            }
            status => return Err(CliError::Failed(format!("there is no receipt: {status}"))),
        }
    }
}

async fn verified(stage: &Stage<'_>, vkey: &str, receipt: &Value) -> Result<Scene, CliError> {
    let target = stage.receipt.as_deref().unwrap_or_default();
    let play = Play::begin(
        "her receipt of 12.50, verified offline",
        format!(
            "GET {target}, kept as {FILE}; countersign receipt verify {FILE} --key {}",
            short(vkey)
        ),
    )
    .checked(
        "the log signed a tree, the tree holds the entry, the entry vouches for every part of the receipt",
    );
    let file = stage.layout.folder.write_secret(FILE, &receipt.to_string())?;
    let ended = verify(&file, vkey).await?;
    let answer = if ended.well { "holds" } else { "does not hold" };
    let detail = format!(
        "entry {} of {}, status {}",
        ended.text("/index"),
        ended.text("/size"),
        ended.text("/status")
    );
    let play = play.answered("holds", answer, &detail);
    let amount = receipt.pointer("/intent/amount").and_then(Value::as_str);
    Ok(play
        .require(amount == Some("12.50"), "it is the receipt of what she paid")
        .require(
            ended.text("/payment_signature") == "valid",
            "her app's own signature over the payment is in it, and is good",
        )
        .end())
}

/// What `receipt verify` says of a file, as anyone would call it.
async fn verify(file: &Path, vkey: &str) -> Result<Ended, CliError> {
    program::run(&[
        "receipt".as_ref(),
        "verify".as_ref(),
        file.as_os_str(),
        "--key".as_ref(),
        vkey.as_ref(),
    ])
    .await
}

async fn forged(stage: &Stage<'_>, vkey: &str, mut receipt: Value) -> Result<Scene, CliError> {
    let play = Play::begin(
        "the same receipt over one cent more",
        format!("\"12.51\" in {FORGED}; countersign receipt verify {FORGED}"),
    );
    if let Some(amount) = receipt.pointer_mut("/intent/amount") {
        *amount = "12.51".into();
    }
    let file = stage.layout.folder.write_secret(FORGED, &receipt.to_string())?;
    let ended = verify(&file, vkey).await?;
    Ok(play
        .answered(
            "changed-member",
            &ended.text("/faults/0/name"),
            &ended.text("/faults/0/detail"),
        )
        .require(!ended.well, "it does not hold, exit code 1")
        .require(
            ended.text("/faults/0/member") == "intent",
            "what is named is the part that was changed",
        )
        .end())
}
