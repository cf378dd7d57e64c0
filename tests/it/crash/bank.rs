//! The bank: writes down every payment, flushes it, answers. It is this test program again, as a process of its own.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::support::{Home, server_tls};

/// What turns the test below into the bank: its folder, and the port it listens on.
const FOLDER: &str = "COUNTERSIGN_CRASH_BANK";
const PORT: &str = "COUNTERSIGN_CRASH_BANK_PORT";
/// The name of that test.
const NAME: &str = "crash::bank::the_ledger_survives_the_bank";

/// While this file is in its folder the bank executes, but does not answer.
pub(super) const HOLD: &str = "hold";

/// A line of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) transaction: String,
    pub(super) key: String,
}

/// Every payment that the bank executed, in order.
pub(super) fn ledger(folder: &Path) -> Vec<Entry> {
    let text = std::fs::read_to_string(folder.join("bank.log")).unwrap_or_default();
    // A line that was cut off was not executed.
    let lines = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let entry = |line: Value| Entry {
        transaction: line["txn"].as_str().unwrap().to_owned(),
        key: line["key"].as_str().unwrap().to_owned(),
    };
    lines.map(entry).collect()
}

/// The bank as a process.
pub(super) fn process(folder: &Path, port: u16) -> impl Fn() -> Command + Send + 'static {
    let folder: PathBuf = folder.to_owned();
    move || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", NAME, "--nocapture", "--test-threads", "1"])
            .env(FOLDER, &folder)
            .env(PORT, port.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }
}

struct Bank {
    folder: PathBuf,
    file: Mutex<File>,
    /// By transaction, with the answer; none while it is being written down.
    executed: Mutex<HashMap<String, Option<Value>>>,
}

impl Bank {
    fn open(folder: &Path) -> Self {
        let executed = ledger(folder).into_iter();
        let executed = executed.map(|entry| (entry.transaction.clone(), Some(answer(&entry))));
        let path = folder.join("bank.log");
        let mut file = File::options().create(true).append(true).open(path).unwrap();
        // Ends a line that was cut off.
        file.write_all(b"\n").unwrap();
        Self {
            folder: folder.to_owned(),
            executed: Mutex::new(executed.collect()),
            file: Mutex::new(file),
        }
    }

    /// A disk may take longer than the gateway waits until it believes "not found", so what has begun is not said to be unknown.
    fn begin(&self, entry: &Entry) {
        let mut executed = self.executed.lock().unwrap();
        executed.entry(entry.transaction.clone()).or_default();
    }

    /// Without a look at what was executed before.
    fn execute(&self, entry: &Entry) -> Value {
        let line = format!("{}\n", answer(entry));
        let mut file = self.file.lock().unwrap();
        file.write_all(line.as_bytes()).unwrap();
        file.sync_data().unwrap();
        let mut executed = self.executed.lock().unwrap();
        executed.insert(entry.transaction.clone(), Some(answer(entry)));
        answer(entry)
    }

    async fn handle(self: Arc<Self>, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        if body.collect().await.is_err() {
            return respond(StatusCode::BAD_REQUEST, &json!({}));
        }
        if !head.uri.path().starts_with("/payments") {
            return respond(StatusCode::OK, &json!({}));
        }
        let claims = head.headers["txn-token"]
            .to_str()
            .unwrap()
            .split('.')
            .nth(1)
            .unwrap();
        let claims = countersign_jose::from_base64url(claims).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        let entry = Entry {
            transaction: claims["txn"].as_str().unwrap().to_owned(),
            key: claims["tctx"]["idempotency_key"].as_str().unwrap().to_owned(),
        };
        if head.method == http::Method::POST {
            let bank = Arc::clone(&self);
            bank.begin(&entry);
            let executed = tokio::task::spawn_blocking(move || bank.execute(&entry)).await;
            while self.folder.join(HOLD).exists() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            return respond(StatusCode::CREATED, &executed.unwrap());
        }
        match self.executed.lock().unwrap().get(&entry.transaction) {
            Some(Some(answer)) => respond(StatusCode::CREATED, answer),
            Some(None) => respond(StatusCode::SERVICE_UNAVAILABLE, &json!({})),
            None => respond(StatusCode::NOT_FOUND, &json!({})),
        }
    }
}

fn answer(entry: &Entry) -> Value {
    json!({ "txn": entry.transaction, "key": entry.key })
}

fn respond(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body.to_string()));
    *response.status_mut() = status;
    let kind = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert("content-type", kind);
    response
}

async fn serve(folder: &Path, port: u16) {
    let certs = folder.join("certs/backend");
    let identity = (certs.join("localhost.pem"), certs.join("localhost.key.pem"));
    let tls = server_tls((&identity.0, &identity.1), &certs.join("ca.pem"));
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let bank = Arc::new(Bank::open(folder));
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let listener = TcpListener::bind(address).await.unwrap();
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        let (acceptor, bank) = (acceptor.clone(), Arc::clone(&bank));
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(socket).await else {
                return;
            };
            let service = service_fn(move |request| {
                let bank = Arc::clone(&bank);
                async move { Ok::<_, Infallible>(bank.handle(request).await) }
            });
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// In a process that was told so this is the bank, until it is killed. Otherwise it tests what the comparison of the pictures
/// relies on.
#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_survives_the_bank() {
    if let (Ok(folder), Ok(port)) = (std::env::var(FOLDER), std::env::var(PORT)) {
        return serve(Path::new(&folder), port.parse().unwrap()).await;
    }
    let home = Home::new();
    let folder = home.path("");
    let entry = |name: &str| Entry {
        transaction: name.to_owned(),
        key: format!("key-of-{name}"),
    };
    let bank = Bank::open(&folder);
    bank.execute(&entry("a"));
    bank.execute(&entry("a"));
    bank.file.lock().unwrap().write_all(b"{\"txn\":\"cut o").unwrap();
    drop(bank);
    let bank = Bank::open(&folder);
    bank.execute(&entry("b"));
    assert_eq!(ledger(&folder), [entry("a"), entry("a"), entry("b")]);
    assert!(bank.executed.lock().unwrap().contains_key("a"));
}
