//! The policies that can apply to one question, arranged so that a request meets only those that can apply to it.
//!
//! Cedar evaluates every policy it is given. A policy whose scope names another principal or resource evaluates to
//! false, and so does one whose condition begins by asking for another one: leaving it out changes neither answer nor
//! determining policies, and as nothing in such a test can fail, no alarm either. Everything else stays in.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use cedar_policy::{ActionConstraint, Entities, Policy};
use cedar_policy_core::ast::{
    self, Context, EntityType, EntityUID, EntityUIDEntry, Expr, Literal, PrincipalOrResourceConstraint,
    Request, SlotEnv, Value, ValueKind,
};
use cedar_policy_core::evaluator::{EvaluationError, Evaluator};
use cedar_policy_core::extensions::Extensions;

use super::mentions::Mentions;
use super::question::{Ends, Parties, Question, Vocabulary};
use super::rule::Rule;
use super::scope::{Binding, Term};

/// The policies of one question.
#[derive(Debug)]
pub(super) struct Lane {
    action: Arc<EntityUID>,
    /// What they look at.
    mentions: Mentions,
    /// Those that any request can meet.
    unbound: Vec<Entry>,
    /// Those that only requests with a certain entity in a certain place can meet.
    bound: BTreeMap<Term, HashMap<Arc<EntityUID>, Vec<Entry>>>,
}

/// One policy, ready to be evaluated.
#[derive(Debug)]
pub(super) struct Entry {
    rule: Arc<Rule>,
    /// Scope and conditions, as far as they can differ between the lane's requests.
    condition: Expr,
}

/// What the policies of a lane said.
#[derive(Default)]
pub(super) struct Answers<'a> {
    pub(super) permits: Vec<&'a Arc<Rule>>,
    pub(super) forbids: Vec<&'a Arc<Rule>>,
    /// Evaluations that failed.
    pub(super) failed: Vec<(&'a Arc<Rule>, &'static str)>,
}

impl Lane {
    /// The lane of `question` out of all policies and their rules.
    pub(super) fn new(
        question: Question,
        vocabulary: &Vocabulary,
        entities: &Entities,
        policies: &[(Policy, Arc<Rule>)],
    ) -> Self {
        let (action, ends) = (vocabulary.action(question), vocabulary.ends(question));
        let apply = policies
            .iter()
            .filter(|(policy, _)| applies(policy, &action, entities));
        let all: Vec<_> = apply
            .map(|(policy, rule)| {
                (
                    Binding::all(policy.as_ref(), question),
                    Entry::new(policy, rule, ends),
                )
            })
            .collect();
        let mut crowd: HashMap<Binding, usize> = HashMap::new();
        for binding in all.iter().flat_map(|(bindings, _)| bindings) {
            *crowd.entry(binding.clone()).or_default() += 1;
        }
        let mut lane = Self {
            action,
            mentions: Mentions::default(),
            unbound: Vec::new(),
            bound: BTreeMap::new(),
        };
        for (bindings, entry) in all {
            // Of several the one that the fewest policies share: it leaves the fewest to evaluate.
            let chosen = bindings
                .into_iter()
                .min_by_key(|binding| crowd.get(binding).copied());
            lane.add(chosen, entry);
        }
        lane
    }

    /// The facts that a context for this lane must hold.
    pub(super) fn mentions(&self) -> Mentions {
        self.mentions
    }

    fn add(&mut self, binding: Option<Binding>, entry: Entry) {
        self.mentions = self.mentions | Mentions::of(&entry.condition);
        let Some(Binding { term, entity }) = binding else {
            return self.unbound.push(entry);
        };
        let entries = self.bound.entry(term).or_default().entry(entity).or_default();
        entries.push(entry);
    }

    /// What every policy says that can apply between these parties, each list in file order.
    pub(super) fn ask(&self, parties: &Parties, context: Context, entities: &Entities) -> Answers<'_> {
        let request = Request::new_unchecked(
            known(&parties.principal),
            known(&self.action),
            known(&parties.resource),
            Some(context),
        );
        let evaluator = Evaluator::new(request, entities.as_ref(), Extensions::all_available());
        let mut answers = Answers::default();
        let no_slots = SlotEnv::new();
        for entry in self.met_by(parties) {
            match entry.holds(&evaluator, &no_slots) {
                Ok(true) if entry.rule.permits() => answers.permits.push(&entry.rule),
                Ok(true) => answers.forbids.push(&entry.rule),
                Ok(false) => {}
                Err(cause) => answers.failed.push((&entry.rule, cause)),
            }
        }
        answers.sort();
        answers
    }

    pub(super) fn met_by(&self, parties: &Parties) -> impl Iterator<Item = &Entry> {
        let bound = self.bound.iter().filter_map(|(term, by_entity)| {
            let entity = term.of(parties)?;
            by_entity.get(entity)
        });
        self.unbound.iter().chain(bound.flatten())
    }
}

impl Entry {
    fn new(policy: &Policy, rule: &Arc<Rule>, ends: Ends<'_>) -> Self {
        Self {
            rule: Arc::clone(rule),
            condition: condition(policy.as_ref(), ends),
        }
    }

    fn holds(&self, evaluator: &Evaluator<'_>, no_slots: &SlotEnv) -> Result<bool, &'static str> {
        match evaluator.interpret(&self.condition, no_slots) {
            Ok(Value {
                value: ValueKind::Lit(Literal::Bool(holds)),
                ..
            }) => Ok(holds),
            Ok(_) => Err(TYPE_ERROR),
            Err(error) => Err(cause(&error)),
        }
    }
}

impl Answers<'_> {
    /// By file and line, wherever the policies stood in the lane.
    fn sort(&mut self) {
        self.permits.sort_unstable_by_key(|rule| rule.order);
        self.forbids.sort_unstable_by_key(|rule| rule.order);
        self.failed.sort_unstable_by_key(|(rule, _)| rule.order);
    }
}

fn known(entity: &Arc<EntityUID>) -> EntityUIDEntry {
    EntityUIDEntry::Known {
        euid: Arc::clone(entity),
        loc: None,
    }
}

fn applies(policy: &Policy, action: &EntityUID, entities: &Entities) -> bool {
    let action = cedar_policy::EntityUid::from(action.clone());
    let covers =
        |named: &cedar_policy::EntityUid| *named == action || entities.is_ancestor_of(named, &action);
    match policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(only) => only == action,
        ActionConstraint::In(any) => any.iter().any(covers),
    }
}

/// What Cedar would evaluate for this policy, less what is true of every request of the lane: the action, which [`applies`]
/// has compared, and entity types that are never others.
fn condition(policy: &ast::Policy, ends: Ends<'_>) -> Expr {
    let (principal, resource) = (policy.principal_constraint(), policy.resource_constraint());
    let scope = [
        Some(principal.as_expr()).filter(|_| !holds_always(principal.as_inner(), ends.principal)),
        Some(resource.as_expr()).filter(|_| !holds_always(resource.as_inner(), Some(ends.resource))),
        policy.non_scope_constraints().cloned(),
    ];
    let parts = scope.into_iter().flatten();
    parts.reduce(Expr::and).unwrap_or_else(|| Expr::val(true))
}

fn holds_always(constraint: &PrincipalOrResourceConstraint, certain: Option<&EntityType>) -> bool {
    match constraint {
        PrincipalOrResourceConstraint::Any => true,
        PrincipalOrResourceConstraint::Is(of_type) => certain == Some(of_type.as_ref()),
        _ => false,
    }
}

const TYPE_ERROR: &str = "type error";

/// The kind of failure only: Cedar's own text may quote values of the request.
fn cause(error: &EvaluationError) -> &'static str {
    match error {
        EvaluationError::IntegerOverflow(_) => "integer overflow",
        EvaluationError::RecordAttrDoesNotExist(_) | EvaluationError::EntityAttrDoesNotExist(_) => {
            "absent attribute"
        }
        EvaluationError::EntityDoesNotExist(_) => "absent entity",
        EvaluationError::TypeError(_) => TYPE_ERROR,
        EvaluationError::FailedExtensionFunctionExecution(_) => "failed extension function",
        EvaluationError::RecursionLimit(_) => "recursion limit",
        _ => "evaluation error",
    }
}
