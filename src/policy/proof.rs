//! What `policy check` proves beyond validity, by evaluating the folder's own decision tables: that a remedy can
//! silence the forbid that names it, and that a counter's limit in `@consume` is the one in the policy's condition.
//!
//! These are proofs by example, as good as the tables; a policy that no case reaches is named.

use std::collections::HashSet;
use std::sync::Arc;

use serde::Serialize;

use super::action::Action;
use super::bundle::Bundle;
use super::decision::{Decision, PolicyId};
use super::engine::Verdict;
use super::exemption::{Consumption, Counter};
use super::facts::Facts;
use super::fault::Fault;
use super::question::Question;
use super::remedy::Remedy;
use super::rule::{Part, Rule};
use super::table::Tables;

/// The outcome of the proofs.
#[derive(Debug, Default)]
pub struct Proof {
    /// What could not be shown; empty means the bundle is sound as far as its tables reach.
    pub faults: Vec<Fault>,
    /// What was shown.
    pub shown: Vec<Shown>,
    /// Policies that decided no case.
    pub unreached: Vec<PolicyId>,
}

/// One thing shown about one policy.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    /// The policy.
    pub policy: String,
    /// The text of its `@remedy` or `@consume`.
    pub claim: String,
    /// Cases in which the policy applied.
    pub applied: usize,
    /// Cases in which the claim held.
    pub held: usize,
}

/// A counter so high that no sensible limit allows it, and so low that no policy's arithmetic overflows.
const FAR_ABOVE_ANY_LIMIT: u64 = 1 << 50;

/// Proves every remedy and every limit of a bundle.
pub fn prove(bundle: &Bundle, tables: &Tables) -> Proof {
    let mut proof = Proof::default();
    for rule in bundle.rules_in_order() {
        match &rule.part {
            Part::Forbids {
                remedy: Some(remedy), ..
            } => proof.remedy(bundle, tables, rule, *remedy),
            Part::Exempts { consumes, .. } => proof.exemption(bundle, tables, rule, *consumes),
            Part::Permits | Part::Forbids { remedy: None, .. } => {}
        }
    }
    let reached = reached(bundle, tables);
    let unreached = bundle
        .rules_in_order()
        .iter()
        .filter(|rule| !reached.contains(rule.id.as_str()));
    proof.unreached = unreached.map(|rule| rule.id.clone()).collect();
    proof
}

impl Proof {
    /// Among the cases in which the forbid fires there must be one in which, with the remedy taken and all else as it
    /// was, it does not.
    fn remedy(&mut self, bundle: &Bundle, tables: &Tables, rule: &Arc<Rule>, remedy: Remedy) {
        let (mut applied, mut held) = (0, 0);
        each_case(tables, |facts| {
            let question = Question::Asked(facts.action);
            if determines(bundle, question, &facts, rule) == Some(true) {
                applied += 1;
                held += usize::from(determines(bundle, question, &remedy.cure(facts), rule) == Some(false));
            }
        });
        let claim = format!("@remedy(\"{remedy}\")");
        if applied == 0 {
            self.fault(
                rule,
                format!("{claim} is unproved: no case of the decision tables makes this policy fire"),
                "Add a case to tests/ in which it does.",
            );
        } else if held == 0 {
            self.fault(rule, format!("{claim} never silences this policy: it fires in {applied} of the cases, and still does once the remedy is taken"), "Make the condition ask for what the remedy gives, or remove the remedy: without one it is a plain denial.");
        }
        self.shown.push(Shown {
            policy: rule.id.to_string(),
            claim,
            applied,
            held,
        });
    }

    fn exemption(
        &mut self,
        bundle: &Bundle,
        tables: &Tables,
        rule: &Arc<Rule>,
        consumes: Option<Consumption>,
    ) {
        let (mut applied, mut held, mut leaning) = (0, 0, None);
        each_case(tables, |facts| {
            if facts.action != Action::Pay || determines(bundle, Question::Exempt, &facts, rule) != Some(true)
            {
                return;
            }
            applied += 1;
            held += usize::from(consumes.is_none_or(|limit| limit_holds(bundle, facts, rule, limit)));
            leaning = leaning.or_else(|| leans_on(bundle, facts, rule, consumes));
        });
        if let Some(counter) = leaning {
            let name = counter.as_str();
            self.fault(
                rule,
                format!("looks at the counter {name}, which it does not use up"),
                "Name the counter in @consume; one exemption has one counter (EBA Q&A 2018_4225).",
            );
        }
        let Some(limit) = consumes else { return };
        let claim = format!("@consume(\"{limit}\")");
        if applied == 0 {
            self.fault(
                rule,
                format!("{claim} is unproved: no case of the decision tables is granted this exemption"),
                "Add a case to tests/ that is.",
            );
        } else if held < applied {
            self.fault(rule, format!("{claim} is not the limit of its condition: with the counter at {} it must apply and one above it must not", limit.limit), "Write the same number in @consume and in the condition on context.velocity.");
        }
        self.shown.push(Shown {
            policy: rule.id.to_string(),
            claim,
            applied,
            held,
        });
    }

    fn fault(&mut self, rule: &Rule, problem: String, advice: &str) {
        self.faults
            .push(Fault::new(&rule.file, rule.line, problem, advice).of(rule.id.as_str()));
    }
}

/// At the limit (this payment included) the exemption applies, one above it does not.
fn limit_holds(bundle: &Bundle, facts: Facts<'_>, rule: &Arc<Rule>, consumes: Consumption) -> bool {
    let step = facts
        .payment
        .map_or(0, |payment| consumes.counter.step(payment.amount_minor));
    let Some(before) = consumes.limit.checked_sub(step) else {
        return false;
    };
    let at = |before| {
        determines(
            bundle,
            Question::Exempt,
            &consumes.counter.set(facts, before),
            rule,
        )
    };
    at(before) == Some(true) && at(before.saturating_add(1)) == Some(false)
}

/// A counter other than the consumed one that the exemption depends on: nothing would ever move it.
fn leans_on(
    bundle: &Bundle,
    facts: Facts<'_>,
    rule: &Arc<Rule>,
    consumes: Option<Consumption>,
) -> Option<Counter> {
    let others = Counter::ALL
        .into_iter()
        .filter(|counter| Some(*counter) != consumes.map(|used| used.counter));
    others.into_iter().find(|counter| {
        let far = counter.set(facts, FAR_ABOVE_ANY_LIMIT);
        determines(bundle, Question::Exempt, &far, rule) != Some(true)
    })
}

/// Whether the policy is among those that determine the answer; none when the evaluation failed.
fn determines(bundle: &Bundle, question: Question, facts: &Facts<'_>, rule: &Arc<Rule>) -> Option<bool> {
    let parties = bundle.vocabulary.parties(question, facts).ok()?;
    match bundle.evaluate(question, facts, &parties, None).ok()? {
        Verdict::Allowed(rules) | Verdict::Refused(rules) => {
            Some(rules.iter().any(|determining| determining.id == rule.id))
        }
    }
}

fn reached(bundle: &Bundle, tables: &Tables) -> HashSet<String> {
    let mut reached = HashSet::new();
    each_case(tables, |facts| {
        let (policies, grant) = match bundle.decide(&facts) {
            Decision::Permit(permit) => (permit.policies, permit.exemption),
            Decision::Challenge(challenge) => (challenge.policies, None),
            Decision::Deny(denial) => (denial.policies, None),
        };
        reached.extend(
            policies
                .into_iter()
                .chain(grant.map(|grant| grant.policy))
                .map(|id| id.to_string()),
        );
    });
    reached
}

fn each_case(tables: &Tables, mut visit: impl FnMut(Facts<'_>)) {
    for case in &tables.cases {
        let lists = case.given.lists();
        visit(case.given.facts(case.action, &lists));
    }
}
