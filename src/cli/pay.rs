//! `countersign pay`: a reference client app pays with a session that `login` kept (4.6).

use std::fs;
use std::path::PathBuf;

use clap::Args;
use countersign_client::{
    Answer, ApprovalDemand, Client, Error, Executed, Order, Payment, PaymentOutcome, Problem,
};
use serde_json::{Value, json};

use super::console::{CliError, Console};
use super::session_file::{SessionFile, failed};
use crate::base::{Clock as _, SystemClock};

/// The arguments of `countersign pay`.
#[derive(Args, Debug)]
pub struct PayArgs {
    /// The file in which `login` kept the session
    #[arg(long, value_name = "FILE")]
    session: PathBuf,
    /// The URL of the payment route
    #[arg(long, value_name = "URL")]
    route_url: String,
    /// The amount with all of the currency's digits, such as 12.50
    #[arg(long, required_unless_present = "body")]
    amount: Option<String>,
    /// The currency (ISO 4217)
    #[arg(long, default_value = "EUR")]
    currency: String,
    /// The account that is paid: an IBAN
    #[arg(long, value_name = "ACCOUNT", required_unless_present = "body")]
    payee: Option<String>,
    /// The name of the payee
    #[arg(long, value_name = "NAME")]
    payee_name: Option<String>,
    /// What the payee reads beside the payment
    #[arg(long, value_name = "TEXT")]
    reference: Option<String>,
    /// The account that pays: an IBAN
    #[arg(long, value_name = "ACCOUNT")]
    debtor: Option<String>,
    /// The day of execution, YYYY-MM-DD; absent: at once
    #[arg(long, value_name = "DATE")]
    execution_date: Option<String>,
    /// A JSON file that is sent as it is, for routes whose members have other names
    #[arg(long, value_name = "FILE", conflicts_with_all = ["amount", "payee", "payee_name", "reference", "debtor", "execution_date"])]
    body: Option<PathBuf>,
    /// The key of an earlier order, to learn its outcome or to pay it after an approval; the payment must be the same
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

/// Runs `pay`.
///
/// # Errors
/// [`CliError::Failed`] unless the payment was executed, [`CliError::Usage`] when the payment or a file cannot be
/// used; with `--json` the console has told the outcome first.
pub async fn run(args: &PayArgs, console: &mut Console<'_>) -> Result<(), CliError> {
    let mut file = SessionFile::read(&args.session)?;
    let client = file.connect().await?;
    let order = order(args, &client)?;
    let session = file
        .live_session(&client, &args.session, SystemClock.now().seconds())
        .await?;
    match client.pay(&session, &order).await {
        Ok(outcome) => tell(args, &client, &order, &outcome, console),
        Err(error) => Err(no_outcome(&order, &error, console)?),
    }
}

fn order(args: &PayArgs, client: &Client) -> Result<Order, CliError> {
    let usage = |error: Error| CliError::Usage(format!("{error}\n  {}", error.advice()));
    let order = match &args.body {
        Some(path) => {
            let body =
                fs::read(path).map_err(|error| CliError::Usage(format!("{}: {error}", path.display())))?;
            client.order_of_body(&args.route_url, body)
        }
        None => client.order(&args.route_url, &payment(args)),
    };
    match &args.idempotency_key {
        Some(key) => order
            .and_then(|order| order.with_idempotency_key(key))
            .map_err(usage),
        None => order.map_err(usage),
    }
}

fn payment(args: &PayArgs) -> Payment {
    Payment {
        amount: args.amount.clone().unwrap_or_default(),
        currency: args.currency.clone(),
        payee: args.payee.clone().unwrap_or_default(),
        payee_name: args.payee_name.clone(),
        debtor: args.debtor.clone(),
        reference: args.reference.clone(),
        execution_date: args.execution_date.clone(),
    }
}

/// Says that there is no outcome, and how to learn it.
fn no_outcome(order: &Order, error: &Error, console: &mut Console<'_>) -> Result<CliError, CliError> {
    let key = order.idempotency_key();
    console.document(&json!({
        "outcome": "none",
        "idempotency_key": key,
        "error": error.to_string(),
        "advice": error.advice(),
    }))?;
    Ok(match error {
        Error::NoAnswer(_) | Error::AnswerTooLarge | Error::AnswerNotTrusted { .. } => CliError::Failed(
            format!("{error}\n  {}\n  --idempotency-key {key}", error.advice()),
        ),
        _ => failed(error.clone()),
    })
}

fn tell(
    args: &PayArgs,
    client: &Client,
    order: &Order,
    outcome: &PaymentOutcome,
    console: &mut Console<'_>,
) -> Result<(), CliError> {
    let key = order.idempotency_key();
    let mut document = document(client, outcome);
    if let Some(members) = document.as_object_mut() {
        members.insert("idempotency_key".to_owned(), key.into());
    }
    console.document(&document)?;
    match outcome {
        PaymentOutcome::Executed(executed) => tell_executed(args, client, key, executed, console),
        PaymentOutcome::ApprovalRequired { approval, problem } => {
            tell_approval(approval.as_ref(), console)?;
            Err(CliError::Failed(format!(
                "{problem}\n  then pay the same again with --idempotency-key {key}"
            )))
        }
        PaymentOutcome::LoginRequired {
            acr_values, problem, ..
        } => {
            let class = acr_values
                .as_deref()
                .and_then(|values| values.rsplit(':').next())
                .unwrap_or("2");
            Err(CliError::Failed(format!(
                "{problem}\n  run `countersign login --acr {class}`, then pay the same again with --idempotency-key {key}"
            )))
        }
        PaymentOutcome::Unknown { problem, .. } => Err(CliError::Failed(format!(
            "{problem}\n  pay the same again with --idempotency-key {key}"
        ))),
        PaymentOutcome::Refused(problem) => Err(CliError::Failed(problem.to_string())),
        PaymentOutcome::RefusedByBackend(answer) => Err(CliError::Failed(format!(
            "the backend refused with {}: {}",
            answer.status,
            shown(answer)
        ))),
    }
}

fn tell_executed(
    args: &PayArgs,
    client: &Client,
    key: &str,
    executed: &Executed,
    console: &mut Console<'_>,
) -> Result<(), CliError> {
    let repeated = if executed.replayed {
        " before; this is its stored answer"
    } else {
        ""
    };
    match (&args.amount, &args.payee) {
        (Some(amount), Some(payee)) => {
            let payee = args.payee_name.as_ref().unwrap_or(payee);
            console.line(format_args!(
                "paid {amount} {} to {payee}{repeated}",
                args.currency
            ))?;
        }
        _ => console.line(format_args!("paid{repeated}"))?,
    }
    console.line(format_args!(
        "  answer   {} {}",
        executed.answer.status,
        shown(&executed.answer)
    ))?;
    console.line(format_args!(
        "           signed by the gateway for exactly this payment"
    ))?;
    if let Some(receipt) = &executed.receipt {
        console.line(format_args!("  receipt  {}{receipt}", client.issuer()))?;
    }
    console.line(format_args!("  key      {key}"))
}

fn tell_approval(approval: Option<&ApprovalDemand>, console: &mut Console<'_>) -> Result<(), CliError> {
    let Some(approval) = approval else { return Ok(()) };
    console.line(format_args!("the customer has to approve this payment"))?;
    let factors = (!approval.factors.is_empty()).then(|| approval.factors.join(" or "));
    let seconds = approval.expires_in.map(|seconds| format!("{seconds} s"));
    for (name, value) in [
        ("approval", approval.id.as_ref()),
        ("at", approval.href.as_ref()),
        ("within", seconds.as_ref()),
        ("with", factors.as_ref()),
        ("compare", approval.digits.as_ref()),
    ] {
        if let Some(value) = value {
            console.line(format_args!("  {name:<8} {value}"))?;
        }
    }
    Ok(())
}

/// The outcome for machines.
fn document(client: &Client, outcome: &PaymentOutcome) -> Value {
    match outcome {
        PaymentOutcome::Executed(executed) => json!({
            "outcome": "executed",
            "status": executed.answer.status.as_u16(),
            "replayed": executed.replayed,
            "receipt": executed.receipt.as_ref().map(|path| format!("{}{path}", client.issuer())),
            "answer": body(&executed.answer),
        }),
        PaymentOutcome::ApprovalRequired { approval, problem } => {
            let cure = approval.as_ref().map_or(Value::Null, |approval| {
                json!({
                    "id": approval.id,
                    "href": approval.href,
                    "expires_in": approval.expires_in,
                    "factors": approval.factors,
                    "transaction": approval.transaction,
                })
            });
            refusal("approval-required", problem, cure)
        }
        PaymentOutcome::LoginRequired {
            acr_values,
            max_age,
            problem,
        } => refusal(
            "login-required",
            problem,
            json!({ "acr_values": acr_values, "max_age": max_age }),
        ),
        PaymentOutcome::Unknown { retry_after, problem } => {
            let seconds = retry_after.map(|wait| wait.as_secs());
            refusal("unknown", problem, json!({ "retry_after": seconds }))
        }
        PaymentOutcome::Refused(problem) => refusal("refused", problem, Value::Null),
        PaymentOutcome::RefusedByBackend(answer) => json!({
            "outcome": "refused-by-backend",
            "status": answer.status.as_u16(),
            "answer": body(answer),
        }),
    }
}

fn refusal(outcome: &str, problem: &Problem, cure: Value) -> Value {
    json!({
        "outcome": outcome,
        "status": problem.status,
        "code": problem.code(),
        "title": problem.title,
        "detail": problem.detail,
        "request": problem.instance,
        "cure": cure,
    })
}

/// The backend's JSON, or its text when it is none.
fn body(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|_| shown(answer).into())
}

/// The body in one line that a terminal can show: no control characters, not too long.
fn shown(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body)
        .chars()
        .map(|character| if character.is_control() { ' ' } else { character })
        .take(400)
        .collect()
}
