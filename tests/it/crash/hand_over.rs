//! One gateway goes, the next one comes, on sockets that neither of them owns: no client notices more than a wait.

use std::fs::File;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use tokio::task::JoinSet;

use super::app::{App, body, code};
use super::bank;
use super::process::{self, Process};
use super::run::prepared;
use crate::support::{Home, Protocol};

/// Payments before the change, and after it.
const PAYMENTS: usize = 40;
const PAYING: usize = 4;
const READING: usize = 4;

/// `countersign serve` with one socket that was bound for it, named `name`.
fn activated(folder: &Path, socket: &TcpListener, name: &str) -> Command {
    let log = File::options()
        .create(true)
        .append(true)
        .open(folder.join("gateway.log"))
        .unwrap();
    let script = "exec 3<&0 0</dev/null; export LISTEN_PID=$$; exec \"$0\" serve --config \"$1\"";
    let mut command = Command::new("sh");
    command
        .args(["-c", script])
        .arg(env!("CARGO_BIN_EXE_countersign"))
        .arg(folder.join("countersign.toml"))
        .env("LISTEN_FDS", "1")
        .env("LISTEN_FDNAMES", name)
        .stdin(Stdio::from(OwnedFd::from(socket.try_clone().unwrap())))
        .stdout(Stdio::null())
        .stderr(log);
    command
}

fn signal(process: &Child, signal: &str) {
    let id = process.id().to_string();
    let status = Command::new("kill").args([signal, &id]).status().unwrap();
    assert!(status.success());
}

async fn ended(mut process: Child) -> ExitStatus {
    tokio::task::spawn_blocking(move || process.wait().unwrap())
        .await
        .unwrap()
}

/// What the supervisor hears next.
async fn heard(supervisor: &Arc<UnixDatagram>) -> String {
    let supervisor = Arc::clone(supervisor);
    let hearing = tokio::task::spawn_blocking(move || {
        let mut message = [0; 256];
        let count = supervisor.recv(&mut message).unwrap();
        String::from_utf8(message[..count].to_vec()).unwrap()
    });
    hearing.await.unwrap()
}

/// What clients do all the time, each request on a connection of its own.
struct Load {
    app: App,
    home: Home,
    next: AtomicUsize,
    running: AtomicBool,
}

impl Load {
    fn start(self: &Arc<Self>) -> JoinSet<()> {
        let mut clients = JoinSet::new();
        for _ in 0..PAYING {
            let load = Arc::clone(self);
            clients.spawn(async move { load.pay().await });
        }
        for place in 0..READING {
            let load = Arc::clone(self);
            clients.spawn(async move { load.read(place).await });
        }
        clients
    }

    /// Every payment is answered at its first connection. What was signed before the new gateway began is `stale` to it, and is
    /// signed anew under the same key.
    async fn pay(&self) {
        while self.running.load(Ordering::SeqCst) {
            let place = self.next.fetch_add(1, Ordering::SeqCst);
            let key = format!("payment-{place}");
            loop {
                let answer = self.app.send(&key, &body(place)).await.expect("an answer");
                if answer.status.is_success() {
                    break;
                }
                assert_eq!(code(&answer), "stale", "{:?}", answer.body);
            }
        }
    }

    async fn read(&self, place: usize) {
        let protocol = [Protocol::Http1, Protocol::Http2][place % 2];
        while self.running.load(Ordering::SeqCst) {
            let uri = match protocol {
                Protocol::Http1 => "/oauth/jwks".to_owned(),
                Protocol::Http2 => format!("https://{}/oauth/jwks", self.app.authority),
            };
            let mut request = Request::get(uri);
            if protocol == Protocol::Http1 {
                request = request.header("host", &self.app.authority);
            }
            let request = request.body(Full::<Bytes>::default()).unwrap();
            let answer = self
                .home
                .public()
                .send(protocol, request)
                .await
                .expect("an answer");
            assert_eq!(answer.status, StatusCode::OK);
        }
    }

    async fn until(&self, payments: usize) {
        while self.next.load(Ordering::SeqCst) < payments {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// H2-08
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_on_sockets_that_stay_refuses_no_connection_and_loses_no_answer() {
    let (home, bank_port, app) = prepared().await;
    let folder = home.path("");
    let _bank = Process::start(bank_port, bank::process(&folder, bank_port)).await;
    let socket = TcpListener::bind(("127.0.0.1", home.public_port())).unwrap();
    let supervisor = Arc::new(UnixDatagram::bind(folder.join("notify")).unwrap());
    let start = || {
        let mut command = activated(&folder, &socket, "public");
        command
            .env("NOTIFY_SOCKET", folder.join("notify"))
            .spawn()
            .unwrap()
    };
    let load = Arc::new(Load {
        app,
        home,
        next: AtomicUsize::new(0),
        running: AtomicBool::new(true),
    });
    // The first clients are there before the gateway is.
    let mut clients = load.start();
    for gateway in 1..=2 {
        let process = start();
        assert!(heard(&supervisor).await.starts_with("READY=1"));
        load.until(gateway * PAYMENTS).await;
        if gateway == 2 {
            load.running.store(false, Ordering::SeqCst);
            while let Some(client) = clients.join_next().await {
                client.unwrap();
            }
        }
        signal(&process, "-TERM");
        assert!(heard(&supervisor).await.starts_with("STOPPING=1"));
        assert!(ended(process).await.success());
    }
    let mut keys: Vec<_> = bank::ledger(&folder).into_iter().map(|entry| entry.key).collect();
    let paid = keys.len();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), paid, "a payment was executed twice");
    assert_eq!(paid, load.next.load(Ordering::SeqCst));
    assert!(load.running.load(Ordering::SeqCst) || paid >= 2 * PAYMENTS);
}

/// The first signal waits for what runs, the second does not; and it is told apart by the exit code.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_a_gateway_at_once() {
    let (home, bank_port, app) = prepared().await;
    let folder = home.path("");
    let _bank = Process::start(bank_port, bank::process(&folder, bank_port)).await;
    let gateway = process::gateway(&folder)().spawn().unwrap();
    while app.read(&home).await.is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    File::create(folder.join(bank::HOLD)).unwrap();
    let paying = tokio::spawn(async move { app.send("held", &body(0)).await });
    while bank::ledger(&folder).is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    signal(&gateway, "-TERM");
    while tokio::net::TcpStream::connect(("127.0.0.1", home.public_port()))
        .await
        .is_ok()
    {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(!paying.is_finished());
    signal(&gateway, "-INT");
    let status = tokio::time::timeout(Duration::from_secs(20), ended(gateway)).await;
    assert_eq!(status.unwrap().code(), Some(1), "a request was dropped");
    // The connection ends, or its last word is that there is no answer.
    let told = paying.await.unwrap();
    assert!(told.is_err() || told.is_ok_and(|answer| answer.status == 500));
    let log = std::fs::read_to_string(folder.join("gateway.log")).unwrap();
    assert!(log.contains("1 requests did not finish in time"), "{log}");
}

/// Sockets that are not those of the configuration end the start, each with its own text.
#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_is_not_the_one_of_the_configuration_ends_the_start() {
    let (home, ..) = prepared().await;
    let folder = home.path("");
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = elsewhere.local_addr().unwrap().to_string();
    for (name, expected) in [
        (
            "countersign.socket",
            vec![
                "countersign.socket",
                "FileDescriptorName",
                "public, mtls, admin, ops",
            ],
        ),
        (
            "",
            vec!["1 sockets were handed over", "LISTEN_FDNAMES holds 0 names"],
        ),
        (
            "public",
            vec![address.as_str(), "server.listen", "does not name that address"],
        ),
        ("mtls", vec![address.as_str(), "server.mtls_listen"]),
        ("admin", vec![address.as_str(), "server.admin_listen"]),
        ("ops", vec![address.as_str(), "server.ops_listen"]),
    ] {
        let _ = std::fs::remove_file(folder.join("gateway.log"));
        let process = activated(&folder, &elsewhere, name).spawn().unwrap();
        assert_eq!(ended(process).await.code(), Some(1), "{name}");
        let log = std::fs::read_to_string(folder.join("gateway.log")).unwrap();
        for part in expected {
            assert!(log.contains(part), "{name}: {part} is not in {log}");
        }
    }
}
