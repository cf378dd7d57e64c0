//! Requests that write nothing else: in the log all the same, many in one entry.

use super::*;
use crate::base::{ClientId, SessionId};

fn passage(session: usize) -> Passage {
    Passage {
        customer: CustomerId::new("c".repeat(22)),
        client: ClientId::new("app"),
        session: SessionId::new(format!("{session:022}")),
        route: RouteName::new("balances"),
    }
}

async fn events(gate: &Running, after: i64) -> Vec<serde_json::Value> {
    let mut events = Vec::new();
    for sequence in after + 1..=gate.log.last_sequence() {
        let leaf = gate.log.leaf_of(sequence).await.unwrap().unwrap();
        assert!(leaf.bytes.len() < 65_535, "{}", leaf.bytes.len());
        events.push(serde_json::from_str(&leaf.entry.event).unwrap());
    }
    events
}

fn told(events: &[serde_json::Value]) -> u64 {
    let counts = |event: &serde_json::Value| -> u64 {
        let counts = event["counts"].as_array().unwrap();
        counts.iter().map(|count| count["count"].as_u64().unwrap()).sum()
    };
    events
        .iter()
        .map(|event| counts(event) + event["beyond"].as_u64().unwrap())
        .sum()
}

/// PCI-13 (10.2.1.1)
#[tokio::test]
async fn a_thousand_reads_are_one_entry_that_says_who_read_what_under_which_policies() {
    let house = House::new();
    let gate = house.open().await;
    let passages = Passages::default();
    let (old, new): (Arc<str>, Arc<str>) = ("v1".into(), "v2".into());
    for _ in 0..1000 {
        passages.count(passage(1), &old);
    }
    passages.count(passage(2), &new);
    let before = gate.log.last_sequence();
    passages.flush(&gate.db, &*gate.entropy, START).await.unwrap();
    passages.flush(&gate.db, &*gate.entropy, START).await.unwrap();
    let events = events(&gate, before).await;
    assert_eq!(events.len(), 2, "one for each version, and none for nothing");
    assert_eq!(events[0]["kind"], "passed");
    assert_eq!(events[0]["policy_version"], "v1");
    assert_eq!(events[0]["counts"][0]["count"], 1000);
    assert_eq!(events[0]["counts"][0]["route"], "balances");
    assert_eq!(events[1]["policy_version"], "v2");
}

#[tokio::test]
async fn any_number_of_readers_takes_bounded_memory_and_no_read_is_lost() {
    let house = House::new();
    let gate = house.open().await;
    let passages = Passages::default();
    let version: Arc<str> = "v1".into();
    for session in 0..20_000 {
        passages.count(passage(session), &version);
    }
    let before = gate.log.last_sequence();
    passages.flush(&gate.db, &*gate.entropy, START).await.unwrap();
    assert_eq!(told(&events(&gate, before).await), 20_000);
}

#[tokio::test]
async fn what_could_not_be_written_is_written_later_and_said_to_be_waiting_until_then() {
    let house = House::new();
    let gate = house.open().await;
    let other = House::new();
    let broken = other.open().await;
    broken.db.refuse_writes("a test");
    let passages = Passages::default();
    for session in 0..20_000 {
        passages.count(passage(session), &"v1".into());
    }
    passages
        .flush(&broken.db, &*gate.entropy, START)
        .await
        .unwrap_err();
    assert!(passages.are_unwritten());
    let before = gate.log.last_sequence();
    passages.flush(&gate.db, &*gate.entropy, START).await.unwrap();
    assert!(!passages.are_unwritten());
    assert_eq!(told(&events(&gate, before).await), 20_000);
}
