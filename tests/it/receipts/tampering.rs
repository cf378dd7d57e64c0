//! No change to a receipt stays unseen, and what was changed is named.

use std::collections::BTreeSet;

use countersign_tlog::{SignatureKind, VerifierKey};
use countersign_verify::ReceiptTrust;
use serde_json::{Value, json};

use super::{link, receipt, signed_payment, trust, verify};
use crate::support::TestGateway;

/// A receipt with a neighbour in the log, so that it has a proof, and whom to trust.
async fn sample(gateway: &TestGateway) -> (Value, ReceiptTrust) {
    let mut alice = gateway.alice().await;
    let target = link(&signed_payment(&alice, "k \\\"1").send().await);
    (receipt(&mut alice, &target).await, trust(gateway).await)
}

/// The pointers of all values that hold no others.
fn leaves(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => members
            .iter()
            .for_each(|(name, value)| leaves(value, &format!("{at}/{name}"), found)),
        Value::Array(items) if !items.is_empty() => items
            .iter()
            .enumerate()
            .for_each(|(index, value)| leaves(value, &format!("{at}/{index}"), found)),
        _ => found.push(at.to_owned()),
    }
}

/// Every value that differs from this one by a character.
fn near(value: &Value) -> Vec<Value> {
    match value {
        Value::String(text) => (0..text.chars().count())
            .map(|place| {
                let change = |(index, old)| match (index == place, old) {
                    (true, 'A') => 'B',
                    (true, _) => 'A',
                    (false, old) => old,
                };
                text.chars().enumerate().map(change).collect::<String>().into()
            })
            .collect(),
        Value::Number(number) => vec![json!(number.as_u64().unwrap() + 1), json!(number.to_string())],
        Value::Null => vec![json!("A"), json!({})],
        Value::Array(_) => vec![json!(["A"]), Value::Null],
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn every_member_changed_by_one_character_is_found_and_named() {
    let gateway = TestGateway::start().await;
    let (receipt, trust) = sample(&gateway).await;
    verify(&receipt, &trust).unwrap();
    let mut places = Vec::new();
    leaves(&receipt, "", &mut places);
    let mut touched = BTreeSet::new();
    for place in places {
        let member = place.split('/').nth(1).unwrap().to_owned();
        for other in near(receipt.pointer(&place).unwrap()) {
            let mut changed = receipt.clone();
            *changed.pointer_mut(&place).unwrap() = other.clone();
            let faults = match verify(&changed, &trust) {
                Err(faults) => faults,
                Ok(_) => panic!("{place} changed to {other} is not found"),
            };
            let names: Vec<_> = faults.iter().filter_map(|fault| fault.member()).collect();
            let named = names.iter().any(|name| name.split('.').next() == Some(&member));
            // Which of leaf, index and proof was changed cannot always be told; that one of them was, can.
            let place_in_tree = ["leaf", "index", "proof"].contains(&member.as_str());
            assert!(named || place_in_tree, "{place} changed to {other}: {faults:?}");
        }
        touched.insert(member);
    }
    assert_eq!(touched.len(), receipt.as_object().unwrap().len());
}

#[tokio::test]
async fn a_member_too_many_or_too_few_is_named() {
    let gateway = TestGateway::start().await;
    let (receipt, trust) = sample(&gateway).await;
    for object in ["", "/request", "/payment_signature", "/decision", "/answer"] {
        let members = receipt.pointer(object).unwrap().as_object().unwrap();
        for name in members.keys() {
            let mut changed = receipt.clone();
            changed
                .pointer_mut(object)
                .unwrap()
                .as_object_mut()
                .unwrap()
                .remove(name);
            let faults = verify(&changed, &trust).unwrap_err();
            assert_eq!(faults.len(), 1, "{faults:?}");
            assert!(["malformed-member", "unknown-version"].contains(&faults[0].name()));
        }
        let mut changed = receipt.clone();
        changed.pointer_mut(object).unwrap()["token"] = "secret".into();
        assert_eq!(
            verify(&changed, &trust).unwrap_err()[0].name(),
            "malformed-member"
        );
    }
    let twice = receipt.to_string().replacen('{', "{\"id\":\"x\",", 1);
    let faults = countersign_verify::verify_receipt(twice.as_bytes(), &trust).unwrap_err();
    assert_eq!(faults[0].name(), "unreadable");
}

#[tokio::test]
async fn a_leaf_a_proof_a_checkpoint_or_a_signature_of_another_receipt_does_not_fit() {
    let gateway = TestGateway::start().await;
    let mut alice = gateway.alice().await;
    let mut receipts = Vec::new();
    for key in ["k1", "k2"] {
        let target = link(&signed_payment(&alice, key).send().await);
        receipts.push(receipt(&mut alice, &target).await);
    }
    let trust = trust(&gateway).await;
    for (members, expected) in [
        (&["leaf"][..], "wrong-leaf"),
        (&["leaf", "index", "proof", "checkpoint"], "wrong-leaf"),
        (&["proof"], "bad-proof"),
        (&["checkpoint"], "bad-proof"),
        (&["index"], "wrong-index"),
        (&["payment_signature"], "changed-member"),
        (&["request", "payment_signature"], "changed-member"),
        (&["intent_digest"], ""),
    ] {
        let mut changed = receipts[0].clone();
        for member in members {
            changed[*member] = receipts[1][*member].clone();
        }
        match verify(&changed, &trust) {
            // Both paid the same, so they agreed to the same.
            Ok(_) => assert_eq!(expected, ""),
            Err(faults) => assert_eq!(faults[0].name(), expected, "{members:?}: {faults:?}"),
        }
    }
    let mut changed = receipts[0].clone();
    changed["payment_signature"]["signature"] = receipts[1]["payment_signature"]["signature"].clone();
    let faults = verify(&changed, &trust).unwrap_err();
    assert!(
        faults.iter().any(|fault| fault.name() == "bad-payment-signature"),
        "{faults:?}"
    );
}

#[tokio::test]
async fn another_log_and_another_key_are_told_apart() {
    let gateway = TestGateway::start().await;
    let (receipt, _) = sample(&gateway).await;
    let key = |name: &str| VerifierKey::new(name, SignatureKind::Ed25519, [7; 32]).unwrap();
    for (name, expected) in [
        ("elsewhere.example", "other-origin"),
        ("localhost", "unknown-log-key"),
    ] {
        let trust = ReceiptTrust::new([key(name)]).unwrap();
        assert_eq!(verify(&receipt, &trust).unwrap_err()[0].name(), expected);
    }
    let mut unsigned = receipt.clone();
    let checkpoint = receipt["checkpoint"].as_str().unwrap();
    unsigned["checkpoint"] = checkpoint.split("\n\n").next().unwrap().into();
    let trust = trust(&gateway).await;
    assert_eq!(verify(&unsigned, &trust).unwrap_err()[0].name(), "bad-checkpoint");
    let mut resigned = receipt.clone();
    resigned["checkpoint"] = checkpoint.replacen("localhost\n", "localhost\n9", 1).into();
    assert_eq!(
        verify(&resigned, &trust).unwrap_err()[0].name(),
        "bad-checkpoint-signature"
    );
}
