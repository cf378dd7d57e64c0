//! Steps 4 and 5: a payment that goes through without approval, and one that does not.

use countersign_client::PaymentOutcome;
use countersign_intent::IntentDigest;
use serde_json::Value;

use super::super::people::BOOKSHOP;
use super::super::screen::Scene;
use super::record::Entry;
use super::scene::Play;
use super::stage::Stage;
use crate::cli::console::CliError;

/// Step 4.
pub(super) async fn small(stage: &mut Stage<'_>, scenes: &mut Vec<Scene>) -> Result<(), CliError> {
    let app = stage.app()?;
    let payment = stage.payment("12.50", &BOOKSHOP);
    let digest = payment.intent().map_err(CliError::failed)?.digest();
    let order = app
        .client
        .order(&stage.url("/payments"), &payment)
        .map_err(CliError::failed)?;
    let sent = format!(
        "POST /payments: 12.50 EUR to {}, signed twice by the app's key",
        BOOKSHOP.name
    );
    let play = Play::begin("her app pays", sent)
        .checked("request signature (RFC 9421), body digest (RFC 9530), nonce, idempotency key, intent, policy, counter");
    let outcome = app
        .client
        .pay(&app.two_factors, &order)
        .await
        .map_err(CliError::failed)?;
    let (answer, detail) = described(&outcome);
    let play = play.answered("201", &answer, &detail);
    scenes.push(
        play.require(
            true,
            "the gateway signed this answer for exactly this request, and the app verified it",
        )
        .end(),
    );

    let entries = stage.bank().payments(order.idempotency_key())?;
    let once = entries.len() == 1;
    let Some(entry) = entries.first() else {
        return Err(CliError::Failed(
            "the payment is not in the bank's log".to_owned(),
        ));
    };
    scenes.push(as_the_bank_saw_it(stage, entry, once, &digest)?);
    stage.receipt = match outcome {
        PaymentOutcome::Executed(done) => done.receipt,
        _ => None,
    };
    Ok(())
}

/// Who, what, which factors, which signatures: from the bank's own log.
fn as_the_bank_saw_it(
    stage: &Stage<'_>,
    entry: &Entry,
    once: bool,
    digest: &IntentDigest,
) -> Result<Scene, CliError> {
    let claims = entry.claims();
    let text = |pointer: &str| {
        claims
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let app_key = stage.app()?.client.key().thumbprint().to_string();
    let intent = claims.pointer("/tctx/intent").cloned().unwrap_or_default();
    let member = |name: &str| {
        intent
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let what = format!(
        "{} {} to {} ({})",
        member("amount"),
        member("currency"),
        member("payee_name"),
        member("payee")
    );
    let factors = claims
        .pointer("/rctx/amr")
        .map(Value::to_string)
        .unwrap_or_default();
    let play = Play::begin("the same payment, as the bank saw it", "read from bank.log")
        .checked(format!(
            "who: {}, a name that only this bank knows her by",
            short(&text("/sub"))
        ))
        .checked(format!(
            "what: {what}, agreed digest {}",
            short(&text("/tctx/intent_digest"))
        ))
        .checked(format!(
            "how she showed who she is: {} with {factors}",
            text("/rctx/acr")
        ));
    Ok(play
        .answered(
            "low-value",
            &text("/tctx/exemption"),
            "the exemption that policies/30-exemptions.cedar granted",
        )
        .require(once, "the bank saw it once")
        .require(
            text("/tctx/intent_digest") == digest.to_string(),
            "the digest is that of what Alice's app stated",
        )
        .require(
            !entry.text("/verified/gateway").is_empty(),
            format!(
                "signature 1 verified: the gateway's, key {}",
                short(entry.text("/verified/gateway"))
            ),
        )
        .require(
            entry.text("/verified/payment") == app_key,
            format!(
                "signature 2 verified: the app's own over the payment, key {}",
                short(&app_key)
            ),
        )
        .require(
            !entry.has_header("authorization"),
            "Alice's token never left the gateway",
        )
        .end())
}

/// Step 5.
pub(super) async fn large(stage: &mut Stage<'_>, scenes: &mut Vec<Scene>) -> Result<(), CliError> {
    let app = stage.app()?;
    let payment = stage.payment("250.00", &BOOKSHOP);
    let order = app
        .client
        .order(&stage.url("/payments"), &payment)
        .map_err(CliError::failed)?;
    let play = Play::begin(
        "above the limit",
        format!("POST /payments: 250.00 EUR to {}", BOOKSHOP.name),
    )
    .checked(
        "no exemption fits; policies/20-payments.cedar asks for approval of exactly this amount and payee",
    );
    let outcome = app
        .client
        .pay(&app.two_factors, &order)
        .await
        .map_err(CliError::failed)?;
    let (answer, detail) = described(&outcome);
    let unseen = stage.bank().payments(order.idempotency_key())?.is_empty();
    let play = play.answered("approval-required", &answer, &detail);
    scenes.push(play.require(unseen, "the bank has not heard of it").end());
    Ok(())
}

/// The status of what was executed, or the code of what was not.
pub(super) fn described(outcome: &PaymentOutcome) -> (String, String) {
    let refused = |problem: &countersign_client::Problem| (problem.code().to_owned(), problem.detail.clone());
    match outcome {
        PaymentOutcome::Executed(done) => {
            let body: Value = serde_json::from_slice(&done.answer.body).unwrap_or_default();
            let text = |name| body.get(name).and_then(Value::as_str).unwrap_or_default();
            (
                done.answer.status.as_str().to_owned(),
                format!("{} {}", text("payment_id"), text("status")),
            )
        }
        PaymentOutcome::ApprovalRequired { problem, .. }
        | PaymentOutcome::LoginRequired { problem, .. }
        | PaymentOutcome::Unknown { problem, .. }
        | PaymentOutcome::Refused(problem) => refused(problem),
        PaymentOutcome::RefusedByBackend(answer) => (
            format!("the bank's {}", answer.status.as_str()),
            String::from_utf8_lossy(&answer.body).into_owned(),
        ),
    }
}

/// The first characters of a key's name or digest, enough to compare by eye.
pub(super) fn short(text: &str) -> String {
    match text.char_indices().nth(12) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
