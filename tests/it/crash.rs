//! Gateway and bank are processes of their own, and are killed at random while apps pay (IDEM-08).
//!
//! The bank appends every payment to its ledger and flushes it, without looking whether it was there before. In the end three
//! pictures are compared, transaction by transaction: the bank's ledger, the gateway's records, and what the apps were told.
//! `make crash` runs it at full size, and shows that it finds a gate that sends before it commits.

pub(crate) mod app;
mod bank;
mod disk;
mod hand_over;
pub(crate) mod process;
mod run;
mod verdict;

use run::{Size, run};

/// The size of a run; `make crash` asks for more.
fn size() -> Size {
    let asked = |name: &str, usual: usize| {
        let text = std::env::var(name).ok();
        text.map_or(usual, |text| text.parse().unwrap())
    };
    let payments = asked("COUNTERSIGN_CRASH_PAYMENTS", 400);
    Size {
        kills: asked("COUNTERSIGN_CRASH_KILLS", 12),
        payments,
        // Those that wait to learn an outcome pay nothing meanwhile.
        apps: (payments / 50).clamp(8, 64),
    }
}

#[cfg(not(feature = "fault-injection"))]
#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_missing_nothing_is_doubled_and_every_unknown_settles() {
    let faults = run(size()).await;
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The test of the test: only a build made for it, which sends before it commits, has this one.
#[cfg(feature = "fault-injection")]
#[tokio::test(flavor = "multi_thread")]
async fn a_gate_that_sends_before_it_commits_is_found() {
    let faults = run(Size {
        kills: 6,
        payments: 100,
        ..size()
    })
    .await;
    assert!(
        faults.iter().any(|fault| fault.contains("doubled")),
        "the fault was not found: {faults:?}"
    );
}
