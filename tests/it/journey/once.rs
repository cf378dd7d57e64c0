//! Permitted → Sealed: a payment is sent at most once, and what became of it is known.

use std::sync::Arc;

use crate::support::{Caller, Deed, Login, PAYMENT, TestGateway, payment_of};

/// IDEM-05, IDEM-10: the second answer is the first one, and says so.
#[tokio::test]
async fn the_same_payment_twice_is_one_payment() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    gateway.backend.next(Deed::respond(
        201,
        "content-type: application/json\r\nx-bank: 7\r\n",
        "{\"id\":7}",
    ));
    let first = alice.pay_under("k", PAYMENT).send().await;
    let second = alice.pay_under("k", PAYMENT).send().await;
    assert_eq!(gateway.backend.count(), 1);
    assert_eq!((first.status(), second.status()), (201, 201));
    assert_eq!(first.body(), second.body());
    assert_eq!(second.header("x-bank"), "7");
    assert_eq!(
        (
            first.header("idempotency-replayed"),
            second.header("idempotency-replayed")
        ),
        ("", "true")
    );
    assert_ne!(first.header("request-id"), second.header("request-id"));
    // Each is signed afresh, over its own request.
    first.assert_signed();
    second.assert_signed();
    assert_ne!(first.header("signature"), second.header("signature"));
}

/// An error of the backend is an answer too: it is not asked again.
#[tokio::test]
async fn a_backends_refusal_is_replayed_as_well() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    gateway.backend.next(Deed::respond(409, "", "no funds"));
    for _ in 0..2 {
        let answer = alice.pay_under("k", PAYMENT).send().await;
        assert_eq!((answer.status(), answer.body()), (409, &b"no funds"[..]));
        answer.assert_signed();
    }
    assert_eq!(gateway.backend.count(), 1);
}

/// IDEM-03, IDEM-07
#[tokio::test]
async fn a_key_is_for_one_payment() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    alice.pay_under("k", PAYMENT).expect_answer().await;
    alice
        .pay_under("k", &payment_of("12.51"))
        .expect_refusal("idempotency-key-reused")
        .await;
    let other_spelling = PAYMENT.replace("{\"instructedAmount\"", "{ \"instructedAmount\"");
    alice
        .pay_under("k", &other_spelling)
        .expect_refusal("idempotency-key-reused")
        .await;
    alice.pay_under("k2", PAYMENT).expect_answer().await;
}

/// IDEM-06: a key belongs to its client and customer.
#[tokio::test]
async fn a_key_means_nothing_to_anybody_else() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    gateway.backend.next(Deed::respond(200, "", "alice's"));
    alice.pay_under("k", PAYMENT).expect_answer().await;
    for login in [
        Login {
            customer: "bob",
            ..Login::default()
        },
        Login {
            client: "shop",
            ..Login::default()
        },
    ] {
        let answer = gateway
            .login(login)
            .await
            .pay_under("k", PAYMENT)
            .expect_answer()
            .await
            .body()
            .to_vec();
        assert_ne!(answer, b"alice's");
    }
    // A new session of the same customer in the same app is the owner.
    assert_eq!(
        gateway
            .alice()
            .await
            .pay_under("k", PAYMENT)
            .expect_answer()
            .await
            .body(),
        b"alice's"
    );
    assert_eq!(gateway.backend.count(), 3);
}

/// A replayed answer touches no counter: five payments, and one of them asked for again and again.
#[tokio::test]
async fn asking_again_uses_no_exemption_up() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    for _ in 0..6 {
        alice.pay_under("k", PAYMENT).expect_answer().await;
    }
    for _ in 0..4 {
        alice.pay(PAYMENT).expect_answer().await;
    }
    alice.pay(PAYMENT).expect_refusal("approval-required").await;
    // What was answered once is answered still, though a new payment would not be.
    alice.pay_under("k", PAYMENT).expect_answer().await;
    assert_eq!(gateway.backend.count(), 5);
}

/// IDEM-04
#[tokio::test]
async fn a_payment_that_is_under_way_is_not_sent_again() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    gateway.backend.next(Deed::Hold);
    let first = alice.pay_under("k", PAYMENT).finish();
    let second = async {
        gateway.backend.wait_for(1).await;
        let answer = alice.pay_under("k", PAYMENT).expect_refusal("in-progress").await;
        assert!(!answer.header("retry-after").is_empty());
        alice
            .pay_under("k", &payment_of("1.00"))
            .expect_refusal("idempotency-key-reused")
            .await;
        gateway.backend.release();
    };
    let (first, ()) = tokio::join!(first.send(), second);
    assert_eq!(first.status(), 200);
    assert_eq!(
        alice
            .pay_under("k", PAYMENT)
            .expect_answer()
            .await
            .header("idempotency-replayed"),
        "true"
    );
    assert_eq!(gateway.backend.count(), 1);
}

/// Two with one key at the same moment: the write decides.
#[tokio::test]
async fn of_two_at_once_one_is_sent() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let (one, two) = (
        alice.pay_under("k", PAYMENT).finish(),
        alice.pay_under("k", PAYMENT).finish(),
    );
    let (one, two) = tokio::join!(one.send(), two.send());
    for answer in [&one, &two] {
        assert!(
            answer.status() == 200 || answer.code() == "in-progress",
            "{answer:?}"
        );
    }
    assert_eq!(gateway.backend.count(), 1);
}

/// IDEM-08: a byte was sent and no answer came: nobody knows, and nobody sends it again.
#[tokio::test]
async fn a_payment_cut_off_in_the_middle_is_unknown_and_never_sent_again() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let deeds = [
        Deed::Cut,
        Deed::Write(b"HTTP/1.1 200 O".to_vec()),
        Deed::Write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this".to_vec()),
        Deed::Write(b"\x00\x01garbage\r\n\r\n".to_vec()),
    ];
    for (number, deed) in deeds.into_iter().enumerate() {
        let key = format!("k{number}");
        // Another amount each time: an equal payment would wait for the first one's outcome.
        let payment = payment_of(&format!("1.0{number}"));
        let before = gateway.backend.count();
        gateway.backend.next(deed);
        for _ in 0..3 {
            let answer = alice.pay_under(&key, &payment).send().await;
            answer.assert_problem("outcome-unknown");
            assert!(!answer.header("retry-after").is_empty());
        }
        assert_eq!(gateway.backend.count(), before + 1);
    }
}

/// Not one byte was written: the key is as good as new.
#[tokio::test]
async fn a_payment_that_was_never_sent_may_go_again() {
    let mut gateway = TestGateway::start().await;
    gateway.backend.stop().await;
    {
        let alice = gateway.alice().await;
        alice
            .pay_under("k", PAYMENT)
            .expect_refusal("upstream-unavailable")
            .await;
        alice
            .pay_under("k", &payment_of("1.00"))
            .expect_refusal("idempotency-key-reused")
            .await;
        alice
            .pay_under("k", PAYMENT)
            .expect_refusal("upstream-unavailable")
            .await;
    }
    gateway.backend.restart().await;
    let alice = gateway.alice().await;
    let answer = alice.pay_under("k", PAYMENT).expect_answer().await;
    assert_eq!(answer.header("idempotency-replayed"), "");
    assert_eq!(
        alice
            .pay_under("k", PAYMENT)
            .expect_answer()
            .await
            .header("idempotency-replayed"),
        "true"
    );
    assert_eq!(gateway.backend.count(), 1);
}

/// Design 6: a 401 or 403 never occupies a key.
#[tokio::test]
async fn a_refused_payment_leaves_its_key_free() {
    let gateway = TestGateway::start().await;
    let weak = gateway
        .login(Login {
            acr: 1,
            ..Login::default()
        })
        .await;
    weak.pay_under("k", PAYMENT)
        .expect_refusal("login-required")
        .await;
    let alice = gateway.alice().await;
    alice
        .pay_under("k", &payment_of("250.00"))
        .expect_refusal("approval-required")
        .await;
    alice.pay_under("k", PAYMENT).expect_answer().await;
}

/// What was answered before a restart is answered after it, and never sent again.
#[tokio::test]
async fn the_record_outlives_a_restart() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    gateway.backend.next(Deed::respond(200, "", "before"));
    alice.pay_under("answered", PAYMENT).expect_answer().await;
    gateway.backend.next(Deed::Cut);
    alice
        .pay_under("cut", PAYMENT)
        .send()
        .await
        .assert_problem("outcome-unknown");
    let (session, scope, key) = (alice.session.clone(), alice.scope.clone(), Arc::clone(&alice.key));
    let gateway = gateway.restart().await;
    let token = gateway.token(&session, &scope);
    let alice = Caller {
        gateway: &gateway,
        key,
        session,
        scope,
        token,
    };
    let answer = alice.pay_under("answered", PAYMENT).expect_answer().await;
    assert_eq!(
        (answer.body(), answer.header("idempotency-replayed")),
        (&b"before"[..], "true")
    );
    alice
        .pay_under("cut", PAYMENT)
        .expect_refusal("outcome-unknown")
        .await;
    assert_eq!(gateway.backend.count(), 2);
}

/// A gateway that died between the write and the answer does not know what the backend did, and says so.
#[tokio::test]
async fn what_was_under_way_at_the_end_of_a_process_is_unknown() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    gateway.backend.next(Deed::Cut);
    alice
        .pay_under("k", PAYMENT)
        .send()
        .await
        .assert_problem("outcome-unknown");
    // The row as a process leaves it that died at this very moment.
    let mut batch = countersign::store::Batch::new();
    batch.run(
        "UPDATE idempotency SET state = 'reserved', ended_at = NULL",
        Vec::new(),
    );
    gateway.services.db.commit(batch).await.unwrap();
    let (session, scope, key) = (alice.session.clone(), alice.scope.clone(), Arc::clone(&alice.key));
    let gateway = gateway.restart().await;
    let token = gateway.token(&session, &scope);
    let alice = Caller {
        gateway: &gateway,
        key,
        session,
        scope,
        token,
    };
    alice
        .pay_under("k", PAYMENT)
        .expect_refusal("outcome-unknown")
        .await;
    assert_eq!(gateway.backend.count(), 1);
}

/// Settled as not executed: final, under this key.
#[tokio::test]
async fn a_payment_settled_as_not_executed_stays_so() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    gateway.backend.next(Deed::Cut);
    alice
        .pay_under("k", PAYMENT)
        .send()
        .await
        .assert_problem("outcome-unknown");
    let mut batch = countersign::store::Batch::new();
    batch.run("UPDATE idempotency SET state = 'not-executed'", Vec::new());
    gateway.services.db.commit(batch).await.unwrap();
    alice.pay_under("k", PAYMENT).expect_refusal("not-executed").await;
}

/// SCA-19: what was never sent takes nothing of an exemption, however often it is tried.
#[tokio::test]
async fn a_payment_that_was_never_sent_leaves_the_exemption_as_it_was() {
    let mut gateway = TestGateway::start().await;
    gateway.backend.stop().await;
    {
        let alice = gateway.alice().await;
        for _ in 0..5 {
            let refused = alice.pay_under("k", PAYMENT).send().await;
            refused.assert_problem("upstream-unavailable");
        }
    }
    gateway.backend.restart().await;
    let alice = gateway.alice().await;
    alice.pay_under("k", PAYMENT).expect_answer().await;
}
