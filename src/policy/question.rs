//! What the engine asks the policies, and between whom.

use std::collections::HashMap;
use std::sync::Arc;

use cedar_policy_core::ast::{Eid, EntityType, EntityUID};

use super::action::Action;
use super::facts::Facts;
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

    /// Whether it is asked about an administrator; every other one is about a customer's client.
    pub(super) fn is_administrative(self) -> bool {
        matches!(self, Self::Asked(Action::Admin(_)))
    }

    /// Whether it cannot be asked without a payment.
    pub(super) fn is_about_a_payment(self) -> bool {
        matches!(self, Self::Asked(Action::Pay) | Self::Exempt)
    }
}

/// A fact that the question cannot be asked without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MissingFact(pub(super) &'static str);

/// The entities of one request. Each is made once and shared by every question asked about it.
pub(super) struct Parties {
    pub(super) principal: Arc<EntityUID>,
    pub(super) resource: Arc<EntityUID>,
    /// Absent in administrative questions, which policies cannot ask about a client.
    pub(super) client: Option<Arc<EntityUID>>,
    /// Who is paid, where something is.
    pub(super) payee: Option<Arc<EntityUID>>,
}

/// Of what type the ends of every request of one question are.
#[derive(Clone, Copy)]
pub(super) struct Ends<'v> {
    /// Absent where it can be one of two.
    pub(super) principal: Option<&'v EntityType>,
    pub(super) resource: &'v EntityType,
}

/// The entity types of the schema, parsed once.
#[derive(Clone, Debug)]
pub(super) struct Vocabulary {
    action: EntityType,
    customer: EntityType,
    client: EntityType,
    device: EntityType,
    route: EntityType,
    payee: EntityType,
    admin: EntityType,
    gateway: Arc<EntityUID>,
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

    pub(super) fn action(&self, question: Question) -> Arc<EntityUID> {
        entity(&self.action, question.as_str())
    }

    pub(super) fn device(&self, id: &str) -> Arc<EntityUID> {
        entity(&self.device, id)
    }

    /// The types of what [`Vocabulary::parties`] makes.
    pub(super) fn ends(&self, question: Question) -> Ends<'_> {
        let (principal, resource) = match question {
            Question::Asked(Action::Admin(_)) => (Some(&self.admin), self.gateway.entity_type()),
            Question::Asked(Action::Login | Action::Enroll) => (Some(&self.customer), &self.client),
            Question::Asked(Action::Read | Action::Call) => (None, &self.route),
            Question::Asked(Action::Pay | Action::Approve) | Question::Exempt => {
                (Some(&self.customer), &self.route)
            }
        };
        Ends { principal, resource }
    }

    /// Who asks, for what, through whom, and for whom.
    pub(super) fn parties(&self, question: Question, facts: &Facts<'_>) -> Result<Parties, MissingFact> {
        if question.is_administrative() {
            let admin = facts.admin.ok_or(MissingFact("admin"))?;
            return Ok(Parties {
                principal: entity(&self.admin, admin.name),
                resource: Arc::clone(&self.gateway),
                client: None,
                payee: None,
            });
        }
        let client = entity(&self.client, facts.client.id);
        let principal = match (facts.customer, question) {
            (Some(id), _) => entity(&self.customer, id),
            // A client that acts for itself.
            (None, Question::Asked(Action::Read | Action::Call)) => Arc::clone(&client),
            (None, _) => return Err(MissingFact("customer")),
        };
        let resource = match question {
            Question::Asked(Action::Login | Action::Enroll) => Arc::clone(&client),
            _ => entity(&self.route, facts.route.ok_or(MissingFact("route"))?.name),
        };
        let payee = facts.payment.map(|payment| entity(&self.payee, payment.payee.id));
        Ok(Parties {
            principal,
            resource,
            client: Some(client),
            payee,
        })
    }
}

/// One value for each question, for whoever keeps something per question.
pub(super) fn for_each_question<T>(mut make: impl FnMut(Question) -> T) -> HashMap<Question, T> {
    Question::all()
        .map(|question| (question, make(question)))
        .collect()
}

fn entity_type(name: &str) -> Result<EntityType, BundleError> {
    name.parse()
        .map_err(|error: cedar_policy_core::parser::err::ParseErrors| {
            Fault::new("", 0, error.to_string(), "").into()
        })
}

/// An entity by its parts: the id is data whatever characters it holds, and is never parsed.
fn entity(of_type: &EntityType, id: &str) -> Arc<EntityUID> {
    Arc::new(EntityUID::from_components(of_type.clone(), Eid::new(id), None))
}
