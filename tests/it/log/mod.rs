//! The audit log of a whole gateway: what anyone can read of it, what never stands in it, and what happens when its store is
//! put back.

use std::path::Path;
use std::sync::Arc;

use countersign::audit::verify::{StoredLog, verify_store};
use countersign::audit::{Anchor, Log, Sequencer, log_keys};
use countersign::store::StoreCopy;
use countersign_tlog::{Checkpoint, Note, Trust, VerifierKey};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Answer, Deed, Draft, Home, PAYMENT, Setting, TestGateway, found, in_the_end};

const RETRY: Setting = Setting(
    "trust_domain = \"bank.internal\"",
    "trust_domain = \"bank.internal\"\nsettle = \"retry\"",
);
const SETTLEMENT_RUNS: &str = "countersign_job_runs_total{job=\"settlement\",";
const ANCHORED: Setting = Setting("[dpop]", "[log]\nanchor = \"anchor\"\n\n[dpop]");

async fn get<'g>(gateway: &'g TestGateway, path: &str) -> Answer<'g> {
    Draft::new(gateway, "GET", path).send().await
}

fn keys(gateway: &TestGateway) -> Vec<VerifierKey> {
    log_keys("localhost", &gateway.services.keyring.current())
}

/// The latest checkpoint, once it covers every event there is now.
async fn checkpoint(gateway: &TestGateway) -> (Note, Checkpoint) {
    let wanted = u64::try_from(*gateway.services.db.last_event().borrow()).unwrap();
    let fetch = async || {
        let answer = get(gateway, "/log/checkpoint").await;
        if answer.status() != 200 {
            return None;
        }
        let note = Note::parse(answer.body()).unwrap();
        let checkpoint = Checkpoint::from_note(&note).unwrap();
        (checkpoint.size() >= wanted).then_some((note, checkpoint))
    };
    found("a checkpoint over every event", fetch).await
}

async fn readiness(gateway: &TestGateway) -> String {
    operations(gateway, "/readyz").await
}

async fn operations(gateway: &TestGateway, path: &str) -> String {
    let mut socket = TcpStream::connect(gateway.operations()).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}

/// TLOG-06: nobody who asks as soon as the doors are open hears that there is no log.
#[tokio::test]
async fn a_new_log_has_a_checkpoint_before_the_doors_open() {
    let home = Home::new();
    let backend = home.backend().await;
    home.configure(&backend, &[]);
    let built = home.open().await.unwrap();
    let latest = built.log.checkpoint().unwrap();
    assert_eq!(
        i64::try_from(latest.checkpoint.size()).unwrap(),
        *built.services.db.last_event().borrow()
    );
}

/// TLOG-02, TLOG-03, TLOG-06, TLOG-08
#[tokio::test]
async fn everyone_reads_checkpoint_and_tiles_and_nobody_entries() {
    let gateway = TestGateway::start().await;
    let (note, published) = checkpoint(&gateway).await;
    let trust = Trust::new("localhost", keys(&gateway), Vec::new(), 0).unwrap();
    trust.verify(&note).unwrap();
    let signed = get(&gateway, "/log/checkpoint").await;
    assert_eq!(signed.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(signed.header("cache-control"), "public, max-age=1");

    let width = published.size();
    assert!(width < 256, "a fresh gateway has few events");
    let tile = get(&gateway, &format!("/log/tile/0/000.p/{width}")).await;
    assert_eq!(tile.status(), 200);
    assert_eq!(tile.body().len(), usize::try_from(width).unwrap() * 32);
    assert_eq!(tile.header("content-type"), "application/octet-stream");
    assert_eq!(
        tile.header("cache-control"),
        "public, max-age=31536000, immutable"
    );
    let first = get(&gateway, "/log/tile/0/000.p/1").await;
    assert_eq!(first.body(), &tile.body()[..32]);

    for beyond in [
        "/log/tile/0/000",
        "/log/tile/0/001.p/1",
        "/log/tile/1/000.p/1",
        "/log/tile/0/000.p/0",
        "/log/tile/0/0",
        "/log/tile/0/000.p/01",
        "/log/tile/64/000",
        "/log/tile/entries/000.p/1",
        "/log/tile/entries/000",
        "/log/tile",
        "/log/checkpoint/",
        "/log/entries",
    ] {
        get(&gateway, beyond).await.assert_problem("route-unknown");
    }
    Draft::new(&gateway, "POST", "/log/checkpoint")
        .send()
        .await
        .assert_problem("method-not-allowed");
}

/// TLOG-13, ASVS-09 (16.2.5)
#[tokio::test]
async fn no_entry_holds_what_is_about_a_person() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    alice.get("/accounts/7/balances").expect_answer().await;
    alice.pay(PAYMENT).expect_answer().await;
    Draft::new(&gateway, "GET", "/accounts/7/balances").send().await;
    let token = alice.token.clone();
    let (note, _) = checkpoint(&gateway).await;
    let keys = keys(&gateway);
    let (home, _) = gateway.stop().await;
    let file = home.path("countersign.sqlite");
    let store = StoreCopy::open(&file).unwrap();
    let rows = store.query("SELECT body FROM event", &[]).unwrap();
    let entries: Vec<String> = rows.iter().map(|row| row.text(0).unwrap().to_owned()).collect();
    assert!(entries.iter().any(|entry| entry.contains("\"permitted\"")));
    assert!(entries.iter().any(|entry| entry.contains("\"answered\"")));
    let personal = [
        "alice",
        "bob",
        "Bob",
        "DE89370400440532013000",
        "DE02120300000000202051",
        "12.50",
        "1250",
        "Order 17",
        "127.0.0",
        token.as_str(),
    ];
    for entry in &entries {
        for what in personal {
            assert!(!entry.contains(what), "{what}: {entry}");
        }
    }
    drop(store);
    let log = StoredLog::new(StoreCopy::open(&file).unwrap());
    let trust = Trust::new("localhost", keys, Vec::new(), 0).unwrap();
    let verdict = verify_store(&log, &trust, Some(&note), &mut |_| {});
    assert_eq!(verdict.findings, []);
}

/// TLOG-09
#[tokio::test]
async fn a_checkpoint_is_continued_after_a_restart_and_over_a_rotation() {
    let gateway = TestGateway::start().await;
    let (old, older) = checkpoint(&gateway).await;
    let gateway = gateway.restart().await;
    let admin = countersign::base::AdminName::new("anna");
    let keyring = Arc::clone(&gateway.services.keyring);
    keyring
        .rotate(countersign::keys::Purpose::Log, true, &admin)
        .await
        .unwrap();
    let (new, newer) = checkpoint(&gateway).await;
    let trust = Trust::new("localhost", keys(&gateway), Vec::new(), 0).unwrap();
    trust.verify(&old).unwrap();
    trust.verify(&new).unwrap();
    let log = Log::new(gateway.services.db.clone(), "localhost", false);
    let proof = log.consistency(older.size(), &newer).await.unwrap();
    newer.continues(&older, &proof).unwrap();
}

fn copy_store(folder: &Path, from: &str, to: &str) {
    for ending in ["", "-wal", "-shm"] {
        let (from, to) = (
            folder.join(format!("{from}{ending}")),
            folder.join(format!("{to}{ending}")),
        );
        let _ = std::fs::remove_file(&to);
        if from.exists() {
            std::fs::copy(from, to).unwrap();
        }
    }
}

/// PCI-15, TLOG-13: an older backup is noticed at start, and nothing is changed on top of it.
#[tokio::test]
async fn a_gateway_on_an_older_backup_reads_but_does_not_write() {
    let gateway = TestGateway::with(&[ANCHORED]).await;
    checkpoint(&gateway).await;
    let gateway = gateway
        .restart_after(|folder| copy_store(folder, "countersign.sqlite", "backup.sqlite"))
        .await;
    gateway.alice().await;
    let (_, newest) = checkpoint(&gateway).await;
    assert!(readiness(&gateway).await.starts_with("HTTP/1.1 200"));

    let gateway = gateway
        .restart_after(|folder| copy_store(folder, "backup.sqlite", "countersign.sqlite"))
        .await;
    let ready = readiness(&gateway).await;
    assert!(ready.starts_with("HTTP/1.1 503"), "{ready}");
    assert!(
        ready.contains("rollback") && ready.contains(&newest.size().to_string()),
        "{ready}"
    );
    let mut batch = countersign::store::Batch::new();
    batch.run("DELETE FROM session", Vec::new());
    let refused: countersign::base::Fault = gateway.services.db.commit(batch).await.unwrap_err().into();
    assert_eq!(refused.code.name(), "store-unavailable");
    // What changes nothing goes on.
    Draft::new(&gateway, "GET", "/rates/eur?to=usd")
        .expect_answer()
        .await;
    get(&gateway, "/log/checkpoint")
        .await
        .assert_problem("store-unavailable");
}

/// What an older backup calls unknown may have been settled since: it is neither asked for nor sent again.
#[tokio::test]
async fn a_gateway_on_an_older_backup_sends_no_payment_again() {
    let gateway = TestGateway::with(&[ANCHORED, RETRY]).await;
    gateway.backend.next(Deed::Cut);
    gateway.backend.next(Deed::respond(503, "", ""));
    {
        let alice = gateway.alice().await;
        let lost = alice.pay_under("k", PAYMENT).send().await;
        lost.assert_problem("outcome-unknown");
    }
    // The repeat is refused for the moment; the clock stands still, so there is no other.
    gateway.backend.wait_for(2).await;
    checkpoint(&gateway).await;
    let gateway = gateway
        .restart_after(|folder| copy_store(folder, "countersign.sqlite", "backup.sqlite"))
        .await;
    let is_settled = async || !gateway.entries("settled").await.is_empty();
    in_the_end("the payment is settled", is_settled).await;
    checkpoint(&gateway).await;

    let sent = gateway.backend.count();
    let gateway = gateway
        .restart_after(|folder| copy_store(folder, "backup.sqlite", "countersign.sqlite"))
        .await;
    assert!(readiness(&gateway).await.contains("rollback"));
    let has_run = async || {
        let metrics = operations(&gateway, "/metrics").await;
        let lines = metrics.lines().filter(|line| line.starts_with(SETTLEMENT_RUNS));
        let runs = lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap());
        runs.sum::<u64>() >= 3
    };
    in_the_end("the settlement has run", has_run).await;
    assert!(gateway.entries("settled").await.is_empty(), "it is the backup");
    assert_eq!(gateway.backend.count(), sent);
}

/// The anchor moves with what is published, and not before.
#[tokio::test]
async fn the_anchor_is_what_was_published_last() {
    let gateway = TestGateway::with(&[ANCHORED]).await;
    let (note, _) = checkpoint(&gateway).await;
    let kept = std::fs::read_to_string(gateway.home.path("anchor")).unwrap();
    let kept = Note::parse(kept.as_bytes()).unwrap();
    let size = |note: &Note| Checkpoint::from_note(note).unwrap().size();
    assert!(size(&kept) >= size(&note));
    let services = &gateway.services;
    let log = Arc::new(Log::new(services.db.clone(), "localhost", true));
    let anchor = Anchor::new(gateway.home.path("anchor"));
    anchor
        .check(&services.db, &log, &services.keyring.current())
        .await
        .unwrap();
    // A second sequencer takes the lease; the first one may not publish any more.
    let second = Sequencer::new(services.db.clone(), log, Arc::clone(&services.keyring), None);
    second.run().await.unwrap();
}
