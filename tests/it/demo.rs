//! `countersign demo`, the built program, from an empty folder to its end: every step does what it should, scripts find
//! what they were promised, nothing secret is readable or logged, and nothing is left behind.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use serde_json::Value;

/// One run that several tests look at.
struct Run {
    folder: PathBuf,
    output: Output,
}

static RUN: LazyLock<Run> = LazyLock::new(|| {
    // In the build's folder, where the next run starts it over: a static is never dropped, and so never cleaned up.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("demo");
    let output = demo(&folder).arg("--json").output().unwrap();
    Run { folder, output }
});

fn demo(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.args(["demo", "--once", "--dir"]).arg(folder);
    command
}

impl Run {
    fn steps(&self) -> Vec<Value> {
        let text = String::from_utf8(self.output.stdout.clone()).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    fn said(&self) -> String {
        let of = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        format!("{}\n{}", of(&self.output.stdout), of(&self.output.stderr))
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_str(&fs::read_to_string(self.folder.join(name)).unwrap()).unwrap()
    }

    fn log(&self, name: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.folder.join(name)).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

#[test]
fn every_step_does_what_it_should() {
    let run = &*RUN;
    assert!(run.output.status.success(), "{}", run.said());
    let mut steps = run.steps();
    let end = steps.pop().unwrap();
    assert_eq!(
        (end["ok"].clone(), end["failed"].clone()),
        (true.into(), Value::Array(Vec::new()))
    );
    let numbers: Vec<_> = steps.iter().map(|step| step["step"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    for step in &steps {
        assert_eq!(step["ok"], true, "{step:#}");
        for scene in step["scenes"].as_array().unwrap() {
            assert_eq!(scene["ok"], true, "{scene:#}");
            assert!(scene["ms"].as_f64().unwrap() >= 0.0, "{scene:#}");
        }
    }
}

/// Each attack is refused by its own code, not by whichever came first.
#[test]
fn each_attack_is_refused_for_its_own_reason() {
    let steps = RUN.steps();
    let attacks = steps.iter().find(|step| step["step"] == 6).unwrap();
    let answers: Vec<_> = attacks["scenes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["answer"].to_string())
        .collect();
    for code in [
        "digest-mismatch",
        "signature-invalid",
        "signature-missing",
        "replayed",
        "proof-missing",
        "proof-invalid",
        "transaction-invalid",
        "token-invalid",
    ] {
        assert!(
            answers.iter().any(|answer| answer.contains(code)),
            "{code}: {answers:#?}"
        );
    }
}

#[test]
fn scripts_find_what_they_need() {
    let demo = RUN.json("demo.json");
    for name in [
        "public_url",
        "log_url",
        "log_vkey",
        "mtls_url",
        "admin_url",
        "ops_url",
        "ca",
        "redirect_uri",
        "payment_body",
    ] {
        assert!(!demo[name].is_null(), "{name}");
    }
    for name in ["public", "proof", "signed", "payment"] {
        assert!(
            demo["routes"][name]["method"].is_string() && demo["routes"][name]["url"].is_string(),
            "{name}"
        );
    }
    let customers = demo["customers"].as_array().unwrap();
    assert_eq!(
        (
            customers[0]["username"].as_str(),
            customers[1]["username"].as_str()
        ),
        (Some("alice"), Some("load"))
    );
    for customer in customers {
        for name in ["password", "totp_secret", "trusted_payee"] {
            assert!(customer[name].is_string(), "{name}");
        }
        assert!(customer["accounts"][0]["iban"].is_string());
    }
    let clients = demo["clients"].as_array().unwrap();
    assert_eq!(clients[0]["profile"], "first-party");
    for path in clients
        .iter()
        .flat_map(|client| [&client["jwk"], &client["certificate"], &client["key"]])
    {
        assert!(
            path.as_str().is_none_or(|path| Path::new(path).is_file()),
            "{path}"
        );
    }
    let keyed = clients.iter().find(|client| client["jwk"].is_string()).unwrap();
    let jwk: Value =
        serde_json::from_str(&fs::read_to_string(keyed["jwk"].as_str().unwrap()).unwrap()).unwrap();
    assert!(jwk["kid"].is_string() && jwk["alg"].is_string() && jwk["d"].is_string());
    assert!(Path::new(demo["admins"][0]["certificate"].as_str().unwrap()).is_file());
    assert!(Path::new(demo["ca"].as_str().unwrap()).is_file());
}

/// KEY-06: a private key or a secret is its owner's alone, from the first byte on.
#[test]
fn what_is_secret_only_its_owner_reads() {
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let mut folders = vec![RUN.folder.clone()];
    let mut secrets = 0;
    while let Some(folder) = folders.pop() {
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
        for path in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read(&path).unwrap();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let private = String::from_utf8_lossy(&text).contains("PRIVATE KEY")
                || [
                    "seed.toml",
                    "demo.json",
                    "master.key",
                    "countersign.sqlite",
                    "bank.log",
                ]
                .contains(&name.as_str())
                || name.ends_with(".jwk.json");
            if private {
                assert_eq!(mode(&path), 0o600, "{}", path.display());
                secrets += 1;
            }
        }
    }
    assert!(secrets > 10, "{secrets}");
}

#[test]
fn no_secret_stands_in_a_log_or_on_the_screen() {
    let run = &*RUN;
    let mut texts = vec![("the screen", run.said())];
    for name in ["gateway.log", "bank.log", "merchant.log"] {
        texts.push((name, fs::read_to_string(run.folder.join(name)).unwrap()));
    }
    let demo = run.json("demo.json");
    for customer in demo["customers"].as_array().unwrap() {
        for (place, text) in &texts {
            for name in ["password", "totp_secret"] {
                assert!(
                    !text.contains(customer[name].as_str().unwrap()),
                    "{name} in {place}"
                );
            }
        }
    }
    let gateway = &texts[1].1;
    for personal in [
        "Alice",
        "alice",
        "DE89370400440532013000",
        "Corner Bookshop",
        "12.50",
    ] {
        assert!(!gateway.contains(personal), "{personal} in gateway.log");
    }
}

/// Design 4.7: whatever stands in a backend's log without the gateway's identity was for anyone, or was refused.
#[test]
fn the_bank_executes_only_what_it_verified() {
    let entries = RUN.log("bank.log");
    let payments: Vec<_> = entries
        .iter()
        .filter(|entry| entry["target"] == "/payments")
        .collect();
    assert!(payments.len() > 3);
    for entry in &entries {
        let public = entry["target"].as_str().unwrap().starts_with("/public");
        let verified = entry["verified"]["gateway"].is_string() && entry["verified"]["txn"].is_string();
        assert!(public || verified || entry["refused"].is_string(), "{entry:#}");
        for name in ["authorization", "dpop", "cookie"] {
            assert!(entry["headers"][name].is_null(), "{name}: {entry:#}");
        }
    }
    let mut transactions: Vec<_> = payments
        .iter()
        .map(|entry| entry["verified"]["txn"].as_str().unwrap())
        .collect();
    let executed = transactions.len();
    transactions.sort_unstable();
    transactions.dedup();
    assert_eq!(transactions.len(), executed, "a payment was sent twice");
}

/// Design 6: the bank that was killed over a payment is asked about it when it is back, and executes it no second time.
#[test]
fn a_payment_over_which_the_bank_died_was_executed_once() {
    let entries = RUN.log("bank.log");
    let of = |entry: &Value| entry["verified"]["txn"].as_str().map(str::to_owned);
    let slow: Vec<_> = entries
        .iter()
        .filter(|entry| entry["verified"]["intent"]["reference"] == "A slow day at the bank")
        .collect();
    assert_eq!(slow.len(), 1, "{slow:#?}");
    let about: Vec<_> = entries.iter().filter(|entry| of(entry) == of(slow[0])).collect();
    assert!(about.len() > 2, "the payment, and two questions: {about:#?}");
    for question in &about[1..] {
        assert_eq!(question["method"], "GET", "{question:#}");
        assert!(question["verified"]["intent"].is_null(), "{question:#}");
    }
}

/// A demonstration takes the usual ports when it can; when it cannot, it takes others and says which.
#[test]
fn taken_ports_lead_to_others_and_an_earlier_demo_is_started_over() {
    // The other demonstration of these tests may want the usual port, so it goes first.
    LazyLock::force(&RUN);
    // Holds it, unless somebody else does so already.
    let _held = std::net::TcpListener::bind(("127.0.0.1", 8443));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("demo.json"), "{}").unwrap();
    fs::write(folder.path().join("bank.log"), "of an earlier run\n").unwrap();
    let output = demo(folder.path()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(!text.contains('\u{1b}') && !text.contains('✗'), "{text}");
    let demo: Value =
        serde_json::from_str(&fs::read_to_string(folder.path().join("demo.json")).unwrap()).unwrap();
    assert_ne!(demo["public_url"], "https://localhost:8443");
    assert!(
        demo["routes"]["payment"]["url"]
            .as_str()
            .unwrap()
            .starts_with(demo["public_url"].as_str().unwrap())
    );
    assert!(
        !fs::read_to_string(folder.path().join("bank.log"))
            .unwrap()
            .contains("earlier")
    );
}

#[test]
fn a_folder_that_is_not_a_demos_is_refused_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.txt"), "years of work").unwrap();
    let output = demo(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--dir"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// Every process that the demonstration names has ended with it.
/// What the screen says to try works as it is printed.
#[test]
fn the_lines_to_try_work_as_printed() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("demo-kept");
    let mut demo = Command::new(env!("CARGO_BIN_EXE_countersign"));
    demo.arg("demo").arg("--dir").arg(&folder).stdout(Stdio::piped());
    let mut demo = demo.spawn().unwrap();
    let said = BufReader::new(demo.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let said: Vec<String> = said
        .take_while(|line| !line.contains("holds what a script needs"))
        .collect();
    let line = |start: &str| {
        let found = said
            .iter()
            .map(|line| line.trim())
            .find(|line| line.starts_with(start));
        found
            .unwrap_or_else(|| panic!("no {start} in {said:#?}"))
            .to_owned()
    };
    let script = [
        line("CS="),
        line("$CS login"),
        line("$CS pay"),
        line("$CS keys list"),
    ]
    .join(" && ");
    // The first line sets two variables for those that follow.
    let tried = Command::new("bash").args(["-c", &script]).output().unwrap();
    let stopped = Command::new("kill")
        .args(["-INT", &demo.id().to_string()])
        .status()
        .unwrap();
    assert!(stopped.success() && demo.wait().unwrap().success());
    let told = String::from_utf8_lossy(&tried.stderr);
    assert!(tried.status.success(), "{script}\n{told}");
}

#[test]
fn no_process_is_left_behind() {
    let steps = RUN.steps();
    let text = Value::Array(steps).to_string();
    let ids: Vec<u32> = text
        .split("(process ")
        .skip(1)
        .map(|rest| rest.split(')').next().unwrap().parse().unwrap())
        .collect();
    // Bank and merchant, and the bank again after it was killed.
    assert_eq!(ids.len(), 3, "{text}");
    for id in ids {
        let command = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        assert!(
            !String::from_utf8_lossy(&command).contains(RUN.folder.to_str().unwrap()),
            "process {id}"
        );
    }
}
