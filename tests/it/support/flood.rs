//! A gateway in a process of its own under a flood, an honest client beside it, and the memory of that process.

use std::fs::{self, File};
use std::future::Future;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tokio::net::TcpStream;

use super::backend::Backend;
use super::home::{Home, Setting};
use super::patience::in_the_end;
use super::wire::{Protocol, Wire};

/// Within this an honest client has its answer, whatever others do (issue 4): long for a machine that other tests keep busy,
/// and nothing to a client that a flood shuts out.
const PROBE: Duration = Duration::from_secs(20);
/// So much may the resident memory grow under a flood, in KiB (issue 4).
const GROWTH_KIB: u64 = 64 * 1024;
/// Probes that are made at least, however soon the flood is over.
const PROBES: usize = 3;
/// Requests before the memory is read for the first time, so that what is set up once does not count as growth.
const WARM_UP: usize = 5;

/// `countersign serve` as it is built, with a backend that writes down what reaches it.
pub(crate) struct Besieged {
    pub(crate) home: Home,
    /// What reached it.
    pub(crate) backend: Backend,
    process: Child,
    /// Resident memory before any flood, in KiB.
    before_kib: u64,
}

impl Besieged {
    /// Starts it, and lets it answer a few requests.
    pub(crate) async fn start(settings: &[Setting]) -> Self {
        let home = Home::new();
        let backend = home.backend().await;
        home.configure(&backend, settings);
        let log = File::create(home.path("gateway.log")).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_countersign"))
            .arg("serve")
            .arg("--config")
            .arg(home.path("countersign.toml"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut besieged = Self {
            home,
            backend,
            process,
            before_kib: 0,
        };
        besieged.listens().await;
        for _ in 0..WARM_UP {
            besieged.probe().await;
        }
        besieged.before_kib = besieged.resident_kib();
        besieged
    }

    /// The public door.
    pub(crate) fn public(&self) -> Wire {
        self.home.public()
    }

    /// Runs `flood` to its end. Beside it an honest client asks again and again on connections of its own: each answer must
    /// come in time, and the process must not grow beyond its bound.
    pub(crate) async fn endures<T: Send + 'static>(
        &self,
        flood: impl Future<Output = T> + Send + 'static,
    ) -> T {
        let flood = tokio::spawn(flood);
        let mut probes = 0;
        while probes < PROBES || !flood.is_finished() {
            self.probe().await;
            probes += 1;
            self.is_small(probes);
        }
        // What the flood has left behind, and still holds, counts as well.
        let outcome = flood.await.unwrap();
        self.probe().await;
        self.is_small(probes + 1);
        outcome
    }

    fn is_small(&self, probes: usize) {
        let grown = self.grown_kib();
        assert!(
            grown <= GROWTH_KIB,
            "after {probes} probes it has grown by {grown} KiB"
        );
    }

    /// One request of an honest client on a connection of its own.
    async fn probe(&self) {
        let url = format!(
            "https://localhost:{}/.well-known/oauth-authorization-server",
            self.home.public_port()
        );
        let request = Request::get(url).body(Full::<Bytes>::default()).unwrap();
        let wire = self.public();
        let answer = tokio::time::timeout(PROBE, wire.send(Protocol::Http2, request)).await;
        let answer = answer.expect("an honest client has its answer in time").unwrap();
        assert_eq!(answer.status, 200);
    }

    /// What the operations listener says, for counting refusals.
    pub(crate) async fn metrics(&self) -> String {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut stream = TcpStream::connect(self.home.operations()).await.unwrap();
        let request = b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    /// By how much the resident memory has grown, in KiB.
    fn grown_kib(&self) -> u64 {
        self.resident_kib().saturating_sub(self.before_kib)
    }

    fn resident_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    async fn listens(&mut self) {
        in_the_end("the gateway listens", async || {
            if let Some(status) = self.process.try_wait().unwrap() {
                let log = fs::read_to_string(self.home.path("gateway.log")).unwrap();
                panic!("the gateway ended by itself: {status}\n{log}");
            }
            TcpStream::connect(("127.0.0.1", self.home.public_port()))
                .await
                .is_ok()
        })
        .await;
    }
}

impl Drop for Besieged {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
