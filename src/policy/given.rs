//! The facts of a decision table, under the names that policies read them by.

use std::net::IpAddr;

use serde::Deserialize;

use super::action::Action;
use super::facts::{
    Admin, Approval, Authn, Client, Counters, Device, Facts, Mandate, Network, Payee, Payment, Risk, Route,
};
use super::remedy::ApprovalFactor;

/// `[given]` of a table, or `given` of one of its cases. What is not given is as unproven as in [`Facts::new`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Given {
    customer: Option<String>,
    admin: Option<GivenAdmin>,
    client: GivenClient,
    device: GivenDevice,
    route: GivenRoute,
    amount: Option<u64>,
    currency: String,
    payee: GivenPayee,
    authn: GivenAuthn,
    network: GivenNetwork,
    risk: GivenRisk,
    counters: Option<GivenCounters>,
    approval: Option<GivenApproval>,
    mandate: Option<GivenMandate>,
    video: Option<GivenVideo>,
    now: u64,
}

impl Default for Given {
    fn default() -> Self {
        Self {
            customer: None,
            admin: None,
            client: GivenClient::default(),
            device: GivenDevice::default(),
            route: GivenRoute::default(),
            amount: None,
            currency: "EUR".to_owned(),
            payee: GivenPayee::default(),
            authn: GivenAuthn::default(),
            network: GivenNetwork::default(),
            risk: GivenRisk::default(),
            counters: None,
            approval: None,
            mandate: None,
            video: None,
            now: 0,
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenAdmin {
    name: String,
    roles: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct GivenClient {
    id: String,
    profile: String,
}

impl Default for GivenClient {
    fn default() -> Self {
        Self {
            id: "app".to_owned(),
            profile: "first-party".to_owned(),
        }
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct GivenDevice {
    known: bool,
    id: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct GivenRoute {
    name: String,
    access: String,
    acr: u8,
}

impl Default for GivenRoute {
    fn default() -> Self {
        Self {
            name: "route".to_owned(),
            access: "signed".to_owned(),
            acr: 0,
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct GivenPayee {
    id: String,
    trusted: bool,
    age_days: Option<u32>,
}

impl Default for GivenPayee {
    fn default() -> Self {
        Self {
            id: "payee".to_owned(),
            trusted: false,
            age_days: None,
        }
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct GivenAuthn {
    acr: u8,
    amr: Vec<String>,
    age: u64,
    strongest: Option<u8>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct GivenNetwork {
    ip: Option<IpAddr>,
    country: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct GivenRisk {
    score: Option<u8>,
    reasons: Vec<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct GivenCounters {
    low_value_count: u64,
    low_value_sum: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenApproval {
    factor: GivenFactor,
    #[serde(default)]
    age: u64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum GivenFactor {
    Passkey,
    Device,
    Totp,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenMandate {
    same_payee: bool,
    same_amount: bool,
    first: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenVideo {
    age: u64,
}

/// The lists of a [`Given`], borrowed as [`Facts`] wants them.
#[derive(Debug)]
pub(super) struct Lists<'a> {
    amr: Vec<&'a str>,
    reasons: Vec<&'a str>,
    roles: Vec<&'a str>,
}

impl Given {
    pub(super) fn lists(&self) -> Lists<'_> {
        Lists {
            amr: self.authn.amr.iter().map(String::as_str).collect(),
            reasons: self.risk.reasons.iter().map(String::as_str).collect(),
            roles: self
                .admin
                .iter()
                .flat_map(|admin| admin.roles.iter().map(String::as_str))
                .collect(),
        }
    }

    pub(super) fn facts<'a>(&'a self, action: Action, lists: &'a Lists<'a>) -> Facts<'a> {
        let client = Client {
            id: &self.client.id,
            profile: &self.client.profile,
        };
        Facts {
            customer: self.customer.as_deref(),
            admin: self.admin.as_ref().map(|admin| Admin {
                name: &admin.name,
                roles: &lists.roles,
            }),
            device: Device {
                known: self.device.known,
                id: self.device.id.as_deref(),
            },
            route: Some(Route {
                name: &self.route.name,
                access: &self.route.access,
                acr: self.route.acr,
            }),
            payment: self.amount.map(|amount_minor| self.payment(amount_minor)),
            authn: Authn {
                acr: self.authn.acr,
                amr: &lists.amr,
                age_seconds: self.authn.age,
                strongest_acr: self.authn.strongest,
            },
            network: Network {
                ip: self.network.ip,
                country: self.network.country.as_deref(),
            },
            risk: Risk {
                score: self.risk.score,
                reasons: &lists.reasons,
            },
            counters: self.counters.as_ref().map(GivenCounters::counters),
            approval: self.approval.as_ref().map(GivenApproval::approval),
            mandate: self.mandate.as_ref().map(GivenMandate::mandate),
            video_age_seconds: self.video.as_ref().map(|video| video.age),
            ..Facts::new(action, client, self.now)
        }
    }

    fn payment(&self, amount_minor: u64) -> Payment<'_> {
        let payee = Payee {
            id: &self.payee.id,
            trusted: self.payee.trusted,
            age_days: self.payee.age_days,
        };
        Payment {
            amount_minor,
            currency: &self.currency,
            payee,
        }
    }
}

impl GivenCounters {
    fn counters(&self) -> Counters {
        Counters {
            low_value_count: self.low_value_count,
            low_value_sum_minor: self.low_value_sum,
        }
    }
}

impl GivenApproval {
    fn approval(&self) -> Approval {
        let factor = match self.factor {
            GivenFactor::Passkey => ApprovalFactor::Passkey,
            GivenFactor::Device => ApprovalFactor::Device,
            GivenFactor::Totp => ApprovalFactor::Totp,
        };
        Approval {
            factor,
            age_seconds: self.age,
        }
    }
}

impl GivenMandate {
    fn mandate(&self) -> Mandate {
        Mandate {
            same_payee: self.same_payee,
            same_amount: self.same_amount,
            first: self.first,
        }
    }
}
