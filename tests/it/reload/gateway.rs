//! The process, its operator's two ways to reload it, and its files.

use std::process::Command;

use bytes::Bytes;
use countersign::base::Clock as _;
use countersign::pki::{IssuedPaths, Purpose};
use countersign::store::{Batch, StoreCopy};
use countersign::transaction::payee;
use http::Request;
use http_body_util::Full;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::crash::app::App;
use crate::crash::process::{self, Process};
use crate::support::{Backend, Home, Protocol, Received, TestGateway, in_the_end};

/// A gateway in a process of its own.
pub(super) struct Running {
    pub(super) home: Home,
    pub(super) backend: Backend,
    pub(super) app: App,
    process: Process,
    operator: IssuedPaths,
    configuration: String,
    policy: String,
}

impl Running {
    /// With an app that is logged in, and an admin who may reload.
    pub(super) async fn start() -> Self {
        let gateway = TestGateway::start().await;
        let app = App::of(&gateway).await;
        let now = gateway.home.clock.now();
        let operator = gateway.home.ca.issue(Purpose::Admin, "olga", &[], now).unwrap();
        let pem = std::fs::read_to_string(&operator.chain).unwrap();
        let admin = format!(
            "[[admin]]\nname = \"olga\"\nperson = \"Olga\"\nroles = [\"operator\"]\ncertificate = \"\"\"{pem}\"\"\"\n"
        );
        gateway.seed(&admin).await;
        // No counter, no approval: these payments are many.
        let (mut batch, trusted) = (Batch::new(), "DE89370400440532013000");
        let pseudonyms = &gateway.services.pseudonyms;
        payee::trust(
            &mut batch,
            pseudonyms,
            &app.session.customer,
            trusted,
            gateway.now(),
        );
        gateway.services.db.commit(batch).await.unwrap();
        let (home, backend) = gateway.stop().await;
        let folder = home.path("");
        let process = Process::start(home.public_port(), process::gateway(&folder)).await;
        let read = |name: &str| std::fs::read_to_string(home.path(name)).unwrap();
        let (configuration, policy) = (read("countersign.toml"), read("policies/30-exemptions.cedar"));
        Self {
            home,
            backend,
            app,
            process,
            operator,
            configuration,
            policy,
        }
    }

    /// Other deadlines, another bound and another version of the policies for each round; `change` has the last word.
    pub(super) fn configure(&self, round: usize, change: impl FnOnce(String) -> String) {
        let text = self
            .configuration
            .replace(
                "timeout = \"30s\"",
                &format!("timeout = \"{}s\"\npending = {}", 30 - round, 64 + round),
            )
            .replace(
                "path = \"/orders\"",
                &format!("path = \"/orders\"\ntimeout = \"{}s\"", 10 + round),
            );
        std::fs::write(self.home.path("countersign.toml"), change(text)).unwrap();
        let policy = format!("{}\n// Round {round}.\n", self.policy);
        std::fs::write(self.home.path("policies/30-exemptions.cedar"), policy).unwrap();
    }

    /// SIGHUP.
    pub(super) fn hang_up(&self) {
        let id = self.process.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-HUP", &id])
                .status()
                .unwrap()
                .success()
        );
    }

    /// `POST /admin/v1/reload`.
    pub(super) async fn ask_for_reload(&self) -> Received {
        self.admin(Request::post("/admin/v1/reload")).await
    }

    /// The policies in force.
    pub(super) async fn policy_version(&self) -> String {
        let answer = self.admin(Request::get("/admin/v1/status")).await;
        let status: Value = serde_json::from_slice(&answer.body).unwrap();
        status["policy_version"].as_str().unwrap().to_owned()
    }

    async fn admin(&self, request: http::request::Builder) -> Received {
        let host = format!("localhost:{}", self.home.admin_port());
        let request = request
            .header("host", host)
            .body(Full::<Bytes>::default())
            .unwrap();
        let wire = self.home.admin(&self.operator);
        wire.send(Protocol::Http1, request).await.unwrap()
    }

    /// How many reloads had this outcome.
    pub(super) async fn reloads(&self, outcome: &str) -> usize {
        let mut socket = TcpStream::connect(("127.0.0.1", self.home.operations_port()))
            .await
            .unwrap();
        let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        socket.write_all(request).await.unwrap();
        let mut text = String::new();
        socket.read_to_string(&mut text).await.unwrap();
        let name = format!("countersign_reloads_total{{outcome=\"{outcome}\"}} ");
        let count = text.lines().find_map(|line| line.strip_prefix(&name));
        count.map_or(0, |count| count.parse().unwrap())
    }

    /// Waits until so many reloads had this outcome.
    pub(super) async fn until_reloads(&self, outcome: &str, count: usize) {
        let what = format!("{count} reloads are {outcome}");
        in_the_end(&what, async || self.reloads(outcome).await >= count).await;
    }

    /// Ends the process, and opens what it leaves behind.
    pub(super) async fn stop(self) -> StoreCopy {
        drop(self.process);
        StoreCopy::open(&self.home.path("countersign.sqlite")).unwrap()
    }
}
