//! Reloading and rotating while requests go on: none is dropped, none is refused.

use std::sync::atomic::{AtomicBool, Ordering};

use countersign::base::AdminName;
use countersign::keys::Purpose;
use countersign::server::StartError;

use crate::support::{Deed, PAYMENT, Setting, TestGateway};

/// Reads one after the other until told to end; returns how many there were. Each must be answered.
async fn read_until(gateway: &TestGateway, end: &AtomicBool) -> usize {
    let mut alice = gateway.alice().await;
    let mut answered = 0;
    while !end.load(Ordering::SeqCst) {
        alice.renew();
        alice.get("/orders").expect_answer().await;
        alice
            .post("/consents", "{}")
            .expect_answer()
            .await
            .assert_signed();
        answered += 2;
    }
    answered
}

#[tokio::test]
async fn a_reload_drops_no_request() {
    let gateway = TestGateway::start().await;
    let end = AtomicBool::new(false);
    let reloads = async {
        for _ in 0..20 {
            let before = gateway.backend.count();
            gateway.reloader.reload().await.unwrap();
            gateway.backend.wait_for(before + 2).await;
        }
        end.store(true, Ordering::SeqCst);
    };
    let (one, two, ()) = tokio::join!(read_until(&gateway, &end), read_until(&gateway, &end), reloads);
    assert!(one + two >= 40);
}

/// A request judges by what was in force when it arrived, and the next one by what is in force now.
#[tokio::test]
async fn a_request_under_way_ends_under_the_configuration_it_began_with() {
    let gateway = TestGateway::start().await.under_development().await;
    let alice = gateway.alice().await;
    gateway.backend.next(Deed::Hold);
    let held = alice.get("/orders").finish();
    let change = async {
        gateway.backend.wait_for(1).await;
        gateway.home.configure(
            &gateway.backend,
            &[Setting("path = \"/orders\"", "path = \"/baskets\"")],
        );
        let report = gateway.reloader.reload().await.unwrap();
        assert!(report.changed.contains(&"route".to_owned()), "{report:?}");
        alice.get("/orders").expect_refusal("route-unknown").await;
        alice.get("/baskets").expect_answer().await;
        gateway.backend.release();
    };
    let (held, ()) = tokio::join!(held.send(), change);
    assert_eq!(held.status(), 200);
}

/// An upstream that has moved: what is under way ends where it was sent, what begins goes to the new place.
#[tokio::test]
async fn a_request_under_way_ends_at_the_backend_it_was_sent_to() {
    let gateway = TestGateway::start().await.under_development().await;
    let alice = gateway.alice().await;
    let moved = gateway.home.backend().await;
    gateway.backend.next(Deed::Hold);
    let held = alice.pay(PAYMENT).finish();
    let change = async {
        gateway.backend.wait_for(1).await;
        gateway.home.configure(&moved, &[]);
        let report = gateway.reloader.reload().await.unwrap();
        assert!(report.changed.contains(&"upstream".to_owned()), "{report:?}");
        alice.get("/orders").expect_answer().await;
        assert_eq!((gateway.backend.count(), moved.count()), (1, 1));
        gateway.backend.release();
    };
    let (held, ()) = tokio::join!(held.send(), change);
    assert_eq!(held.status(), 200);
    assert_eq!((gateway.backend.count(), moved.count()), (1, 1));
}

/// Reloads that are asked for at once happen one after the other, and each is on record.
#[tokio::test]
async fn reloads_at_once_are_as_many_entries() {
    let gateway = TestGateway::start().await;
    let reload = || gateway.reloader.reload();
    let (one, two, three, four) = tokio::join!(reload(), reload(), reload(), reload());
    assert!([one, two, three, four].iter().all(Result::is_ok));
    assert_eq!(gateway.entries("reloaded").await.len(), 4);
}

/// Whole or not at all.
#[tokio::test]
async fn a_reload_that_is_refused_changes_nothing() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    std::fs::remove_file(gateway.policy_file("30-exemptions.cedar")).unwrap();
    let broken = gateway.policy_file("90-broken.cedar");
    std::fs::write(&broken, "permit (principal, action, resource) when { nonsense };").unwrap();
    let error = gateway.reloader.reload().await.unwrap_err();
    assert!(error.to_string().contains("90-broken.cedar"), "{error}");
    alice.pay(PAYMENT).expect_answer().await;
    std::fs::remove_file(broken).unwrap();

    gateway
        .home
        .configure(&gateway.backend, &[Setting("[dpop]", "[dpopp]")]);
    let error = gateway.reloader.reload().await.unwrap_err();
    assert!(error.to_string().contains("dpop"), "{error}");
    alice.pay(PAYMENT).expect_answer().await;

    gateway.home.configure(
        &gateway.backend,
        &[Setting("sqlite:countersign.sqlite", "sqlite:other.sqlite")],
    );
    let error = gateway.reloader.reload().await.unwrap_err();
    assert!(matches!(error, StartError::RestartOnly(_)), "{error}");
    alice.pay(PAYMENT).expect_answer().await;

    gateway.home.configure(&gateway.backend, &[]);
    gateway.reloader.reload().await.unwrap();
    alice.pay(PAYMENT).expect_refusal("approval-required").await;
}

/// KEY-03: every signing key changes at once while requests go on; none is refused, and what the old keys signed still
/// counts as long as it lives.
#[tokio::test]
async fn keys_rotate_while_requests_go_on() {
    let gateway = TestGateway::start().await;
    let old = gateway.alice().await;
    let end = AtomicBool::new(false);
    let admin = AdminName::new("anna");
    let rotations = async {
        for round in 0..6 {
            let before = gateway.backend.count();
            for purpose in [Purpose::Token, Purpose::Txn, Purpose::Message, Purpose::Data] {
                let immediately = round % 2 == 0;
                gateway
                    .services
                    .keyring
                    .rotate(purpose, immediately, &admin)
                    .await
                    .unwrap();
            }
            gateway.backend.wait_for(before + 2).await;
        }
        end.store(true, Ordering::SeqCst);
    };
    let keys = gateway.services.keyring.current();
    let kid = |purpose| keys.signing(purpose).unwrap().kid.clone();
    let (one, two, ()) = tokio::join!(read_until(&gateway, &end), read_until(&gateway, &end), rotations);
    assert!(one + two >= 12);
    let keys_now = gateway.services.keyring.current();
    for purpose in [Purpose::Token, Purpose::Txn, Purpose::Message] {
        assert_ne!(keys_now.signing(purpose).unwrap().kid, kid(purpose));
    }
    old.get("/orders").expect_answer().await;
    old.pay(PAYMENT).expect_answer().await.assert_signed();
}

/// KEY-02: a key that was compromised is believed no more from this moment on.
#[tokio::test]
async fn a_revoked_token_key_ends_its_tokens() {
    let gateway = TestGateway::start().await;
    let mut alice = gateway.alice().await;
    alice.get("/orders").expect_answer().await;
    let kid = gateway
        .services
        .keyring
        .current()
        .signing(Purpose::Token)
        .unwrap()
        .kid
        .clone();
    gateway
        .services
        .keyring
        .revoke(&kid, &AdminName::new("anna"))
        .await
        .unwrap();
    alice.get("/orders").expect_refusal("token-invalid").await;
    alice.renew();
    alice.get("/orders").expect_answer().await;
}

/// A kept answer is sealed under a data key that has been rotated since.
#[tokio::test]
async fn a_kept_answer_opens_under_the_key_of_its_time() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    alice.pay_under("k", PAYMENT).expect_answer().await;
    let admin = AdminName::new("anna");
    gateway
        .services
        .keyring
        .rotate(Purpose::Data, true, &admin)
        .await
        .unwrap();
    let answer = alice.pay_under("k", PAYMENT).expect_answer().await;
    assert_eq!(answer.header("idempotency-replayed"), "true");
}
