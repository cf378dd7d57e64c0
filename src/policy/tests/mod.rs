//! The shipped policies, what no policy can make the engine do, and which bundles are refused.

mod decisions;
mod proofs;
mod shipped;
mod slicing;
mod validity;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::*;

fn shipped_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("policies")
}

fn shipped_schema() -> String {
    fs::read_to_string(shipped_folder().join("countersign.cedarschema")).unwrap()
}

/// The shipped policy files, with one of them changed; `None` leaves it out.
fn shipped_with(name: &str, change: impl Fn(&str) -> Option<String>) -> Bundle {
    let mut sources = Vec::new();
    for entry in fs::read_dir(shipped_folder()).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap().to_owned();
        if !file.ends_with(".cedar") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let text = if file == name { change(&text) } else { Some(text) };
        sources.extend(text.map(|text| (file, text)));
    }
    Bundle::from_sources(sources, &shipped_schema()).unwrap()
}

fn shipped() -> Bundle {
    Bundle::load(&shipped_folder()).unwrap()
}

/// A bundle of one file over the shipped schema.
fn bundle_of(text: &str) -> Bundle {
    try_bundle(text).unwrap()
}

fn try_bundle(text: &str) -> Result<Bundle, BundleError> {
    Bundle::from_sources(
        vec![("10-test.cedar".to_owned(), text.to_owned())],
        &shipped_schema(),
    )
}

fn facts(action: Action) -> Facts<'static> {
    Facts {
        customer: Some("alice"),
        device: Device {
            known: true,
            id: None,
        },
        route: Some(Route {
            name: "payments",
            access: "signed",
            acr: 2,
        }),
        authn: Authn {
            acr: 2,
            amr: &["pwd", "otp"],
            age_seconds: 60,
            strongest_acr: Some(2),
        },
        ..Facts::new(
            action,
            Client {
                id: "app",
                profile: "first-party",
            },
            1_700_000_000,
        )
    }
}

/// A payment by Alice, logged in with two factors, with fresh counters.
fn payment(amount_minor: u64) -> Facts<'static> {
    let payee = Payee {
        id: "DE89370400440532013000",
        trusted: false,
        age_days: None,
    };
    Facts {
        payment: Some(Payment {
            amount_minor,
            currency: "EUR",
            payee,
        }),
        counters: Some(Counters::default()),
        ..facts(Action::Pay)
    }
}

fn approved(facts: Facts<'static>, factor: ApprovalFactor) -> Facts<'static> {
    Facts {
        approval: Some(Approval {
            factor,
            age_seconds: 5,
        }),
        ..facts
    }
}

fn permit(decision: Decision) -> Permit {
    match decision {
        Decision::Permit(permit) => permit,
        other => panic!("not a permit: {other:?}"),
    }
}

fn challenge(decision: Decision) -> Challenge {
    match decision {
        Decision::Challenge(challenge) => challenge,
        other => panic!("not a challenge: {other:?}"),
    }
}

fn denial(decision: Decision) -> Denial {
    match decision {
        Decision::Deny(denial) => denial,
        other => panic!("not a denial: {other:?}"),
    }
}
