//! A gateway that is a process of its own is reloaded ten times under a steady load, and nobody notices.

mod gateway;
mod load;

use countersign::policy::Bundle;
use countersign::store::StoreCopy;
use serde_json::Value;

use gateway::Running;
use load::Load;

use crate::support::in_the_end;

/// Requests that are answered between two reloads: with the load of [`load`], a fifth of a second.
const BETWEEN: usize = 40;

/// How many reloads an order of the operator leads to.
#[derive(Clone, Copy, Debug)]
enum Order {
    Hangup,
    AdminApi,
}

/// Design 4.8: every request is answered, none with an error, whatever is reloaded meanwhile; what is refused changes nothing,
/// and the log knows of the good ones only.
#[tokio::test(flavor = "multi_thread")]
async fn ten_reloads_under_load_drop_nothing() {
    let running = Running::start().await;
    let mut load = Load::start(&running).await;
    let mut good = 0;
    for round in 0..10 {
        if let Some(fault) = Fault::of_round(round) {
            refused(&running, fault, round).await;
            load.answers(BETWEEN).await;
        }
        running.configure(round, |text| text);
        let order = if round % 2 == 0 {
            Order::Hangup
        } else {
            Order::AdminApi
        };
        reloaded(&running, order).await;
        good += 1;
        assert_eq!(running.reloads("done").await, good);
        load.answers(BETWEEN).await;
    }
    let payments = load.end().await;
    assert_eq!(running.backend.payments(), payments);
    let charters = recorded(&running.stop().await);
    assert_eq!(charters.len(), good);
    assert!(
        charters.iter().all(|charter| charter == &charters[0]),
        "{charters:?}"
    );
}

/// Hang-ups that come faster than they can be followed count as few, and the last one is followed.
#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_hangups_is_a_few_reloads() {
    const STORM: usize = 200;
    let running = Running::start().await;
    (0..STORM).for_each(|_| running.hang_up());
    running.configure(1, |text| text);
    running.hang_up();
    let written = Bundle::load(&running.home.path("policies")).unwrap();
    let is_followed = async || running.policy_version().await == written.version();
    in_the_end("the last hang-up is followed", is_followed).await;
    let reloads = recorded(&running.stop().await).len();
    assert!((1..STORM).contains(&reloads), "{reloads} reloads");
}

/// What a reload is refused for.
#[derive(Clone, Copy, Debug)]
enum Fault {
    UnknownKey,
    Policy,
    RestartOnly,
    Charter,
}

impl Fault {
    const fn of_round(round: usize) -> Option<Self> {
        match round {
            2 => Some(Self::UnknownKey),
            4 => Some(Self::Policy),
            6 => Some(Self::RestartOnly),
            8 => Some(Self::Charter),
            _ => None,
        }
    }

    /// Words of the refusal.
    const fn told(self) -> &'static str {
        match self {
            Self::UnknownKey => "dpopp",
            Self::Policy => "90-broken.cedar",
            Self::RestartOnly => "store.url",
            Self::Charter => "changed: route.vault.acr",
        }
    }

    fn spoil(self, text: &str) -> String {
        match self {
            Self::UnknownKey => text.replace("[dpop]", "[dpopp]"),
            Self::Policy => text.to_owned(),
            Self::RestartOnly => text.replace("sqlite:countersign.sqlite", "sqlite:other.sqlite"),
            Self::Charter => text.replace("acr = 3\n", ""),
        }
    }
}

async fn refused(running: &Running, fault: Fault, round: usize) {
    let broken = running.home.path("policies/90-broken.cedar");
    if matches!(fault, Fault::Policy) {
        std::fs::write(&broken, "permit (principal, action, resource) when { nonsense };").unwrap();
    }
    let version = running.policy_version().await;
    running.configure(round, |text| fault.spoil(&text));
    let (done, before) = (running.reloads("done").await, running.reloads("refused").await);
    let answer = running.ask_for_reload().await;
    assert_eq!(answer.status, 422, "{fault:?}");
    let problem: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(problem["type"], "urn:countersign:problem:configuration-invalid");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains(fault.told()), "{fault:?}: {detail}");
    running.hang_up();
    running.until_reloads("refused", before + 2).await;
    assert_eq!(running.reloads("done").await, done);
    assert_eq!(running.policy_version().await, version);
    let _ = std::fs::remove_file(broken);
}

async fn reloaded(running: &Running, order: Order) {
    let done = running.reloads("done").await;
    let version = running.policy_version().await;
    match order {
        Order::Hangup => running.hang_up(),
        Order::AdminApi => {
            let answer = running.ask_for_reload().await;
            let report: Value = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!(answer.status, 200, "{report}");
            assert_eq!(
                report["changed"],
                serde_json::json!(["policies", "route", "upstream"])
            );
        }
    }
    running.until_reloads("done", done + 1).await;
    assert_ne!(running.policy_version().await, version);
}

/// The charters of the reloads on record.
fn recorded(store: &StoreCopy) -> Vec<Value> {
    let rows = store
        .query("SELECT body FROM event ORDER BY sequence", &[])
        .unwrap();
    let entries = rows
        .iter()
        .map(|row| serde_json::from_str::<Value>(row.text(0).unwrap()).unwrap());
    let reloads = entries.filter(|entry| entry["kind"] == "reloaded");
    reloads.map(|entry| entry["charter"].clone()).collect()
}
