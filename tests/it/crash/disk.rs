//! A disk that takes no more: nothing is acknowledged that is not written, reads go on, and it heals by itself.
//!
//! The disk is real, and so is its refusal: the kernel fails every write of the gateway's process, by a limit of the size of
//! its files that is lowered and raised while it runs. It works without privileges, wherever the tests run.

use std::process::Command;
use std::time::Duration;

use super::app::{App, Told, body, code};
use super::bank;
use super::process::{self, Process};
use super::run::{opens_clean, prepared};
use crate::support::{Home, in_the_end};

/// Sets how large files of a running process may grow; `unlimited` is where it began.
fn limit_files(process: u32, size: &str) {
    let outcome = Command::new("prlimit")
        .args([
            "--pid",
            &process.to_string(),
            &format!("--fsize={size}:unlimited"),
        ])
        .status()
        .unwrap();
    assert!(outcome.success());
}

/// Gateway and bank as processes, and an app.
struct Scene {
    home: Home,
    app: App,
    gateway: Process,
    _bank: Process,
}

impl Scene {
    async fn new() -> Self {
        let (home, bank_port, app) = prepared().await;
        let folder = home.path("");
        Self {
            _bank: Process::start(bank_port, bank::process(&folder, bank_port)).await,
            gateway: Process::start(home.public_port(), process::gateway(&folder)).await,
            home,
            app,
        }
    }

    fn ledger(&self) -> Vec<bank::Entry> {
        bank::ledger(&self.home.path(""))
    }

    async fn code(&self, key: &str, place: usize) -> String {
        code(&self.app.send(key, &body(place)).await.unwrap())
    }

    /// The gateway ends, and its store is looked at.
    fn opens_clean(self) -> Vec<String> {
        drop(self.gateway);
        opens_clean(&self.home.path(""))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_payments_and_nothing_else_and_heals_by_itself() {
    let scene = Scene::new().await;
    let app = &scene.app;
    let before = app.pay("before", &body(1)).await;

    limit_files(scene.gateway.id(), "0");
    for place in 0..3 {
        let refused = app.send("while-full", &body(2)).await.unwrap();
        assert_eq!(refused.status.as_u16(), 503);
        assert_eq!(code(&refused), "store-unavailable");
        // What is known of revocations is believed for two seconds, and is renewed all the same.
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(app.read(&scene.home).await, Ok(200), "{place}");
    }
    let known = app.send("before", &body(1)).await.unwrap();
    assert_eq!(known.headers["idempotency-replayed"], "true");
    assert_eq!(scene.ledger().len(), 1, "nothing was sent that was not on record");

    limit_files(scene.gateway.id(), "unlimited");
    let after = app.pay("while-full", &body(2)).await;
    let ledger = scene.ledger().into_iter();
    let executed: Vec<_> = ledger.map(|entry| Told::Executed(entry.transaction)).collect();
    assert_eq!(executed, [before, after]);
    assert_eq!(scene.opens_clean(), [""; 0]);
}

/// The disk is full when the bank answers: the app is not told what is not on record, and is told once it is.
#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_that_cannot_be_written_is_unknown_until_it_can() {
    let scene = Scene::new().await;
    let hold = scene.home.path(bank::HOLD);
    std::fs::write(&hold, "").unwrap();
    let fill = async {
        in_the_end("the payment is at the bank", async || !scene.ledger().is_empty()).await;
        limit_files(scene.gateway.id(), "0");
        std::fs::remove_file(&hold).unwrap();
    };
    let (first, ()) = tokio::join!(scene.code("k", 1), fill);
    assert_eq!(first, "outcome-unknown");
    assert_eq!(scene.code("k", 1).await, "outcome-unknown");

    limit_files(scene.gateway.id(), "unlimited");
    let told = scene.app.pay("k", &body(1)).await;
    let ledger = scene.ledger();
    assert_eq!(ledger.len(), 1);
    assert_eq!(told, Told::Executed(ledger[0].transaction.clone()));
    assert_eq!(scene.opens_clean(), [""; 0]);
}
