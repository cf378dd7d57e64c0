//! Seeds that are written, twice and against what is there, and seeds that are refused.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::base::{ManualClock, Timestamp};
use crate::identity::{self, PasswordParameters};
use crate::keys::{Keyring, Schedule, read_kek};
use crate::store::Db;

const SEED: &str = r#"
[[client]]
client_id = "app"
profile = "first-party"
scope = "accounts payments offline_access"
grant_types = ["authorization_code", "refresh_token"]

[[client]]
client_id = "bank-app"
profile = "fapi2-message-signing"
scope = "accounts"
jwks = { keys = [{ kty = "OKP", crv = "Ed25519", kid = "1", x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }] }

[[customer]]
username = "alice"
password = "quite unlike the others"
totp_secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
display_name = "Alice"
locale = "de-DE"
accounts = [{ iban = "DE89370400440532013000", name = "Giro", currency = "EUR" }]
trusted_payees = [{ payee = "NL91 ABNA 0417 1643 00", payee_name = "Landlord" }]

[[customer]]
username = "bob"
password_hash = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$PdSSpUTtWMGRjJ8xJsfRMqoZB1LDe4Kb1SSvYVtTvFs"
"#;

struct House {
    stores: Stores,
    db: Db,
    _folder: tempfile::TempDir,
}

async fn house() -> House {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(&folder.path().join("store.db")).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(Timestamp::from_seconds(1_800_000_000)));
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::default());
    let schedule = Schedule {
        publish_ahead: Duration::from_secs(300),
        period: None,
    };
    let kek = read_kek(&[7; 32]).unwrap();
    let keyring = Keyring::open(db.clone(), kek, schedule, clock.clone(), entropy.clone()).await;
    let settings = identity::Settings {
        password: PasswordParameters {
            memory_kib: 64,
            passes: 1,
            lanes: 1,
        },
        hash_threads: 1,
        ..identity::Settings::default()
    };
    let stores = Stores::open(db.clone(), Arc::new(keyring.unwrap()), &settings, clock, entropy).await;
    House {
        stores: stores.unwrap(),
        db,
        _folder: folder,
    }
}

impl House {
    async fn count(&self, sql: &'static str) -> i64 {
        self.db
            .query_one(sql, Vec::new())
            .await
            .unwrap()
            .unwrap()
            .integer(0)
            .unwrap()
    }
}

fn read(text: &str) -> Result<Seed, SeedError> {
    parse(text, Path::new("."))
}

#[tokio::test]
async fn a_seed_is_written_once_however_often_it_is_given() {
    let house = house().await;
    let seed = read(SEED).unwrap();
    let first = write(&seed, &house.stores).await.unwrap();
    assert_eq!(
        (first.clients, first.customers, first.admins, first.unchanged),
        (2, 2, 0, 0)
    );
    assert!(first.development);
    assert!(house.db.meta(crate::server::DEVELOPMENT).await.unwrap().is_some());
    let events = house.count("SELECT COUNT(*) FROM event").await;
    let second = write(&seed, &house.stores).await.unwrap();
    assert_eq!(
        (second.clients, second.customers, second.admins, second.unchanged),
        (0, 0, 0, 4)
    );
    assert_eq!(house.count("SELECT COUNT(*) FROM event").await, events);
    assert_eq!(house.count("SELECT COUNT(*) FROM customer").await, 2);
    assert_eq!(house.count("SELECT COUNT(*) FROM trusted_payee").await, 1);
}

#[tokio::test]
async fn nothing_of_a_customer_is_stored_in_the_clear() {
    let house = house().await;
    write(&read(SEED).unwrap(), &house.stores).await.unwrap();
    let sql = "SELECT COUNT(*) FROM customer, customer_key, password, totp WHERE \
               instr(customer.profile, 'lice') + instr(customer.accounts, '3704') + instr(password.phc, 'quite') \
               + instr(totp.secret, '12345678') > 0";
    assert_eq!(house.count(sql).await, 0);
}

#[tokio::test]
async fn without_plaintext_secrets_the_store_is_not_marked() {
    let house = house().await;
    let bob = SEED.rfind("[[customer]]").map(|at| &SEED[at..]).unwrap();
    assert!(
        !write(&read(bob).unwrap(), &house.stores)
            .await
            .unwrap()
            .development
    );
    assert!(house.db.meta(crate::server::DEVELOPMENT).await.unwrap().is_none());
}

#[tokio::test]
async fn a_hash_that_the_budget_could_never_compare_is_refused() {
    let house = house().await;
    let budget_kib = identity::Settings::default().hash_memory / 1024;
    for (memory, fits) in [(budget_kib + 4, false), (budget_kib, true)] {
        let seed = read(&SEED.replace("m=19456", &format!("m={memory}"))).unwrap();
        let written = write(&seed, &house.stores).await;
        assert_eq!(written.is_ok(), fits, "{written:?}");
        if let Err(error) = written {
            assert_eq!((error.table.as_str(), error.line), ("[[customer]] bob", Some(23)));
            assert!(error.message.contains("memory_budget"), "{error}");
            assert_eq!(house.count("SELECT COUNT(*) FROM customer").await, 0);
        }
    }
}

#[tokio::test]
async fn a_conflict_names_its_table_and_writes_nothing() {
    let house = house().await;
    write(&read(SEED).unwrap(), &house.stores).await.unwrap();
    for (from, to, table, line) in [
        (
            "scope = \"accounts payments offline_access\"",
            "scope = \"accounts\"",
            "[[client]] app",
            2,
        ),
        (
            "quite unlike the others",
            "unlike any of the others",
            "[[customer]] alice",
            14,
        ),
        (
            "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
            "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJR",
            "[[customer]] alice",
            14,
        ),
        ("name = \"Giro\"", "name = \"Savings\"", "[[customer]] alice", 14),
        (
            "$c29tZXNhbHRzb21lc2FsdA",
            "$b3RoZXJzYWx0c29tZXNhbA",
            "[[customer]] bob",
            23,
        ),
    ] {
        let changed = SEED.replace(from, to) + "[[client]]\nclient_id = \"new\"\nprofile = \"first-party\"\n";
        let error = write(&read(&changed).unwrap(), &house.stores).await.unwrap_err();
        assert_eq!((error.table.as_str(), error.line), (table, Some(line)), "{error}");
        assert_eq!(house.count("SELECT COUNT(*) FROM client").await, 2);
    }
}

#[tokio::test]
async fn admins_are_known_by_their_certificates() {
    let house = house().await;
    let certificate = |name: &str| {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.self_signed(&key).unwrap().pem()
    };
    let table = |name: &str, pem: &str| {
        format!(
            "[[admin]]\nname = \"{name}\"\nperson = \"P\"\nroles = [\"operator\"]\ncertificate = \"\"\"{pem}\"\"\"\n"
        )
    };
    let (ada, eve) = (certificate("ada"), certificate("eve"));
    let seed = read(&table("ada", &ada)).unwrap();
    assert_eq!(write(&seed, &house.stores).await.unwrap().admins, 1);
    assert_eq!(write(&seed, &house.stores).await.unwrap().unchanged, 1);
    for contradiction in [table("ada", &eve), table("eve", &ada)] {
        let error = write(&read(&contradiction).unwrap(), &house.stores)
            .await
            .unwrap_err();
        assert!(error.table.starts_with("[[admin]]"), "{error}");
    }
}

#[test]
fn faults_name_table_line_and_cause() {
    for (from, to, table, cause) in [
        (
            "username = \"bob\"",
            "username = \"bob\"\nnickname = \"b\"",
            "TOML",
            "nickname",
        ),
        (
            "client_id = \"app\"",
            "client_id = \"app\"\nclient_secret = \"x\"",
            "[[client]] app",
            "client_secret",
        ),
        (
            "profile = \"first-party\"",
            "profile = \"third-party\"",
            "[[client]] app",
            "third-party",
        ),
        (
            "scope = \"accounts\"\n",
            "scope = \"accounts\"\ntoken_endpoint_auth_method = \"none\"\n",
            "[[client]] bank-app",
            "none",
        ),
        (
            "jwks = {",
            "jwks = \"file:missing.json\" #",
            "[[client]] bank-app",
            "missing.json",
        ),
        (
            "quite unlike the others",
            "short",
            "[[customer]] alice",
            "fewer than 8",
        ),
        (
            "quite unlike the others",
            "password123",
            "[[customer]] alice",
            "first that anyone would try",
        ),
        (
            "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
            "GEZDGNBVGY3TQOJQ",
            "[[customer]] alice",
            "128 bits",
        ),
        (
            "DE89370400440532013000",
            "DE88370400440532013000",
            "[[customer]] alice",
            "iban",
        ),
        (
            "currency = \"EUR\"",
            "currency = \"EURO\"",
            "[[customer]] alice",
            "EURO",
        ),
        (
            "password_hash = \"$argon2id",
            "password_hash = \"$argon2i",
            "[[customer]] bob",
            "argon2id",
        ),
        (
            "username = \"alice\"",
            "username = \"\"",
            "[[customer]] ",
            "username",
        ),
        (
            "username = \"alice\"",
            &*format!("username = \"{}\"", "\u{fdfa}".repeat(85)),
            "[[customer]] \u{fdfa}",
            "256 bytes, as written or in its normal form",
        ),
        (
            "quite unlike the others",
            &*"\u{fdfa}".repeat(341),
            "[[customer]] alice",
            "1024 bytes, as written or in its normal form",
        ),
        (
            "NL91 ABNA 0417 1643 00",
            "NL92 ABNA 0417 1643 00",
            "[[customer]] alice",
            "payee",
        ),
        ("[[client]]", "[[klient]]", "TOML", "klient"),
    ] {
        let error = read(&SEED.replacen(from, to, 1)).unwrap_err();
        assert!(error.table.starts_with(table), "{error}");
        assert!(
            error.to_string().contains(cause) && error.line.is_some(),
            "{error}"
        );
    }
    assert!(
        read(&format!("{SEED}password = \"also\"\n"))
            .unwrap_err()
            .message
            .contains("either")
    );
    assert!(read("[[customer]\n").is_err());
}
