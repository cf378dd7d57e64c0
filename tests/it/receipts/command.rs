//! `countersign receipt verify`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use countersign::cli::console::{CliError, Console};
use countersign::cli::receipt::{ReceiptArgs, run};
use serde_json::Value;

use super::{link, published_keys, receipt, signed_payment};
use crate::support::TestGateway;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: ReceiptArgs,
}

fn command(json: bool, words: &[&str]) -> (Result<ExitCode, CliError>, String) {
    let line = Line::try_parse_from([&["receipt", "verify"], words].concat()).unwrap();
    let mut out = Vec::new();
    let code = run(&line.args, &mut Console::new(&mut out, json));
    (code, String::from_utf8(out).unwrap())
}

fn write(gateway: &TestGateway, name: &str, bytes: &[u8]) -> PathBuf {
    let path = gateway.home.path(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

#[tokio::test]
async fn the_command_verifies_offline_and_names_what_is_wrong() {
    let gateway = TestGateway::start().await;
    let mut alice = gateway.alice().await;
    let target = link(&signed_payment(&alice, "k").send().await);
    let mut document = receipt(&mut alice, &target).await;
    let keys = published_keys(&gateway).await;
    let published: Value = serde_json::from_slice(&keys).unwrap();
    let vkey = published["log"]["vkeys"][0].as_str().unwrap();
    let file = write(&gateway, "receipt.json", document.to_string().as_bytes());
    let keys = write(&gateway, "keys.json", &keys);
    let (file, keys) = (file.to_str().unwrap(), keys.to_str().unwrap());

    for words in [
        &[file, "--key", vkey][..],
        &[file, "--keys", keys],
        &[file, "--key", vkey, "--keys", keys],
    ] {
        let (code, out) = command(false, words);
        assert_eq!(code.unwrap(), ExitCode::SUCCESS, "{out}");
        assert!(
            out.contains("holds") && out.contains("unwitnessed") && out.contains("12.50 EUR"),
            "{out}"
        );
    }
    let (_, out) = command(true, &[file, "--key", vkey]);
    let answer: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&answer["valid"], &answer["unwitnessed"]),
        (&true.into(), &true.into())
    );
    assert_eq!(
        (&answer["payment_signature"], &answer["id"]),
        (&"valid".into(), &document["id"])
    );

    document["intent"]["amount"] = "12.51".into();
    let changed = write(&gateway, "changed.json", document.to_string().as_bytes());
    let (code, out) = command(true, &[changed.to_str().unwrap(), "--key", vkey]);
    assert_eq!(code.unwrap(), ExitCode::FAILURE);
    let answer: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(answer["valid"], false);
    assert_eq!(answer["faults"][0]["name"], "changed-member");
    assert_eq!(answer["faults"][0]["member"], "intent");

    let (code, _) = command(
        false,
        &[gateway.home.path("absent").to_str().unwrap(), "--key", vkey],
    );
    assert!(matches!(code, Err(CliError::Failed(_))));
    let (code, _) = command(false, &[file, "--keys", file]);
    assert!(matches!(code, Err(CliError::Failed(_))));
    for wrong in [
        &["receipt", "verify", file][..],
        &["receipt", "verify", file, "--key", "nonsense"],
    ] {
        assert!(Line::try_parse_from(wrong).is_err());
    }
}
