//! A release build of the gateway as a process, in front of a plain backend that is one too.

use std::path::Path;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::Outcome;
use crate::home::Home;
use crate::machine::{Cores, pinned};
use crate::process::Process;

/// Longest wait for a process to answer.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often it is asked.
const ASKED_EVERY: Duration = Duration::from_millis(1);

/// Starts the gateway of a home on its core; returns when it is ready, and how long that took from its start.
///
/// # Errors
/// It ends, or is not ready in time.
pub async fn start(home: &Home, cores: Cores) -> Outcome<(Process, Duration)> {
    let mut command = pinned(cores.server, &home.program);
    command
        .args(["serve", "--config"])
        .arg(home.path("countersign.toml"));
    let began = Instant::now();
    let mut process = Process::start(command, &home.path("gateway.log"))?;
    let port = home.ports.operations;
    while began.elapsed() < PATIENCE {
        if matches!(get(port, "/readyz").await, Ok(text) if text.starts_with("HTTP/1.1 200")) {
            return Ok((process, began.elapsed()));
        }
        if process.has_ended() {
            break;
        }
        tokio::time::sleep(ASKED_EVERY).await;
    }
    let log = std::fs::read_to_string(home.path("gateway.log")).unwrap_or_default();
    Err(format!("the gateway does not get ready:\n{log}").into())
}

/// Starts the backend, which is this program again, on the load's core.
///
/// # Errors
/// It cannot be started, or does not listen in time.
pub async fn start_origin(home: &Home, cores: Cores) -> Outcome<Process> {
    let mut command = pinned(cores.load, &std::env::current_exe()?);
    let port = home.ports.origin;
    command.args(["origin", "--port", &port.to_string()]);
    command.arg("--chain").arg(home.path("certs/backend/origin.pem"));
    command
        .arg("--key")
        .arg(home.path("certs/backend/origin.key.pem"));
    let mut process = Process::start(command, &home.path("origin.log"))?;
    let began = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        if process.has_ended() || began.elapsed() > PATIENCE {
            return Err("the backend does not start".into());
        }
        tokio::time::sleep(ASKED_EVERY).await;
    }
    Ok(process)
}

/// The sum of a metric over its labels, as the gateway tells it.
///
/// # Errors
/// The gateway does not answer.
pub async fn metric(home: &Home, name: &str) -> Outcome<f64> {
    let text = get(home.ports.operations, "/metrics").await?;
    let values = text.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let value = match rest.strip_prefix('{') {
            Some(labels) => labels.rsplit_once("} ")?.1,
            None => rest.strip_prefix(' ')?,
        };
        value.parse::<f64>().ok()
    });
    Ok(values.sum())
}

async fn get(port: u16, path: &str) -> Outcome<String> {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// How many bytes a store takes on disk.
#[must_use]
pub fn store_bytes(store: &Path) -> u64 {
    let log = store.with_extension("sqlite-wal");
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
    size(store) + size(&log)
}
