//! Attested → Permitted: the intent is read, facts are gathered, Cedar decides. It decides only; it consumes nothing.

use countersign_intent::Intent;

use super::attest::{Attestation, Attested};
use super::exchange::Exchange;
use super::identify::Caller;
use super::journey::Services;
use super::refusal::Refused;
use crate::audit::Passage;
use crate::base::fault::Cure;
use crate::base::{Code, Fault, RouteName};
use crate::config::Access;
use crate::oauth::Profile;
use crate::policy::{
    Action, Authn, Challenge, Client, Counters, Decision, Denial, Device, Facts, Network, Payee, Payment,
    Permit, Remedy, Route,
};
use crate::transaction::{exemption, extract, payee, standing};

/// A request that the policies permit.
pub struct Permitted {
    exchange: Box<Exchange>,
    facts: Attestation,
    permission: Option<Permission>,
}

/// The permission of an identified caller.
pub(super) struct Permission {
    pub(super) permit: Permit,
    pub(super) transaction: Option<Transaction>,
}

/// What the customer agreed to, on routes that move money.
pub(super) struct Transaction {
    pub(super) intent: Intent,
    /// The payee as text; empty for a batch, which has many.
    pub(super) payee: String,
    /// Where the customer's counters stand.
    pub(super) account: [u8; 32],
}

/// What the store says about a payment.
struct Standing {
    counters: Option<Counters>,
    trusted_days: Option<u32>,
}

impl Permitted {
    pub(super) fn into_parts(self) -> (Box<Exchange>, Attestation, Option<Permission>) {
        (self.exchange, self.facts, self.permission)
    }

    /// Decides once more with facts as they stand now: after a guard of the Sealed write did not hold.
    pub(super) async fn decide_again(
        exchange: Box<Exchange>,
        facts: Attestation,
        services: &Services,
    ) -> Result<Self, Refused> {
        decide(exchange, facts, services).await
    }
}

/// Decides.
pub(super) async fn permit(attested: Attested, services: &Services) -> Result<Permitted, Refused> {
    let (exchange, facts) = attested.into_parts();
    decide(exchange, facts, services).await
}

async fn decide(
    exchange: Box<Exchange>,
    facts: Attestation,
    services: &Services,
) -> Result<Permitted, Refused> {
    let Some(caller) = &facts.caller else {
        // A `public` route has no caller, and says so in the configuration; no policy is asked.
        return Ok(Permitted {
            exchange,
            facts,
            permission: None,
        });
    };
    let decided = decision(&exchange, &facts, caller, services).await;
    match decided {
        Ok(permission) => Ok(Permitted {
            exchange,
            facts,
            permission: Some(permission),
        }),
        Err(fault) => {
            let (customer, client) = (caller.token.subject.clone(), caller.token.client.clone());
            Err(Refused::new(exchange, fault).of(&customer, &client))
        }
    }
}

async fn decision(
    exchange: &Exchange,
    facts: &Attestation,
    caller: &Caller,
    services: &Services,
) -> Result<Permission, Fault> {
    let transaction = transaction(exchange, facts, caller, services)?;
    let standing = standing(transaction.as_ref(), caller, exchange, services).await;
    let amr: Vec<&str> = caller.token.amr.iter().map(String::as_str).collect();
    let policy_facts = gather(exchange, caller, transaction.as_ref(), &standing, &amr);
    match exchange.snapshot.policy.decide(&policy_facts) {
        Decision::Permit(permit) => Ok(Permission { permit, transaction }),
        Decision::Challenge(challenge) => Err(remedy(&challenge, caller, transaction.as_ref())),
        Decision::Deny(denial) => Err(denied(&denial, policy_facts.action, services)),
    }
}

/// Decides whether a caller may read a resource of our own, as on a `proof` route called `resource`, and counts it when so.
pub(super) fn permit_reading(
    exchange: &Exchange,
    caller: &Caller,
    resource: &str,
    services: &Services,
) -> Result<(), Fault> {
    let amr: Vec<&str> = caller.token.amr.iter().map(String::as_str).collect();
    let nothing = Standing {
        counters: None,
        trusted_days: None,
    };
    let mut facts = gather(exchange, caller, None, &nothing, &amr);
    facts.route = Some(Route {
        name: resource,
        access: Access::Proof.as_str(),
        acr: 0,
    });
    match exchange.snapshot.policy.decide(&facts) {
        Decision::Permit(permit) => {
            let passage = passage(caller, RouteName::new(resource));
            services.passages.count(passage, &permit.version);
            Ok(())
        }
        Decision::Challenge(challenge) => Err(remedy(&challenge, caller, None)),
        Decision::Deny(denial) => Err(denied(&denial, facts.action, services)),
    }
}

/// Who passes where, as the log has it.
pub(super) fn passage(caller: &Caller, route: RouteName) -> Passage {
    Passage {
        customer: caller.token.subject.clone(),
        client: caller.token.client.clone(),
        session: caller.token.session.clone(),
        route,
    }
}

fn transaction(
    exchange: &Exchange,
    facts: &Attestation,
    caller: &Caller,
    services: &Services,
) -> Result<Option<Transaction>, Fault> {
    let Some(mapping) = exchange.route.as_ref().and_then(|route| route.mapping.as_ref()) else {
        return Ok(None);
    };
    // The body is a closed set; a query beside it would be a second place for a backend to find an amount in.
    if exchange.query().is_some() {
        return Err(Fault::new(Code::TransactionInvalid)
            .detail("A payment takes no query; everything stands in the body."));
    }
    let intent = extract::extract(&facts.body, mapping)?;
    let currency = intent.currency().code();
    let account = exemption::account(&services.pseudonyms, &caller.token.subject, currency);
    let payee = intent.payee().map(ToString::to_string).unwrap_or_default();
    Ok(Some(Transaction {
        intent,
        payee,
        account,
    }))
}

/// A fact that cannot be read is absent, and an absent fact opens nothing.
async fn standing(
    transaction: Option<&Transaction>,
    caller: &Caller,
    exchange: &Exchange,
    services: &Services,
) -> Standing {
    let Some(transaction) = transaction else {
        return Standing {
            counters: None,
            trusted_days: None,
        };
    };
    let customer = &caller.token.subject;
    let payee = payee::place(&services.pseudonyms, customer, &transaction.payee);
    let found = standing::find(&services.db, customer, &payee, &transaction.account)
        .await
        .ok();
    let days = |since| u32::try_from(exchange.at.since(since).as_secs() / 86_400).unwrap_or(u32::MAX);
    Standing {
        counters: found.map(|found| found.counters),
        trusted_days: found.and_then(|found| found.trusted_since).map(days),
    }
}

fn gather<'f>(
    exchange: &'f Exchange,
    caller: &'f Caller,
    transaction: Option<&'f Transaction>,
    standing: &Standing,
    amr: &'f [&'f str],
) -> Facts<'f> {
    let token = &caller.token;
    let action = match (transaction, exchange.answers_are_signed()) {
        (Some(_), _) => Action::Pay,
        (None, true) => Action::Call,
        (None, false) => Action::Read,
    };
    let client = Client {
        id: token.client.as_str(),
        profile: caller.client.profile.name(),
    };
    let seconds = |micros: i64| u64::try_from(micros).unwrap_or(0);
    let mut facts = Facts::new(action, client, seconds(exchange.at.seconds()));
    facts.customer = Some(token.subject.as_str());
    facts.device = Device {
        known: token.device.is_some(),
        id: token.device.as_ref().map(|id| id.as_str()),
    };
    facts.route = exchange.route.as_ref().map(|route| Route {
        name: route.name.as_str(),
        access: route.route.access.as_str(),
        acr: route.route.acr.unwrap_or(0),
    });
    facts.payment = transaction.map(|transaction| payment(transaction, standing));
    facts.authn = Authn {
        acr: token.acr,
        amr,
        age_seconds: exchange.at.since(token.auth_time).as_secs(),
        strongest_acr: None,
    };
    facts.network = Network {
        ip: Some(exchange.connection.peer.ip()),
        country: None,
    };
    facts.counters = standing.counters;
    facts
}

fn payment<'f>(transaction: &'f Transaction, standing: &Standing) -> Payment<'f> {
    Payment {
        amount_minor: transaction.intent.amount_minor(),
        currency: transaction.intent.currency().code(),
        payee: Payee {
            id: &transaction.payee,
            trusted: standing.trusted_days.is_some(),
            age_days: standing.trusted_days,
        },
    }
}

fn remedy(challenge: &Challenge, caller: &Caller, transaction: Option<&Transaction>) -> Fault {
    let reason = challenge.reason.to_string();
    match challenge.remedy {
        Remedy::Login { acr, max_age } => Fault::new(Code::LoginRequired).detail(reason).cure(Cure::Login {
            acr: Some(acr),
            max_age_seconds: max_age,
        }),
        Remedy::Approve { .. } => {
            let factors: Vec<&str> = challenge.factors.iter().map(|factor| factor.as_str()).collect();
            let shown = transaction.map(|transaction| transaction.intent.to_json());
            let approval = serde_json::json!({ "transaction": shown, "factors": factors });
            let fault = Fault::new(Code::ApprovalRequired).detail(reason);
            // What the customer would be shown, and with which factors, is for the operator's own apps.
            match caller.client.profile {
                Profile::FirstParty => fault.cure(Cure::Approval(Box::new(approval))),
                Profile::Fapi2Security | Profile::Fapi2MessageSigning => fault,
            }
        }
        Remedy::Video => Fault::new(Code::PolicyDenied).detail(reason),
    }
}

fn denied(denial: &Denial, action: Action, services: &Services) -> Fault {
    denial.raise_alarms(action, &services.metrics);
    let policies = denial
        .policies
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" ");
    Fault::new(Code::PolicyDenied)
        .detail(denial.reason.to_string())
        .cause(policies)
}
