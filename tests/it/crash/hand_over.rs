//! One gateway goes, the next one comes, on sockets that neither of them owns: no client notices more than a wait.

use std::fs::File;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use tokio::net::{TcpStream, UnixDatagram};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

use super::app::{AGAIN, App, body, code};
use super::bank;
use super::process::{self, Process};
use super::run::prepared;
use crate::support::{Home, Protocol, in_the_end, in_time};

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
        .stderr(log)
        .kill_on_drop(true);
    command
}

fn signal(process: &Child, signal: &str) {
    let id = process.id().expect("it runs").to_string();
    let status = std::process::Command::new("kill")
        .args([signal, &id])
        .status()
        .unwrap();
    assert!(status.success());
}

async fn ended(mut process: Child) -> ExitStatus {
    in_time("the gateway ends", process.wait()).await.unwrap()
}

/// What the supervisor hears next.
async fn heard(supervisor: &UnixDatagram) -> String {
    let mut message = [0; 256];
    let hearing = in_time("the gateway has a word", supervisor.recv(&mut message));
    let count = hearing.await.unwrap();
    String::from_utf8(message[..count].to_vec()).unwrap()
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
    /// signed anew under the same key; so is what it refuses while it could not look at its revocations, which happens when
    /// the disk takes long.
    async fn pay(&self) {
        while self.running.load(Ordering::SeqCst) {
            let place = self.next.fetch_add(1, Ordering::SeqCst);
            let key = format!("payment-{place}");
            loop {
                let answer = self.app.send(&key, &body(place)).await.expect("an answer");
                if answer.status.is_success() {
                    break;
                }
                let code = code(&answer);
                assert!(
                    ["stale", "store-unavailable"].contains(&code.as_str()),
                    "{:?}",
                    answer.body
                );
                tokio::time::sleep(AGAIN).await;
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

    /// Waits until so many payments have begun, each of them in time. Clients end when something is not as it should be.
    async fn until(&self, payments: usize, clients: &mut JoinSet<()>, gateway: &mut Child) {
        for payment in 1..=payments {
            let has_begun = async || {
                if let Some(ended) = clients.try_join_next() {
                    panic!("a client has ended: {ended:?}");
                }
                if let Some(status) = gateway.try_wait().unwrap() {
                    panic!("the gateway ended by itself: {status}");
                }
                self.next.load(Ordering::SeqCst) >= payment
            };
            in_the_end("another payment begins", has_begun).await;
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
    let supervisor = UnixDatagram::bind(folder.join("notify")).unwrap();
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
        let mut process = start();
        assert!(heard(&supervisor).await.starts_with("READY=1"));
        load.until(gateway * PAYMENTS, &mut clients, &mut process).await;
        if gateway == 2 {
            load.running.store(false, Ordering::SeqCst);
            while let Some(client) = in_time("a client has its last answer", clients.join_next()).await {
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
    let gateway = Command::from(process::gateway(&folder)())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    in_the_end("the gateway answers", async || app.read(&home).await.is_ok()).await;
    File::create(folder.join(bank::HOLD)).unwrap();
    let paying = tokio::spawn(async move { app.send("held", &body(0)).await });
    in_the_end("the payment is at the bank", async || {
        assert!(!paying.is_finished(), "it is held there");
        !bank::ledger(&folder).is_empty()
    })
    .await;
    signal(&gateway, "-TERM");
    let door = ("127.0.0.1", home.public_port());
    let is_shut = async || TcpStream::connect(door).await.is_err();
    in_the_end("the door is shut", is_shut).await;
    assert!(!paying.is_finished());
    signal(&gateway, "-INT");
    assert_eq!(ended(gateway).await.code(), Some(1), "a request was dropped");
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
