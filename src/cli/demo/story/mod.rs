//! The story of the demo, a file a step: what a client app, an attacker and an administrator see.
//!
//! Honest requests go through `countersign-client`; what no honest client sends is put together by hand (`draft`) and sent
//! as it is (`wire`). What reached the bank is read from the bank's own log (`record`).
//!
//! It must never take the gateway's word for what a backend received.

mod accounts;
mod attacks;
mod draft;
mod evidence;
mod forgeries;
mod login;
mod once;
mod payment;
mod program;
mod receipt;
mod record;
mod rotation;
mod scene;
mod stage;
mod start;
mod wire;

use std::time::Instant;

use serde_json::Value;

use super::screen::Step;
use crate::cli::console::CliError;
pub(super) use stage::Stage;
pub(super) use start::Started;

/// The steps that follow the first, by their numbers.
pub(super) const NUMBERS: [u8; 8] = [2, 3, 4, 5, 6, 7, 8, 9];

/// The first step: everything has been started, and says where it is.
pub(super) async fn opening(stage: &Stage<'_>, started: &Started) -> Step {
    let mut scenes = Vec::new();
    let outcome = start::play(stage, started, &mut scenes).await;
    stage::step(
        1,
        "The gateway starts from nothing",
        started.began,
        scenes,
        outcome.err(),
    )
}

/// Plays the step `number`.
pub(super) async fn play(stage: &mut Stage<'_>, number: u8) -> Step {
    let began = Instant::now();
    let mut scenes = Vec::new();
    let (title, outcome) = match number {
        2 => (
            "Alice's app logs in, without a browser",
            login::play(stage, &mut scenes).await,
        ),
        3 => (
            "She reads her accounts, and nobody else does",
            accounts::play(stage, &mut scenes).await,
        ),
        4 => ("She pays 12.50", payment::small(stage, &mut scenes).await),
        5 => ("She pays 250.00", payment::large(stage, &mut scenes).await),
        6 => ("An attacker tries", attacks::play(stage, &mut scenes).await),
        7 => (
            "A payment moves once, whatever dies",
            once::play(stage, &mut scenes).await,
        ),
        8 => (
            "Keys rotate while she keeps paying",
            rotation::play(stage, &mut scenes).await,
        ),
        _ => (
            "What happened is on record, for anyone to check",
            evidence::play(stage, &mut scenes).await,
        ),
    };
    stage::step(number, title, began, scenes, outcome.err())
}

/// The key of the audit log as the gateway publishes it, where it does.
///
/// # Errors
/// When the gateway does not answer.
pub(super) async fn log_verifier(stage: &Stage<'_>) -> Result<Option<Value>, CliError> {
    let keys = stage
        .wire
        .send(start::get(&stage.url("/.well-known/countersign/keys"))?)
        .await?
        .json();
    Ok(keys.pointer("/log/vkeys/0").cloned())
}
