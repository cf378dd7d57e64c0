//! One version of the policies: read, validated and made ready once, immutable afterwards.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use cedar_policy::{ActionConstraint, Authorizer, Entities, EntityUid, Policy, PolicySet};

use super::context::{Question, Vocabulary, for_each_question};
use super::fault::BundleError;
use super::rule::Rule;
use super::source::{self, Source};
use super::validate;

/// A valid set of policies. Holds no lock and changes never; the gateway keeps it in an `Arc` and swaps the `Arc`.
#[derive(Debug)]
pub struct Bundle {
    version: Arc<str>,
    pub(super) vocabulary: Vocabulary,
    pub(super) authorizer: Authorizer,
    /// The actions and their groups; every other entity of a request has an id and nothing else, so none is stored.
    pub(super) entities: Entities,
    pub(super) lanes: HashMap<Question, Lane>,
    pub(super) rules: HashMap<cedar_policy::PolicyId, Arc<Rule>>,
}

/// The policies that can apply to one question. Cedar evaluates every policy it is given, so giving it only these is
/// what keeps a decision short; leaving out a policy whose action does not match changes no answer.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) action: EntityUid,
    pub(super) policies: PolicySet,
}

impl Bundle {
    /// Reads and validates a folder.
    ///
    /// # Errors
    /// Every fault found, each with file, line and policy.
    pub fn load(folder: &Path) -> Result<Self, BundleError> {
        let (schema, policies) = source::read_policies(folder)?;
        Self::from_read(&schema, policies)
    }

    /// The same from text: `(file name, text)` of each policy file, and the schema.
    ///
    /// # Errors
    /// As [`Bundle::load`].
    pub fn from_sources(policies: Vec<(String, String)>, schema: &str) -> Result<Self, BundleError> {
        let policies = policies
            .into_iter()
            .map(|(name, text)| Source { name, text })
            .collect();
        Self::from_read(schema, policies)
    }

    fn from_read(schema: &str, policies: Vec<Source>) -> Result<Self, BundleError> {
        let version = Arc::from(source::version(schema, &policies));
        let valid = validate::validate(schema, policies)?;
        let lanes = lanes(&valid.vocabulary, &valid.entities, &valid.policies)?;
        Ok(Self {
            version,
            vocabulary: valid.vocabulary,
            authorizer: Authorizer::new(),
            entities: valid.entities,
            lanes,
            rules: valid.rules,
        })
    }

    /// The version: SHA-256 over all names and contents, base64url, 43 characters.
    pub fn version(&self) -> &str {
        &self.version
    }

    pub(super) fn shared_version(&self) -> Arc<str> {
        Arc::clone(&self.version)
    }

    /// How many policies it holds.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether it holds none, and so denies everything.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    pub(super) fn rules_in_order(&self) -> Vec<&Arc<Rule>> {
        let mut rules: Vec<_> = self.rules.values().collect();
        rules.sort_unstable_by_key(|rule| rule.order);
        rules
    }
}

fn lanes(
    vocabulary: &Vocabulary,
    entities: &Entities,
    policies: &[Policy],
) -> Result<HashMap<Question, Lane>, BundleError> {
    for_each_question(|question| {
        let action = vocabulary.action(question);
        let apply = policies
            .iter()
            .filter(|policy| applies(policy, &action, entities))
            .cloned();
        let policies = PolicySet::from_policies(apply).map_err(validate::doubled)?;
        Ok(Lane { action, policies })
    })
}

fn applies(policy: &Policy, action: &EntityUid, entities: &Entities) -> bool {
    let covers = |named: &EntityUid| named == action || entities.is_ancestor_of(named, action);
    match policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(only) => only == *action,
        ActionConstraint::In(any) => any.iter().any(covers),
    }
}
