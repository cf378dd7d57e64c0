//! Policies that change between the decision and the Sealed write.

use std::sync::Arc;

use http::Request;

use super::super::permit::Permission;
use super::super::seal::is_decided_by;
use super::super::snapshot::Snapshot;
use super::{World, world};
use crate::policy::{Bundle, Permit};

/// The same gateway after a policy was added.
fn with_another_policy(world: &World) -> Snapshot {
    let shipped = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let folder = world.folder.path().join("policies");
    std::fs::create_dir(&folder).unwrap();
    for entry in std::fs::read_dir(shipped).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
        }
    }
    let more = "@id(\"never\")\n@reason(\"Nobody may pay anything today.\")\nforbid (principal, action == Action::\"pay\", resource);\n";
    std::fs::write(folder.join("90-more.cedar"), more).unwrap();
    let policy = Arc::new(Bundle::load(&folder).unwrap());
    let old = &world.snapshot;
    let (config, keys) = (Arc::clone(old.config()), Arc::clone(&old.keys));
    Snapshot::new(config, policy, keys, Arc::clone(old.upstreams())).unwrap()
}

fn decided_under(snapshot: &Snapshot) -> Permission {
    Permission {
        permit: Permit {
            policies: Vec::new(),
            exemption: None,
            version: snapshot.policy().version().into(),
        },
        transaction: None,
    }
}

#[tokio::test]
async fn a_decision_is_good_for_the_policies_that_made_it_only() {
    let world = world().await;
    let changed = with_another_policy(&world);
    let held = decided_under(&world.snapshot);
    assert!(is_decided_by(&held, &world.snapshot));
    assert!(!is_decided_by(&held, &changed));
    assert!(is_decided_by(&decided_under(&changed), &changed));
}

/// Only the policies change for a request under way; its route and its keys stay those it arrived under.
#[tokio::test]
async fn the_second_decision_is_made_under_the_policies_in_force_and_the_first_ones_configuration() {
    let world = world().await;
    let changed = with_another_policy(&world);
    let request = Request::post("/payments").header("host", "pay.example.com");
    let exchange = world.admit(request).unwrap().under_policies_of(&changed);
    assert_eq!(exchange.snapshot.policy().version(), changed.policy().version());
    assert!(Arc::ptr_eq(exchange.snapshot.config(), world.snapshot.config()));
    assert!(Arc::ptr_eq(&exchange.snapshot.keys, &world.snapshot.keys));
    assert!(exchange.moves_money());
}
