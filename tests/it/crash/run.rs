//! One run: apps pay, processes die, and in the end the pictures are compared.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use countersign::audit::log_keys;
use countersign::audit::verify::{StoredLog, verify_store};
use countersign::base::{ClientId, CustomerId, Entropy, RouteName, SystemEntropy, TransactionId};
use countersign::store::{Batch, Db, StoreCopy};
use countersign::transaction::idempotency::{self, Key, Outcome, Scope};
use countersign::transaction::payee;
use countersign_tlog::{Note, Trust};
use http::Request;
use http_body_util::Full;
use tokio::task::JoinSet;

use super::app::{App, Told, body};
use super::bank;
use super::process::{self, Process};
use super::verdict::{Payment, faults};
use crate::support::{Home, Protocol, Setting, TestGateway};

/// How much of it.
#[derive(Clone, Copy)]
pub(super) struct Size {
    pub(super) kills: usize,
    pub(super) payments: usize,
    pub(super) apps: usize,
}

impl Size {
    /// A run that takes longer does not come to its end: a minute for every life of a process, and twenty at least.
    fn longest(self) -> Duration {
        let minutes = u64::try_from(self.kills).unwrap().max(20);
        Duration::from_secs(60 * minutes)
    }
}

/// A home whose gateway is about to become a process, the port of its bank, and an app that is logged in.
pub(super) async fn prepared() -> (Home, u16, App) {
    let settle = Setting(
        "trust_domain = \"bank.internal\"",
        "trust_domain = \"bank.internal\"\nsettle = \"probe\"\nsettle_after = \"3s\"",
    );
    let gateway = TestGateway::with(&[settle]).await;
    let app = App::of(&gateway).await;
    let mut batch = Batch::new();
    // No counter, no approval: these payments are many.
    let trusted = "DE89370400440532013000";
    payee::trust(
        &mut batch,
        &gateway.services.pseudonyms,
        &app.session.customer,
        trusted,
        gateway.now(),
    );
    gateway.services.db.commit(batch).await.unwrap();
    let (home, mut backend) = gateway.stop().await;
    backend.stop().await;
    (home, backend.port, app)
}

/// Runs, and tells what is wrong.
pub(super) async fn run(size: Size) -> Vec<String> {
    let (home, bank_port, app) = prepared().await;
    let folder = home.path("");
    let began = Instant::now();
    let app = Arc::new(app);
    let under_fire = under_fire(&home, bank_port, Arc::clone(&app), size);
    let (told, kept) = tokio::time::timeout(size.longest(), under_fire)
        .await
        .expect("the apps have learned every outcome by now");
    let executed = told
        .iter()
        .filter(|(.., told)| *told != Told::NotExecuted)
        .count();
    let _ = writeln!(
        std::io::stderr(),
        "{} kills, {} payments, {executed} executed, {:.1} s",
        size.kills,
        told.len(),
        began.elapsed().as_secs_f64()
    );
    let mut found = opens_clean(&folder);
    found.extend(log_continues(&folder, &app, kept));
    let payments = with_records(&folder, told).await;
    found.extend(faults(&payments, &bank::ledger(&folder)));
    found
}

/// What the apps were told, with everything dying around them, and a checkpoint of the log that one of them kept.
async fn under_fire(
    home: &Home,
    bank_port: u16,
    app: Arc<App>,
    size: Size,
) -> (Vec<(Owner, Told)>, Option<Note>) {
    let folder = home.path("");
    let mut bank = Process::start(bank_port, bank::process(&folder, bank_port)).await;
    let mut gateway = Process::start(home.public_port(), process::gateway(&folder)).await;
    let (next, firing) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(true)));
    let mut apps = JoinSet::new();
    for _ in 0..size.apps {
        let (app, next, firing) = (Arc::clone(&app), Arc::clone(&next), Arc::clone(&firing));
        apps.spawn(async move {
            let mut told = Vec::new();
            loop {
                let place = next.fetch_add(1, Ordering::SeqCst);
                if place >= size.payments && !firing.load(Ordering::SeqCst) {
                    return told;
                }
                let key = format!("payment-{place}");
                let outcome = app.pay(&key, &body(place)).await;
                told.push((key, outcome));
            }
        });
    }
    let entropy: &dyn Entropy = &SystemEntropy::default();
    let mut kept = None;
    for kill in 0..size.kills {
        let [wait, whom] = entropy.bytes::<2>();
        tokio::time::sleep(Duration::from_millis(50 + u64::from(wait) * 2)).await;
        // Never without load, and spread over all payments.
        while next.load(Ordering::SeqCst) < kill * size.payments / size.kills {
            if let Some(ended) = apps.try_join_next() {
                panic!("an app ended under way: {ended:?}");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        if kill >= size.kills / 2 && kept.is_none() {
            kept = checkpoint(home, &app).await;
        }
        // The gateway is what is tested; the bank dies now and then.
        match whom % 4 {
            0 => bank.kill_and_restart().await,
            _ => gateway.kill_and_restart().await,
        }
    }
    firing.store(false, Ordering::SeqCst);
    let told = apps.join_all().await.into_iter().flatten();
    let of = |(key, told)| {
        let (customer, client) = (app.session.customer.clone(), app.session.client.clone());
        let by = Owner {
            key,
            customer,
            client,
        };
        (by, told)
    };
    (told.map(of).collect(), kept)
}

/// The checkpoint of this moment, when the gateway is there to give it.
async fn checkpoint(home: &Home, app: &App) -> Option<Note> {
    let request = Request::get("/log/checkpoint").header("host", &app.authority);
    let request = request.body(Full::default()).unwrap();
    let received = home.public().send(Protocol::Http1, request).await.ok()?;
    Note::parse(received.body.as_ref()).ok()
}

/// The log in the store holds together, and continues the checkpoint that was kept while everything died around it.
fn log_continues(folder: &Path, app: &App, kept: Option<Note>) -> Vec<String> {
    let Some(kept) = kept else {
        return vec!["no checkpoint of the log could be had in half of the run".to_owned()];
    };
    let trust = Trust::new("localhost", log_keys("localhost", &app.keys), Vec::new(), 0).unwrap();
    let log = StoredLog::new(StoreCopy::open(&folder.join("countersign.sqlite")).unwrap());
    let verdict = verify_store(&log, &trust, Some(&kept), &mut |_| {});
    let faults = verdict.findings.iter();
    faults.map(|finding| format!("the log: {finding}")).collect()
}

/// Whose key it was.
struct Owner {
    key: String,
    customer: CustomerId,
    client: ClientId,
}

/// Nothing is damaged, and nothing is left open.
pub(super) fn opens_clean(folder: &Path) -> Vec<String> {
    let connection = rusqlite::Connection::open(folder.join("countersign.sqlite")).unwrap();
    let ask = |sql: &str| {
        connection
            .query_row(sql, [], |row| row.get::<_, String>(0))
            .unwrap()
    };
    let mut faults = Vec::new();
    let integrity = ask("PRAGMA integrity_check");
    if integrity != "ok" {
        faults.push(format!("the store is damaged: {integrity}"));
    }
    let open = ask("SELECT CAST(count(*) AS TEXT) FROM idempotency WHERE state IN ('reserved', 'unknown')");
    if open != "0" {
        faults.push(format!("{open} payments are left open"));
    }
    faults
}

async fn with_records(folder: &Path, told: Vec<(Owner, Told)>) -> Vec<Payment> {
    let db = Db::open(&folder.join("countersign.sqlite")).unwrap();
    let events = events(&db).await;
    let mut payments = Vec::with_capacity(told.len());
    for (by, told) in told {
        let mut headers = http::HeaderMap::new();
        headers.insert("idempotency-key", format!("\"{}\"", by.key).parse().unwrap());
        let key = Key::read(&headers).unwrap();
        let scope = Scope::of(&by.client, &by.customer, &RouteName::new("payments"), &key);
        let record = idempotency::find(&db, &scope).await.unwrap();
        let events = record
            .as_ref()
            .and_then(|record| events.get(&record.transaction).copied());
        payments.push(Payment {
            key: by.key,
            told,
            record: record.map(|record| (state(&record.outcome), record.transaction.to_string())),
            events: events.unwrap_or_default(),
        });
    }
    payments
}

fn state(outcome: &Outcome) -> String {
    let name = match outcome {
        Outcome::Reserved => "reserved",
        Outcome::Unsent => "unsent",
        Outcome::Answered(_) => "answered",
        Outcome::Unknown => "unknown",
        Outcome::NotExecuted => "not-executed",
    };
    name.to_owned()
}

/// For every transaction: how often it was permitted, and how often it is said what became of it for good.
async fn events(db: &Db) -> HashMap<TransactionId, (usize, usize)> {
    let mut counted: HashMap<TransactionId, (usize, usize)> = HashMap::new();
    for row in db.query("SELECT body FROM event", Vec::new()).await.unwrap() {
        let body: serde_json::Value = serde_json::from_str(row.text(0).unwrap()).unwrap();
        let Some(transaction) = body["transaction"].as_str() else {
            continue;
        };
        let (permitted, ended) = counted.entry(TransactionId::new(transaction)).or_default();
        match body["kind"].as_str().unwrap() {
            "permitted" => *permitted += 1,
            "settled" => *ended += 1,
            // An unknown outcome is not the end.
            "answered" if body["refused"] != "outcome-unknown" => *ended += 1,
            _ => {}
        }
    }
    counted
}
