//! Step 2: first-party login, with one factor and with two.

use std::time::Duration;

use countersign_client::{Client, Factor, LoginRequest, LoginStep, Secret, Session};
use serde_json::Value;

use super::super::screen::Scene;
use super::record::part;
use super::scene::Play;
use super::stage::{App, Stage};
use crate::cli::console::CliError;
use crate::identity::TotpSecret;

const ACR_1: &str = "urn:countersign:acr:1";
const ACR_2: &str = "urn:countersign:acr:2";

pub(super) async fn play(stage: &mut Stage<'_>, scenes: &mut Vec<Scene>) -> Result<(), CliError> {
    scenes.push(wrong_password(stage).await?);
    let client = stage.install_app().await?;
    let (one_factor, scene) = log_in(stage, &client, None).await?;
    scenes.push(scene);
    let (two_factors, scene) = log_in(stage, &client, Some(ACR_2)).await?;
    scenes.push(scene);
    stage.app = Some(App {
        client,
        one_factor,
        two_factors,
    });
    Ok(())
}

/// What is asked for at a login: all that the app is registered for.
fn request(stage: &Stage<'_>, acr: Option<&str>, factors: Vec<Factor>) -> LoginRequest {
    let scope = stage
        .layout
        .people
        .clients
        .first()
        .map_or("", |client| client.scope);
    LoginRequest {
        scope: scope.to_owned(),
        acr_values: acr.map(str::to_owned),
        factors,
    }
}

fn password(stage: &Stage<'_>) -> Factor {
    let alice = stage.alice();
    Factor::Password {
        username: alice.username.to_owned(),
        password: Secret::new(alice.password.as_str()),
    }
}

/// A guess at her password, and one at the password of nobody: the same answer.
async fn wrong_password(stage: &Stage<'_>) -> Result<Scene, CliError> {
    let play = Play::begin(
        "somebody guesses her password, and that of nobody",
        "POST /oauth/authorize-challenge: username, password",
    );
    let mut answers = Vec::new();
    for username in [stage.alice().username, "nobody-at-all"] {
        // A new installation each time: what fails there counts against strangers, never against Alice's own device.
        let stranger = stage.install_app().await?;
        let guess = Factor::Password {
            username: username.to_owned(),
            password: Secret::new("correct horse battery staple"),
        };
        answers.push(
            match stranger.begin_login(&request(stage, None, vec![guess])).await {
                Ok(LoginStep::Done(_)) => "a session".to_owned(),
                Ok(LoginStep::More(pending)) => format!("still needed: {}", pending.factors.join(", ")),
                Err(error) => error.to_string(),
            },
        );
    }
    let [known, unknown] = answers.as_slice() else {
        return Err(CliError::Failed("there were two guesses".to_owned()));
    };
    Ok(play
        .answered("still needed: password", known, "what an unfinished login reads")
        .require(
            known == unknown,
            "a wrong password and a wrong name read the same, and take as long: argon2id both times",
        )
        .end())
}

/// Logs Alice in, and looks at what her token says and to which key it is bound.
async fn log_in(stage: &Stage<'_>, client: &Client, acr: Option<&str>) -> Result<(Session, Scene), CliError> {
    let mut factors = vec![password(stage)];
    let (title, sent) = match acr {
        None => ("the password alone", "username, password, DPoP proof"),
        Some(_) => (
            "password and one-time code",
            "username, password, otp, acr_values acr:2, DPoP proof",
        ),
    };
    if acr.is_some() {
        factors.push(Factor::Otp(Secret::new(one_time_code(stage)?)));
    }
    let play = Play::begin(
        title,
        format!("POST /oauth/authorize-challenge: {sent}; then POST /oauth/token"),
    )
    .checked("PKCE, and one key from the first call to the token: a proof of possession with each");
    let session = match client
        .begin_login(&request(stage, acr, factors))
        .await
        .map_err(CliError::failed)?
    {
        LoginStep::Done(session) => session,
        LoginStep::More(pending) => {
            return Err(CliError::Failed(format!(
                "another factor is asked for: {}",
                pending.factors.join(", ")
            )));
        }
    };
    let claims = part(session.access_token().expose(), 1);
    let text = |pointer: &str| {
        claims
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let amr = claims.get("amr").map(Value::to_string).unwrap_or_default();
    let bound = text("/cnf/jkt") == client.key().thumbprint().to_string();
    let scene = play
        .answered(
            acr.unwrap_or(ACR_1),
            text("/acr"),
            &format!("access token for 5 minutes, amr {amr}"),
        )
        .require(
            bound,
            "the token is bound to the app's key (cnf.jkt): whoever steals it holds nothing",
        )
        .end();
    Ok((session, scene))
}

/// A code is good once, and a little longer than it is shown (RFC 6238 section 5.2). Alice types the one that was shown
/// before, so that whoever goes on as Alice after the story finds the one shown now unused; not when that one is about to
/// change, for then hers would come too late.
fn one_time_code(stage: &Stage<'_>) -> Result<String, CliError> {
    const STEP: Duration = Duration::from_secs(30);
    const TOO_LATE_S: i64 = 25;
    let authenticator = TotpSecret::from_base32(&stage.alice().totp_secret).map_err(CliError::failed)?;
    let now = stage.clock.now();
    let shown_for_s = now.seconds().rem_euclid(30);
    let typed = if shown_for_s < TOO_LATE_S {
        now.minus(STEP)
    } else {
        now
    };
    Ok(authenticator.code(typed))
}
