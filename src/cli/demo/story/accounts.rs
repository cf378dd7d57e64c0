//! Step 3: reading needs the token, its key, and two factors.

use http::Method;
use serde_json::Value;

use super::super::screen::Scene;
use super::draft::Draft;
use super::scene::Play;
use super::stage::Stage;
use super::wire::Answer;
use crate::cli::console::CliError;

const ACCOUNTS: &str = "/accounts";

pub(super) async fn play(stage: &mut Stage<'_>, scenes: &mut Vec<Scene>) -> Result<(), CliError> {
    scenes.push(with_proof(stage).await?);
    scenes.push(without_proof(stage).await?);
    scenes.push(as_bearer(stage).await?);
    scenes.push(with_one_factor(stage).await?);
    Ok(())
}

async fn with_proof(stage: &Stage<'_>) -> Result<Scene, CliError> {
    let app = stage.app()?;
    let play = Play::begin(
        "her app reads",
        "GET /accounts: DPoP token of acr:2, proof by its key",
    )
    .checked("token, proof of the key for this method, URL and token, policy");
    let answer = app
        .client
        .get(&app.two_factors, &stage.url(ACCOUNTS))
        .await
        .map_err(CliError::failed)?;
    let play = play.answered("200", answer.status.as_str(), &balances(&answer.body));
    let entries = stage.bank().entries()?;
    let seen = entries
        .iter()
        .rev()
        .find(|entry| entry.text("/target") == ACCOUNTS);
    let verified = seen.is_some_and(|entry| !entry.text("/verified/gateway").is_empty());
    let kept = seen.is_some_and(|entry| !entry.has_header("authorization") && !entry.has_header("dpop"));
    Ok(play
        .require(
            verified,
            "the bank verified the gateway's signature and its Txn-Token",
        )
        .require(
            kept,
            "token and proof stayed at the gateway: the bank's log has neither",
        )
        .end())
}

/// The bank's answer in words.
fn balances(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let accounts = body
        .get("accounts")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let balance = |account: &Value| {
        let text = |pointer| {
            account
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        format!(
            "{} {} {}",
            text("/name"),
            text("/balance/amount"),
            text("/balance/currency")
        )
    };
    accounts.iter().map(balance).collect::<Vec<_>>().join(", ")
}

/// The token alone, as a thief has it.
async fn without_proof(stage: &Stage<'_>) -> Result<Scene, CliError> {
    let token = stage.app()?.two_factors.access_token();
    let play = Play::begin(
        "the same token without proof of its key",
        "GET /accounts: the token, nothing else",
    );
    let request = Draft::new(Method::GET, &stage.url(ACCOUNTS), "")?.authorized(token.expose())?;
    Ok(play
        .answered_by("401 proof-missing", stage.wire.send(request.into_request()).await)
        .end())
}

async fn as_bearer(stage: &Stage<'_>) -> Result<Scene, CliError> {
    let token = stage.app()?.two_factors.access_token();
    let play = Play::begin(
        "the same token as a bearer token",
        "GET /accounts: Authorization: Bearer …",
    );
    let bearer = format!("Bearer {}", token.expose());
    let request = Draft::new(Method::GET, &stage.url(ACCOUNTS), "")?.with("authorization", &bearer)?;
    Ok(play
        .answered_by("401 proof-missing", stage.wire.send(request.into_request()).await)
        .end())
}

async fn with_one_factor(stage: &Stage<'_>) -> Result<Scene, CliError> {
    let app = stage.app()?;
    let play = Play::begin(
        "the token of the password alone",
        "GET /accounts: DPoP token of acr:1, proof by its key",
    )
    .checked("policies/10-login.cedar: account-data-needs-acr2");
    let answer = app
        .client
        .get(&app.one_factor, &stage.url(ACCOUNTS))
        .await
        .map_err(CliError::failed)?;
    let answer = Answer {
        status: answer.status,
        headers: answer.headers,
        body: answer.body,
    };
    let challenge = answer
        .headers
        .get("www-authenticate")
        .and_then(|value| value.to_str().ok());
    let told = challenge.is_some_and(|text| text.contains("acr_values"));
    let play = play.answered_by("401 login-required", Ok(answer));
    Ok(play
        .require(
            told,
            "WWW-Authenticate tells the app what to ask for: acr_values (RFC 9470)",
        )
        .end())
}
