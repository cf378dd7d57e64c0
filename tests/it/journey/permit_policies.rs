//! Attested → Permitted: what the shipped policies make of a request, and what other policies make of it. No threshold
//! stands in Rust: each test that changes one changes a file.

use crate::support::{Answer, Login, PAYMENT, TestGateway, in_the_end, payment_of};

fn assert_step_up(answer: &Answer<'_>, acr: u8) {
    let challenge = answer.header("www-authenticate");
    assert!(
        challenge.contains("error=\"insufficient_user_authentication\""),
        "{challenge}"
    );
    assert!(
        challenge.contains(&format!("acr_values=\"urn:countersign:acr:{acr}\"")),
        "{challenge}"
    );
}

/// SCA-01, STEP-02
#[tokio::test]
async fn one_factor_reads_no_accounts_and_pays_nothing() {
    let gateway = TestGateway::start().await;
    for known_device in [true, false] {
        let weak = gateway
            .login(Login {
                acr: 1,
                known_device,
                ..Login::default()
            })
            .await;
        assert_step_up(
            &weak
                .get("/accounts/7/balances")
                .expect_refusal("login-required")
                .await,
            2,
        );
        assert_step_up(&weak.pay(PAYMENT).expect_refusal("login-required").await, 2);
    }
    let stranger = gateway
        .login(Login {
            acr: 1,
            known_device: false,
            ..Login::default()
        })
        .await;
    assert_step_up(
        &stranger
            .post("/consents", "{}")
            .expect_refusal("login-required")
            .await,
        2,
    );
    let known = gateway
        .login(Login {
            acr: 1,
            ..Login::default()
        })
        .await;
    known.post("/consents", "{}").expect_answer().await;
}

/// SCA-19: EUR 30.00 passes, one cent more asks for approval, and so does another currency.
#[tokio::test]
async fn a_payment_over_the_limit_asks_for_approval() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    alice.pay(&payment_of("30.00")).expect_answer().await;
    let dollars = PAYMENT.replace("EUR", "USD");
    for body in [
        payment_of("30.01"),
        payment_of("250.00"),
        payment_of("9999999.99"),
        dollars,
    ] {
        let answer = alice.pay(&body).expect_refusal("approval-required").await;
        assert!(
            answer
                .header("www-authenticate")
                .contains("error=\"approval_required\"")
        );
        let shown = &answer.json()["approval"]["transaction"];
        let sent: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(shown["amount"], sent["instructedAmount"]["amount"]);
        assert_eq!(shown["currency"], sent["instructedAmount"]["currency"]);
        assert_eq!(shown["payee"], "DE89370400440532013000");
    }
}

/// SCA-19: five in a row, for each customer.
#[tokio::test]
async fn the_sixth_low_payment_asks_for_approval() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    for _ in 0..5 {
        alice.pay(PAYMENT).expect_answer().await;
    }
    alice.pay(PAYMENT).expect_refusal("approval-required").await;
    alice
        .pay(&payment_of("0.01"))
        .expect_refusal("approval-required")
        .await;
    // Another session and another app of the same customer share the count.
    gateway
        .alice()
        .await
        .pay(PAYMENT)
        .expect_refusal("approval-required")
        .await;
    let shop = Login {
        client: "shop",
        ..Login::default()
    };
    gateway
        .login(shop)
        .await
        .pay(PAYMENT)
        .expect_refusal("approval-required")
        .await;
    let bob = Login {
        customer: "bob",
        ..Login::default()
    };
    gateway.login(bob).await.pay(PAYMENT).expect_answer().await;
}

/// SCA-28: twenty at once: the counter is moved under its limit in the write itself.
#[tokio::test]
async fn payments_at_once_never_pass_the_limit() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let all: Vec<_> = (0..20).map(|_| alice.pay(PAYMENT).finish()).collect();
    let answers = futures_of(all.iter().map(|ready| ready.send())).await;
    let passed = answers.iter().filter(|answer| answer.status() == 200).count();
    assert_eq!((passed, gateway.backend.count()), (5, 5));
    for refused in answers.iter().filter(|answer| answer.status() != 200) {
        refused.assert_problem(&refused.code());
        assert!(
            ["approval-required", "policy-denied"].contains(&refused.code().as_str()),
            "{refused:?}"
        );
    }
}

/// Runs all of them at the same time.
async fn futures_of<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut waiting: Vec<_> = futures.map(Box::pin).collect();
    let mut done: Vec<Option<F::Output>> = waiting.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, slot) in waiting.iter_mut().zip(&mut done) {
            if slot.is_none()
                && let std::task::Poll::Ready(output) = future.as_mut().poll(context)
            {
                *slot = Some(output);
            }
        }
        match done.iter().all(Option::is_some) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    done.into_iter().flatten().collect()
}

/// The file is the exemption.
#[tokio::test]
async fn without_the_file_of_exemptions_every_payment_asks_for_approval() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    alice.pay(PAYMENT).expect_answer().await;
    std::fs::remove_file(gateway.policy_file("30-exemptions.cedar")).unwrap();
    let report = gateway.reloader.reload().await.unwrap();
    assert_eq!(report.changed, ["policies"]);
    alice.pay(PAYMENT).expect_refusal("approval-required").await;
    alice.get("/orders").expect_answer().await;
}

fn edit(gateway: &TestGateway, what: &str, with: &str) {
    let file = gateway.policy_file("30-exemptions.cedar");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains(what));
    std::fs::write(&file, text.replace(what, with)).unwrap();
}

/// It edits 30 to 10, and the running gateway feels it.
#[tokio::test]
async fn the_limit_is_what_the_file_says() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    edit(&gateway, "context.amount <= 3000", "context.amount <= 1000");
    alice.pay(PAYMENT).expect_answer().await;
    gateway.reloader.reload().await.unwrap();
    alice.pay(PAYMENT).expect_refusal("approval-required").await;
    alice.pay(&payment_of("10.00")).expect_answer().await;
    edit(&gateway, "context.amount <= 1000", "context.amount <= 30000");
    gateway.reloader.reload().await.unwrap();
    alice.pay(&payment_of("250.00")).expect_answer().await;
}

/// A gateway on a development store follows its folder by itself, with nobody asking.
#[tokio::test]
async fn a_gateway_under_development_follows_its_policies() {
    let gateway = TestGateway::start().await.under_development().await;
    let alice = gateway.alice().await;
    alice.get("/orders").expect_answer().await;
    let text = "@id(\"no-orders\")\n@reason(\"No orders today.\")\nforbid (principal is Customer, action == \
                Action::\"read\", resource) when { context.route.acr >= 0 };\n";
    std::fs::write(gateway.policy_file("50-today.cedar"), text).unwrap();
    // The folder is looked at every second; each request is a look at what is in force.
    let follows = async || alice.get("/orders").send().await.code() == "policy-denied";
    in_the_end("the policy is in force", follows).await;
}

/// An evaluation error is a denial. Cedar itself would skip the policy.
#[tokio::test]
async fn a_policy_that_cannot_be_evaluated_denies() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let overflows = "@id(\"overflows\")\n@reason(\"Never shown.\")\nforbid (principal is Customer, action == \
                     Action::\"pay\", resource) when { context.amount * 9223372036854775807 < 0 };\n";
    std::fs::write(gateway.policy_file("90-broken.cedar"), overflows).unwrap();
    gateway.reloader.reload().await.unwrap();
    alice.pay(PAYMENT).expect_refusal("policy-denied").await;
    alice.get("/orders").expect_answer().await;
}

/// A forbid without a cure says why, and nothing else.
#[tokio::test]
async fn a_forbid_without_a_remedy_is_a_denial_with_its_reason() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let text = "@id(\"no-euros\")\n@reason(\"No payments in euros today.\")\nforbid (principal is Customer, action == \
                Action::\"pay\", resource) when { context.currency == \"EUR\" };\n";
    std::fs::write(gateway.policy_file("50-today.cedar"), text).unwrap();
    gateway.reloader.reload().await.unwrap();
    let answer = alice.pay(PAYMENT).expect_refusal("policy-denied").await;
    assert_eq!(answer.json()["detail"], "No payments in euros today.");
    assert!(!answer.headers().contains_key("www-authenticate"));
}
