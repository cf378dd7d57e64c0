//! Whether the policies let a login end with what was proven (policy action `login`).

use crate::answer::OauthError;
use crate::base::{CustomerId, DeviceId, Timestamp};
use crate::identity::assurance::{self, Factor};
use crate::oauth::client::Client;
use crate::oauth::server::{AuthorizationServer, Request};
use crate::policy::{self, Action, Authn, Decision, Device, Facts, Network, Remedy};

/// What the policies say to a login.
pub(super) enum Verdict {
    /// It may end here.
    Ends,
    /// It must reach this class first.
    Needs(u8),
}

impl AuthorizationServer {
    /// Asks the policies in force about a login that proved `proven` and was to reach the class `wanted`.
    ///
    /// # Errors
    /// `access_denied` when they refuse and nothing that this endpoint offers cures it.
    pub(super) fn decide_login(
        &self,
        (proven, wanted): (&[Factor], u8),
        client: &Client,
        who: (&CustomerId, Option<&DeviceId>),
        request: &Request<'_>,
        now: Timestamp,
    ) -> Result<Verdict, OauthError> {
        let (customer, device) = who;
        let amr = assurance::methods(proven);
        let seconds = u64::try_from(now.seconds()).unwrap_or(0);
        let named = policy::Client {
            id: client.id.as_str(),
            profile: client.profile.name(),
        };
        let mut facts = Facts::new(Action::Login, named, seconds);
        facts.customer = Some(customer.as_str());
        facts.device = Device {
            known: device.is_some(),
            id: device.map(DeviceId::as_str),
        };
        facts.authn = Authn {
            acr: assurance::class(proven),
            amr: &amr,
            age_seconds: 0,
            strongest_acr: None,
        };
        facts.network = Network {
            ip: Some(request.connection.peer.ip()),
            country: None,
        };
        match self.services.policies.load().decide(&facts) {
            Decision::Permit(_) => Ok(Verdict::Ends),
            Decision::Challenge(challenge) => match challenge.remedy {
                Remedy::Login { acr, .. } if acr > wanted && acr <= assurance::STRONGEST => {
                    Ok(Verdict::Needs(acr))
                }
                _ => Err(OauthError::new("access_denied", challenge.reason.to_string())),
            },
            Decision::Deny(denial) => {
                denial.raise_alarms(facts.action, &self.services.metrics);
                Err(OauthError::new("access_denied", denial.reason.to_string()))
            }
        }
    }
}
