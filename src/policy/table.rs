//! Decision tables: facts and the decision they must lead to, as TOML that an administrator can read and write.

use std::path::Path;

use serde::{Deserialize, Serialize};
use toml::{Spanned, Table, Value};

use super::action::Action;
use super::bundle::Bundle;
use super::decision::{Challenge, Decision, Denial, Permit, PolicyId};
use super::exemption::ExemptionKind;
use super::fault::{BundleError, Fault, line_at};
use super::given::Given;
use super::remedy::Remedy;
use super::source::{self, Source};

/// The decision tables of a folder.
#[derive(Debug)]
pub struct Tables {
    pub(super) cases: Vec<Case>,
}

/// One row.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) file: String,
    pub(super) line: usize,
    pub(super) name: String,
    pub(super) action: Action,
    pub(super) given: Given,
    expected: Expected,
}

/// What became of one case.
#[derive(Clone, Debug, Serialize)]
pub struct CaseResult {
    /// Table, as `tests/NAME.toml`.
    pub file: String,
    /// Line of the case's name.
    pub line: usize,
    /// The case's name.
    pub name: String,
    /// What was decided instead of what was expected; absent when the case holds.
    pub problem: Option<String>,
}

#[derive(Debug)]
struct Expected {
    outcome: Outcome,
    remedy: Option<Remedy>,
    exemption: Option<ExemptionKind>,
    policy: Option<String>,
    alarm: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Permit,
    Challenge,
    Deny,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTable {
    #[serde(default)]
    given: Table,
    #[serde(rename = "case", default)]
    cases: Vec<RawCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCase {
    name: Spanned<String>,
    action: String,
    #[serde(default)]
    given: Table,
    /// Facts of `[given]` that this case is without.
    #[serde(default)]
    absent: Vec<String>,
    expect: Outcome,
    remedy: Option<String>,
    exemption: Option<String>,
    policy: Option<String>,
    #[serde(default)]
    alarm: bool,
}

impl Tables {
    /// Reads `tests/*.toml` of a policy folder.
    ///
    /// # Errors
    /// Every table or case that cannot be understood, with file and line.
    pub fn load(folder: &Path) -> Result<Self, BundleError> {
        let mut faults = Vec::new();
        let mut cases = Vec::new();
        for source in source::read_tables(folder)? {
            match toml::from_str::<RawTable>(&source.text) {
                Ok(table) => read_cases(&source, table, &mut cases, &mut faults),
                Err(error) => faults.push(not_toml(&source, 0, &error)),
            }
        }
        if faults.is_empty() {
            Ok(Self { cases })
        } else {
            Err(BundleError::of(faults))
        }
    }

    /// How many cases there are.
    pub fn len(&self) -> usize {
        self.cases.len()
    }

    /// Whether there is no case.
    pub fn is_empty(&self) -> bool {
        self.cases.is_empty()
    }

    /// Decides every case and compares.
    pub fn run(&self, bundle: &Bundle) -> Vec<CaseResult> {
        self.cases.iter().map(|case| case.run(bundle)).collect()
    }
}

impl Case {
    fn run(&self, bundle: &Bundle) -> CaseResult {
        let lists = self.given.lists();
        let decision = bundle.decide(&self.given.facts(self.action, &lists));
        let problem = (!self.expected.met(&decision)).then(|| {
            format!(
                "expected {}, got {}",
                self.expected.describe(),
                describe(&decision)
            )
        });
        CaseResult {
            file: self.file.clone(),
            line: self.line,
            name: self.name.clone(),
            problem,
        }
    }
}

impl Expected {
    fn met(&self, decision: &Decision) -> bool {
        match (self.outcome, decision) {
            (Outcome::Permit, Decision::Permit(permit)) => {
                self.exemption == permit.exemption.as_ref().map(|grant| grant.kind)
                    && self.among(&permit.policies)
            }
            (Outcome::Challenge, Decision::Challenge(challenge)) => {
                self.remedy == Some(challenge.remedy) && self.among(&challenge.policies)
            }
            (Outcome::Deny, Decision::Deny(denial)) => {
                self.alarm == denial.alarm() && self.among(&denial.policies)
            }
            _ => false,
        }
    }

    fn among(&self, policies: &[PolicyId]) -> bool {
        self.policy
            .as_deref()
            .is_none_or(|named| policies.iter().any(|id| id.as_str() == named))
    }

    fn describe(&self) -> String {
        let mut text = match self.outcome {
            Outcome::Permit => "permit".to_owned(),
            Outcome::Challenge => "challenge".to_owned(),
            Outcome::Deny if self.alarm => "deny with alarm".to_owned(),
            Outcome::Deny => "deny".to_owned(),
        };
        let remedy = self.remedy.map(|remedy| format!(" {remedy}"));
        let exemption = self.exemption.map(|kind| format!(" as {}", kind.as_str()));
        let policy = self.policy.as_ref().map(|policy| format!(" by {policy}"));
        text.extend([remedy, exemption, policy].into_iter().flatten());
        text
    }
}

fn describe(decision: &Decision) -> String {
    match decision {
        Decision::Permit(Permit {
            policies,
            exemption: None,
            ..
        }) => format!("permit by {}", list(policies)),
        Decision::Permit(Permit {
            policies,
            exemption: Some(grant),
            ..
        }) => {
            format!("permit as {} by {}", grant.kind.as_str(), list(policies))
        }
        Decision::Challenge(Challenge { remedy, policies, .. }) => {
            format!("challenge {remedy} by {}", list(policies))
        }
        Decision::Deny(Denial { alarms, .. }) if !alarms.is_empty() => {
            let each = alarms.iter().map(|alarm| match &alarm.policy {
                Some(policy) => format!("{} in {policy}", alarm.cause),
                None => format!("no fact `{}`", alarm.cause),
            });
            format!("deny with alarm: {}", each.collect::<Vec<_>>().join(", "))
        }
        Decision::Deny(Denial { policies, .. }) if policies.is_empty() => {
            "deny: no policy permits".to_owned()
        }
        Decision::Deny(Denial { policies, .. }) => format!("deny by {}", list(policies)),
    }
}

fn list(policies: &[PolicyId]) -> String {
    policies
        .iter()
        .map(PolicyId::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

fn read_cases(source: &Source, table: RawTable, cases: &mut Vec<Case>, faults: &mut Vec<Fault>) {
    if table.cases.is_empty() {
        faults.push(Fault::new(
            &source.name,
            0,
            "holds no [[case]]",
            "Add one or remove the file.",
        ));
    }
    for raw in table.cases {
        let line = line_at(&source.text, raw.name.span().start);
        match read_case(source, line, &table.given, raw) {
            Ok(case) => cases.push(case),
            Err(fault) => faults.push(fault),
        }
    }
}

fn read_case(source: &Source, line: usize, shared: &Table, raw: RawCase) -> Result<Case, Fault> {
    let fault = |problem: String, advice: &str| Fault::new(&source.name, line, problem, advice);
    let unknown =
        |what: &str, text: &str| fault(format!("{text:?} is not {what}"), "docs/policies.md lists them.");
    let action = Action::named(&raw.action).ok_or_else(|| unknown("an action", &raw.action))?;
    let remedy = raw.remedy.as_deref().map(Remedy::parse).transpose();
    let remedy = remedy.map_err(|error| fault(error.to_string(), "docs/policies.md lists them."))?;
    let exemption = match raw.exemption.as_deref() {
        Some(kind) => Some(ExemptionKind::named(kind).ok_or_else(|| unknown("an exemption", kind))?),
        None => None,
    };
    let fits = match raw.expect {
        Outcome::Permit => remedy.is_none() && !raw.alarm,
        Outcome::Challenge => remedy.is_some() && exemption.is_none() && !raw.alarm,
        Outcome::Deny => remedy.is_none() && exemption.is_none(),
    };
    if !fits {
        let advice =
            "A challenge has a remedy, a permit may have an exemption, a denial may have alarm = true.";
        return Err(fault("expects what its outcome cannot have".to_owned(), advice));
    }
    if let Some(name) = raw.absent.iter().find(|name| !shared.contains_key(*name)) {
        return Err(fault(
            format!("{name:?} is not in the table's [given]"),
            "Only what is given can be absent.",
        ));
    }
    let given = given(shared, raw.given, &raw.absent).map_err(|error| not_toml(source, line, &error))?;
    let expected = Expected {
        outcome: raw.expect,
        remedy,
        exemption,
        policy: raw.policy,
        alarm: raw.alarm,
    };
    Ok(Case {
        file: source.name.clone(),
        line,
        name: raw.name.into_inner(),
        action,
        given,
        expected,
    })
}

/// The table's facts with the case's over them, less what the case is without.
fn given(shared: &Table, own: Table, absent: &[String]) -> Result<Given, toml::de::Error> {
    let mut facts = shared.clone();
    for name in absent {
        facts.remove(name);
    }
    lay_over(&mut facts, own);
    Value::Table(facts).try_into()
}

fn lay_over(facts: &mut Table, own: Table) {
    for (name, value) in own {
        match (facts.get_mut(&name), value) {
            (Some(Value::Table(below)), Value::Table(above)) => lay_over(below, above),
            (_, value) => {
                facts.insert(name, value);
            }
        }
    }
}

fn not_toml(source: &Source, line: usize, error: &toml::de::Error) -> Fault {
    let line = error
        .span()
        .map_or(line, |span| line_at(&source.text, span.start));
    Fault::new(
        &source.name,
        line,
        error.message().to_owned(),
        "docs/policies.md shows the form of a table.",
    )
}
