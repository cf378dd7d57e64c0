//! Everything that must hold before a bundle may be in force: it parses, its annotations say what the gateway
//! understands, it is valid against the schema in strict mode, and the schema fits the facts this gateway gives.

use std::collections::HashMap;
use std::sync::Arc;

use cedar_policy::ffi::DetailedError;
use cedar_policy::{Entities, EntityUid, Policy, PolicySet, Schema, ValidationMode, Validator};

use super::facts::Facts;
use super::fault::{BundleError, Fault, line_at};
use super::mentions::Mentions;
use super::question::{Question, Vocabulary};
use super::rule::{self, Rule};
use super::sample;
use super::source::{SCHEMA_FILE, Source};

/// What is left when nothing was wrong.
pub(super) struct Valid {
    pub(super) vocabulary: Vocabulary,
    pub(super) entities: Entities,
    /// In file order.
    pub(super) policies: Vec<(Policy, Arc<Rule>)>,
}

/// Validates all of it and reports all faults together.
pub(super) fn validate(schema_text: &str, mut sources: Vec<Source>) -> Result<Valid, BundleError> {
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    let (schema, _warnings) = Schema::from_cedarschema_str(schema_text).map_err(|error| {
        let detail = DetailedError::from(&error);
        BundleError::of(with_related(SCHEMA_FILE, schema_text, &detail))
    })?;
    let vocabulary = Vocabulary::new()?;
    let entities = schema.action_entities().map_err(internal)?;
    let mut faults = schema_fits(&schema, &vocabulary);
    let mut read = Reading::default();
    for source in &sources {
        read.file(source, &mut faults);
    }
    if faults.is_empty() {
        faults = read.strictly(schema, &sources)?;
    }
    if !faults.is_empty() {
        return Err(BundleError::of(faults));
    }
    Ok(Valid {
        vocabulary,
        entities,
        policies: read.policies,
    })
}

#[derive(Default)]
struct Reading {
    policies: Vec<(Policy, Arc<Rule>)>,
    rules: HashMap<cedar_policy::PolicyId, Arc<Rule>>,
}

impl Reading {
    fn file(&mut self, source: &Source, faults: &mut Vec<Fault>) {
        if !well_named(&source.name) {
            let advice =
                "Name it NN-name.cedar (two digits, small letters, hyphens): files are read in name order.";
            faults.push(Fault::new(&source.name, 0, "is not a policy file's name", advice));
        }
        let parsed: PolicySet = match source.text.parse() {
            Ok(parsed) => parsed,
            Err(error) => {
                let error: cedar_policy::ParseErrors = error;
                let detail = DetailedError::from(&error);
                faults.extend(with_related(&source.name, &source.text, &detail));
                return;
            }
        };
        if parsed.templates().next().is_some() {
            faults.push(Fault::new(
                &source.name,
                0,
                "holds a template",
                "Write the policy out: nothing links templates.",
            ));
        }
        let mut policies: Vec<_> = parsed.policies().map(|policy| (offset(policy), policy)).collect();
        policies.sort_by_key(|(offset, _)| *offset);
        let file: Arc<str> = Arc::from(source.name.as_str());
        for (offset, policy) in policies {
            self.policy(&file, line_at(&source.text, offset), policy, faults);
        }
    }

    fn policy(&mut self, file: &Arc<str>, line: usize, policy: &Policy, faults: &mut Vec<Fault>) {
        let mut found = rule::Found::new();
        let read = rule::read(policy, &mut found);
        let named = policy.annotation("id");
        faults.extend(
            found
                .into_iter()
                .map(|fault| rule::placed(file, line, named, fault)),
        );
        let Some((id, part)) = read else { return };
        let key = cedar_policy::PolicyId::new(id.as_str());
        if let Some(first) = self.rules.get(&key) {
            let problem = format!("the @id is taken by the policy at {}:{}", first.file, first.line);
            faults.push(Fault::new(file, line, problem, "Give each policy its own @id.").of(id.as_str()));
            return;
        }
        let rule = Arc::new(Rule {
            id,
            order: self.rules.len(),
            file: Arc::clone(file),
            line,
            part,
        });
        self.policies
            .push((policy.new_id(key.clone()), Arc::clone(&rule)));
        self.rules.insert(key, rule);
    }

    /// Strict validation. Warnings count as faults: a policy that can never apply, or an identifier that looks like
    /// another, is not what its author meant.
    fn strictly(&self, schema: Schema, sources: &[Source]) -> Result<Vec<Fault>, BundleError> {
        let set = PolicySet::from_policies(self.policies.iter().map(|(policy, _)| policy.clone()))
            .map_err(internal)?;
        let result = Validator::new(schema).validate(&set, ValidationMode::Strict);
        let errors = result
            .validation_errors()
            .map(|error| (error.policy_id(), DetailedError::from(error)));
        let warnings = result
            .validation_warnings()
            .map(|warning| (warning.policy_id(), DetailedError::from(warning)));
        Ok(errors
            .chain(warnings)
            .map(|(id, detail)| self.invalid(id, &detail, sources))
            .collect())
    }

    fn invalid(&self, id: &cedar_policy::PolicyId, detail: &DetailedError, sources: &[Source]) -> Fault {
        let rule = self.rules.get(id);
        let file = rule.map_or("", |rule| &*rule.file);
        let text = sources
            .iter()
            .find(|source| source.name == file)
            .map_or("", |source| &source.text);
        let mut fault = cedar_fault(file, text, detail);
        if fault.line == 0 {
            fault.line = rule.map_or(0, |rule| rule.line);
        }
        // Cedar's message begins with the policy's id, which stands in front of it already.
        let prefix = format!("for policy `{id}`, ");
        fault.problem = fault
            .problem
            .strip_prefix(&prefix)
            .map(str::to_owned)
            .unwrap_or(fault.problem);
        fault.of(id.as_ref())
    }
}

/// Every question is in the schema, and the records this gateway builds for it, bare and full, are what the schema
/// declares. This is what makes it safe to build requests without consulting the schema again.
fn schema_fits(schema: &Schema, vocabulary: &Vocabulary) -> Vec<Fault> {
    let mut faults = Vec::new();
    for question in Question::all() {
        let misfit = sample::all(question)
            .iter()
            .find_map(|facts| misfit(schema, vocabulary, question, facts));
        faults.extend(misfit.map(|problem| {
            let problem = format!(
                "does not fit the facts of action `{}`: {problem}",
                question.as_str()
            );
            Fault::new(
                SCHEMA_FILE,
                0,
                problem,
                "Take the schema that is shipped with this version.",
            )
        }));
    }
    faults
}

fn misfit(schema: &Schema, vocabulary: &Vocabulary, question: Question, facts: &Facts<'_>) -> Option<String> {
    let exemption = facts.payment.and(sample::EXEMPTION);
    let asked = vocabulary.parties(question, facts).and_then(|parties| {
        let context = vocabulary.context(question, facts, &parties, exemption, Mentions::ALL)?;
        Ok((parties, context))
    });
    let (parties, context) = match asked {
        Ok(asked) => asked,
        Err(missing) => return Some(format!("no {}", missing.0)),
    };
    let [principal, action, resource] = [parties.principal, vocabulary.action(question), parties.resource]
        .map(|entity| EntityUid::from(Arc::unwrap_or_clone(entity)));
    cedar_policy::Request::new(principal, action, resource, context.into(), Some(schema))
        .err()
        .map(|error| error.to_string())
}

fn with_related(file: &str, text: &str, detail: &DetailedError) -> Vec<Fault> {
    let related = detail
        .related
        .iter()
        .flat_map(|more| with_related(file, text, more));
    std::iter::once(cedar_fault(file, text, detail))
        .chain(related)
        .collect()
}

fn cedar_fault(file: &str, text: &str, detail: &DetailedError) -> Fault {
    let place = detail.source_locations.first();
    let line = place.map_or(0, |label| line_at(text, label.loc.start));
    let label = place.and_then(|label| label.label.as_deref());
    let problem = match label {
        Some(label) => format!("{} ({label})", detail.message),
        None => detail.message.clone(),
    };
    Fault::new(file, line, problem, detail.help.as_deref().unwrap_or_default())
}

fn offset(policy: &Policy) -> usize {
    policy.as_ref().loc().map_or(0, |place| place.start())
}

fn well_named(name: &str) -> bool {
    let Some(stem) = name.strip_suffix(".cedar") else {
        return false;
    };
    let (digits, rest) = stem.split_at_checked(2).unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    digits.bytes().all(|byte| byte.is_ascii_digit())
        && rest
            .strip_prefix('-')
            .is_some_and(|name| !name.is_empty() && name.bytes().all(plain))
}

fn internal(error: impl std::fmt::Display) -> BundleError {
    Fault::new("", 0, error.to_string(), "").into()
}
