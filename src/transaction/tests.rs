//! What counts, what is trusted and what became of a payment, on a real store and by many at once.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::task::JoinSet;

use super::{exemption, idempotency, payee};
use crate::base::{
    ClientId, CustomerId, Entropy, RouteName, SystemClock, SystemEntropy, Timestamp, TransactionId,
};
use crate::keys::{Keyring, Schedule, SealKey};
use crate::policy::{Consumption, Counter, Counters};
use crate::privacy::Pseudonyms;
use crate::store::{Batch, Db, StoreError};
use idempotency::{Fingerprint, KEY_IS_FREE, Key, Outcome, RESERVED_BY_US, Scope};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn store() -> (TempDir, Db) {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(&folder.path().join("gate.db")).unwrap();
    (folder, db)
}

fn anna() -> CustomerId {
    CustomerId::new("cus_anna")
}

fn guard(result: Result<(), StoreError>) -> Option<&'static str> {
    result.err().map(|error| error.guard().unwrap())
}

/// What 50 consumers at once took, and what then stands in the record.
async fn rush(
    db: &Db,
    account: [u8; 32],
    amounts: fn(u64) -> u64,
    limit: Consumption,
) -> (Vec<u64>, Counters) {
    let mut rush = JoinSet::new();
    for place in 0..50 {
        let db = db.clone();
        rush.spawn(async move {
            let mut batch = Batch::new();
            exemption::consume(&mut batch, &anna(), &account, amounts(place), limit);
            (amounts(place), guard(db.commit(batch).await))
        });
    }
    let mut passed = Vec::new();
    while let Some(outcome) = rush.join_next().await {
        match outcome.unwrap() {
            (amount, None) => passed.push(amount),
            (_, Some(name)) => assert_eq!(name, exemption::UNDER_LIMIT),
        }
    }
    let counters = exemption::counters(db, &anna(), &account).await.unwrap();
    (passed, counters)
}

/// SCA-19
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_at_once_take_five_places_and_no_more() {
    let (_folder, db) = store();
    let limit = Consumption {
        counter: Counter::LowValueCount,
        limit: 5,
    };
    let (passed, counters) = rush(&db, [1; 32], |_| 1250, limit).await;
    assert_eq!(passed.len(), 5);
    assert_eq!(
        (counters.low_value_count, counters.low_value_sum_minor),
        (5, 5 * 1250)
    );
}

/// SCA-19
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_at_once_never_pass_the_sum() {
    let (_folder, db) = store();
    let limit = Consumption {
        counter: Counter::LowValueSum,
        limit: 10_000,
    };
    let (passed, counters) = rush(&db, [1; 32], |place| 700 + 31 * place, limit).await;
    let sum: u64 = passed.iter().sum();
    assert!(sum <= 10_000, "{sum}");
    assert_eq!(
        (counters.low_value_count, counters.low_value_sum_minor),
        (passed.len() as u64, sum)
    );
    // Whoever was refused would really have passed the limit: the smallest amount is 700.
    assert!(sum > 10_000 - (700 + 31 * 49), "{sum}");
}

/// SCA-19: a first payment above the limit does not slip in by being the first.
#[tokio::test]
async fn the_first_payment_is_held_to_the_limit_as_well() {
    let (_folder, db) = store();
    for (counter, limit) in [(Counter::LowValueSum, 1249), (Counter::LowValueCount, 0)] {
        let mut batch = Batch::new();
        exemption::consume(
            &mut batch,
            &anna(),
            &[1; 32],
            1250,
            Consumption { counter, limit },
        );
        assert_eq!(guard(db.commit(batch).await), Some(exemption::UNDER_LIMIT));
    }
    let counters = exemption::counters(&db, &anna(), &[1; 32]).await.unwrap();
    assert_eq!((counters.low_value_count, counters.low_value_sum_minor), (0, 0));
}

/// SCA-19
#[tokio::test]
async fn counters_belong_to_one_customer_and_account_and_begin_anew_after_an_approval() {
    let (_folder, db) = store();
    let limit = Consumption {
        counter: Counter::LowValueCount,
        limit: 1,
    };
    let consume = async |customer: &CustomerId, account| {
        let mut batch = Batch::new();
        exemption::consume(&mut batch, customer, &account, 10, limit);
        guard(db.commit(batch).await)
    };
    assert_eq!(consume(&anna(), [1; 32]).await, None);
    assert_eq!(consume(&anna(), [1; 32]).await, Some(exemption::UNDER_LIMIT));
    assert_eq!(consume(&anna(), [2; 32]).await, None);
    assert_eq!(consume(&CustomerId::new("cus_bert"), [1; 32]).await, None);
    let mut batch = Batch::new();
    exemption::reset(&mut batch, &anna(), &[1; 32]);
    db.commit(batch).await.unwrap();
    assert_eq!(consume(&anna(), [1; 32]).await, None);
    assert_eq!(consume(&anna(), [2; 32]).await, Some(exemption::UNDER_LIMIT));
}

async fn pseudonyms(db: &Db) -> Pseudonyms {
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::default());
    let schedule = Schedule {
        publish_ahead: Duration::from_secs(300),
        period: None,
    };
    let kek = SealKey::new(&[7; 32]);
    let clock = Arc::new(SystemClock);
    let keyring = Keyring::open(db.clone(), kek, schedule, clock, Arc::clone(&entropy))
        .await
        .unwrap();
    Pseudonyms::open(db, &Arc::new(keyring), &entropy).await.unwrap()
}

/// SCA-17
#[tokio::test]
async fn a_payee_is_trusted_by_one_customer_since_the_first_time() {
    let (_folder, db) = store();
    let names = pseudonyms(&db).await;
    let iban = "DE89370400440532013000";
    let since = async |customer: &CustomerId, payee: &str| {
        payee::trusted_since(&db, &names, customer, payee).await.unwrap()
    };
    assert_eq!(since(&anna(), iban).await, None);
    for later in [0, 86_400] {
        let mut batch = Batch::new();
        let now = NOW.plus(Duration::from_secs(later));
        payee::trust(&mut batch, &names, &anna(), iban, now);
        db.commit(batch).await.unwrap();
    }
    assert_eq!(
        since(&anna(), iban).await,
        Some(NOW),
        "its age counts from the first time"
    );
    assert_eq!(since(&anna(), "DE02120300000000202051").await, None);
    assert_eq!(since(&CustomerId::new("cus_bert"), iban).await, None);
    let kept = db
        .query("SELECT payee FROM trusted_payee", Vec::new())
        .await
        .unwrap();
    assert_eq!(kept[0].bytes(0).unwrap().len(), 32, "not the account itself");
}

#[tokio::test]
async fn each_account_and_currency_has_its_own_counters() {
    let (_folder, db) = store();
    let names = pseudonyms(&db).await;
    let place = |customer: &str, debtor, currency| {
        exemption::account(&names, &CustomerId::new(customer), debtor, currency)
    };
    let places = [
        place("a", None, "EUR"),
        place("a", Some("X"), "EUR"),
        place("a", None, "SEK"),
        place("b", None, "EUR"),
        place("aX", None, "EUR"),
    ];
    for (at, one) in places.iter().enumerate() {
        assert!(!places[at + 1..].contains(one), "{at}");
    }
    assert_eq!(places[0], place("a", None, "EUR"));
}

fn scope(key: &str) -> Scope {
    let mut headers = http::HeaderMap::new();
    headers.insert("idempotency-key", format!("\"{key}\"").parse().unwrap());
    let key = Key::read(&headers).unwrap();
    Scope::of(&ClientId::new("app"), &anna(), &RouteName::new("payments"), &key)
}

fn print(body: u8) -> Fingerprint {
    Fingerprint::of(
        "POST",
        "https://pay.example.com/payments",
        &[body; 32],
        b"application/json",
    )
}

async fn reserve(db: &Db, key: &str, body: u8, transaction: &str) -> Option<&'static str> {
    let mut batch = Batch::new();
    let transaction = TransactionId::new(transaction);
    idempotency::reserve(&mut batch, &scope(key), &print(body), &anna(), &transaction, NOW);
    guard(db.commit(batch).await)
}

async fn conclude(db: &Db, key: &str, transaction: &str, outcome: &Outcome) -> Option<&'static str> {
    let mut batch = Batch::new();
    let transaction = TransactionId::new(transaction);
    idempotency::conclude(&mut batch, &scope(key), &transaction, outcome, NOW);
    guard(db.commit(batch).await)
}

async fn record(db: &Db, key: &str) -> idempotency::Record {
    idempotency::find(db, &scope(key)).await.unwrap().unwrap()
}

/// IDEM-04, IDEM-08
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_fifty_with_one_key_one_is_sent() {
    let (_folder, db) = store();
    let mut rush = JoinSet::new();
    for place in 0..50 {
        let db = db.clone();
        rush.spawn(async move { reserve(&db, "k", 1, &format!("txn-{place}")).await });
    }
    let outcomes = rush.join_all().await;
    let sent = outcomes.iter().filter(|guard| guard.is_none()).count();
    assert_eq!(sent, 1);
    assert!(outcomes.iter().flatten().all(|name| *name == KEY_IS_FREE));
}

/// Only what was provably not sent may go again, and only as the same request.
#[tokio::test]
async fn what_was_not_sent_goes_again_under_a_new_transaction() {
    let (_folder, db) = store();
    assert_eq!(idempotency::find(&db, &scope("k")).await.unwrap(), None);
    assert_eq!(reserve(&db, "k", 1, "txn-1").await, None);
    assert_eq!(record(&db, "k").await.outcome, Outcome::Reserved);
    assert_eq!(conclude(&db, "k", "txn-1", &Outcome::Unsent).await, None);
    assert_eq!(
        reserve(&db, "k", 2, "txn-2").await,
        Some(KEY_IS_FREE),
        "another body"
    );
    assert_eq!(record(&db, "k").await.transaction.as_str(), "txn-1");
    assert_eq!(reserve(&db, "k", 1, "txn-2").await, None);
    let again = record(&db, "k").await;
    assert_eq!(
        (again.outcome, again.transaction.as_str()),
        (Outcome::Reserved, "txn-2")
    );
    assert_eq!(
        conclude(&db, "k", "txn-1", &Outcome::Unknown).await,
        Some(RESERVED_BY_US),
        "the first request has no word in it any more"
    );
}

/// IDEM-05, IDEM-08: whoever may have been executed is never sent again.
#[tokio::test]
async fn an_outcome_is_written_once_and_its_key_never_goes_again() {
    let (_folder, db) = store();
    for (place, outcome) in [
        Outcome::Answered(b"sealed".to_vec()),
        Outcome::Unknown,
        Outcome::NotExecuted,
    ]
    .into_iter()
    .enumerate()
    {
        let key = format!("k{place}");
        assert_eq!(conclude(&db, &key, "txn-1", &outcome).await, Some(RESERVED_BY_US));
        assert_eq!(reserve(&db, &key, 1, "txn-1").await, None);
        assert_eq!(conclude(&db, &key, "txn-2", &outcome).await, Some(RESERVED_BY_US));
        assert_eq!(conclude(&db, &key, "txn-1", &outcome).await, None);
        for later in [Outcome::Unsent, Outcome::Answered(Vec::new()), Outcome::Unknown] {
            assert_eq!(conclude(&db, &key, "txn-1", &later).await, Some(RESERVED_BY_US));
        }
        assert_eq!(reserve(&db, &key, 1, "txn-2").await, Some(KEY_IS_FREE));
        let kept = record(&db, &key).await;
        assert_eq!((&kept.outcome, kept.transaction.as_str()), (&outcome, "txn-1"));
        assert!(kept.is_of(&print(1)) && !kept.is_of(&print(2)));
    }
}

/// IDEM-08: a process that ended in the middle leaves nothing that could be sent twice.
#[tokio::test]
async fn what_was_cut_off_is_unknown_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gate.db");
    before_the_end(&path).await;
    let db = Db::open(&path).unwrap();
    let mut batch = Batch::new();
    idempotency::cut_off_is_unknown(&mut batch, NOW);
    db.commit(batch).await.unwrap();
    assert_eq!(record(&db, "cut-off").await.outcome, Outcome::Unknown);
    assert_eq!(reserve(&db, "cut-off", 1, "txn-9").await, Some(KEY_IS_FREE));
    assert_eq!(record(&db, "unsent").await.outcome, Outcome::Unsent);
    assert_eq!(
        record(&db, "answered").await.outcome,
        Outcome::Answered(b"sealed".to_vec())
    );
}

async fn before_the_end(path: &Path) {
    let db = Db::open(path).unwrap();
    for (key, outcome) in [
        ("cut-off", None),
        ("unsent", Some(Outcome::Unsent)),
        ("answered", Some(Outcome::Answered(b"sealed".to_vec()))),
    ] {
        assert_eq!(reserve(&db, key, 1, "txn-1").await, None);
        if let Some(outcome) = outcome {
            assert_eq!(conclude(&db, key, "txn-1", &outcome).await, None);
        }
    }
}
