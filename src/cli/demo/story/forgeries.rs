//! Step 6, continued: forged tokens, forged words of the gateway, and the way around it.

use countersign_jose::base64url;
use http::Method;
use serde_json::Value;

use super::super::screen::Scene;
use super::draft::Draft;
use super::record::part;
use super::scene::Play;
use super::stage::Stage;
use super::start::get;
use super::wire::Wire;
use crate::cli::console::CliError;

/// What the forged Txn-Token reads.
const FORGED: &str = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.";

pub(super) async fn play(stage: &Stage<'_>, scenes: &mut Vec<Scene>) -> Result<(), CliError> {
    scenes.push(unsigned_token(stage).await?);
    scenes.push(forged_headers(stage).await?);
    scenes.push(without_certificate(stage).await);
    scenes.push(with_another_certificate(stage).await?);
    scenes.push(with_the_gateways_certificate(stage).await?);
    Ok(())
}

/// Her token with `"alg": "none"` and a stronger login written into it (RFC 8725 section 3.1).
async fn unsigned_token(stage: &Stage<'_>) -> Result<Scene, CliError> {
    let mut header = part(stage.app()?.one_factor.access_token().expose(), 0);
    let mut claims = part(stage.app()?.one_factor.access_token().expose(), 1);
    set(&mut header, "alg", "none");
    set(&mut claims, "acr", "urn:countersign:acr:3");
    let token = format!(
        "{}.{}.",
        base64url(header.to_string()),
        base64url(claims.to_string())
    );
    let play = Play::begin(
        "a token that says of itself that it needs no signature",
        "GET /accounts: \"alg\":\"none\", acr:3",
    );
    let request = Draft::new(Method::GET, &stage.url("/accounts"), "")?.authorized(&token)?;
    Ok(play
        .answered_by("401 token-invalid", stage.wire.send(request.into_request()).await)
        .end())
}

fn set(object: &mut Value, member: &str, text: &str) {
    if let Some(object) = object.as_object_mut() {
        object.insert(member.to_owned(), text.into());
    }
}

/// Headers that only the gateway may write towards a backend.
async fn forged_headers(stage: &Stage<'_>) -> Result<Scene, CliError> {
    let target = format!("/public/{}", stage.entropy.token(9));
    let play = Play::begin(
        "the gateway's own words, forged from outside",
        format!("GET {target}: Txn-Token, Forwarded, X-Forwarded-For, a signature \"countersign\", a cookie"),
    );
    let request = Draft::new(Method::GET, &stage.url(&target), "")?
        .with("txn-token", FORGED)?
        .with("forwarded", "host=bank.example;for=10.0.0.1")?
        .with("x-forwarded-for", "10.0.0.1")?
        .with("cookie", "session=stolen")?
        .with(
            "signature-input",
            "countersign=(\"@method\");created=1;tag=\"countersign-forward\"",
        )?
        .with("signature", "countersign=:AAAA:")?;
    let play = play.answered_by("200", stage.wire.send(request.into_request()).await);
    let entries = stage.bank().entries()?;
    let Some(seen) = entries.iter().rev().find(|entry| entry.text("/target") == target) else {
        return Err(CliError::Failed(
            "the request is not in the bank's log".to_owned(),
        ));
    };
    let dropped = [
        "txn-token",
        "x-forwarded-for",
        "cookie",
        "signature",
        "signature-input",
    ];
    let forwarded = seen.header("forwarded").unwrap_or_default();
    Ok(play
        .require(
            !dropped.iter().any(|name| seen.has_header(name)),
            "bank.log: none of them arrived; headers pass by an allow-list, and these stand on none",
        )
        .require(
            forwarded.contains("localhost") && !forwarded.contains("bank.example"),
            format!("bank.log: Forwarded is the gateway's own, {forwarded}"),
        )
        .require(
            seen.text("/verified/gateway").is_empty(),
            "bank.log: no identity, as on every route for anyone",
        )
        .end())
}

fn bank_url(stage: &Stage<'_>) -> String {
    format!("https://localhost:{}/accounts", stage.layout.ports.bank)
}

/// Around the gateway, straight to the bank.
async fn without_certificate(stage: &Stage<'_>) -> Scene {
    let play = Play::begin(
        "straight to the bank, without a certificate",
        format!("GET {}", bank_url(stage)),
    );
    let outcome = call_bank(stage, None).await;
    play.answered_by("no answer", outcome)
        .checked("the bank talks to who shows the gateway's certificate")
        .end()
}

async fn with_another_certificate(stage: &Stage<'_>) -> Result<Scene, CliError> {
    let merchant = &stage.layout.certificates.merchant;
    let play = Play::begin(
        "straight to the bank, as the merchant",
        "the same, with the merchant's genuine certificate",
    );
    let outcome = call_bank(stage, Some(merchant)).await;
    Ok(play
        .answered_by("no answer", outcome)
        .checked("a genuine certificate, but not the gateway's")
        .end())
}

/// Even the gateway's own TLS key is not enough: its signature is another key's.
async fn with_the_gateways_certificate(stage: &Stage<'_>) -> Result<Scene, CliError> {
    let gateway = &stage.layout.certificates.gateway;
    let play = Play::begin(
        "straight to the bank, with the gateway's stolen TLS key",
        "the same, with the gateway's certificate and a forged Txn-Token",
    );
    let outcome = call_bank(stage, Some(gateway)).await;
    let play = play.answered_by("401", outcome);
    let entries = stage.bank().entries()?;
    let refused = entries
        .last()
        .map(|entry| entry.text("/refused").to_owned())
        .unwrap_or_default();
    Ok(play
        .require(
            !refused.is_empty(),
            format!("bank.log: refused, {refused}; one key, one purpose"),
        )
        .end())
}

async fn call_bank(
    stage: &Stage<'_>,
    identity: Option<&crate::pki::IssuedPaths>,
) -> Result<super::wire::Answer, CliError> {
    let wire = Wire::new(&stage.layout.certificates.root, identity)?;
    let mut request = get(&bank_url(stage))?;
    let forged = http::HeaderValue::from_static(FORGED);
    request.headers_mut().insert("txn-token", forged);
    wire.send(request).await
}
