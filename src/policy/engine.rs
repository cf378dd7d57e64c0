//! The decision: one evaluation for what is asked, and only where that refuses a second for an exemption and a third
//! for what a remedy would change. Nothing here knows a threshold; nothing here can permit what Cedar did not allow.

use std::sync::Arc;

use super::action::Action;
use super::bundle::Bundle;
use super::cure::Cures;
use super::decision::{Alarm, Challenge, Decision, Denial, Grant, Permit, PolicyId};
use super::exemption::ExemptionKind;
use super::facts::Facts;
use super::question::{MissingFact, Parties, Question};
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
    /// Decides. Consumes nothing, and gives the same answer to the same facts for ever.
    pub fn decide(&self, facts: &Facts<'_>) -> Decision {
        self.answer(facts).unwrap_or_else(|failed| self.undecided(failed))
    }

    fn answer(&self, facts: &Facts<'_>) -> Result<Decision, Failed> {
        let question = Question::Asked(facts.action);
        let parties = self.vocabulary.parties(question, facts)?;
        let forbids = match self.evaluate(question, facts, &parties, None)? {
            Verdict::Allowed(permits) => return Ok(self.permit(&permits, None)),
            Verdict::Refused(forbids) => forbids,
        };
        let Some(grant) = self.exemption(facts, &parties)? else {
            return self.challenge(facts, &parties, None, &forbids);
        };
        match self.evaluate(question, facts, &parties, Some(grant.kind))? {
            Verdict::Allowed(permits) => Ok(self.permit(&permits, Some(grant))),
            Verdict::Refused(forbids) => self.challenge(facts, &parties, Some(grant.kind), &forbids),
        }
    }

    /// The exemption that the policies of action `exempt` grant to this payment, the first in file order. An approved
    /// payment needs none, so it uses no counter up.
    fn exemption(&self, facts: &Facts<'_>, parties: &Parties) -> Result<Option<Grant>, Failed> {
        if facts.action != Action::Pay || facts.approval.is_some() {
            return Ok(None);
        }
        let Verdict::Allowed(permits) = self.evaluate(Question::Exempt, facts, parties, None)? else {
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
        parties: &Parties,
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
            match self.evaluate(Question::Asked(facts.action), &cured, parties, exemption)? {
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

    /// Asks Cedar one question about `facts` between the `parties` of them.
    pub(super) fn evaluate(
        &self,
        question: Question,
        facts: &Facts<'_>,
        parties: &Parties,
        exemption: Option<ExemptionKind>,
    ) -> Result<Verdict<'_>, Failed> {
        let lane = self.lanes.get(&question).ok_or(MissingFact("action"))?;
        let context = self
            .vocabulary
            .context(question, facts, parties, exemption, lane.mentions())?;
        let answers = lane.ask(parties, context, &self.entities);
        if !answers.failed.is_empty() {
            return Err(Failed(answers.failed.into_iter().map(alarm).collect()));
        }
        if answers.forbids.is_empty() && !answers.permits.is_empty() {
            return Ok(Verdict::Allowed(answers.permits));
        }
        Ok(Verdict::Refused(answers.forbids))
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

fn alarm((rule, cause): (&Arc<Rule>, &'static str)) -> Alarm {
    Alarm {
        policy: Some(rule.id.clone()),
        cause,
    }
}
