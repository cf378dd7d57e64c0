//! The decision: one evaluation for what is asked, and only where that refuses a second for an exemption and a third
//! for what a remedy would change. Nothing here knows a threshold; nothing here can permit what Cedar did not allow.

use std::sync::Arc;

use cedar_policy::{AuthorizationError, Decision as Effect, EvaluationError, Response};

use super::action::Action;
use super::bundle::Bundle;
use super::context::{MissingFact, Question};
use super::cure::Cures;
use super::decision::{Alarm, Challenge, Decision, Denial, Grant, Permit, PolicyId};
use super::exemption::ExemptionKind;
use super::facts::Facts;
use super::remedy::{ApprovalFactor, Remedy};
use super::rule::{Part, Rule};

/// What the client reads when no forbid spoke.
const NOT_PERMITTED: &str = "No policy permits this request.";
/// What the client reads when an evaluation failed; it says nothing about which.
const NOT_DECIDED: &str = "This request cannot be decided at the moment.";

/// What Cedar said to one question, with every policy that determined it, in file order.
pub(super) enum Verdict<'a> {
    Allowed(Vec<&'a Arc<Rule>>),
    Refused(Vec<&'a Arc<Rule>>),
}

/// An evaluation in which at least one policy failed. Cedar skips such a policy, and a skipped forbid would be a
/// permission, so it is never read as an answer.
pub(super) struct Failed(pub(super) Vec<Alarm>);

impl Bundle {
    /// Decides. Consumes nothing (design 2), and gives the same answer to the same facts for ever.
    pub fn decide(&self, facts: &Facts<'_>) -> Decision {
        self.answer(facts).unwrap_or_else(|failed| self.undecided(failed))
    }

    fn answer(&self, facts: &Facts<'_>) -> Result<Decision, Failed> {
        let question = Question::Asked(facts.action);
        let forbids = match self.evaluate(question, facts, None)? {
            Verdict::Allowed(permits) => return Ok(self.permit(&permits, None)),
            Verdict::Refused(forbids) => forbids,
        };
        let Some(grant) = self.exemption(facts)? else {
            return self.challenge(facts, None, &forbids);
        };
        match self.evaluate(question, facts, Some(grant.kind))? {
            Verdict::Allowed(permits) => Ok(self.permit(&permits, Some(grant))),
            Verdict::Refused(forbids) => self.challenge(facts, Some(grant.kind), &forbids),
        }
    }

    /// The exemption that the policies of action `exempt` grant to this payment, the first in file order. An approved
    /// payment needs none, so it uses no counter up.
    fn exemption(&self, facts: &Facts<'_>) -> Result<Option<Grant>, Failed> {
        if facts.action != Action::Pay || facts.approval.is_some() {
            return Ok(None);
        }
        let Verdict::Allowed(permits) = self.evaluate(Question::Exempt, facts, None)? else {
            return Ok(None);
        };
        Ok(permits.into_iter().find_map(|rule| match &rule.part {
            Part::Exempts { kind, consumes } => Some(Grant {
                kind: *kind,
                policy: rule.id.clone(),
                consumes: *consumes,
            }),
            Part::Permits | Part::Forbids { .. } => None,
        }))
    }

    /// A challenge if every forbid names a remedy and the request, with all of them taken, would be allowed.
    fn challenge(
        &self,
        facts: &Facts<'_>,
        exemption: Option<ExemptionKind>,
        forbids: &[&Arc<Rule>],
    ) -> Result<Decision, Failed> {
        let Some(cures) = Cures::of(forbids) else {
            return Ok(self.deny(forbids));
        };
        let mut factors = Vec::new();
        for factor in cures.approval_factors() {
            let cured = cures.applied(*facts, factor);
            // A payment that will be approved is not exempt as well.
            let exemption = exemption.filter(|_| cured.approval.is_none());
            match self.evaluate(Question::Asked(facts.action), &cured, exemption)? {
                Verdict::Allowed(_) => factors.push(factor),
                Verdict::Refused(_) => {}
            }
        }
        let Some(passing) = factors.first().copied() else {
            return Ok(self.deny(forbids));
        };
        let (remedy, reason) = cures.first(passing);
        let factors: Vec<ApprovalFactor> = match remedy {
            Remedy::Approve { .. } => factors.into_iter().flatten().collect(),
            Remedy::Login { .. } | Remedy::Video => Vec::new(),
        };
        Ok(Decision::Challenge(Challenge {
            remedy,
            factors,
            reason,
            policies: ids(forbids),
            version: self.shared_version(),
        }))
    }

    /// Asks Cedar one question.
    pub(super) fn evaluate(
        &self,
        question: Question,
        facts: &Facts<'_>,
        exemption: Option<ExemptionKind>,
    ) -> Result<Verdict<'_>, Failed> {
        let lane = self.lanes.get(&question).ok_or(MissingFact("action"))?;
        let request = self
            .vocabulary
            .request(question, lane.action.clone(), facts, exemption)?;
        let response = self
            .authorizer
            .is_authorized(&request, &lane.policies, &self.entities);
        let alarms: Vec<Alarm> = response.diagnostics().errors().map(alarm).collect();
        if !alarms.is_empty() {
            return Err(Failed(alarms));
        }
        let rules = self.determining(&response);
        Ok(match response.decision() {
            Effect::Allow => Verdict::Allowed(rules),
            Effect::Deny => Verdict::Refused(rules),
        })
    }

    fn determining(&self, response: &Response) -> Vec<&Arc<Rule>> {
        let mut rules: Vec<&Arc<Rule>> = response
            .diagnostics()
            .reason()
            .filter_map(|id| self.rules.get(id))
            .collect();
        rules.sort_unstable_by_key(|rule| rule.order);
        rules
    }

    fn permit(&self, permits: &[&Arc<Rule>], exemption: Option<Grant>) -> Decision {
        Decision::Permit(Permit {
            policies: ids(permits),
            exemption,
            version: self.shared_version(),
        })
    }

    fn deny(&self, forbids: &[&Arc<Rule>]) -> Decision {
        let incurable = forbids.iter().find_map(|rule| match &rule.part {
            Part::Forbids { reason, remedy: None } => Some(reason),
            _ => None,
        });
        let any = forbids.iter().find_map(|rule| match &rule.part {
            Part::Forbids { reason, .. } => Some(reason),
            _ => None,
        });
        let reason = incurable
            .or(any)
            .map_or_else(|| Arc::from(NOT_PERMITTED), Arc::clone);
        Decision::Deny(Denial {
            reason,
            policies: ids(forbids),
            alarms: Vec::new(),
            version: self.shared_version(),
        })
    }

    fn undecided(&self, failed: Failed) -> Decision {
        Decision::Deny(Denial {
            reason: Arc::from(NOT_DECIDED),
            policies: Vec::new(),
            alarms: failed.0,
            version: self.shared_version(),
        })
    }
}

impl From<MissingFact> for Failed {
    fn from(missing: MissingFact) -> Self {
        Self(vec![Alarm {
            policy: None,
            cause: missing.0,
        }])
    }
}

fn ids(rules: &[&Arc<Rule>]) -> Vec<PolicyId> {
    rules.iter().map(|rule| rule.id.clone()).collect()
}

/// The kind of failure only: Cedar's own text may quote values of the request.
fn alarm(error: &AuthorizationError) -> Alarm {
    let AuthorizationError::PolicyEvaluationError(error) = error;
    let cause = match error.inner() {
        EvaluationError::IntegerOverflow(_) => "integer overflow",
        EvaluationError::RecordAttrDoesNotExist(_) | EvaluationError::EntityAttrDoesNotExist(_) => {
            "absent attribute"
        }
        EvaluationError::EntityDoesNotExist(_) => "absent entity",
        EvaluationError::TypeError(_) => "type error",
        EvaluationError::FailedExtensionFunctionExecution(_) => "failed extension function",
        EvaluationError::RecursionLimit(_) => "recursion limit",
        _ => "evaluation error",
    };
    Alarm {
        policy: Some(PolicyId::new(error.policy_id().as_ref())),
        cause,
    }
}
