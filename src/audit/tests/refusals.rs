//! Refusals of strangers: counted, bounded, and nobody named.

use super::*;
use crate::base::SourcePrefix;

async fn refusals(gate: &Running) -> Refusals {
    let entropy: Arc<dyn crate::base::Entropy> = gate.entropy.clone();
    let pseudonyms = Pseudonyms::open(&gate.db, &gate.keyring, &entropy).await.unwrap();
    Refusals::new(Arc::new(pseudonyms))
}

#[tokio::test]
async fn refused_strangers_cost_one_entry_a_second_and_name_no_address() {
    // PCI-13 (10.2.1.4), ASVS-09 (16.3.2)
    let house = House::new();
    let gate = house.open().await;
    let refusals = refusals(&gate).await;
    let (near, far) = ("203.0.113.7".parse().unwrap(), "2001:db8::1".parse().unwrap());
    let route = RouteName::new("pay");
    for _ in 0..1000 {
        refusals.count(SourcePrefix::of(near), Code::TokenInvalid, Some(&route), START);
    }
    refusals.count(SourcePrefix::of(far), Code::RouteUnknown, None, START);
    let before = gate.log.last_sequence();
    refusals.flush(&gate.db, &*gate.entropy, START).await.unwrap();
    assert_eq!(gate.log.last_sequence(), before, "the second is not over");
    let later = START.plus(Duration::from_secs(1));
    refusals.flush(&gate.db, &*gate.entropy, later).await.unwrap();
    refusals.flush(&gate.db, &*gate.entropy, later).await.unwrap();
    assert_eq!(gate.log.last_sequence(), before + 1);
    let entry = gate.log.leaf_of(before + 1).await.unwrap().unwrap().entry;
    let event: serde_json::Value = serde_json::from_str(&entry.event).unwrap();
    assert_eq!(
        (&event["kind"], &event["second"]),
        (&"refusals-counted".into(), &START.seconds().into())
    );
    assert_eq!(
        (&event["counts"][0]["count"], &event["counts"][1]["count"]),
        (&1000.into(), &1.into())
    );
    assert_eq!(
        (&event["counts"][0]["code"], &event["counts"][0]["route"]),
        (&"token-invalid".into(), &"pay".into())
    );
    assert!(!entry.event.contains("203.0") && !entry.event.contains("2001"));
}

#[tokio::test]
async fn a_flood_from_everywhere_takes_bounded_memory_and_one_entry_and_loses_no_count() {
    let house = House::new();
    let gate = house.open().await;
    let refusals = refusals(&gate).await;
    for address in 0..50_000_u32 {
        let source = SourcePrefix::of(std::net::Ipv4Addr::from_bits(address << 8).into());
        refusals.count(
            source,
            Code::TokenMissing,
            Some(&RouteName::new("a".repeat(64))),
            START,
        );
    }
    // While the store takes nothing, nothing is lost either.
    let before = gate.log.last_sequence();
    let later = START.plus(Duration::from_secs(5));
    refusals.flush(&gate.db, &*gate.entropy, later).await.unwrap();
    assert_eq!(gate.log.last_sequence(), before + 1);
    let entry = gate.log.leaf_of(before + 1).await.unwrap().unwrap();
    assert!(entry.bytes.len() < 65_535, "{}", entry.bytes.len());
    let event: serde_json::Value = serde_json::from_str(&entry.entry.event).unwrap();
    let told: u64 = event["counts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|count| count["count"].as_u64().unwrap())
        .sum();
    assert_eq!(told + event["beyond"].as_u64().unwrap(), 50_000);
}

#[tokio::test]
async fn counts_that_could_not_be_written_are_written_later() {
    let house = House::new();
    let gate = house.open().await;
    let refusals = refusals(&gate).await;
    let other = House::new();
    let broken = other.open().await;
    broken.db.refuse_writes("a test");
    refusals.count(SourcePrefix::of([10, 0, 0, 1].into()), Code::Stale, None, START);
    let later = START.plus(Duration::from_secs(1));
    refusals
        .flush(&broken.db, &*gate.entropy, later)
        .await
        .unwrap_err();
    let before = gate.log.last_sequence();
    refusals.flush(&gate.db, &*gate.entropy, later).await.unwrap();
    let entry = gate.log.leaf_of(before + 1).await.unwrap().unwrap().entry;
    assert!(entry.event.contains("\"stale\""), "{}", entry.event);
}
