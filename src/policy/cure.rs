//! Several refusals at once: what all their remedies together would change, and which one the customer meets first.

use std::sync::Arc;

use super::facts::Facts;
use super::remedy::{ApprovalFactor, Remedy};
use super::rule::{Part, Rule};

/// The remedies of all forbids that fired, joined: one login strong and fresh enough for all, one identification,
/// one approval.
pub(super) struct Cures {
    login: Option<(Remedy, Arc<str>)>,
    video: Option<Arc<str>>,
    approval: Option<(ApprovalFactor, Arc<str>)>,
}

impl Cures {
    /// None when there is nothing to cure (nothing permitted, nothing forbade) or a forbid names no remedy.
    pub(super) fn of(forbids: &[&Arc<Rule>]) -> Option<Self> {
        if forbids.is_empty() {
            return None;
        }
        let mut cures = Self {
            login: None,
            video: None,
            approval: None,
        };
        for rule in forbids {
            let Part::Forbids {
                reason,
                remedy: Some(remedy),
            } = &rule.part
            else {
                return None;
            };
            cures.add(*remedy, reason);
        }
        Some(cures)
    }

    fn add(&mut self, remedy: Remedy, reason: &Arc<str>) {
        match remedy {
            Remedy::Login { acr, max_age } => self.add_login(acr, max_age, reason),
            Remedy::Video => {
                self.video.get_or_insert_with(|| Arc::clone(reason));
            }
            Remedy::Approve { factor } => {
                self.approval.get_or_insert_with(|| (factor, Arc::clone(reason)));
            }
        }
    }

    /// The strongest level and the smallest age of all, with the reason of the forbid that asks for that level.
    fn add_login(&mut self, acr: u8, max_age: Option<u64>, reason: &Arc<str>) {
        let (remedy, said) = match self.login.take() {
            Some((
                Remedy::Login {
                    acr: before,
                    max_age: age_before,
                },
                said,
            )) => {
                let max_age = [max_age, age_before].into_iter().flatten().min();
                let said = if acr > before { Arc::clone(reason) } else { said };
                (
                    Remedy::Login {
                        acr: acr.max(before),
                        max_age,
                    },
                    said,
                )
            }
            _ => (Remedy::Login { acr, max_age }, Arc::clone(reason)),
        };
        self.login = Some((remedy, said));
    }

    /// The factors to try in place of the approval: the policy's own first, then the others that can cover amount and
    /// payee. One `None` where no approval is asked for.
    pub(super) fn approval_factors(&self) -> Vec<Option<ApprovalFactor>> {
        let Some((named, _)) = self.approval else {
            return vec![None];
        };
        let others = ApprovalFactor::LINKING
            .into_iter()
            .filter(|factor| *factor != named);
        std::iter::once(named).chain(others).map(Some).collect()
    }

    /// The facts with all of it done.
    pub(super) fn applied<'a>(&self, facts: Facts<'a>, factor: Option<ApprovalFactor>) -> Facts<'a> {
        let login = self.login.as_ref().map(|(remedy, _)| *remedy);
        let video = self.video.as_ref().map(|_| Remedy::Video);
        let approve = factor.map(|factor| Remedy::Approve { factor });
        [login, video, approve]
            .into_iter()
            .flatten()
            .fold(facts, |facts, remedy| remedy.cure(facts))
    }

    /// The first in journey order: who it is, how surely, and only then to what they agree (an approval lives five
    /// minutes). `passing` is the approving factor that would pass.
    pub(super) fn first(&self, passing: Option<ApprovalFactor>) -> (Remedy, Arc<str>) {
        if let Some((remedy, reason)) = &self.login {
            return (*remedy, Arc::clone(reason));
        }
        match (&self.video, &self.approval, passing) {
            (None, Some((_, reason)), Some(factor)) => (Remedy::Approve { factor }, Arc::clone(reason)),
            (reason, _, _) => (Remedy::Video, reason.clone().unwrap_or_default()),
        }
    }
}
