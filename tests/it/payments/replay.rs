//! Captured requests, sent again: at once, and to the gateway that starts after.

use std::time::Duration;

use countersign_jose::KeyKind;
use data_encoding::BASE64;

use crate::support::{Caller, Draft, Login, PAYMENT, TestGateway};

fn consent<'g>(caller: &'g Caller<'_>) -> Draft<'g> {
    caller.post("/consents", "{}")
}

/// The same without a nonce, which routes that move no money do not need.
fn without_nonce<'g>(caller: &'g Caller<'_>) -> Draft<'g> {
    consent(caller).signature(|signature| signature.unset("nonce"))
}

/// Request by request: the first is answered, the second is a replay.
#[tokio::test]
async fn a_captured_request_is_good_once_with_a_nonce_or_without() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    for draft in [
        alice.pay_under("k", PAYMENT),
        consent(&alice),
        without_nonce(&alice),
    ] {
        let ready = draft.finish();
        assert_eq!(ready.send().await.status(), 200);
        ready.send().await.assert_problem("replayed");
    }
    assert_eq!(gateway.backend.count(), 3);
}

/// (r, s) and (r, n - s) are both valid: a replay may not slip by with the other.
#[tokio::test]
async fn a_captured_ecdsa_signature_is_not_made_new_by_negating_its_second_half() {
    let gateway = TestGateway::start().await;
    let key = KeyKind::P256;
    let login = Login {
        key,
        ..Login::default()
    };
    let alice = gateway.login(login).await;
    let ready = without_nonce(&alice).finish();
    assert_eq!(ready.send().await.status(), 200);
    let negated = ready.changed(|headers| {
        let value = headers["signature"].to_str().unwrap().to_owned();
        let (label, bytes) = value.split_once("=:").unwrap();
        let mut signature = BASE64.decode(bytes.trim_end_matches(':').as_bytes()).unwrap();
        negate(&mut signature[32..]);
        let value = format!("{label}=:{}:", BASE64.encode(&signature));
        headers.insert("signature", value.parse().unwrap());
    });
    negated.send().await.assert_problem("replayed");
}

/// n - s modulo the order of P-256, big-endian.
fn negate(s: &mut [u8]) {
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
        0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let mut borrow = 0;
    for (digit, order) in s.iter_mut().zip(ORDER).rev() {
        let difference = i32::from(order) - i32::from(*digit) - borrow;
        borrow = i32::from(difference < 0);
        *digit = difference.rem_euclid(256) as u8;
    }
}

/// What was sent before the start and is replayed after it: on routes that move money the store remembers the nonce, on
/// others everything dated before the start is stale.
#[tokio::test]
async fn a_request_of_before_the_start_is_not_good_after_it() {
    let gateway = TestGateway::start().await;
    let captured = {
        let alice = gateway.alice().await;
        let sent = [
            alice.pay_under("k", PAYMENT).finish(),
            consent(&alice).finish(),
            without_nonce(&alice).finish(),
            alice.get("/accounts/7/balances").finish(),
        ];
        for ready in &sent {
            assert_eq!(ready.send().await.status(), 200);
        }
        sent.map(|ready| ready.taken())
    };
    let gateway = gateway.restart().await;
    gateway.advance(Duration::from_secs(2)).await;
    let mut codes = Vec::new();
    for sent in captured {
        codes.push(sent.sent_to(&gateway).await.code());
    }
    assert_eq!(codes, ["replayed", "stale", "stale", "stale"]);
    assert_eq!(gateway.backend.count(), 4);
}

/// A money request whose key does not protect it, because nothing was kept of it but the nonce.
#[tokio::test]
async fn the_store_remembers_the_nonce_of_a_payment_across_a_start() {
    let gateway = TestGateway::start().await;
    let captured = {
        let alice = gateway.alice().await;
        let ready = alice.pay_under("k", PAYMENT).finish();
        assert_eq!(ready.send().await.status(), 200);
        ready.taken()
    };
    let mut forget = countersign::store::Batch::new();
    forget.run("DELETE FROM idempotency", Vec::new());
    gateway.services.db.commit(forget).await.unwrap();
    let gateway = gateway.restart().await;
    captured.sent_to(&gateway).await.assert_problem("replayed");
    assert_eq!(gateway.backend.count(), 1);
}

/// Dated ahead of our clock, within what is allowed, and therefore after the next start: only the store can know it.
#[tokio::test]
async fn what_is_dated_ahead_is_remembered_across_a_start() {
    let gateway = TestGateway::start().await;
    let ahead = (gateway.now().seconds() + 8).to_string();
    let captured = {
        let alice = gateway.alice().await;
        let sent = [
            consent(&alice).signature(|signature| {
                signature.set("created", ahead.clone());
                signature.unset("expires");
            }),
            without_nonce(&alice).signature(|signature| {
                signature.set("created", ahead.clone());
                signature.unset("expires");
            }),
        ]
        .map(Draft::finish);
        for ready in &sent {
            assert_eq!(ready.send().await.status(), 200);
        }
        sent.map(|ready| ready.taken())
    };
    let gateway = gateway.restart().await;
    gateway.advance(Duration::from_secs(2)).await;
    for sent in captured {
        sent.sent_to(&gateway).await.assert_problem("replayed");
    }
    assert_eq!(gateway.backend.count(), 2);
}
