//! Reading the log: who may, what they get, and that it is on record.

use countersign_tlog::hash::leaf_hash;
use countersign_tlog::{LogProof, Trust};

use super::*;
use crate::audit::{Sequencer, log_keys};

impl World {
    async fn publish(&self) {
        let sequencer = Sequencer::new(
            self.db.clone(),
            Arc::clone(&self.log),
            Arc::clone(&self.keyring),
            None,
        );
        sequencer.run().await.unwrap();
    }

    async fn bytes(&self, path: &str) -> (StatusCode, String, Vec<u8>) {
        let response = self.send(get(path)).await;
        let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, kind, body.to_vec())
    }
}

/// PCI-13 (10.2.1.3)
#[tokio::test]
async fn each_reading_of_the_log_is_on_record_once_a_minute() {
    let world = world().await;
    for path in [
        "/admin/v1/audit/events",
        "/admin/v1/audit/status",
        "/admin/v1/audit/events?limit=1",
    ] {
        world.done(get(path)).await;
    }
    assert_eq!(world.acted("audit_read").await, 1);
    world.clock.advance(Duration::from_secs(60));
    world.done(get("/admin/v1/audit/events")).await;
    assert_eq!(world.acted("audit_read").await, 2);
    world.clock.set(START);
    world.done(get("/admin/v1/audit/events")).await;
    assert_eq!(
        world.acted("audit_read").await,
        3,
        "a clock that was put back hides nobody"
    );
}

/// PCI-15 (10.3.1)
#[tokio::test]
async fn the_log_is_for_those_whom_the_policies_permit() {
    let world = world_of(&[action::KEYS_LIST]).await;
    world.publish().await;
    for path in [
        "/admin/v1/audit/events",
        "/admin/v1/audit/status",
        "/admin/v1/audit/proof?sequence=1",
        "/admin/v1/log/checkpoint",
        "/admin/v1/log/tile/entries/000.p/1",
    ] {
        assert_eq!(world.refused(get(path)).await.0, "policy-denied", "{path}");
        assert_eq!(world.last_event().await["action"], "audit_read");
    }
    assert_eq!(world.acted("audit_read").await, 0);
}

/// TLOG-07, TLOG-12
#[tokio::test]
async fn bundles_and_proofs_are_those_of_the_signed_tree() {
    let world = world().await;
    world.publish().await;
    let (status, kind, bundle) = world.bytes("/admin/v1/log/tile/entries/000.p/2").await;
    assert_eq!(
        (status, kind.as_str()),
        (StatusCode::OK, "application/octet-stream")
    );
    let bundle = countersign_tlog::EntryBundle::decode(&bundle).unwrap();
    let answer = world.done(get("/admin/v1/audit/proof?sequence=2")).await;
    let proof = LogProof::parse(answer["proofs"][0].as_str().unwrap().as_bytes()).unwrap();
    assert_eq!(proof.extra.as_ref(), Some(&bundle.entries()[1]));
    let keys = log_keys("gate.example", &world.keyring.current());
    let trust = Trust::new("gate.example", keys, Vec::new(), 0).unwrap();
    proof.verify(&leaf_hash(&bundle.entries()[1]), &trust).unwrap();
    proof
        .verify(&leaf_hash(&bundle.entries()[0]), &trust)
        .unwrap_err();

    // The reading itself is an event that no checkpoint covers yet.
    let newest = world.log.last_sequence();
    let pending = world
        .refused(get(&format!("/admin/v1/audit/proof?sequence={newest}")))
        .await;
    assert_eq!(pending.0, "conflict");
    for (path, code) in [
        ("/admin/v1/audit/proof", "request-malformed"),
        (
            "/admin/v1/audit/proof?sequence=1&transaction=t",
            "request-malformed",
        ),
        ("/admin/v1/audit/proof?sequence=x", "request-malformed"),
        ("/admin/v1/audit/proof?sequence=9999", "route-unknown"),
        ("/admin/v1/audit/proof?transaction=t", "route-unknown"),
        ("/admin/v1/audit/events?kinds=x", "request-malformed"),
        ("/admin/v1/audit/events?limit=-1", "request-malformed"),
        ("/admin/v1/log/tile/entries/001.p/1", "route-unknown"),
        ("/admin/v1/log/tile/entries/1", "route-unknown"),
        ("/admin/v1/log/nothing", "route-unknown"),
    ] {
        assert_eq!(world.refused(get(path)).await.0, code, "{path}");
    }
}

#[tokio::test]
async fn events_come_page_by_page_and_by_what_is_wanted() {
    let world = world().await;
    let all = world.done(get("/admin/v1/audit/events?after=0&limit=1000")).await;
    let all = all["events"].as_array().unwrap();
    assert_eq!(
        all.len(),
        2 * Purpose::ALL.len() + 1,
        "each key was made and put to use"
    );
    let (mut after, mut paged) = (0, Vec::new());
    loop {
        let page = world
            .done(get(&format!("/admin/v1/audit/events?after={after}&limit=5")))
            .await;
        paged.extend(page["events"].as_array().unwrap().clone());
        match page["next"].as_i64() {
            Some(next) => after = next,
            None => break,
        }
    }
    assert_eq!(&paged, all);
    let newest = world.done(get("/admin/v1/audit/events?limit=1")).await;
    assert_eq!(newest["events"][0]["event"]["kind"], "admin-acted");
    let none = world
        .done(get("/admin/v1/audit/events?after=0&kind=permitted"))
        .await;
    assert_eq!(none["events"], json!([]));
}
