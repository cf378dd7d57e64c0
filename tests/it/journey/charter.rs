//! Outside development nobody changes how strict the gate is by editing a file.

use countersign::server::StartError;
use data_encoding::HEXLOWER;

use crate::support::{PAYMENT, Setting, TestGateway};

/// The route asks for less than it did.
const LAXER: Setting = Setting("access = \"proof\"\nacr = 3", "access = \"proof\"");

async fn configure(gateway: &TestGateway, settings: &[Setting]) -> String {
    gateway.home.configure(&gateway.backend, settings);
    let config = countersign::config::load(&gateway.home.path("countersign.toml")).unwrap();
    HEXLOWER.encode(&config.charter().sha256())
}

#[tokio::test]
async fn a_reload_cannot_change_the_charter() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    for setting in [
        LAXER,
        Setting(
            "https://localhost:BACKEND\"]",
            "https://localhost:BACKEND\", \"https://localhost:1\"]",
        ),
        Setting("name = \"orders\"", "name = \"baskets\""),
        Setting(
            "trusted_sources = [\"127.0.0.1\"]",
            "trusted_sources = [\"127.0.0.0/8\"]",
        ),
    ] {
        gateway.home.configure(&gateway.backend, &[]);
        let before = std::fs::read_to_string(gateway.home.path("countersign.toml")).unwrap();
        let port = gateway.backend.port.to_string();
        let Setting(from, to) = setting;
        let after = before.replacen(&from.replace("BACKEND", &port), &to.replace("BACKEND", &port), 1);
        assert_ne!(before, after);
        std::fs::write(gateway.home.path("countersign.toml"), after).unwrap();
        let error = gateway.reloader.reload().await.unwrap_err();
        let is_named = match &error {
            StartError::Charter(error) => error.to_string().contains("changed: "),
            StartError::RestartOnly(keys) => keys.contains(&"defense"),
            _ => false,
        };
        assert!(is_named, "{error}");
        alice.get("/vault").expect_refusal("login-required").await;
        alice.get("/orders").expect_answer().await;
    }
    assert!(gateway.entries("reloaded").await.is_empty());
    // What is not of the charter follows.
    configure(&gateway, &[Setting("timeout = \"30s\"", "timeout = \"29s\"")]).await;
    gateway.reloader.reload().await.unwrap();
    assert_eq!(gateway.entries("reloaded").await.len(), 1);
}

/// What the next start would refuse does not run until then, whoever accepts the charter.
#[tokio::test]
async fn a_reload_refuses_what_a_start_would_refuse() {
    let gateway = TestGateway::start().await;
    let alone = Setting("[admin]\n", "[admin]\nquorum = 1\n");
    let charter = configure(&gateway, &[alone]).await;
    let error = gateway
        .reloader
        .reload_accepting(Some(&charter))
        .await
        .unwrap_err();
    assert!(matches!(&error, StartError::Config(_)), "{error}");
    assert!(error.to_string().contains("admin.quorum"), "{error}");
    assert!(gateway.entries("reloaded").await.is_empty());
    let gateway = gateway.under_development().await;
    gateway.reloader.reload().await.unwrap();
}

/// Whoever may reload names the charter they have read; it is on record, and no connection ends for it.
#[tokio::test]
async fn a_reload_that_names_the_charter_puts_it_in_force() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let was = configure(&gateway, &[]).await;
    let is = configure(&gateway, &[LAXER]).await;
    for other in [was.as_str(), "", &is[..63]] {
        let error = gateway.reloader.reload_accepting(Some(other)).await.unwrap_err();
        assert!(error.to_string().contains("another charter"), "{error}");
    }
    alice.get("/vault").expect_refusal("login-required").await;
    let report = gateway.reloader.reload_accepting(Some(&is)).await.unwrap();
    assert_eq!(report.changed, ["route", "charter"]);
    alice.get("/vault").expect_answer().await;
    assert_eq!(gateway.entries("charter-accepted").await.len(), 1);
    // It is the one in force now: the same reload again, and a start, need nobody's word.
    gateway.reloader.reload().await.unwrap();
    let gateway = gateway.restart().await;
    assert_eq!(gateway.entries("charter-accepted").await.len(), 1);
}

/// Each refusal names what was changed, and what to do.
#[tokio::test]
async fn a_start_with_another_charter_needs_its_operators_word() {
    let gateway = TestGateway::start().await;
    let was = configure(&gateway, &[]).await;
    let is = configure(&gateway, &[LAXER]).await;
    let (home, backend) = gateway.stop().await;
    let refusal = |accept: Option<String>| {
        let home = &home;
        async move {
            home.open_accepting(accept.as_deref())
                .await
                .err()
                .unwrap()
                .to_string()
        }
    };
    let told = refusal(None).await;
    assert!(told.contains("changed: route.vault.acr"), "{told}");
    assert!(told.contains(&format!("--accept-charter {is}")), "{told}");
    for other in [was.clone(), String::new(), is.replace(&is[..4], "0000")] {
        let told = refusal(Some(other)).await;
        assert!(told.contains("another charter") && told.contains(&is), "{told}");
    }

    let gateway = TestGateway::serve_again(home, backend, Some(&is)).await;
    let [accepted] = <[_; 1]>::try_from(gateway.entries("charter-accepted").await).unwrap();
    let started = gateway.entries("started").await;
    assert_eq!(accepted["from"], started.first().unwrap()["charter"]);
    assert_eq!(accepted["to"], started.last().unwrap()["charter"]);
    assert_eq!(started.len(), 2);

    // From then on it is the one in force, and a word that is still on the command line changes nothing.
    let (home, backend) = gateway.stop().await;
    let gateway = TestGateway::serve_again(home, backend, Some(&is)).await;
    let gateway = gateway.restart().await;
    assert_eq!(gateway.entries("charter-accepted").await.len(), 1);
    configure(&gateway, &[]).await;
    let (home, _backend) = gateway.stop().await;
    assert!(home.open().await.is_err());
    let told = home.open_accepting(Some(&is)).await.err().unwrap().to_string();
    assert!(told.contains("route.vault.acr"), "{told}");
}

/// On a development store the charter follows the file, by a reload and by a start, and is on record all the same.
#[tokio::test]
async fn under_development_the_charter_follows_the_file() {
    let gateway = TestGateway::start().await.under_development().await;
    let alice = gateway.alice().await;
    alice.get("/vault").expect_refusal("login-required").await;
    configure(&gateway, &[LAXER]).await;
    let report = gateway.reloader.reload().await.unwrap();
    assert!(report.changed.contains(&"charter".to_owned()), "{report:?}");
    alice.get("/vault").expect_answer().await;
    let gateway = gateway.restart().await;
    configure(&gateway, &[]).await;
    let gateway = gateway.restart().await;
    gateway.advance(std::time::Duration::from_secs(2)).await;
    gateway.alice().await.pay(PAYMENT).expect_answer().await;
    let charters: Vec<_> = gateway
        .entries("started")
        .await
        .into_iter()
        .map(|entry| entry["charter"].clone())
        .collect();
    let [first, second, third, fourth] = <[_; 4]>::try_from(charters).unwrap();
    assert_eq!((&first, &first), (&second, &fourth));
    assert_ne!(first, third);
    assert_eq!(gateway.entries("reloaded").await[0]["charter"], third);
    assert!(gateway.entries("charter-accepted").await.is_empty());
}
