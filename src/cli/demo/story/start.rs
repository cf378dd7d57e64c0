//! Step 1: everything was made and started; where it is.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;

use super::super::log;
use super::super::screen::Scene;
use super::scene::Play;
use super::stage::Stage;
use crate::cli::console::CliError;
use crate::server::Addresses;

/// What was started before the story began.
pub(in crate::cli::demo) struct Started {
    /// When it all began.
    pub(in crate::cli::demo) began: Instant,
    /// How long it took to make the folder.
    pub(in crate::cli::demo) made_in: Duration,
    /// How long the backends took to start.
    pub(in crate::cli::demo) backends_in: Duration,
    /// The backends and their process ids.
    pub(in crate::cli::demo) processes: Vec<String>,
    /// Where the gateway listens.
    pub(in crate::cli::demo) addresses: Addresses,
}

pub(super) async fn play(
    stage: &Stage<'_>,
    started: &Started,
    scenes: &mut Vec<Scene>,
) -> Result<(), CliError> {
    scenes.push(made(stage, started));
    scenes.push(backends(started));
    scenes.push(doors(stage, started).await?);
    Ok(())
}

fn made(stage: &Stage<'_>, started: &Started) -> Scene {
    let folder = stage.layout.folder.path().display();
    let play = Play::begin(
        "a folder with everything a gateway needs",
        format!("nothing was there; made {folder}"),
    )
    .checked(
        "certs/: a private authority, one intermediate per purpose; private keys are readable by you alone",
    )
    .checked(
        "countersign.toml: read it, every line says what it is for; policies/: who may do what, in Cedar",
    )
    .checked("seed.toml: two customers, four client apps, one administrator, with secrets of this run")
    .answered("made", "made", "demo.json tells scripts where everything is");
    Scene {
        took: started.made_in,
        ..play.end()
    }
}

fn backends(started: &Started) -> Scene {
    let play = Play::begin("a bank and a merchant", "started, each as a process of its own")
        .checked("each knows the gateway's URL, its CA and the name in its certificate, and no key of it")
        .answered("running", "running", &started.processes.join(", "));
    Scene {
        took: started.backends_in,
        ..play.end()
    }
}

async fn doors(stage: &Stage<'_>, started: &Started) -> Result<Scene, CliError> {
    let ready = format!("http://127.0.0.1:{}/readyz", stage.layout.ports.ops);
    let play = Play::begin("the gateway opens its doors", format!("GET {ready}"));
    let answer = stage.wire.send(get(&ready)?).await?;
    let play = play.answered("200", &answer.summary(), "ready");
    let metadata = stage
        .wire
        .send(get(&stage.url("/.well-known/oauth-authorization-server"))?)
        .await?;
    let issuer = metadata.json();
    let issuer = issuer
        .get("issuer")
        .and_then(|issuer| issuer.as_str())
        .unwrap_or_default();
    let addresses = &started.addresses;
    let bound = [
        &addresses.public,
        &addresses.mutual,
        &addresses.admin,
        &addresses.operations,
    ];
    let doors = [
        ("apps", stage.layout.public_url()),
        (
            "apps with certificates",
            format!("https://localhost:{}", stage.layout.ports.mtls),
        ),
        (
            "administrators",
            format!("https://localhost:{}", stage.layout.ports.admin),
        ),
        (
            "operations",
            format!("http://127.0.0.1:{}", stage.layout.ports.ops),
        ),
    ];
    let doors = doors.map(|(name, url)| format!("{name} {url}"));
    Ok(play
        .checked(doors.join(" · "))
        .checked(format!(
            "the log is {}",
            stage.layout.folder.at(log::FILE).display()
        ))
        .require(
            issuer == stage.layout.public_url(),
            "TLS 1.3 with a certificate of this run's authority; the issuer is its URL",
        )
        .require(
            bound.iter().all(|addresses| {
                !addresses.is_empty() && addresses.iter().all(|address| address.ip().is_loopback())
            }),
            "every door is on this machine only: the store holds secrets that a person may have read",
        )
        .end())
}

/// A request that anyone can make.
pub(super) fn get(url: &str) -> Result<Request<Bytes>, CliError> {
    Request::get(url).body(Bytes::new()).map_err(CliError::failed)
}
