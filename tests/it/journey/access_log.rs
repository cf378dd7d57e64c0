//! The access log of a whole gateway: a line for each request, and nothing about anyone in it.

use std::path::Path;

use serde_json::Value;

use crate::support::{Draft, PAYMENT, Setting, TestGateway, in_the_end};

async fn gateway() -> TestGateway {
    let log = "[telemetry]\naccess_log = \"file:access.log\"\n\n[keys]";
    TestGateway::with(&[Setting("[keys]", log)]).await
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// HDR-06: by which app it came and what became of it; neither account nor token nor address is told.
#[tokio::test]
async fn each_request_has_a_line_that_tells_what_became_of_it_and_of_nobody() {
    let gateway = gateway().await;
    let alice = gateway.alice().await;
    let paid = alice.pay(PAYMENT).expect_answer().await;
    let (id, status) = (paid.header("request-id").to_owned(), paid.status());
    let read = alice.get("/accounts/DE89370400440532013000/balances?secret=1");
    read.without("dpop").expect_refusal("proof-missing").await;
    Draft::new(&gateway, "GET", "/nowhere")
        .expect_refusal("route-unknown")
        .await;
    let customer = gateway.customer("alice");
    let (home, _backend) = gateway.stop().await;
    let text = std::fs::read_to_string(home.path("access.log")).unwrap();
    for secret in [
        "DE89",
        "secret",
        "127.0.0.1",
        "12.50",
        "eyJ",
        "alice",
        customer.as_str(),
    ] {
        assert!(!text.contains(secret), "{secret} is in\n{text}");
    }
    let lines = lines(&home.path("access.log"));
    assert_eq!(lines.len(), 3, "{text}");
    let payment = lines.iter().find(|line| line["request"] == id.as_str()).unwrap();
    for (member, value) in [
        ("door", "public"),
        ("route", "payments"),
        ("access", "signed"),
        ("method", "POST"),
        ("client", "app"),
        ("tls", "TLSv1_3"),
    ] {
        assert_eq!(payment[member], value, "{member}");
    }
    assert_eq!(payment["status"], status);
    assert_eq!(payment["bytes_in"], PAYMENT.len());
    assert!(payment["bytes_out"].is_u64() && payment["duration_us"].is_u64() && payment["code"].is_null());
    let refused = |code: &str| lines.iter().find(|line| line["code"] == code).unwrap();
    assert_eq!(refused("proof-missing")["status"], 401);
    assert!(
        refused("proof-missing")["client"].is_null(),
        "nobody has shown who they are"
    );
    assert!(refused("route-unknown")["route"].is_null());
}

/// Whoever moved the file away waits for the new one, also when the configuration is refused.
#[tokio::test]
async fn a_reload_begins_a_new_file_even_when_it_is_refused() {
    let gateway = gateway().await;
    let alice = gateway.alice().await;
    alice.pay(PAYMENT).expect_answer().await;
    let (path, moved) = (gateway.home.path("access.log"), gateway.home.path("access.log.1"));
    std::fs::rename(&path, &moved).unwrap();
    std::fs::write(gateway.home.path("countersign.toml"), "nonsense").unwrap();
    gateway.reloader.reload().await.unwrap_err();
    in_the_end("a new file", async || path.exists()).await;
    alice.pay(PAYMENT).expect_answer().await;
    let (home, _backend) = gateway.stop().await;
    assert_eq!(
        (
            lines(&home.path("access.log.1")).len(),
            lines(&home.path("access.log")).len()
        ),
        (1, 1)
    );
}

#[tokio::test]
async fn a_log_that_cannot_be_opened_is_a_start_that_is_refused() {
    let gateway = gateway().await;
    let (home, backend) = gateway.stop().await;
    std::fs::remove_file(home.path("access.log")).unwrap();
    std::fs::create_dir(home.path("access.log")).unwrap();
    let refused = home.open().await.err().unwrap().to_string();
    assert!(refused.contains("telemetry.access_log"), "{refused}");
    drop(backend);
}
