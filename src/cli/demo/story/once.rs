//! Step 7: a payment is executed once, also when it is sent twice and when the bank dies over it.

use std::time::Duration;

use countersign_client::{Order, PaymentOutcome};

use super::super::backends::Name;
use super::super::bank::SLOW;
use super::super::screen::Scene;
use super::attacks::genuine;
use super::payment::described;
use super::record::Record;
use super::scene::Play;
use super::stage::Stage;
use crate::cli::console::CliError;

/// The amount of the payment over which the bank dies.
const AMOUNT: &str = "8.00";
/// How long anything here may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often the story looks again.
const GLANCE: Duration = Duration::from_millis(50);
/// How often the app asks what became of its payment.
const ASK_AGAIN: Duration = Duration::from_millis(250);

pub(super) async fn play(stage: &mut Stage<'_>, scenes: &mut Vec<Scene>) -> Result<(), CliError> {
    scenes.push(twice(stage).await?);
    let order = slow_order(stage)?;
    scenes.push(killed_over(stage, &order).await?);
    scenes.push(equal(stage, &order).await?);
    scenes.push(started_again(stage).await?);
    scenes.push(settled(stage, &order).await?);
    Ok(())
}

/// The app did not hear, or was in a hurry: it sends the same order again.
async fn twice(stage: &Stage<'_>) -> Result<Scene, CliError> {
    let app = stage.app()?;
    // To somebody she trusts, here and below, so that it uses up none of her payments without approval.
    let payment = stage.payment("4.00", &stage.trusted());
    let order = app
        .client
        .order(&stage.url("/payments"), &payment)
        .map_err(CliError::failed)?;
    let play = Play::begin(
        "the same payment twice",
        "POST /payments: 4.00 EUR, twice under one Idempotency-Key, each freshly signed",
    );
    let mut outcomes = Vec::new();
    for _ in 0..2 {
        outcomes.push(
            app.client
                .pay(&app.two_factors, &order)
                .await
                .map_err(CliError::failed)?,
        );
    }
    let [first, second] = outcomes.as_slice() else {
        return Err(CliError::Failed("there were two payments".to_owned()));
    };
    let (answer, detail) = with_origin(second);
    let seen = stage.bank().payments(order.idempotency_key())?.len();
    Ok(play
        .answered("201 replayed", &answer, &detail)
        .require(
            with_origin(first).0 == "201",
            "the first was answered by the bank",
        )
        .require(
            body(first).is_some() && body(first) == body(second),
            "the second was answered from the record, byte for byte the same, and signed anew",
        )
        .require(seen == 1, "bank.log: the bank saw it once")
        .end())
}

/// A payment that keeps the bank busy for a while.
fn slow_order(stage: &Stage<'_>) -> Result<Order, CliError> {
    let mut payment = stage.payment(AMOUNT, &stage.trusted());
    payment.reference = Some(SLOW.to_owned());
    let client = &stage.app()?.client;
    client
        .order(&stage.url("/payments"), &payment)
        .map_err(CliError::failed)
}

async fn killed_over(stage: &mut Stage<'_>, order: &Order) -> Result<Scene, CliError> {
    let play = Play::begin(
        "the bank dies in the middle of another",
        format!(
            "POST /payments: {AMOUNT} EUR; SIGKILL to the bank once it is in its books, before it answers"
        ),
    );
    let bank = stage.bank();
    let Stage {
        app: Some(app),
        backends,
        ..
    } = stage
    else {
        return Err(CliError::Failed("nobody is logged in".to_owned()));
    };
    let kill = async {
        received(&bank, order.idempotency_key()).await?;
        backends.kill(Name::Bank).await
    };
    let (outcome, killed) = tokio::join!(app.client.pay(&app.two_factors, order), kill);
    killed?;
    let (answer, detail) = described(&outcome.map_err(CliError::failed)?);
    let seen = bank.payments(order.idempotency_key())?.len();
    Ok(play
        .answered("outcome-unknown", &answer, &detail)
        .require(
            seen == 1,
            "bank.log: it is executed, and neither the gateway nor the app can know",
        )
        .end())
}

/// Waits until the bank has written down the payment with this key.
async fn received(bank: &Record, key: &str) -> Result<(), CliError> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while bank.payments(key)?.is_empty() {
        if tokio::time::Instant::now() > deadline {
            return Err(CliError::Failed("the payment did not reach the bank".to_owned()));
        }
        tokio::time::sleep(GLANCE).await;
    }
    Ok(())
}

/// People pay again when they hear nothing.
async fn equal(stage: &Stage<'_>, order: &Order) -> Result<Scene, CliError> {
    let payment = stage.payment(AMOUNT, &stage.trusted());
    let again = genuine(stage, payment.body().map_err(CliError::failed)?)?;
    let play = Play::begin(
        "she pays again, as a new payment",
        format!("POST /payments: {AMOUNT} EUR to the same payee, under another Idempotency-Key"),
    );
    let answer = stage.wire.send(again.into_request()).await?;
    let document = answer.json();
    let first = document
        .get("first")
        .and_then(serde_json::Value::as_str)
        .unwrap_or_default()
        .to_owned();
    Ok(play
        .answered_by("409 outcome-unknown", Ok(answer))
        .require(
            first == order.idempotency_key(),
            format!("\"first\" names the payment to ask for: {first}"),
        )
        .end())
}

async fn started_again(stage: &mut Stage<'_>) -> Result<Scene, CliError> {
    let play = Play::begin(
        "the bank is started again",
        "a new process on the same port; it reads its books from bank.log",
    );
    let folder = stage.layout.folder.path();
    let process = stage.backends.start_again(folder, Name::Bank).await?;
    Ok(play.answered("running", "running", &process).end())
}

/// The gateway finds out by itself; the app only has to ask for the same payment again.
async fn settled(stage: &Stage<'_>, order: &Order) -> Result<Scene, CliError> {
    let app = stage.app()?;
    let key = order.idempotency_key();
    let play = Play::begin(
        "the app asks again, with the same key, until it knows",
        format!("POST /payments: the same {AMOUNT} EUR, freshly signed each time"),
    );
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let outcome = loop {
        let outcome = app.client.pay(&app.two_factors, order).await;
        match outcome.map_err(CliError::failed)? {
            PaymentOutcome::Unknown { .. } if tokio::time::Instant::now() < deadline => {
                tokio::time::sleep(ASK_AGAIN).await;
            }
            outcome => break outcome,
        }
    };
    let (answer, detail) = with_origin(&outcome);
    let play = play.answered("201 replayed", &answer, &detail);
    let (payments, questions) = (stage.bank().payments(key)?, stage.bank().questions(key)?);
    let transaction = payments.first().map_or("", |entry| entry.text("/verified/txn"));
    let asked = questions
        .iter()
        .filter(|entry| entry.text("/verified/txn") == transaction);
    Ok(play
        .require(
            asked.count() > 1,
            "bank.log: the gateway asked GET /payments/{key} until two answers agreed; nobody had to do anything",
        )
        .require(
            body(&outcome).is_some_and(|body| body.contains(transaction)),
            "the app reads the bank's own answer to its payment",
        )
        .require(
            payments.len() == 1,
            "bank.log: executed exactly once; what is settled is never sent again",
        )
        .end())
}

/// As [`described`], and whether it is an answer from the record.
fn with_origin(outcome: &PaymentOutcome) -> (String, String) {
    let (answer, detail) = described(outcome);
    match outcome {
        PaymentOutcome::Executed(done) if done.replayed => (format!("{answer} replayed"), detail),
        _ => (answer, detail),
    }
}

/// The bank's answer, where there is one.
fn body(outcome: &PaymentOutcome) -> Option<String> {
    match outcome {
        PaymentOutcome::Executed(done) => Some(String::from_utf8_lossy(&done.answer.body).into_owned()),
        _ => None,
    }
}
