//! Facts as Cedar reads them: the principal, the resource, and the context record, in the shapes that
//! `countersign.cedarschema` declares. Built from pairs, never from JSON text.

use std::collections::HashMap;

use cedar_policy::{Context, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression as Value};

use super::action::Action;
use super::exemption::ExemptionKind;
use super::facts::{Approval, Counters, Facts, Mandate, Payee, Payment, Route};
use super::fault::{BundleError, Fault};

/// What the engine asks: the caller's own action, or whether a payment is exempt from approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Question {
    Asked(Action),
    Exempt,
}

impl Question {
    pub(super) fn all() -> impl Iterator<Item = Self> {
        Action::all().map(Self::Asked).chain([Self::Exempt])
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Asked(action) => action.as_str(),
            Self::Exempt => "exempt",
        }
    }
}

/// A fact that the question cannot be asked without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MissingFact(pub(super) &'static str);

/// The entity types of the schema, parsed once.
#[derive(Clone, Debug)]
pub(super) struct Vocabulary {
    action: EntityTypeName,
    customer: EntityTypeName,
    client: EntityTypeName,
    device: EntityTypeName,
    route: EntityTypeName,
    payee: EntityTypeName,
    admin: EntityTypeName,
    gateway: EntityUid,
}

impl Vocabulary {
    pub(super) fn new() -> Result<Self, BundleError> {
        Ok(Self {
            action: entity_type("Action")?,
            customer: entity_type("Customer")?,
            client: entity_type("Client")?,
            device: entity_type("Device")?,
            route: entity_type("Route")?,
            payee: entity_type("Payee")?,
            admin: entity_type("Admin")?,
            gateway: entity(&entity_type("Gateway")?, "countersign"),
        })
    }

    pub(super) fn action(&self, question: Question) -> EntityUid {
        entity(&self.action, question.as_str())
    }

    /// The request that asks `question` about `facts`. The schema is not consulted again here: that these records
    /// fit it was shown when the bundle was loaded.
    pub(super) fn request(
        &self,
        question: Question,
        action: EntityUid,
        facts: &Facts<'_>,
        exemption: Option<ExemptionKind>,
    ) -> Result<Request, MissingFact> {
        let (principal, resource) = self.ends(question, facts)?;
        let context = self.context(question, facts, exemption)?;
        Request::new(principal, action, resource, context, None).map_err(|_| MissingFact("request"))
    }

    pub(super) fn ends(
        &self,
        question: Question,
        facts: &Facts<'_>,
    ) -> Result<(EntityUid, EntityUid), MissingFact> {
        let customer = || {
            facts
                .customer
                .map(|id| entity(&self.customer, id))
                .ok_or(MissingFact("customer"))
        };
        let client = || entity(&self.client, facts.client.id);
        let route = || {
            facts
                .route
                .map(|route| entity(&self.route, route.name))
                .ok_or(MissingFact("route"))
        };
        match question {
            Question::Asked(Action::Admin(_)) => {
                let admin = facts.admin.ok_or(MissingFact("admin"))?;
                Ok((entity(&self.admin, admin.name), self.gateway.clone()))
            }
            Question::Asked(Action::Login | Action::Enroll) => Ok((customer()?, client())),
            Question::Asked(Action::Read | Action::Call) => {
                Ok((customer().unwrap_or_else(|_| client()), route()?))
            }
            Question::Asked(Action::Pay | Action::Approve) | Question::Exempt => Ok((customer()?, route()?)),
        }
    }

    pub(super) fn context(
        &self,
        question: Question,
        facts: &Facts<'_>,
        exemption: Option<ExemptionKind>,
    ) -> Result<Context, MissingFact> {
        let mut record = Record::with_capacity(16);
        record.put("network", network(facts)?);
        record.put("time", time(facts.now)?);
        match question {
            Question::Asked(Action::Admin(_)) => {
                let admin = facts.admin.ok_or(MissingFact("admin"))?;
                record.put("roles", texts(admin.roles));
            }
            _ => self.customer_context(question, facts, exemption, &mut record)?,
        }
        Context::from_pairs(record.0).map_err(|_| MissingFact("context"))
    }

    fn customer_context(
        &self,
        question: Question,
        facts: &Facts<'_>,
        exemption: Option<ExemptionKind>,
        record: &mut Record,
    ) -> Result<(), MissingFact> {
        record.put("client", self.client(facts)?);
        record.put("device", self.device(facts)?);
        record.put("authn", authn(facts)?);
        record.put("risk", risk(facts)?);
        record.put_if("video", facts.video_age_seconds.map(video).transpose()?);
        if matches!(question, Question::Asked(Action::Login | Action::Enroll)) {
            return Ok(());
        }
        record.put("route", route(facts.route.ok_or(MissingFact("route"))?)?);
        match question {
            Question::Asked(Action::Read | Action::Call) => return Ok(()),
            Question::Asked(Action::Approve) => {
                let approval = facts.approval.ok_or(MissingFact("approval"))?;
                record.put("approval", given(approval)?);
                return self.optional_payment(facts, record);
            }
            _ => {}
        }
        let payment = facts.payment.ok_or(MissingFact("payment"))?;
        self.payment(payment, record)?;
        record.put_if("approval", facts.approval.map(given).transpose()?);
        record.put_if("mandate", facts.mandate.map(mandate).transpose()?);
        record.put_if(
            "velocity",
            facts.counters.map(|held| velocity(held, payment)).transpose()?,
        );
        record.put_if("exemption", exemption.map(|kind| text(kind.as_str())));
        Ok(())
    }

    fn optional_payment(&self, facts: &Facts<'_>, record: &mut Record) -> Result<(), MissingFact> {
        facts
            .payment
            .map_or(Ok(()), |payment| self.payment(payment, record))
    }

    fn payment(&self, payment: Payment<'_>, record: &mut Record) -> Result<(), MissingFact> {
        record.put("amount", long(payment.amount_minor));
        record.put("currency", text(payment.currency));
        record.put("payee", self.payee(payment.payee)?);
        Ok(())
    }

    fn payee(&self, payee: Payee<'_>) -> Result<Value, MissingFact> {
        let mut record = Record::with_capacity(3);
        record.put("id", Value::new_entity_uid(entity(&self.payee, payee.id)));
        record.put("trusted", Value::new_bool(payee.trusted));
        record.put_if("age_days", payee.age_days.map(|days| long(days.into())));
        record.done("payee")
    }

    fn client(&self, facts: &Facts<'_>) -> Result<Value, MissingFact> {
        let mut record = Record::with_capacity(2);
        record.put("id", Value::new_entity_uid(entity(&self.client, facts.client.id)));
        record.put("profile", text(facts.client.profile));
        record.done("client")
    }

    fn device(&self, facts: &Facts<'_>) -> Result<Value, MissingFact> {
        let mut record = Record::with_capacity(2);
        record.put("known", Value::new_bool(facts.device.known));
        record.put_if(
            "id",
            facts
                .device
                .id
                .map(|id| Value::new_entity_uid(entity(&self.device, id))),
        );
        record.done("device")
    }
}

fn authn(facts: &Facts<'_>) -> Result<Value, MissingFact> {
    let mut record = Record::with_capacity(4);
    record.put("acr", long(facts.authn.acr.into()));
    record.put("amr", texts(facts.authn.amr));
    record.put("age", long(facts.authn.age_seconds));
    record.put_if("strongest", facts.authn.strongest_acr.map(|acr| long(acr.into())));
    record.done("authn")
}

fn network(facts: &Facts<'_>) -> Result<Value, MissingFact> {
    let mut record = Record::with_capacity(2);
    record.put_if("ip", facts.network.ip.map(|ip| Value::new_ip(ip.to_string())));
    record.put_if("country", facts.network.country.map(text));
    record.done("network")
}

fn risk(facts: &Facts<'_>) -> Result<Value, MissingFact> {
    let mut record = Record::with_capacity(2);
    record.put_if("score", facts.risk.score.map(|score| long(score.into())));
    record.put("reasons", texts(facts.risk.reasons));
    record.done("risk")
}

fn route(route: Route<'_>) -> Result<Value, MissingFact> {
    let mut record = Record::with_capacity(2);
    record.put("access", text(route.access));
    record.put("acr", long(route.acr.into()));
    record.done("route")
}

fn given(approval: Approval) -> Result<Value, MissingFact> {
    let mut record = Record::with_capacity(2);
    record.put("factor", text(approval.factor.as_str()));
    record.put("age", long(approval.age_seconds));
    record.done("approval")
}

fn mandate(mandate: Mandate) -> Result<Value, MissingFact> {
    let mut record = Record::with_capacity(3);
    record.put("same_payee", Value::new_bool(mandate.same_payee));
    record.put("same_amount", Value::new_bool(mandate.same_amount));
    record.put("first", Value::new_bool(mandate.first));
    record.done("mandate")
}

/// The counters with this payment included. Saturating, so that no amount a caller sends can make a policy overflow.
fn velocity(held: Counters, payment: Payment<'_>) -> Result<Value, MissingFact> {
    let mut record = Record::with_capacity(2);
    record.put("low_value_count", long(held.low_value_count.saturating_add(1)));
    record.put(
        "low_value_sum",
        long(held.low_value_sum_minor.saturating_add(payment.amount_minor)),
    );
    record.done("velocity")
}

fn video(age_seconds: u64) -> Result<Value, MissingFact> {
    let mut record = Record::with_capacity(1);
    record.put("age", long(age_seconds));
    record.done("video")
}

/// Hour 0 to 23 and weekday 1 (Monday) to 7 in UTC; 1970-01-01 was a Thursday.
fn time(now: u64) -> Result<Value, MissingFact> {
    let mut record = Record::with_capacity(3);
    record.put("unix", long(now));
    record.put("hour", long(now % 86_400 / 3_600));
    record.put("weekday", long((now / 86_400 + 3) % 7 + 1));
    record.done("time")
}

/// A record under construction; a fact that is absent stays absent.
struct Record(Vec<(String, Value)>);

impl Record {
    fn with_capacity(facts: usize) -> Self {
        Self(Vec::with_capacity(facts))
    }

    fn put(&mut self, name: &str, value: Value) {
        self.0.push((name.to_owned(), value));
    }

    fn put_if(&mut self, name: &str, value: Option<Value>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }

    fn done(self, name: &'static str) -> Result<Value, MissingFact> {
        Value::new_record(self.0).map_err(|_| MissingFact(name))
    }
}

fn entity_type(name: &str) -> Result<EntityTypeName, BundleError> {
    name.parse()
        .map_err(|error: cedar_policy::ParseErrors| Fault::new("", 0, error.to_string(), "").into())
}

/// An entity by its parts: the id is data whatever characters it holds, and is never parsed.
fn entity(of_type: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(of_type.clone(), EntityId::new(id))
}

fn text(value: &str) -> Value {
    Value::new_string(value.to_owned())
}

fn texts(values: &[&str]) -> Value {
    Value::new_set(values.iter().copied().map(text))
}

/// Cedar's integers end at 2^63 - 1; a larger fact is read as that.
fn long(value: u64) -> Value {
    Value::new_long(i64::try_from(value).unwrap_or(i64::MAX))
}

/// One value for each question, for whoever keeps something per question.
pub(super) fn for_each_question<T, E>(
    mut make: impl FnMut(Question) -> Result<T, E>,
) -> Result<HashMap<Question, T>, E> {
    Question::all()
        .map(|question| Ok((question, make(question)?)))
        .collect()
}
