//! Step 8, its first half: the keys that sign tokens and messages are replaced under traffic, and nobody is refused.

use std::time::Duration;

use bytes::Bytes;
use countersign_client::PaymentOutcome;
use http::{Method, Request};
use serde_json::{Value, json};

use super::super::people::ADMIN;
use super::super::screen::Scene;
use super::payment::{described, short};
use super::record::part;
use super::scene::Play;
use super::stage::Stage;
use super::wire::Wire;
use crate::cli::console::CliError;

const PURPOSES: [&str; 3] = ["token", "txn", "message"];
/// How long the rotations may take altogether.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn play(stage: &mut Stage<'_>, scenes: &mut Vec<Scene>) -> Result<(), CliError> {
    let admin = Admin::new(stage)?;
    scenes.push(without_certificate(stage).await?);
    let before = admin.active_keys().await?;
    let play = Play::begin(
        "three rotations while she pays and reads",
        format!(
            "POST /admin/v1/keys/rotate for {}, over mutual TLS as {ADMIN}",
            PURPOSES.join(", ")
        ),
    )
    .checked(
        "each next key is published first, signs when everyone can know it, and the old one still verifies",
    );
    for purpose in PURPOSES {
        admin.rotate(purpose).await?;
    }
    let traffic = Traffic::until_rotated(stage, &admin, &before).await?;
    let answer = format!("{} refused", traffic.refused.len());
    let detail = format!(
        "{} payments and {} reads went through meanwhile",
        traffic.paid, traffic.read
    );
    let play = play.answered("0 refused", &answer, &detail);
    let play = traffic
        .refused
        .iter()
        .fold(play, |play, refusal| play.require(false, refusal.clone()));
    scenes.push(
        play.require(
            traffic.paid > 0 && traffic.read > 0,
            "there was traffic all the time",
        )
        .end(),
    );
    scenes.push(in_use(stage, &admin, &before).await?);
    Ok(())
}

/// The admin listener asks everyone for a certificate.
async fn without_certificate(stage: &Stage<'_>) -> Result<Scene, CliError> {
    let url = format!("https://localhost:{}/admin/v1/keys", stage.layout.ports.admin);
    let play = Play::begin(
        "the keys, without an administrator's certificate",
        format!("GET {url}"),
    );
    let outcome = stage.wire.send(super::start::get(&url)?).await;
    Ok(play.answered_by("no answer", outcome).end())
}

/// The keys that sign now: what the app's new token and the bank's log say.
async fn in_use(stage: &Stage<'_>, admin: &Admin, before: &[String]) -> Result<Scene, CliError> {
    let app = stage.app()?;
    let active = admin.active_keys().await?;
    let play = Play::begin(
        "the new keys at work",
        "a refreshed token and one more payment of 1.00",
    );
    let session = app
        .client
        .refresh(&app.two_factors)
        .await
        .map_err(CliError::failed)?;
    let token_key = part(session.access_token().expose(), 0);
    let token_key = token_key
        .get("kid")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let order = app
        .client
        .order(&stage.url("/payments"), &stage.payment("1.00", &stage.trusted()));
    let order = order.map_err(CliError::failed)?;
    let outcome = app.client.pay(&session, &order).await.map_err(CliError::failed)?;
    let (answer, detail) = described(&outcome);
    let play = play.answered("201", &answer, &detail);
    let entries = stage.bank().payments(order.idempotency_key())?;
    let (txn_key, message_key) = entries.first().map_or_else(Default::default, |entry| {
        (entry.token_key(), entry.text("/verified/gateway").to_owned())
    });
    let used = [token_key, txn_key, message_key];
    let places = [
        "signs the refreshed token",
        "signed the bank's Txn-Token",
        "signed what the bank received",
    ];
    let mut play = play;
    for (index, (purpose, place)) in PURPOSES.iter().zip(places).enumerate() {
        let (old, new, seen) = (before.get(index), active.get(index), used.get(index));
        let holds = seen.is_some() && seen == new && new != old;
        let name = |key: Option<&String>| short(key.map_or("", String::as_str));
        play = play.require(
            holds,
            format!("{purpose}: {} {place}, in place of {}", name(seen), name(old)),
        );
    }
    Ok(play.end())
}

/// What Alice's app did while keys were replaced.
struct Traffic {
    paid: usize,
    read: usize,
    refused: Vec<String>,
}

impl Traffic {
    /// Pays and reads by turns until every purpose has a new active key, and once more after that.
    async fn until_rotated(stage: &Stage<'_>, admin: &Admin, before: &[String]) -> Result<Self, CliError> {
        let mut traffic = Self {
            paid: 0,
            read: 0,
            refused: Vec::new(),
        };
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let active = admin.active_keys().await?;
            let rotated = active.iter().zip(before).all(|(new, old)| new != old);
            traffic.one_round(stage).await?;
            if rotated {
                return Ok(traffic);
            }
            if tokio::time::Instant::now() > deadline {
                return Err(CliError::Failed("the next keys did not become active".to_owned()));
            }
        }
    }

    async fn one_round(&mut self, stage: &Stage<'_>) -> Result<(), CliError> {
        let app = stage.app()?;
        let order = app
            .client
            .order(&stage.url("/payments"), &stage.payment("1.00", &stage.trusted()));
        match app
            .client
            .pay(&app.two_factors, &order.map_err(CliError::failed)?)
            .await
        {
            Ok(PaymentOutcome::Executed(_)) => self.paid += 1,
            Ok(other) => self.refused.push(described(&other).0),
            Err(error) => self.refused.push(error.to_string()),
        }
        match app.client.get(&app.two_factors, &stage.url("/accounts")).await {
            Ok(answer) if answer.status.is_success() => self.read += 1,
            Ok(answer) => self.refused.push(answer.status.to_string()),
            Err(error) => self.refused.push(error.to_string()),
        }
        Ok(())
    }
}

/// The administrator, with her certificate.
struct Admin {
    wire: Wire,
    url: String,
}

impl Admin {
    fn new(stage: &Stage<'_>) -> Result<Self, CliError> {
        let certificates = &stage.layout.certificates;
        let wire = Wire::new(&certificates.root, Some(&certificates.admin))?;
        Ok(Self {
            wire,
            url: format!("https://localhost:{}/admin/v1/keys", stage.layout.ports.admin),
        })
    }

    /// The active key of each purpose, in their order.
    async fn active_keys(&self) -> Result<Vec<String>, CliError> {
        let list = self.wire.send(super::start::get(&self.url)?).await?.json();
        let keys = list
            .get("keys")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let active = |purpose: &str| {
            let of = |key: &&Value| {
                key.get("purpose") == Some(&json!(purpose)) && key.get("state") == Some(&json!("active"))
            };
            let kid = keys
                .iter()
                .find(of)
                .and_then(|key| key.get("kid"))
                .and_then(Value::as_str);
            kid.map(str::to_owned)
                .ok_or_else(|| CliError::Failed(format!("there is no active key for {purpose}")))
        };
        PURPOSES.iter().map(|purpose| active(purpose)).collect()
    }

    async fn rotate(&self, purpose: &str) -> Result<(), CliError> {
        let mut request = Request::new(Bytes::from(json!({ "purpose": purpose }).to_string()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = format!("{}/rotate", self.url).parse().map_err(CliError::failed)?;
        let json = http::HeaderValue::from_static("application/json");
        request.headers_mut().insert(http::header::CONTENT_TYPE, json);
        let answer = self.wire.send(request).await?;
        if answer.status.is_success() {
            return Ok(());
        }
        Err(CliError::Failed(format!(
            "{purpose} is not rotated: {} {}",
            answer.summary(),
            answer.detail()
        )))
    }
}
