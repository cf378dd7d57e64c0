//! What counts, what is trusted and what became of a payment, on a real store and by many at once.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::task::JoinSet;

use super::settlement::Way;
use super::{exemption, idempotency, payee, settlement, standing};
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

/// What is counted of Anna's payments from `account`.
async fn counters(db: &Db, account: &[u8; 32]) -> Counters {
    let found = standing::find(db, &anna(), &[0; 32], account).await;
    found.unwrap().counters
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
    let counters = counters(db, &account).await;
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

/// SCA-19
#[tokio::test]
async fn what_a_payment_took_that_was_never_sent_is_given_back_and_never_more() {
    let (_folder, db) = store();
    let (account, limit) = (
        [1; 32],
        Consumption {
            counter: Counter::LowValueCount,
            limit: 5,
        },
    );
    let mut batch = Batch::new();
    let consumed = exemption::consume(&mut batch, &anna(), &account, 1250, limit);
    exemption::consume(&mut batch, &anna(), &account, 100, limit);
    db.commit(batch).await.unwrap();
    // The second finds what another payment took, and leaves it.
    for _ in 0..2 {
        let mut batch = Batch::new();
        exemption::give_back(&mut batch, &consumed);
        db.commit(batch).await.unwrap();
        let counters = counters(&db, &account).await;
        assert_eq!((counters.low_value_count, counters.low_value_sum_minor), (1, 100));
    }
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
    let counters = counters(&db, &[1; 32]).await;
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
        let payee = payee::place(&names, customer, payee);
        let found = standing::find(&db, customer, &payee, &[1; 32]).await;
        found.unwrap().trusted_since
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

/// SCA-17, SCA-19: one question tells both, and neither from the other's row.
#[tokio::test]
async fn trust_and_counters_are_told_together_and_apart() {
    let (_folder, db) = store();
    let names = pseudonyms(&db).await;
    let limit = Consumption {
        counter: Counter::LowValueCount,
        limit: 9,
    };
    let mut batch = Batch::new();
    payee::trust(&mut batch, &names, &anna(), "DE89370400440532013000", NOW);
    exemption::consume(&mut batch, &anna(), &[1; 32], 1250, limit);
    db.commit(batch).await.unwrap();
    let trusted = payee::place(&names, &anna(), "DE89370400440532013000");
    let told = async |customer: &str, payee, account| {
        let found = standing::find(&db, &CustomerId::new(customer), &payee, &account).await;
        let found = found.unwrap();
        let Counters {
            low_value_count: count,
            low_value_sum_minor: sum,
        } = found.counters;
        (found.trusted_since, count, sum)
    };
    assert_eq!(told("cus_anna", trusted, [1; 32]).await, (Some(NOW), 1, 1250));
    assert_eq!(told("cus_anna", [0; 32], [1; 32]).await, (None, 1, 1250));
    assert_eq!(told("cus_anna", trusted, [2; 32]).await, (Some(NOW), 0, 0));
    assert_eq!(told("cus_bert", trusted, [1; 32]).await, (None, 0, 0));
}

#[test]
fn a_question_of_every_payment_is_planned_once() {
    let (folder, db) = store();
    drop(db);
    let place = crate::store::Value::from(&[1; 32][..]);
    let key = ["cus_anna".into(), place.clone(), place];
    let again = crate::store::plans(&folder.path().join("gate.db"), standing::SQL, &key, 5);
    assert_eq!(again, 0);
}

#[tokio::test]
async fn each_customer_and_currency_has_its_own_counters() {
    let (_folder, db) = store();
    let names = pseudonyms(&db).await;
    let place = |customer: &str, currency| exemption::account(&names, &CustomerId::new(customer), currency);
    let places = [
        place("a", "EUR"),
        place("a", "SEK"),
        place("b", "EUR"),
        place("aE", "UR"),
    ];
    for (at, one) in places.iter().enumerate() {
        assert!(!places[at + 1..].contains(one), "{at}");
    }
    assert_eq!(places[0], place("a", "EUR"));
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
    let reservation = idempotency::Reservation {
        scope: &scope(key),
        fingerprint: &print(body),
        customer: &anna(),
        transaction: &TransactionId::new(transaction),
        likeness: Some([body; 32]),
        upstream: "bank",
        settlement_order: b"order".to_vec(),
    };
    idempotency::reserve(&mut batch, reservation, NOW);
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
        Outcome::NotExecuted,
        Outcome::Unknown,
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

/// Design 6: an equal payment under another key waits until the outcome of the first is known; one under way does not
/// stand in its way, and neither does another amount.
#[tokio::test]
async fn while_an_outcome_is_unknown_an_equal_payment_under_another_key_is_not_sent() {
    let (_folder, db) = store();
    assert_eq!(reserve(&db, "first", 1, "txn-1").await, None);
    assert_eq!(reserve(&db, "parallel", 1, "txn-2").await, None);
    assert_eq!(conclude(&db, "first", "txn-1", &Outcome::Unknown).await, None);
    assert_eq!(
        reserve(&db, "again", 1, "txn-3").await,
        Some(idempotency::NO_EQUAL_IS_UNKNOWN)
    );
    assert_eq!(reserve(&db, "other", 2, "txn-4").await, None);
    let first = settlement::first_equal(&db, &[1; 32]).await.unwrap();
    assert_eq!(first, Some((TransactionId::new("txn-1"), b"order".to_vec())));
    settle(&db, "first", &Outcome::NotExecuted).await.unwrap();
    assert_eq!(reserve(&db, "again", 1, "txn-3").await, None);
}

/// Settles the one unknown payment.
async fn settle(db: &Db, key: &str, outcome: &Outcome) -> Result<(), StoreError> {
    let (open, more) = settlement::unknown(db, Timestamp::from_micros(0)).await?;
    assert!(!more);
    let open = open.into_iter().find(|open| open.scope == scope(key));
    let mut batch = Batch::new();
    settlement::settle(
        &mut batch,
        &open.expect("it is unknown"),
        outcome,
        Way::Probe,
        NOW,
    );
    db.commit(batch).await
}

/// IDEM-08: settled once, for good, and what was kept to find out is gone.
#[tokio::test]
async fn a_settled_payment_is_never_sent_again() {
    let (_folder, db) = store();
    for (key, outcome) in [
        ("executed", Outcome::Answered(b"sealed".to_vec())),
        ("not-executed", Outcome::NotExecuted),
    ] {
        assert_eq!(reserve(&db, key, 1, "txn-1").await, None);
        assert_eq!(conclude(&db, key, "txn-1", &Outcome::Unknown).await, None);
        let (open, _) = settlement::unknown(&db, Timestamp::from_micros(0)).await.unwrap();
        assert_eq!((open.len(), open[0].upstream.as_str()), (1, "bank"));
        let order = settlement::order(&db, &open[0]).await.unwrap();
        assert_eq!(order.as_deref(), Some(&b"order"[..]));
        settle(&db, key, &outcome).await.unwrap();
        assert_eq!(record(&db, key).await.outcome, outcome);
        assert_eq!(reserve(&db, key, 1, "txn-2").await, Some(KEY_IS_FREE));
        assert_eq!(settlement::order(&db, &open[0]).await.unwrap(), None);
        let mut again = Batch::new();
        settlement::settle(&mut again, &open[0], &Outcome::NotExecuted, Way::Retry, NOW);
        assert_eq!(guard(db.commit(again).await), Some(settlement::STILL_UNKNOWN));
    }
    assert_eq!(settlement::count_unknown(&db).await.unwrap(), []);
}

#[tokio::test]
async fn what_is_reserved_by_nobody_becomes_unknown_once() {
    let (_folder, db) = store();
    assert_eq!(reserve(&db, "k", 1, "txn-1").await, None);
    let reserved = settlement::reserved(&db).await.unwrap();
    assert_eq!(reserved, [(scope("k"), TransactionId::new("txn-1"))]);
    for expected in [None, Some(settlement::STILL_RESERVED)] {
        let mut batch = Batch::new();
        settlement::cut_off(&mut batch, &reserved[0].0, &reserved[0].1, NOW);
        assert_eq!(guard(db.commit(batch).await), expected);
    }
    assert_eq!(
        settlement::count_unknown(&db).await.unwrap(),
        [("bank".to_owned(), 1)]
    );
}
