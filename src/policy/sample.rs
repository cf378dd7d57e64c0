//! Facts that carry everything and facts that carry only what they must: between them stands every request this
//! gateway can build, so the schema is compared with these two.

use std::net::{IpAddr, Ipv4Addr};

use super::action::Action;
use super::exemption::ExemptionKind;
use super::facts::{
    Admin, Approval, Authn, Client, Counters, Device, Facts, Mandate, Network, Payee, Payment, Risk, Route,
};
use super::question::Question;
use super::remedy::ApprovalFactor;

/// The exemption put beside the facts of a payment.
pub(super) const EXEMPTION: Option<ExemptionKind> = Some(ExemptionKind::LowValue);

/// Full and bare facts for the question; where a client can act without a customer, that too.
pub(super) fn all(question: Question) -> Vec<Facts<'static>> {
    let action = match question {
        Question::Asked(action) => action,
        Question::Exempt => Action::Pay,
    };
    let mut facts = vec![full(action), bare(action)];
    if matches!(action, Action::Read | Action::Call) {
        facts.push(Facts {
            customer: None,
            ..full(action)
        });
    }
    facts
}

fn full(action: Action) -> Facts<'static> {
    Facts {
        customer: Some("customer"),
        admin: Some(Admin {
            name: "admin",
            roles: &["operator"],
        }),
        device: Device {
            known: true,
            id: Some("device"),
        },
        route: Some(Route {
            name: "route",
            access: "signed",
            acr: 2,
        }),
        payment: Some(payment(Some(30))),
        authn: Authn {
            acr: 2,
            amr: &["pwd", "otp"],
            age_seconds: 1,
            strongest_acr: Some(2),
        },
        network: Network {
            ip: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            country: Some("DE"),
        },
        risk: Risk {
            score: Some(1),
            reasons: &["rule"],
        },
        counters: Some(Counters {
            low_value_count: 1,
            low_value_sum_minor: 1,
        }),
        approval: Some(Approval {
            factor: ApprovalFactor::Passkey,
            age_seconds: 1,
        }),
        mandate: Some(Mandate {
            same_payee: true,
            same_amount: true,
            first: false,
        }),
        video_age_seconds: Some(1),
        ..Facts::new(
            action,
            Client {
                id: "client",
                profile: "first-party",
            },
            0,
        )
    }
}

fn bare(action: Action) -> Facts<'static> {
    Facts {
        customer: Some("customer"),
        admin: Some(Admin {
            name: "admin",
            roles: &[],
        }),
        route: Some(Route {
            name: "route",
            access: "proof",
            acr: 0,
        }),
        payment: (action == Action::Pay).then(|| payment(None)),
        approval: (action == Action::Approve).then_some(Approval {
            factor: ApprovalFactor::Totp,
            age_seconds: 0,
        }),
        ..Facts::new(
            action,
            Client {
                id: "client",
                profile: "first-party",
            },
            0,
        )
    }
}

fn payment(age_days: Option<u32>) -> Payment<'static> {
    Payment {
        amount_minor: 1,
        currency: "EUR",
        payee: Payee {
            id: "payee",
            trusted: true,
            age_days,
        },
    }
}
