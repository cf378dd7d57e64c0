//! One version of the policies: read, validated and made ready once, immutable afterwards.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use cedar_policy::{Entities, Policy};

use super::fault::BundleError;
use super::lane::Lane;
use super::question::{Question, Vocabulary, for_each_question};
use super::rule::Rule;
use super::source::{self, Source};
use super::validate;

/// A valid set of policies. Holds no lock and changes never; the gateway keeps it in an `Arc` and swaps the `Arc`.
#[derive(Debug)]
pub struct Bundle {
    version: Arc<str>,
    pub(super) vocabulary: Vocabulary,
    /// The actions and their groups; every other entity of a request has an id and nothing else, so none is stored.
    pub(super) entities: Entities,
    pub(super) lanes: HashMap<Question, Lane>,
    /// By file and line.
    rules: Vec<Arc<Rule>>,
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
        let policies: Vec<_> = valid
            .policies
            .into_iter()
            .map(|(policy, rule)| (without_places(policy), rule))
            .collect();
        let lanes =
            for_each_question(|question| Lane::new(question, &valid.vocabulary, &valid.entities, &policies));
        Ok(Self {
            version,
            vocabulary: valid.vocabulary,
            entities: valid.entities,
            lanes,
            rules: policies.into_iter().map(|(_, rule)| rule).collect(),
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

    pub(super) fn rules_in_order(&self) -> &[Arc<Rule>] {
        &self.rules
    }
}

/// The same policy without the places of its parts in the file: Cedar hands them on from part to part while it
/// evaluates, all counted on one text that every core shares. Faults have been given their lines by now.
fn without_places(policy: Policy) -> Policy {
    let json = policy.to_json().ok();
    let bare = json.and_then(|json| Policy::from_json(Some(policy.id().clone()), json).ok());
    bare.filter(|bare| *bare == policy).unwrap_or(policy)
}
