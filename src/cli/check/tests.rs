//! From an empty folder to a sound gateway, as a newcomer would type it, and what `check` says on the way.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use clap::{Args, Command};
use serde_json::Value;
use tempfile::TempDir;

use super::*;
use crate::base::{SystemEntropy, Timestamp};
use crate::cli::console::{CliError, Console};
use crate::cli::{certs, init};
use crate::config::{self, SecretRef};

fn now() -> Timestamp {
    Timestamp::from_seconds(1_790_000_000)
}

fn parsed<T: Args>(arguments: &[&str]) -> T {
    let command = T::augment_args(Command::new("test").no_binary_name(true));
    T::from_arg_matches(&command.try_get_matches_from(arguments).unwrap()).unwrap()
}

fn said(
    json: bool,
    run: impl FnOnce(&mut Console<'_>) -> Result<(), CliError>,
) -> (String, Result<(), CliError>) {
    let mut out = Vec::new();
    let result = run(&mut Console::new(&mut out, json));
    (String::from_utf8(out).unwrap(), result)
}

fn run_init(folder: &Path) -> (String, Result<(), CliError>) {
    let args = parsed(&[folder.to_str().unwrap()]);
    said(false, |console| {
        init::run(&args, &SystemEntropy::default(), console)
    })
}

fn run_certs(folder: &Path, words: &[&str]) -> Result<(), CliError> {
    let dir = folder.join("certs");
    let args = parsed(&[words, &["--dir", dir.to_str().unwrap()]].concat());
    said(false, |console| certs::run(&args, now(), console)).1
}

fn run_check(folder: &Path, json: bool, now: Timestamp) -> (String, Result<(), CliError>) {
    let config = folder.join("countersign.toml");
    let args = parsed(&["--config", config.to_str().unwrap()]);
    said(json, |console| run(&args, &[&store_check], now, console))
}

/// A folder made by `init`, with every certificate that its configuration names.
fn made() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    run_init(folder.path()).1.unwrap();
    for words in [
        &["init"][..],
        &[
            "issue",
            "server",
            "localhost",
            "--san",
            "login.localhost",
            "--san",
            "::1",
        ],
        &["issue", "backend", "gateway"],
    ] {
        run_certs(folder.path(), words).unwrap();
    }
    folder
}

#[test]
fn a_newcomer_comes_from_an_empty_folder_to_a_sound_gateway() {
    let folder = made();
    let (said, result) = run_check(folder.path(), false, now());
    assert!(
        result.is_ok() && said.ends_with("countersign.toml is sound\n"),
        "{said}"
    );

    let config = config::load(&folder.path().join("countersign.toml")).unwrap();
    for deployment in [config::Deployment::Development, config::Deployment::Production] {
        assert_eq!(config.unfit_for(deployment), None);
    }
    assert!(config.warnings.is_empty());
    assert!(folder.path().join("policies/tests/payments.toml").exists());
}

#[test]
fn init_makes_a_private_master_key_and_overwrites_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (said, result) = run_init(folder.path());
    assert!(
        result.is_ok() && said.contains("next: countersign certs init"),
        "{said}"
    );
    let key = folder.path().join("master.key");
    assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let secret = SecretRef::File(key.clone()).resolve().unwrap();
    assert_eq!(
        data_encoding::BASE64.decode(secret.trim_ascii()).unwrap().len(),
        32
    );

    let again = run_init(folder.path()).1.unwrap_err();
    assert!(
        again.exit_code() == 1 && again.to_string().contains("not overwritten"),
        "{again}"
    );
    assert_eq!(fs::read(&key).unwrap(), *secret);
}

#[test]
fn a_refused_init_leaves_nothing_half_made() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("countersign.toml"), "# mine\n").unwrap();
    run_init(folder.path()).1.unwrap_err();
    assert!(!folder.path().join("master.key").exists());
    assert_eq!(
        fs::read_to_string(folder.path().join("countersign.toml")).unwrap(),
        "# mine\n"
    );
}

#[test]
fn check_tells_every_missing_file_at_once_with_the_command_that_makes_it() {
    let folder = made();
    for file in [
        "master.key",
        "certs/server/localhost.pem",
        "certs/backend/gateway.key.pem",
    ] {
        fs::remove_file(folder.path().join(file)).unwrap();
    }
    let (said, result) = run_check(folder.path(), false, now());
    assert!(result.unwrap_err().to_string().ends_with("has 3 faults"));
    for told in [
        "keys.kek: ",
        "tls.certificate[0]: ",
        "upstream[0].client_certificate: ",
        "countersign certs issue",
    ] {
        assert!(said.contains(told), "{told} is not in {said}");
    }
}

#[test]
fn check_refuses_exposed_keys_foreign_keys_and_what_is_no_key() {
    let folder = made();
    let key = folder.path().join("certs/server/localhost.key.pem");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let (said, result) = run_check(folder.path(), false, now());
    assert!(result.is_err() && said.contains("chmod 600"), "{said}");

    fs::copy(folder.path().join("certs/backend/gateway.key.pem"), &key).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let (said, result) = run_check(folder.path(), false, now());
    assert!(
        result.is_err() && said.contains("does not belong to the certificate"),
        "{said}"
    );

    fs::write(&key, "hunter2").unwrap();
    let (said, result) = run_check(folder.path(), false, now());
    assert!(
        result.is_err() && said.contains("no private key in PEM") && !said.contains("hunter2"),
        "{said}"
    );
}

#[test]
fn check_tells_certificates_that_have_expired_or_soon_will_or_are_not_yet_valid() {
    let folder = made();
    let day = Duration::from_secs(86_400);
    let (said, result) = run_check(folder.path(), false, now().plus(80 * day));
    assert!(
        result.is_ok() && said.contains("warning: ") && said.contains("CN=localhost expires on"),
        "{said}"
    );
    let (said, result) = run_check(folder.path(), false, now().plus(91 * day));
    assert!(
        result.is_err() && said.contains("CN=localhost expired on"),
        "{said}"
    );
    let (said, result) = run_check(folder.path(), false, now().minus(day));
    assert!(result.is_err() && said.contains("check the clock"), "{said}");
}

/// A list of the clients' intermediate of `folder` that is good for a week from `now` on.
fn revocation_list(folder: &Path) -> String {
    use rcgen::{CertificateRevocationListParams, Issuer, KeyIdMethod, KeyPair, SerialNumber, date_time_ymd};
    let read = |name: &str| fs::read_to_string(folder.join("certs").join(name)).unwrap();
    let key = KeyPair::from_pem(&read("private/client.key.pem")).unwrap();
    let issuer = Issuer::from_ca_cert_pem(&read("client/ca.pem"), key).unwrap();
    let begins = date_time_ymd(1970, 1, 1) + Duration::from_secs(1_790_000_000);
    let list = CertificateRevocationListParams {
        this_update: begins,
        next_update: begins + Duration::from_secs(7 * 86_400),
        crl_number: SerialNumber::from(1_u64),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    list.signed_by(&issuer).unwrap().pem().unwrap()
}

/// TLS-10
#[test]
fn check_looks_at_revocation_lists() {
    let folder = made();
    let config = folder.path().join("countersign.toml");
    let text = fs::read_to_string(&config).unwrap();
    let list = folder.path().join("certs/client/crl.pem");
    fs::write(
        &config,
        text.replace("# client_crl = \"certs/client", "client_crl = \"certs/client"),
    )
    .unwrap();
    let check = |now| run_check(folder.path(), false, now);
    let day = Duration::from_secs(86_400);

    let (said, result) = check(now());
    assert!(
        result.is_err() && said.contains("tls.client_crl: "),
        "missing: {said}"
    );
    fs::write(&list, revocation_list(folder.path())).unwrap();
    let (said, result) = check(now().plus(day));
    assert!(result.is_ok() && !said.contains("crl"), "{said}");
    let (said, result) = check(now().plus(Duration::from_secs(6 * 86_400 + 3600)));
    assert!(
        result.is_ok() && said.contains("publish a new one in time"),
        "{said}"
    );
    let (said, result) = check(now().plus(8 * day));
    assert!(
        result.is_err() && said.contains("revocation list of CN="),
        "{said}"
    );

    for broken in ["", "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"] {
        fs::write(&list, broken).unwrap();
        let (said, result) = check(now());
        assert!(result.is_err() && said.contains("tls.client_crl: "), "{said}");
    }
    // A list of another authority's covers nobody.
    fs::write(&list, revocation_list(made().path())).unwrap();
    let admins = folder.path().join("certs/admin/ca.pem");
    fs::copy(&admins, folder.path().join("certs/client/ca.pem")).unwrap();
    let (said, result) = check(now());
    assert!(
        result.is_err() && said.contains("there is no list of CN="),
        "{said}"
    );
}

#[tokio::test]
async fn check_tells_what_the_start_refuses_with_this_store() {
    let folder = made();
    let config = folder.path().join("countersign.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("quorum = 2", "quorum = 1")).unwrap();
    let check = || run_check(folder.path(), false, now());
    let (said, result) = check();
    assert!(result.is_ok(), "may become one for development: {said}");
    let loaded = config::load(&config).unwrap();
    let crate::config::StoreUrl::Sqlite(path) = &loaded.store.url;
    let db = crate::store::Db::open(path).unwrap();
    let (said, result) = check();
    assert!(result.is_err() && said.contains("admin.quorum: "), "{said}");
    let mut mark = crate::store::Batch::new();
    let words = vec![crate::server::DEVELOPMENT.into(), "yes".into()];
    mark.run("INSERT INTO meta (name, value) VALUES ($1, $2)", words);
    db.commit(mark).await.unwrap();
    let (said, result) = check();
    assert!(result.is_ok(), "{said}");
}

#[test]
fn check_looks_at_the_keys_of_signed_answers() {
    let folder = made();
    let config = folder.path().join("countersign.toml");
    let text = fs::read_to_string(&config).unwrap();
    let keys = "trust_domain = \"bank.internal\"\nanswer_keys = \"bank.jwks.json\"";
    fs::write(
        &config,
        text.replacen("trust_domain = \"bank.internal\"", keys, 1),
    )
    .unwrap();
    for (broken, told) in [
        (None, "cannot be read"),
        (Some("no JSON"), "is no JWK set"),
        (Some("{\"keys\":[]}"), "holds no key"),
    ] {
        broken
            .iter()
            .for_each(|text| fs::write(folder.path().join("bank.jwks.json"), text).unwrap());
        let (said, result) = run_check(folder.path(), false, now());
        assert!(result.is_err(), "{said}");
        assert!(said.contains("answer_keys: ") && said.contains(told), "{said}");
    }
}

#[test]
fn check_answers_machines_with_one_document() {
    let folder = made();
    let (said, result) = run_check(folder.path(), true, now());
    let document: Value = serde_json::from_str(&said).unwrap();
    assert!(result.is_ok() && document["ok"] == true && document["charter"].as_str().unwrap().len() == 64);

    let config = folder.path().join("countersign.toml");
    let spoiled = fs::read_to_string(&config)
        .unwrap()
        .replace("access = \"proof\"", "acces = \"proof\"");
    fs::write(&config, spoiled).unwrap();
    let (said, result) = run_check(folder.path(), true, now());
    let document: Value = serde_json::from_str(&said).unwrap();
    assert!(result.is_err() && document["ok"] == false);
    assert_eq!(document["faults"][1]["key"], "route[1].acces");
    assert_eq!(document["faults"][1]["remedy"], "did you mean access?");
}

#[test]
fn what_a_further_check_finds_is_told_and_fails_the_check() {
    let folder = made();
    let config = folder.path().join("countersign.toml");
    let args = parsed(&["--config", config.to_str().unwrap()]);
    let further: FurtherCheck<'_> =
        &|_, findings| findings.fault("policy.dir", "00-baseline.cedar:1: no policy");
    let (said, result) = said(false, |console| run(&args, &[further], now(), console));
    assert!(
        result.is_err() && said.contains("policy.dir: 00-baseline.cedar:1: no policy"),
        "{said}"
    );
}

#[test]
fn certs_refuse_what_they_cannot_issue() {
    let folder = made();
    for (words, told) in [
        (&["init"][..], "not overwritten"),
        (&["issue", "server", "localhost"], "not overwritten"),
        (
            &["issue", "admin", "alice", "--san", "localhost"],
            "name no hosts",
        ),
        (&["issue", "client", "../alice"], "cannot name a certificate"),
    ] {
        let error = run_certs(folder.path(), words).unwrap_err();
        assert!(
            error.exit_code() == 1 && error.to_string().contains(told),
            "{error}"
        );
    }
    let empty = tempfile::tempdir().unwrap();
    let error = run_certs(empty.path(), &["issue", "client", "shop"]).unwrap_err();
    assert!(error.to_string().contains("countersign certs init"), "{error}");
}

#[test]
fn init_writes_every_policy_file_of_the_project_and_no_other() {
    let folder = made();
    let files = |folder: &Path| {
        let below = |dir: &Path| {
            let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
            entries.filter(|path| path.is_file()).collect::<Vec<_>>()
        };
        let mut files: Vec<_> = [below(folder), below(&folder.join("tests"))].concat();
        files.sort();
        files
            .iter()
            .map(|path| (path.file_name().unwrap().to_owned(), fs::read(path).unwrap()))
            .collect::<Vec<_>>()
    };
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    assert_eq!(files(&folder.path().join("policies")), files(&project));
}

#[test]
fn check_tells_a_broken_policy_and_a_master_key_of_another_length() {
    let folder = made();
    fs::write(
        folder.path().join("policies/00-baseline.cedar"),
        "permit (principal",
    )
    .unwrap();
    fs::write(folder.path().join("master.key"), "dG9vIHNob3J0\n").unwrap();
    let (said, result) = run_check(folder.path(), false, now());
    assert!(result.is_err());
    for told in [
        "policy.dir: ",
        "00-baseline.cedar:1",
        "keys.kek: ",
        "32 random bytes",
    ] {
        assert!(said.contains(told), "{told} is not in {said}");
    }
}

#[test]
fn check_writes_the_schema_for_editors() {
    let (said, result) = said(false, |console| run(&parsed(&["--schema"]), &[], now(), console));
    result.unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(&said).unwrap(),
        config::json_schema()
    );
}

#[test]
fn the_store_is_looked_at_and_left_alone() {
    use crate::store::Db;
    let folder = made();
    let path = folder.path().join("countersign.sqlite");
    let (said, result) = run_check(folder.path(), false, now());
    assert!(result.is_ok() && !path.exists(), "missing is no fault: {said}");

    let db = Db::open(&path).unwrap();
    let (said, result) = run_check(folder.path(), false, now());
    assert!(result.is_ok(), "in use is no fault: {said}");
    assert!(
        said.contains("warning:") && said.contains("store.url") && said.contains("in use"),
        "{said}"
    );
    drop(db);
    let (said, result) = run_check(folder.path(), false, now());
    assert!(result.is_ok() && !said.contains("store.url"), "{said}");

    fs::write(&path, "a letter, not a store").unwrap();
    let (said, result) = run_check(folder.path(), true, now());
    let told: Value = serde_json::from_str(&said).unwrap();
    assert!(
        result.is_err() && told["faults"][0]["key"] == "store.url",
        "{told}"
    );
    assert_eq!(fs::read(&path).unwrap(), b"a letter, not a store");
}
