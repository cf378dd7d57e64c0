//! Whom a policy is about, as far as that can be told before any request: the equalities without which it cannot apply.

use std::sync::Arc;

use cedar_policy_core::ast::{
    BinaryOp, EntityReference, EntityUID, Expr, ExprKind, Literal, Policy, PrincipalOrResourceConstraint, Var,
};

use super::question::{Parties, Question};

/// A place in a request where an entity stands that a policy can ask for. Each is there whenever it is asked about, so
/// comparing it cannot fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Term {
    Principal,
    Resource,
    /// `context.client.id`.
    Client,
    /// `context.payee.id`, in questions that are always about a payment.
    Payee,
}

/// One such equality.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Binding {
    pub(super) term: Term,
    pub(super) entity: Arc<EntityUID>,
}

impl Term {
    /// What stands there in a request.
    pub(super) fn of(self, parties: &Parties) -> Option<&Arc<EntityUID>> {
        match self {
            Self::Principal => Some(&parties.principal),
            Self::Resource => Some(&parties.resource),
            Self::Client => parties.client.as_ref(),
            Self::Payee => parties.payee.as_ref(),
        }
    }

    fn named(expr: &Expr, question: Question) -> Option<Self> {
        match expr.expr_kind() {
            ExprKind::Var(Var::Principal) => Some(Self::Principal),
            ExprKind::Var(Var::Resource) => Some(Self::Resource),
            ExprKind::GetAttr { expr, attr } if attr == "id" => Self::identified(expr, question),
            _ => None,
        }
    }

    /// `context.client` or `context.payee`, in questions in which it is never absent.
    fn identified(expr: &Expr, question: Question) -> Option<Self> {
        let ExprKind::GetAttr { expr, attr } = expr.expr_kind() else {
            return None;
        };
        let of_context = matches!(expr.expr_kind(), ExprKind::Var(Var::Context));
        match attr.as_str() {
            "client" if of_context && !question.is_administrative() => Some(Self::Client),
            "payee" if of_context && question.is_about_a_payment() => Some(Self::Payee),
            _ => None,
        }
    }
}

impl Binding {
    /// Every equality that the policy asks for before anything that could fail: those of its scope, and those its
    /// conditions begin with.
    pub(super) fn all(policy: &Policy, question: Question) -> Vec<Self> {
        let principal = of_scope(Term::Principal, policy.principal_constraint().as_inner());
        let resource = of_scope(Term::Resource, policy.resource_constraint().as_inner());
        let mut found: Vec<_> = principal.into_iter().chain(resource).collect();
        if let Some(conditions) = policy.non_scope_constraints() {
            leading(conditions, question, &mut found);
        }
        found
    }

    fn new(term: Term, entity: &Arc<EntityUID>) -> Self {
        let entity = Arc::clone(entity);
        Self { term, entity }
    }
}

fn of_scope(term: Term, constraint: &PrincipalOrResourceConstraint) -> Option<Binding> {
    match constraint {
        PrincipalOrResourceConstraint::Eq(EntityReference::EUID(entity)) => Some(Binding::new(term, entity)),
        _ => None,
    }
}

/// Collects equalities in the order of evaluation, and says whether there was nothing else. `a && b` is false without a
/// look at `b` where `a` is, so what stands after an equality is only met where the equality holds.
fn leading(expr: &Expr, question: Question, found: &mut Vec<Binding>) -> bool {
    match expr.expr_kind() {
        ExprKind::And { left, right } => leading(left, question, found) && leading(right, question, found),
        ExprKind::BinaryApp {
            op: BinaryOp::Eq,
            arg1,
            arg2,
        } => {
            let binding = equality(arg1, arg2, question).or_else(|| equality(arg2, arg1, question));
            found.extend(binding.clone());
            binding.is_some()
        }
        _ => false,
    }
}

fn equality(term: &Expr, entity: &Expr, question: Question) -> Option<Binding> {
    let term = Term::named(term, question)?;
    match entity.expr_kind() {
        ExprKind::Lit(Literal::EntityUID(entity)) => Some(Binding::new(term, entity)),
        _ => None,
    }
}
