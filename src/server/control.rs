//! What the admin listener asks of the rest of the gateway: decisions, and what is in force.

use std::sync::Arc;

use crate::admin::{AdminFacts, Authorize, InForce, Running};
use crate::base::{Clock, Code, Fault};
use crate::gate::Gate;
use crate::policy::{self, Action, Client, Decision, Facts, Network};
use crate::telemetry::Metrics;

/// Asks the policies in force.
pub(super) struct PolicyAuthority {
    pub(super) gate: Arc<Gate>,
    pub(super) metrics: Metrics,
    pub(super) clock: Arc<dyn Clock>,
}

impl Authorize for PolicyAuthority {
    fn decide(&self, admin: &AdminFacts, action: &'static str) -> Result<(), Fault> {
        let action =
            Action::named(action).ok_or_else(|| Fault::new(Code::PolicyDenied).cause("unknown action"))?;
        let roles: Vec<&str> = admin.roles.iter().map(String::as_str).collect();
        let now = u64::try_from(self.clock.now().seconds()).unwrap_or(0);
        let mut facts = Facts::new(
            action,
            Client {
                id: "admin",
                profile: "admin",
            },
            now,
        );
        facts.admin = Some(policy::Admin {
            name: admin.name.as_str(),
            roles: &roles,
        });
        facts.network = Network {
            ip: Some(admin.ip),
            country: None,
        };
        match self.gate.snapshot().policy().decide(&facts) {
            Decision::Permit(_) => Ok(()),
            Decision::Challenge(challenge) => {
                Err(Fault::new(Code::PolicyDenied).detail(challenge.reason.to_string()))
            }
            Decision::Deny(denial) => {
                denial.raise_alarms(action, &self.metrics);
                Err(Fault::new(Code::PolicyDenied).detail(denial.reason.to_string()))
            }
        }
    }
}

/// Looks at the gate.
pub(super) struct RunningGate {
    pub(super) gate: Arc<Gate>,
    pub(super) development: bool,
}

impl Running for RunningGate {
    fn in_force(&self) -> InForce {
        let snapshot = self.gate.snapshot();
        InForce {
            policy_version: snapshot.policy().version().to_owned(),
            charter: countersign_jose::base64url(snapshot.config().charter().sha256()),
            development: self.development,
        }
    }
}
