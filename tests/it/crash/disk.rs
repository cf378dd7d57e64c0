//! A disk that takes no more: nothing is acknowledged that is not written, reads go on, and it heals by itself (issue 3).
//!
//! The disk is real, and so is its refusal: the kernel fails every write of the gateway's process, by a limit of the size of
//! its files that is lowered and raised while it runs. It works without privileges, wherever the tests run.

use std::process::Command;
use std::time::Duration;

use super::app::{Told, body, code};
use super::bank;
use super::process::{self, Process};
use super::run::{opens_clean, prepared};

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

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_stops_payments_and_nothing_else() {
    let (home, bank_port, app) = prepared().await;
    let folder = home.path("");
    let _bank = Process::start(bank_port, bank::process(&folder, bank_port)).await;
    let gateway = Process::start(home.public_port(), process::gateway(&folder)).await;
    let before = app.pay("before", &body(1)).await;

    limit_files(gateway.id(), "0");
    for place in 0..3 {
        let refused = app.send("while-full", &body(2)).await.unwrap();
        assert_eq!(
            (refused.status.as_u16(), code(&refused).as_str()),
            (503, "store-unavailable")
        );
        // The picture of revocations is renewed from what can be read: past its two seconds reads still pass.
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(app.read(&home).await, Ok(200), "{place}");
    }
    let known = app.send("before", &body(1)).await.unwrap();
    assert_eq!(
        (known.status.as_u16(), &known.headers["idempotency-replayed"]),
        (201, &http::HeaderValue::from_static("true"))
    );
    assert_eq!(
        bank::ledger(&folder).len(),
        1,
        "nothing was sent that was not on record"
    );

    limit_files(gateway.id(), "unlimited");
    let after = app.pay("while-full", &body(2)).await;
    drop(gateway);
    let ledger = bank::ledger(&folder);
    let told = [before, after];
    let executed = ledger
        .iter()
        .map(|entry| Told::Executed(entry.transaction.clone()));
    assert_eq!(executed.collect::<Vec<_>>(), told);
    assert_eq!(opens_clean(&folder), [""; 0]);
}
