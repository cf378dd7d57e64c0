//! Bans as an operator sees and ends them.

use std::path::Path;

use super::*;
use crate::config;

/// Rules under which the second malformed request bans.
fn rules(folder: &Path) -> config::Defense {
    let file = concat!(
        "[server]\npublic_url = \"https://pay.example\"\nadmin_listen = []\n[[tls.certificate]]\nchain = \"s.pem\"\n",
        "key = \"file:k.pem\"\n[keys]\nkek = \"file:master.key\"\n[[upstream]]\nname = \"bank\"\n",
        "urls = \"http://127.0.0.1:1\"\ntrust_domain = \"bank\"\n[defense]\nban_after = \"1/h burst 1\"\n",
    );
    let path = folder.join("countersign.toml");
    std::fs::write(&path, file).unwrap();
    config::load(&path).unwrap().defense
}

/// PCI-13 (10.2.1.2): whoever looks at bans or lifts one is on record.
#[tokio::test]
async fn a_ban_is_found_by_its_address_and_lifted_once() {
    let world = world().await;
    let rules = rules(world._dir.path());
    let address = "203.0.113.7".parse().unwrap();
    assert_eq!(world.done(get("/admin/v1/bans")).await, json!({ "bans": [] }));
    for _ in 0..2 {
        world.defense.malformed(&rules, address, START);
    }
    let listed = world.done(get("/admin/v1/bans")).await;
    let id = listed["bans"][0]["id"].as_str().unwrap().to_owned();
    let ban = json!({
        "id": id, "source": "203.0.113.7/32", "cause": "framing", "times": 1,
        "since": START.to_string(), "until": START.plus(Duration::from_secs(60)).to_string(),
    });
    assert_eq!(listed, json!({ "bans": [ban] }));
    assert_eq!(world.acted("ban_list").await, 2);
    let lift = |id: &str| request(Method::DELETE, &format!("/admin/v1/bans/{id}"), "");
    assert_eq!(world.refused(lift("another")).await.0, "route-unknown");
    assert_eq!(world.done(lift(&id)).await, ban);
    assert_eq!(world.refused(lift(&id)).await.0, "route-unknown");
    assert!(world.defense.request(&rules, address, false, START).is_ok());
    assert_eq!(world.acted("ban_lift").await, 3);
}

#[tokio::test]
async fn a_ban_that_has_ended_is_not_shown() {
    let world = world().await;
    let rules = rules(world._dir.path());
    for _ in 0..2 {
        world
            .defense
            .malformed(&rules, "203.0.113.7".parse().unwrap(), START);
    }
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(world.done(get("/admin/v1/bans")).await, json!({ "bans": [] }));
}
