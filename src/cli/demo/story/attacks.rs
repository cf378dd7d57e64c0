//! Step 6: what an attacker on the way, with a stolen token or with a route to the bank can do, which is nothing.

use bytes::Bytes;
use countersign_jose::{KeyKind, PrivateKey};
use http::Method;

use super::super::people::BOOKSHOP;
use super::super::screen::Scene;
use super::draft::Draft;
use super::forgeries;
use super::scene::Play;
use super::stage::Stage;
use crate::cli::console::CliError;

pub(super) async fn play(stage: &mut Stage<'_>, scenes: &mut Vec<Scene>) -> Result<(), CliError> {
    let before = executed(stage)?;
    tampering(stage, scenes).await?;
    let between = executed(stage)?;
    scenes.push(replay(stage).await?);
    keys(stage, scenes).await?;
    bodies(stage, scenes).await?;
    forgeries::play(stage, scenes).await?;
    let after = executed(stage)?;
    let play = Play::begin("what it came to", "bank.log, before and after");
    let count = |number: usize| format!("{number} payments executed");
    let play = play.answered(
        &count(before + 1),
        &count(after),
        "one more, the one that was sent to be copied",
    );
    scenes.push(
        play.require(before == between, "no changed payment reached the bank")
            .end(),
    );
    Ok(())
}

/// Payments that the bank has executed.
fn executed(stage: &Stage<'_>) -> Result<usize, CliError> {
    let entries = stage.bank().entries()?;
    let executed = entries
        .iter()
        .filter(|entry| entry.text("/target") == "/payments" && !entry.text("/verified/txn").is_empty());
    Ok(executed.count())
}

/// A payment exactly as Alice's app sends it.
pub(super) fn genuine(stage: &Stage<'_>, body: impl Into<Bytes>) -> Result<Draft, CliError> {
    unsigned(stage, body)?.signed(&app_key(stage)?, stage.now(), &*stage.entropy)
}

fn unsigned(stage: &Stage<'_>, body: impl Into<Bytes>) -> Result<Draft, CliError> {
    let token = stage.app()?.two_factors.access_token();
    Draft::new(Method::POST, &stage.url("/payments"), body)?
        .authorized(token.expose())?
        .keyed(&*stage.entropy)
}

/// The app's own key, for what only the app can do.
fn app_key(stage: &Stage<'_>) -> Result<PrivateKey, CliError> {
    let jwk = stage.app()?.client.key().private_jwk();
    let jwk = serde_json::from_str(jwk.expose()).map_err(CliError::failed)?;
    PrivateKey::from_jwk(&jwk).map_err(CliError::failed)
}

fn body(stage: &Stage<'_>, amount: &str) -> Result<Bytes, CliError> {
    stage.payment(amount, &BOOKSHOP).body().map_err(CliError::failed)
}

async fn tampering(stage: &Stage<'_>, scenes: &mut Vec<Scene>) -> Result<(), CliError> {
    let changed = body(stage, "1250.00")?;
    let play = Play::begin(
        "the amount is changed on the way",
        "a signed payment of 12.50, its body now 1250.00",
    );
    let request = genuine(stage, body(stage, "12.50")?)?
        .tampered(changed.clone())
        .into_request();
    scenes.push(
        play.answered_by("400 digest-mismatch", stage.wire.send(request).await)
            .end(),
    );

    let play = Play::begin(
        "… and the digest as well",
        "the same, Content-Digest computed anew",
    );
    let request = genuine(stage, body(stage, "12.50")?)?
        .tampered(changed)
        .redigested()
        .into_request();
    scenes.push(
        play.answered_by("401 signature-invalid", stage.wire.send(request).await)
            .end(),
    );

    let play = Play::begin(
        "the signature is stripped",
        "the payment without Signature and Signature-Input",
    );
    let request = unsigned(stage, body(stage, "12.50")?)?.into_request();
    scenes.push(
        play.answered_by("401 signature-missing", stage.wire.send(request).await)
            .end(),
    );
    Ok(())
}

async fn replay(stage: &Stage<'_>) -> Result<Scene, CliError> {
    // To somebody she trusts, so that it uses up none of her payments without approval.
    let payment = stage.payment("3.00", &stage.trusted());
    let copied = genuine(stage, payment.body().map_err(CliError::failed)?)?;
    let first = stage.wire.send(copied.clone().into_request()).await?;
    let play = Play::begin(
        "a payment is sent a second time, byte for byte",
        "POST /payments: 3.00, a copy",
    )
    .checked(format!("the original was answered {}", first.summary()));
    let answer = stage.wire.send(copied.into_request()).await;
    Ok(play
        .answered_by("401 replayed", answer)
        .require(first.status.as_u16() == 201, "the original went through")
        .end())
}

/// A stolen token, in the hands of somebody with another key.
async fn keys(stage: &Stage<'_>, scenes: &mut Vec<Scene>) -> Result<(), CliError> {
    let thief = PrivateKey::generate(KeyKind::Ed25519)
        .map_err(CliError::failed)?
        .key;
    let play = Play::begin(
        "a stolen token, signed by the thief's key",
        "a payment of 12.50, well signed by another key",
    );
    let request = unsigned(stage, body(stage, "12.50")?)?.signed(&thief, stage.now(), &*stage.entropy)?;
    scenes.push(
        play.answered_by("401 proof-missing", stage.wire.send(request.into_request()).await)
            .end(),
    );

    let token = stage.app()?.two_factors.access_token().expose().to_owned();
    let accounts = stage.url("/accounts");
    let play = Play::begin(
        "a stolen token, proven by the thief's key",
        "GET /accounts: a good proof by another key",
    );
    let request = Draft::new(Method::GET, &accounts, "")?.authorized(&token)?;
    let request = request.proven(&thief, &accounts, &token, stage.now(), &*stage.entropy)?;
    scenes.push(
        play.answered_by("401 proof-invalid", stage.wire.send(request.into_request()).await)
            .end(),
    );

    let play = Play::begin(
        "a proof made for another URL",
        "GET /accounts: her app's proof for GET /messages",
    );
    let request = Draft::new(Method::GET, &accounts, "")?.authorized(&token)?;
    let elsewhere = stage.url("/messages");
    let request = request.proven(&app_key(stage)?, &elsewhere, &token, stage.now(), &*stage.entropy)?;
    scenes.push(
        play.answered_by("401 proof-invalid", stage.wire.send(request.into_request()).await)
            .end(),
    );
    Ok(())
}

/// Bodies that two readers could read as two payments. Her own app signed them, so only their form can be at fault.
async fn bodies(stage: &Stage<'_>, scenes: &mut Vec<Scene>) -> Result<(), CliError> {
    let text = String::from_utf8_lossy(&body(stage, "12.50")?).into_owned();
    let number = text.replace("\"12.50\"", "12.50");
    let play = Play::begin(
        "the amount as a number",
        "…\"amount\":12.50…: which cents a reader sees is up to its floats",
    );
    let request = genuine(stage, number)?.into_request();
    scenes.push(
        play.answered_by("422 transaction-invalid", stage.wire.send(request).await)
            .end(),
    );

    let twice = text.replacen('{', "{\"amount\":\"0.50\",", 1);
    let play = Play::begin(
        "the amount twice",
        "{\"amount\":\"0.50\",…\"amount\":\"12.50\"…}: one for us, one for the bank",
    );
    let request = genuine(stage, twice)?.into_request();
    scenes.push(
        play.answered_by("422 transaction-invalid", stage.wire.send(request).await)
            .end(),
    );
    Ok(())
}
